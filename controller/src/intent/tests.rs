use std::collections::BTreeMap;

use api::{EndpointSpec, NodeSpec, ServiceSpec};
use proptest::prelude::*;

use super::*;

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn services() -> VirtualRange {
    "10.96.0.0/12,fd00:10:96::/112".parse().unwrap()
}

fn json<T: serde::de::DeserializeOwned>(value: serde_json::Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn node(n: u8) -> Change {
    let spec: NodeSpec = json(serde_json::json!({"address": format!("172.30.0.{n}"), "mtu": 1500}));
    Change::PutNode(name(&format!("h{n}")), spec)
}

fn endpoint(node: u8, n: u32, ip: Option<&str>) -> Change {
    let spec: EndpointSpec = json(serde_json::json!({"node": format!("h{node}"), "device": format!("p{n}"), "ip": ip}));
    Change::PutEndpoint(name(&format!("e{n}")), spec)
}

fn service(vip: &str, backends: &[&str]) -> ServiceSpec {
    json(serde_json::json!({"vip": vip, "ports": [{"port": 80, "target_port": 8080}], "backends": backends}))
}

fn with_nodes(count: u8) -> Intent {
    let mut intent = Intent::default();
    let network = json(serde_json::json!({"subnets": ["10.244.0.0/16"], "node_prefix": 24}));
    make(&mut intent, &Change::PutNetwork(name("default"), network), 0).unwrap();
    for n in 1..=count {
        make(&mut intent, &node(n), 0).unwrap();
    }
    intent
}

fn make(intent: &mut Intent, change: &Change, now: u64) -> Result<Effect, Refused> {
    let plan = intent.plan(std::slice::from_ref(change), &services(), now).map_err(|rejected| rejected.refused)?;
    plan.txn.iter().for_each(|txn| intent.apply(txn));
    Ok(plan.effects[0])
}

fn refusal(intent: &mut Intent, change: &Change) -> String {
    let before = intent.revision();
    let refused = make(intent, change, 0).unwrap_err().to_string();
    assert_eq!(intent.revision(), before);
    refused
}

fn ip_of(intent: &Intent, endpoint: &str) -> String {
    intent.endpoints[&name(endpoint)].ips[0].to_string()
}

#[test]
fn nodes_get_shares_and_endpoints_addresses_in_them() {
    let mut intent = with_nodes(2);
    make(&mut intent, &endpoint(1, 1, None), 0).unwrap();
    make(&mut intent, &endpoint(2, 2, None), 0).unwrap();
    make(&mut intent, &endpoint(1, 3, Some("10.244.1.77")), 0).unwrap();
    assert_eq!(ip_of(&intent, "e1"), "10.244.1.2");
    assert_eq!(ip_of(&intent, "e2"), "10.244.2.2");
    assert_eq!(ip_of(&intent, "e3"), "10.244.1.77");
    assert_eq!(intent.subnet(&name("default"), &name("h2")).unwrap().gateway().to_string(), "10.244.2.1");
}

#[test]
fn addresses_of_containers_go_to_nobody_else() {
    let mut intent = with_nodes(1);
    let set = |range: Option<&str>| Change::SetContainers(name("h1"), range.map(|range| range.parse().unwrap()));
    make(&mut intent, &endpoint(1, 1, Some("10.244.1.100")), 0).unwrap();
    for (range, reason) in [
        ("10.244.2.128/25", "not a part"),
        ("10.244.1.0/24", "not a part"),
        ("10.244.1.0/25", "not a part"),
        ("10.244.1.96/27", "endpoint e1 has an address"),
        ("10.244.1.254/31", "not of /22 to /30"),
    ] {
        let said = refusal(&mut intent, &set(Some(range)));
        assert!(said.contains(reason), "{range}: {said}");
    }
    make(&mut intent, &set(Some("10.244.1.104/29")), 0).unwrap();
    assert!(matches!(make(&mut intent, &set(Some("10.244.1.104/29")), 0), Ok(Effect::Unchanged(_))));
    let said = refusal(&mut intent, &endpoint(1, 2, Some("10.244.1.105")));
    assert!(said.contains("gives to containers itself"), "{said}");
    for n in 2..8 {
        make(&mut intent, &endpoint(1, n, None), 0).unwrap();
    }
    let given: Vec<String> = (2..8).map(|n| ip_of(&intent, &format!("e{n}"))).collect();
    assert_eq!(given, [101, 102, 103, 112, 113, 114].map(|last| format!("10.244.1.{last}")));
    make(&mut intent, &node(1), 0).unwrap();
    make(&mut intent, &set(None), 0).unwrap();
    let said = refusal(&mut intent, &endpoint(1, 8, Some("10.244.1.105")));
    assert!(said.contains("rests"), "{said}");
    let said = refusal(&mut intent, &set(Some("10.244.1.104/29")));
    assert!(said.contains("freed lately"), "{said}");
    make(&mut intent, &endpoint(1, 8, Some("10.244.1.105")), REST_SECONDS + 1).unwrap();
}

#[test]
fn addresses_of_containers_rest_when_their_node_goes() {
    let mut intent = with_nodes(1);
    for gone in [Change::DeleteNode(name("h1")), Change::EvictNode(name("h1"))] {
        let range = Some("10.244.1.104/29".parse().unwrap());
        make(&mut intent, &Change::SetContainers(name("h1"), range), 0).unwrap();
        make(&mut intent, &gone, 0).unwrap();
        make(&mut intent, &node(1), 0).unwrap();
        let said = refusal(&mut intent, &endpoint(1, 1, Some("10.244.1.105")));
        assert!(said.contains("rests"), "{gone:?}: {said}");
        let later = Change::SetContainers(name("h1"), Some("10.244.1.104/29".parse().unwrap()));
        make(&mut intent, &later, REST_SECONDS + 1).unwrap();
        make(&mut intent, &Change::SetContainers(name("h1"), None), 0).unwrap();
        intent.resting.clear();
    }
}

#[test]
fn no_endpoint_is_taken_for_a_host() {
    let mut intent = with_nodes(1);
    intent.counters.endpoint = alloc::MAX_ENDPOINT_ID - 1;
    for n in [1, 2] {
        make(&mut intent, &endpoint(1, n, None), 0).unwrap();
        assert!(!is_host(&intent.endpoints[&name(&format!("e{n}"))]));
    }
    assert!(is_host(intent.host(&name("h1")).unwrap()));
}

/// Nodes in a default network of both families.
fn dual(count: u8) -> Intent {
    let mut intent = Intent::default();
    let network = json(serde_json::json!({"subnets": ["fd00:10:244::/48", "10.244.0.0/16"]}));
    make(&mut intent, &Change::PutNetwork(name("default"), network), 0).unwrap();
    for n in 1..=count {
        make(&mut intent, &node(n), 0).unwrap();
    }
    intent
}

fn ips_of(intent: &Intent, endpoint: &str) -> Vec<String> {
    intent.endpoints[&name(endpoint)].ips.iter().map(ToString::to_string).collect()
}

#[test]
fn endpoints_get_one_address_of_each_family() {
    let mut intent = dual(2);
    make(&mut intent, &endpoint(1, 1, None), 0).unwrap();
    make(&mut intent, &endpoint(2, 2, Some("fd00:10:244:2::77")), 0).unwrap();
    make(&mut intent, &endpoint(2, 3, Some("10.244.2.9")), 0).unwrap();
    assert_eq!(ips_of(&intent, "e1"), ["10.244.1.2", "fd00:10:244:1::2"]);
    assert_eq!(ips_of(&intent, "e2"), ["10.244.2.2", "fd00:10:244:2::77"]);
    assert_eq!(ips_of(&intent, "e3"), ["10.244.2.9", "fd00:10:244:2::78"]);
    let both = serde_json::json!({"node": "h1", "device": "p4", "ip": "10.244.1.44", "ips": ["fd00:10:244:1::44"]});
    make(&mut intent, &Change::PutEndpoint(name("e4"), json(both)), 0).unwrap();
    assert_eq!(ips_of(&intent, "e4"), ["10.244.1.44", "fd00:10:244:1::44"]);
    let share = intent.subnet(&name("default"), &name("h2")).unwrap();
    let gateways: Vec<String> = share.gateways().map(|gateway| gateway.to_string()).collect();
    assert_eq!(gateways, ["10.244.2.1/24", "fd00:10:244:2::1/64"]);

    make(&mut intent, &Change::DeleteEndpoint(name("e1")), 5).unwrap();
    let again = refusal(&mut intent, &endpoint(1, 1, Some("fd00:10:244:1::2")));
    assert!(again.contains("fd00:10:244:1::2 was freed less than"), "{again}");
    let twice =
        serde_json::json!({"node": "h1", "device": "p5", "ip": "fd00:10:244:1::5", "ips": ["fd00:10:244:1::6"]});
    let cases = [
        (endpoint(1, 5, Some("fd00:10:244:1::1")), "fd00:10:244:1::1 is the network, gateway"),
        (endpoint(1, 5, Some("fd00:10:244:2::77")), "lies outside fd00:10:244:1::/64"),
        (Change::PutEndpoint(name("e5"), json(twice)), "ips: an endpoint has one address of IPv4 and one of IPv6"),
    ];
    for (change, expected) in cases {
        let refused = refusal(&mut intent, &change);
        assert!(refused.contains(expected), "{refused:?} lacks {expected:?}");
    }
}

#[test]
fn networks_of_ipv6_alone_stand_beside_the_default_one() {
    let mut intent = with_nodes(1);
    let network = |n: &str, json: serde_json::Value| Change::PutNetwork(name(n), self::json(json));
    make(&mut intent, &network("six", serde_json::json!({"subnets": ["fd00:6::/64"], "mode": "flat"})), 0).unwrap();
    let there = serde_json::json!({"node": "h1", "device": "p1", "network": "six"});
    make(&mut intent, &Change::PutEndpoint(name("e1"), json(there)), 0).unwrap();
    assert_eq!(ips_of(&intent, "e1"), ["fd00:6::2"]);
    let refused = refusal(&mut intent, &network("n", serde_json::json!({"subnets": ["fd00:6::/80"], "mode": "flat"})));
    assert!(refused.contains("overlaps network six"), "{refused}");
    let refused = refusal(&mut Intent::default(), &network("default", serde_json::json!({"subnets": ["fd00::/48"]})));
    assert!(refused.contains("needs an IPv4 subnet"), "{refused}");
}

#[test]
fn services_of_ipv6_have_backends_and_addresses_of_ipv6() {
    let mut intent = dual(1);
    make(&mut intent, &endpoint(1, 1, None), 0).unwrap();
    let put = |spec: serde_json::Value| {
        let mut all = serde_json::json!({"vip": "fd00:10:96::10", "ports": [{"port": 80, "target_port": 8080}]});
        all.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        Change::PutService(name("s"), json(all))
    };
    make(&mut intent, &put(serde_json::json!({"backends": ["fd00:10:244:1::2"]})), 0).unwrap();
    assert_eq!(intent.backends(&intent.services[&name("s")]).len(), 1);
    let cases = [
        (serde_json::json!({"backends": ["10.244.1.2"]}), "backends: 10.244.1.2 is of another family"),
        (
            serde_json::json!({"vip": "fd00:10:97::1"}),
            "vip: fd00:10:97::1 lies outside the services' range 10.96.0.0/12,",
        ),
        (serde_json::json!({"vip": "fe80::1"}), "vip: fe80::1 is not an address"),
        (serde_json::json!({"external_ips": ["192.0.2.1"]}), "external_ips: 192.0.2.1 is of another family"),
    ];
    for (spec, expected) in cases {
        let refused = refusal(&mut intent, &put(spec));
        assert!(refused.contains(expected), "{refused:?} lacks {expected:?}");
    }
    let refused = refusal(&mut with_nodes(1), &put(serde_json::json!({})));
    assert!(refused.contains("network default has no IPv6 subnet"), "{refused}");
}

#[test]
fn a_service_that_names_no_address_gets_one_of_the_family_of_its_backends() {
    let mut intent = dual(1);
    let put = |name_of: &str, backend: &str| {
        let spec = serde_json::json!({"ports": [{"port": 80, "target_port": 80}], "backends": [backend]});
        Change::PutService(name(name_of), json(spec))
    };
    for (service, backend, first) in [("a", "10.244.1.2", "10.96.1.0"), ("b", "fd00:10:244:1::2", "fd00:10:96::101")] {
        make(&mut intent, &put(service, backend), 0).unwrap();
        assert_eq!(intent.services[&name(service)].vip, Some(first.parse().unwrap()));
    }
}

#[test]
fn backends_are_endpoints_or_nodes_and_ports_of_sctp_stay_what_they_are() {
    let mut intent = with_nodes(2);
    let put = |backend: IpAddr, target: u16, protocol: &str| {
        let port = serde_json::json!({"port": 80, "target_port": target, "protocol": protocol});
        Change::PutService(name("s"), json(serde_json::json!({"ports": [port], "backends": [backend]})))
    };
    let hosts: Vec<IpAddr> = intent.nodes.values().map(|node| node.spec.address).collect();
    make(&mut intent, &put(hosts[1], 8080, "tcp"), 0).unwrap();
    let backends = intent.backends(&intent.services[&name("s")]);
    assert!(backends.len() == 1 && is_host(backends[0].0) && backends[0].0.node == name("h2"));
    let refused = refusal(&mut intent, &put("192.0.2.99".parse().unwrap(), 8080, "tcp"));
    assert!(refused.contains("is no node's address"), "{refused}");
    make(&mut intent, &put(hosts[1], 8080, "sctp"), 0).unwrap();
    let userspace = serde_json::json!({"address": "172.30.0.3", "mtu": 1500, "datapath": "netdev"});
    make(&mut intent, &Change::PutNode(name("h3"), json(userspace)), 0).unwrap();
    let refused = refusal(&mut intent, &put(hosts[1], 8081, "sctp"));
    assert!(refused.contains("the userspace datapath of h3"), "{refused}");
    make(&mut intent, &put(hosts[1], 80, "sctp"), 0).unwrap();
}

#[test]
fn the_same_again_changes_nothing() {
    let mut intent = with_nodes(1);
    make(&mut intent, &endpoint(1, 1, None), 0).unwrap();
    let revision = intent.revision();
    assert_eq!(make(&mut intent, &endpoint(1, 1, None), 9).unwrap(), Effect::Unchanged(revision));
    assert!(matches!(make(&mut intent, &node(1), 9).unwrap(), Effect::Unchanged(_)));
    assert_eq!(intent.revision(), revision);
}

#[test]
fn a_node_that_is_evicted_takes_its_endpoints_along_and_their_addresses_rest() {
    let mut intent = with_nodes(2);
    make(&mut intent, &endpoint(1, 1, Some("10.244.1.9")), 0).unwrap();
    make(&mut intent, &endpoint(2, 2, None), 0).unwrap();
    make(&mut intent, &Change::EvictNode(name("h1")), 0).unwrap();
    assert!(!intent.nodes.contains_key("h1") && intent.nodes.contains_key("h2"));
    let left: Vec<_> = intent.endpoints.keys().map(|name| name.as_str()).collect();
    assert_eq!(left, ["e2"]);
    let address = "10.244.1.9".parse().unwrap();
    assert!(intent.rests(&name("default"), address, 1) && !intent.rests(&name("default"), address, 100));
    let again = make(&mut intent, &Change::EvictNode(name("h1")), 0).unwrap_err();
    assert!(again.to_string().starts_with("there is no node h1"), "{again}");
}

#[test]
fn refusals_name_the_field_and_what_is_wrong() {
    let mut intent = with_nodes(2);
    make(&mut intent, &endpoint(1, 1, None), 0).unwrap();
    make(&mut intent, &Change::CreateService(name("web"), service("10.96.0.10", &[])), 0).unwrap();
    let cases = [
        (endpoint(1, 2, Some("10.244.2.9")), "ip: 10.244.2.9 lies outside 10.244.1.0/24"),
        (endpoint(1, 2, Some("10.244.1.1")), "ip: 10.244.1.1 is the network, gateway or broadcast"),
        (endpoint(1, 2, Some("10.244.1.2")), "ip: 10.244.1.2 is the address of endpoint e1"),
        (endpoint(7, 2, None), "there is no node h7"),
        (endpoint(2, 1, None), "endpoint e1 exists on node h1 with another node"),
        (Change::DeleteEndpoint(name("e9")), "there is no endpoint e9"),
        (Change::DeleteNode(name("h1")), "node h1 still has 1 endpoints"),
        (Change::CreateService(name("web"), service("10.96.0.11", &[])), "service web exists"),
        (Change::CreateService(name("b"), service("10.96.0.10", &[])), "vip: 10.96.0.10:80/tcp is already service web"),
        (Change::CreateService(name("b"), service("10.244.0.10", &[])), "vip: 10.244.0.10 lies outside"),
        (Change::CreateService(name("b"), service("10.96.0.11", &["1.2.3.4"])), "backends: 1.2.3.4 lies outside"),
        (
            Change::PutNode(name("x"), json(serde_json::json!({"address": "172.30.0.1", "mtu": 1500}))),
            "address: 172.30.0.1 is the address of node h1",
        ),
        (
            Change::PutNode(name("x"), json(serde_json::json!({"address": "10.244.9.9", "mtu": 1500}))),
            "address: 10.244.9.9 lies within network default",
        ),
        (
            Change::PutNetwork(name("n"), json(serde_json::json!({"subnets": ["10.244.0.0/20"], "node_prefix": 24}))),
            "subnets: 10.244.0.0/20 overlaps network default",
        ),
        (
            Change::PutNetwork(name("n"), json(serde_json::json!({"subnets": ["10.100.0.0/16"], "node_prefix": 24}))),
            "overlaps the services' range",
        ),
    ];
    for (change, expected) in cases {
        let refused = refusal(&mut intent, &change);
        assert!(refused.contains(expected), "{refused:?} lacks {expected:?}");
    }
}

#[test]
fn policies_are_about_endpoints_of_a_network_that_is_there() {
    let mut intent = with_nodes(2);
    let spec = |network: &str, selector: serde_json::Value| -> api::PolicySpec {
        json(serde_json::json!({"network": network, "selector": selector, "ingress": [{"peers": [{"selector": {}}]}]}))
    };
    let put = |spec| Change::PutPolicy(name("p"), spec);
    assert!(refusal(&mut intent, &put(spec("blue", serde_json::json!({})))).contains("there is no network blue"));
    assert!(refusal(&mut intent, &put(json(serde_json::json!({})))).contains("ingress: neither"));
    let flat = json(serde_json::json!({"subnets": ["10.50.0.0/24"], "mode": "flat"}));
    make(&mut intent, &Change::PutNetwork(name("blue"), flat), 0).unwrap();
    make(&mut intent, &put(spec("blue", serde_json::json!({}))), 0).unwrap();
    assert!(matches!(make(&mut intent, &put(spec("blue", serde_json::json!({}))), 0).unwrap(), Effect::Unchanged(_)));
    assert!(refusal(&mut intent, &Change::DeleteNetwork(name("blue"))).contains("1 policies"));
    let id = intent.policies[&name("p")].id;
    make(&mut intent, &put(spec("default", serde_json::json!({}))), 0).unwrap();
    make(&mut intent, &endpoint(1, 1, None), 0).unwrap();
    let on = |intent: &Intent| ["h1", "h2"].map(|node| intent.has_subject(&name("p"), &name(node)));
    assert_eq!((intent.policies[&name("p")].id, on(&intent)), (id, [true, false]));
    assert_eq!(on(&Intent::load(intent.values())), [true, false]);
    make(&mut intent, &Change::DeleteEndpoint(name("e1")), 0).unwrap();
    assert_eq!(on(&intent), [false, false]);
    make(&mut intent, &Change::DeletePolicy(name("p")), 0).unwrap();
    assert!(refusal(&mut intent, &Change::DeletePolicy(name("p"))).contains("sdnctl policy ls"));
}

#[test]
fn a_freed_address_rests_before_reuse() {
    let mut intent = with_nodes(1);
    make(&mut intent, &endpoint(1, 1, None), 1000).unwrap();
    make(&mut intent, &endpoint(1, 2, Some("10.244.1.254")), 1000).unwrap();
    make(&mut intent, &Change::DeleteEndpoint(name("e1")), 1000).unwrap();
    make(&mut intent, &endpoint(1, 3, None), 1000 + REST_SECONDS - 1).unwrap();
    assert_eq!(ip_of(&intent, "e3"), "10.244.1.3");
    make(&mut intent, &endpoint(1, 4, None), 1000 + REST_SECONDS).unwrap();
    assert_eq!(ip_of(&intent, "e4"), "10.244.1.2");
}

#[test]
fn changes_are_made_together_or_not_at_all() {
    let mut intent = with_nodes(1);
    let revision = intent.revision();
    let web = |backend: &str| Change::PutService(name("web"), service("10.96.0.10", &[backend]));
    let changes = [endpoint(1, 1, None), endpoint(1, 2, None), web("10.244.1.3"), endpoint(1, 1, None)];
    let plan = intent.plan(&changes, &services(), 0).unwrap();
    assert_eq!(plan.effects[..3], [Effect::Created; 3]);
    assert_eq!(plan.effects[3], Effect::Unchanged(revision + 1), "later changes see earlier ones");
    intent.apply(&plan.txn.unwrap());
    assert_eq!((intent.revision(), intent.endpoints.len()), (revision + 1, 2));
    assert_eq!(intent.plan(&changes, &services(), 0).unwrap().txn, None, "the same again changes nothing");
    let bad = [endpoint(1, 3, None), web("1.2.3.4")];
    let rejected = intent.plan(&bad, &services(), 0).unwrap_err();
    assert_eq!(rejected.index, 1);
    assert!(rejected.refused.to_string().contains("1.2.3.4"), "{rejected:?}");
}

#[test]
fn what_a_snapshot_shows_stays() {
    let mut intent = with_nodes(1);
    let before = intent.clone();
    make(&mut intent, &endpoint(1, 1, None), 0).unwrap();
    assert_eq!((before.endpoints.len(), before.endpoints_on(&name("h1")).count()), (0, 0));
    assert_eq!(intent.endpoints_on(&name("h1")).count(), 1);
}

#[test]
fn a_flat_network_gives_addresses_of_one_subnet_on_all_nodes() {
    let mut intent = with_nodes(2);
    let flat = json(serde_json::json!({"subnets": ["10.50.0.0/24"], "mode": "flat"}));
    make(&mut intent, &Change::PutNetwork(name("blue"), flat), 0).unwrap();
    for n in 1..=2 {
        let spec = serde_json::json!({"node": format!("h{n}"), "network": "blue", "device": format!("p{n}")});
        make(&mut intent, &Change::PutEndpoint(name(&format!("e{n}")), json(spec)), 0).unwrap();
    }
    assert_eq!((ip_of(&intent, "e1").as_str(), ip_of(&intent, "e2").as_str()), ("10.50.0.2", "10.50.0.3"));
    assert!(intent.is_member(&name("blue"), &name("h2")));
    let refused = refusal(&mut intent, &Change::DeleteNetwork(name("blue")));
    assert!(refused.contains("2 endpoints"), "{refused}");
    for n in 1..=2 {
        make(&mut intent, &Change::DeleteEndpoint(name(&format!("e{n}"))), 0).unwrap();
    }
    assert!(!intent.is_member(&name("blue"), &name("h2")));
    make(&mut intent, &Change::DeleteNetwork(name("blue")), 0).unwrap();
}

#[test]
fn a_full_subnet_says_so() {
    let mut intent = with_nodes(1);
    for n in 1..=253 {
        make(&mut intent, &endpoint(1, n, None), 0).unwrap();
    }
    let refused = refusal(&mut intent, &endpoint(1, 254, None));
    assert!(refused.contains("10.244.1.0/24 has no free address"), "{refused}");
}

#[test]
fn a_backend_keeps_the_revision_at_which_it_joined() {
    let mut intent = with_nodes(1);
    for n in 1..=2 {
        make(&mut intent, &endpoint(1, n, None), 0).unwrap();
    }
    make(&mut intent, &Change::CreateService(name("web"), service("10.96.0.10", &["10.244.1.2"])), 0).unwrap();
    let created = intent.revision();
    make(&mut intent, &Change::PutService(name("web"), service("10.96.0.10", &["10.244.1.3", "10.244.1.2"])), 0)
        .unwrap();
    let web = intent.services[&name("web")].clone();
    assert_eq!(web.frontend_revision, created);
    let revisions: Vec<_> = intent.backends(&web).iter().map(|(e, revision)| (e.name.to_string(), *revision)).collect();
    assert_eq!(revisions, [("e1".to_string(), created), ("e2".to_string(), created + 1)]);
}

#[derive(Clone, Debug)]
enum Step {
    Make(u8, u32),
    Free(u32),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..4u8, 0..24u32).prop_map(|(node, n)| Step::Make(node, n)),
        3 => (0..24u32).prop_map(Step::Free),
        1 => (1..50u64).prop_map(Step::Wait),
    ]
}

