use super::*;

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
