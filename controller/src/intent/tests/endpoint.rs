use super::*;

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
fn a_full_subnet_says_so() {
    let mut intent = with_nodes(1);
    for n in 1..=253 {
        make(&mut intent, &endpoint(1, n, None), 0).unwrap();
    }
    let refused = refusal(&mut intent, &endpoint(1, 254, None));
    assert!(refused.contains("10.244.1.0/24 has no free address"), "{refused}");
}