proptest! {
    /// No address, port or id is in use twice, none is given before it rested, and what is written reads back.
    #[test]
    fn any_history_keeps_addresses_apart(steps in proptest::collection::vec(step(), 1..120)) {
        let mut intent = with_nodes(3);
        let mut now = 1000;
        let mut freed: BTreeMap<IpAddr, u64> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Wait(seconds) => now += seconds,
                Step::Make(node, n) => {
                    let fresh = !intent.endpoints.contains_key(&name(&format!("e{n}")));
                    if make(&mut intent, &endpoint(node, n, None), now).is_ok() && fresh {
                        let ip = intent.endpoints[&name(&format!("e{n}"))].ips[0];
                        prop_assert!(freed.get(&ip).is_none_or(|at| now - at >= REST_SECONDS));
                    }
                }
                Step::Free(n) => {
                    let there = intent.endpoints.get(&name(&format!("e{n}"))).map(|e| e.ips[0]);
                    prop_assert_eq!(make(&mut intent, &Change::DeleteEndpoint(name(&format!("e{n}"))), now).is_ok(), there.is_some());
                    freed.extend(there.map(|ip| (ip, now)));
                }
            }
            let all: Vec<_> = intent.endpoints.values().collect();
            let distinct = |count: usize| count == all.len();
            prop_assert!(distinct(all.iter().map(|e| e.ips[0]).collect::<std::collections::BTreeSet<_>>().len()));
            prop_assert!(distinct(all.iter().map(|e| e.id).collect::<std::collections::BTreeSet<_>>().len()));
            prop_assert!(distinct(all.iter().map(|e| (&e.node, e.port)).collect::<std::collections::BTreeSet<_>>().len()));
        }
        for value in intent.endpoints.values().cloned().map(Value::Endpoint) {
            prop_assert_eq!(Value::decode(&value.key().encode(), &value.encode()).unwrap(), value);
        }
    }
}

