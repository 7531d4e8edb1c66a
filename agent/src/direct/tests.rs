use super::*;

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn peer(number: u8, direct: bool) -> Peer {
    Peer {
        name: name(&format!("h{number}")),
        id: number.into(),
        address: [192, 0, 2, number].into(),
        gateway: [10, 244, number, 1].into(),
        direct: direct.then(|| subnet(number)),
    }
}

fn subnet(number: u8) -> IpNet {
    format!("10.244.{number}.0/24").parse().unwrap()
}

fn mac(number: u8) -> Mac {
    Mac([2, 0, 0, 0, 0, number])
}

fn macs(numbers: &[u8]) -> BTreeMap<IpAddr, Mac> {
    numbers.iter().map(|n| (IpAddr::from([192, 0, 2, *n]), mac(*n))).collect()
}

#[test]
fn a_peer_is_believed_once_its_ethernet_address_is_known() {
    let (mut ledger, now) = (Ledger::default(), Instant::now());
    let peers = [peer(2, true), peer(3, true), peer(4, false)];
    assert_eq!(ledger.accept(&peers, &macs(&[2, 4]), now), [(subnet(2), mac(2))].into());
    assert!(!ledger.is_complete());
    assert_eq!(ledger.accept(&peers, &macs(&[2, 3]), now).len(), 2);
    assert!(ledger.is_complete());
    assert_eq!(ledger.accept(&peers, &macs(&[3]), now)[&subnet(2)], mac(2), "the kernel may forget it for a while");
    let other = [(IpAddr::from([192, 0, 2, 2]), mac(9))].into();
    assert_eq!(ledger.accept(&peers, &other, now)[&subnet(2)], mac(9));
}

#[test]
fn who_is_no_more_to_be_reached_directly_is_believed_for_a_while() {
    let (mut ledger, now) = (Ledger::default(), Instant::now());
    ledger.accept(&[peer(2, true)], &macs(&[2]), now);
    assert_eq!(ledger.accept(&[peer(2, false)], &macs(&[]), now + GRACE / 2).len(), 1);
    assert!(ledger.accept(&[], &macs(&[]), now + GRACE).is_empty());
}

#[test]
fn a_subnet_that_went_to_another_peer_is_that_ones() {
    let (mut ledger, now) = (Ledger::default(), Instant::now());
    ledger.accept(&[peer(3, true)], &macs(&[3]), now);
    let heir = Peer { direct: Some(subnet(3)), ..peer(2, true) };
    let accepted = ledger.accept(&[heir], &macs(&[2, 3]), now + Duration::from_secs(1));
    assert_eq!(accepted, [(subnet(3), mac(2))].into());
}

fn config(peers: Vec<Peer>) -> AgentConfig {
    let node = serde_json::json!({
        "name": "h1", "id": 1, "revision": 1, "down": false, "drained": false,
        "spec": {"address": "192.0.2.1", "prefix": 24, "mtu": 1500},
    });
    let config = serde_json::json!({
        "revision": 1, "node": node, "bridge": "kbr0", "gateway": "10.244.1.1/24", "gateway_mac": "0a:58:0a:f4:01:01",
        "mtu": 1450, "router": "169.254.93.1", "routes": [], "masquerade": ["10.244.0.0/16"], "peers": [],
        "endpoints": [], "ovsdb_port": 6640,
    });
    AgentConfig { peers, ..serde_json::from_value(config).unwrap() }
}

#[test]
fn a_peers_gateway_has_a_route_to_be_probed_and_its_subnet_once_that_answers() {
    let config = config(vec![peer(2, true), peer(3, true), peer(4, false)]);
    let to = |destination: &str, peer: u8| Route {
        destination: destination.parse().unwrap(),
        via: [192, 0, 2, peer].into(),
        source: Some([10, 244, 1, 1].into()),
        mtu: None,
    };
    let gateways = [to("10.244.2.1/32", 2), to("10.244.3.1/32", 3)];
    assert_eq!(routes(&config, |_, _| false), gateways.clone().into());
    let one = routes(&config, |peer, _| peer.name == name("h3"));
    assert_eq!(one, gateways.into_iter().chain([to("10.244.3.0/24", 3)]).collect());
}
