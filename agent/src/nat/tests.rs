use api::{Mac, Published};

use super::*;

fn want() -> Want {
    let web = Published {
        address: "172.30.0.1".parse().unwrap(),
        protocol: api::Protocol::Tcp,
        port: 30_080,
        vip: "10.96.0.10".parse().unwrap(),
        vip_port: 80,
        masquerade: false,
    };
    Want {
        family: Family::V4,
        pools: vec!["10.244.0.0/16".parse().unwrap()],
        bridge: "kbr0".into(),
        published: vec![web],
        external: Default::default(),
        served: None,
        services: Some("10.96.0.0/12".parse().unwrap()),
        cluster: vec!["10.244.0.0/16".parse().unwrap(), "10.96.0.0/12".parse().unwrap()],
        gateway: Some("10.244.1.1/24".parse().unwrap()),
        direct: Direct::default(),
    }
}

fn listing(comment: &str, rules: usize, elements: usize) -> Listing {
    let chain = |name: &str| format!(r#",{{"chain":{{"name":"{name}"}}}}"#);
    let chains: String =
        ["strangers", "prerouting", "output", "postrouting", "refuse", "served", "unserved"].map(chain).concat();
    let rules = format!(r#",{{"rule":{{"family":"ip","comment":"{comment}","expr":[]}}}}"#).repeat(rules);
    let elements = vec!["0"; elements].join(",");
    let counters = r#",{"counter":{"name":"strangers-10.244.0.0/16","packets":7}},{"counter":{"name":"old"}}"#;
    let map = format!(r#"{{"map":{{"name":"published","elem":[{elements}]}}}}"#);
    let printed = format!(r#"{{"nftables":[{{"table":{{"name":"sdn"}}}},{map}{chains}{rules}{counters}]}}"#);
    Listing::parse(&printed).unwrap()
}

#[test]
fn only_a_table_with_our_digest_and_nothing_else_is_right() {
    let digest = want().digest();
    assert!(want().is_installed(&listing(&digest, 9, 1)));
    assert!(!want().is_installed(&listing(&digest, 8, 1)));
    assert!(!want().is_installed(&listing(&digest, 9, 0)));
    assert!(!want().is_installed(&listing("sdn 0", 9, 1)));
    for nonsense in ["no JSON", "{}", "[]", r#"{"nftables":7}"#] {
        assert_eq!(Listing::parse(nonsense), None, "{nonsense}");
    }
    let other = Want { bridge: "kbr1".into(), ..want() };
    assert!(!other.is_installed(&listing(&digest, 9, 1)));
    let hidden = vec![Published { masquerade: true, ..want().published[0].clone() }];
    assert_ne!(Want { published: hidden, ..want() }.digest(), digest);
}

#[test]
fn plain_packets_are_taken_from_a_peers_subnet_and_ethernet_address_only() {
    let accepted = [("10.244.2.0/24".parse().unwrap(), Mac([2, 0, 0, 0, 0, 7]))].into();
    let direct = Direct { device: Some(("eth1".into(), 3)), accepted };
    let text = Want { direct: direct.clone(), ..want() }.ruleset();
    let known = "iifname \"eth1\" ip saddr . ether saddr @direct ip daddr 10.244.1.0/24";
    for line in [
        "set direct { type ipv4_addr . ether_addr; flags interval; elements = { 10.244.2.0/24 . 02:00:00:00:00:07 } }",
        "iifname \"kbr0\" ip daddr { 10.244.2.0/24 } notrack comment",
        &format!("{known} ip daddr != 10.244.1.1 notrack accept comment"),
        &format!("{known} accept comment"),
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(text.find(known) < text.find("ip saddr 10.244.0.0/16 fib"), "before what is dropped");
    let nobody = Want { direct: Direct { accepted: Default::default(), ..direct }, ..want() }.ruleset();
    assert!(!nobody.contains("notrack") && !nobody.contains(known));
}

#[test]
fn counters_that_stay_are_left_alone_and_all_else_is_written_anew() {
    let text = want().update(&listing("sdn 0", 9, 1));
    for line in [
        "flush table ip sdn\n",
        "delete chain ip sdn strangers\n",
        "delete map ip sdn published\n",
        "delete counter ip sdn old\n",
        "counter strangers-10.96.0.0/12 { }\n",
        "fib saddr . iif oif 0 counter name \"strangers-10.244.0.0/16\" drop",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(
        !text.contains("counter ip sdn strangers") && !text.contains("counter strangers-10.244.0.0/16 {"),
        "{text}"
    );
    assert!(want().ruleset().contains("counter strangers-10.244.0.0/16 { }\n"));
    let six = Want { family: Family::V6, cluster: vec!["fd00:10:244::/56".parse().unwrap()], ..want() };
    assert!(six.ruleset().contains("counter strangers-fd00-10-244--/56 { }\n"));
}