#[test]
fn a_backup_comes_back_and_nothing_is_given_twice() {
    let mut intent = with_nodes(2);
    make(&mut intent, &endpoint(1, 1, None), 0).unwrap();
    make(&mut intent, &Change::PutService(name("web"), service("10.96.0.10", &["10.244.1.2"])), 0).unwrap();
    let values: Vec<Value> = intent.values().collect();
    let saved = intent.clone();
    make(&mut intent, &endpoint(1, 2, None), 0).unwrap();
    let restore = |force| Change::Restore { values: values.clone(), force };
    assert!(refusal(&mut intent, &restore(false)).contains("--force"));
    make(&mut intent, &restore(true), 1000).unwrap();
    assert_eq!((&intent.nodes, &intent.endpoints, &intent.services), (&saved.nodes, &saved.endpoints, &saved.services));
    make(&mut intent, &endpoint(1, 3, None), 1000).unwrap();
    assert_eq!(ip_of(&intent, "e3"), "10.244.1.4", "10.244.1.3 may still be in use");
    assert!(intent.endpoints[&name("e3")].id > 2);
    let mut fresh = Intent::default();
    make(&mut fresh, &restore(false), 0).unwrap();
    assert_eq!((&fresh.nodes, &fresh.endpoints, &fresh.subnets), (&saved.nodes, &saved.endpoints, &saved.subnets));
    assert!(fresh.revision() > saved.revision());
    let twice = Endpoint { name: name("e9"), ..(**saved.endpoints.values().next().unwrap()).clone() };
    let bad = [values, vec![Value::Endpoint(twice.into())]].concat();
    assert!(
        refusal(&mut Intent::default(), &Change::Restore { values: bad, force: false }).contains("also the address")
    );
}

#[test]
fn a_service_that_asks_for_any_address_gets_one_that_nobody_had_lately() {
    let mut intent = with_nodes(1);
    let any = |name_: &str| {
        let spec = json(serde_json::json!({"ports": [{"port": 80, "target_port": 80}]}));
        Change::PutService(name(name_), spec)
    };
    let vip = |intent: &Intent, of: &str| intent.services[&name(of)].vip.expect("one was chosen");
    make(&mut intent, &any("a"), 0).unwrap();
    make(&mut intent, &any("b"), 0).unwrap();
    let (a, b) = (vip(&intent, "a"), vip(&intent, "b"));
    assert!(a != b && services().contains(&a) && services().contains(&b));
    assert!(matches!(make(&mut intent, &any("a"), 0), Ok(Effect::Unchanged(_))), "it keeps the one it has");
    make(&mut intent, &Change::DeleteService(name("a")), 0).unwrap();
    make(&mut intent, &any("c"), 0).unwrap();
    assert_ne!(vip(&intent, "c"), a, "it rests");
}
