use super::*;

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
fn a_node_is_a_backend_at_its_ipv6_address_for_as_long_as_it_has_it() {
    let mut intent = dual(1);
    let at = |n: u8, address6: Option<&str>| {
        let spec = serde_json::json!({"address": format!("172.30.0.{n}"), "address6": address6, "mtu": 1500});
        Change::PutNode(name(&format!("h{n}")), json(spec))
    };
    let put = service("fd00:10:96::10", &["fd30::1"]);
    let refused = refusal(&mut intent, &Change::PutService(name("s"), put.clone()));
    assert!(refused.contains("fd30::1 lies outside network default, and is no node's address"), "{refused}");
    make(&mut intent, &at(1, Some("fd30::1")), 0).unwrap();
    make(&mut intent, &Change::PutService(name("s"), put), 0).unwrap();
    let nodes = |intent: &Intent| -> Vec<Name> {
        let backends = intent.backends(&intent.services[&name("s")]);
        backends.into_iter().filter(|(it, _)| is_host(it)).map(|(it, _)| it.node.clone()).collect()
    };
    assert_eq!(nodes(&intent), [name("h1")]);
    make(&mut intent, &at(1, Some("fd30::9")), 0).unwrap();
    assert_eq!(nodes(&intent), []);
    make(&mut intent, &at(2, Some("fd30::1")), 0).unwrap();
    assert_eq!(nodes(&intent), [name("h2")]);
    assert_eq!(nodes(&Intent::load(intent.values())), [name("h2")]);
    make(&mut intent, &Change::DeleteNode(name("h2")), 0).unwrap();
    assert_eq!(nodes(&intent), []);
    let refused =
        refusal(&mut intent, &Change::PutNetwork(name("six"), json(serde_json::json!({"subnets": ["fd30::/64"]}))));
    assert!(refused.contains("holds the address of node h1"), "{refused}");
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

#[test]
fn only_backends_have_weights_and_they_come_back_as_they_were_said() {
    let mut intent = with_nodes(1);
    let put = |spec: serde_json::Value| {
        let mut all = serde_json::json!({"ports": [{"port": 80, "target_port": 80}]});
        all.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        Change::PutService(name("s"), json(all))
    };
    let backends = ["10.244.1.2", "10.244.1.3"];
    let refused = refusal(&mut intent, &put(serde_json::json!({"backends": backends, "weights": {"10.244.1.4": 3}})));
    assert!(refused.contains("weights: 10.244.1.4 is no backend"), "{refused}");
    let refused = refusal(&mut intent, &put(serde_json::json!({"backends": backends, "weights": {"10.244.1.2": 101}})));
    assert!(refused.contains("101 of 10.244.1.2 is not within 0 to 100"), "{refused}");
    make(&mut intent, &put(serde_json::json!({"backends": backends, "weights": {"10.244.1.2": 3}})), 0).unwrap();
    let service = &intent.services[&name("s")];
    assert_eq!(["10.244.1.2", "10.244.1.3"].map(|ip| service.weight(ip.parse().unwrap())), [3, 1]);
    let spec = service.spec();
    assert_eq!(
        make(&mut intent, &Change::PutService(name("s"), spec), 0).unwrap(),
        Effect::Unchanged(intent.revision())
    );
    make(&mut intent, &put(serde_json::json!({"selector": {"a": "b"}, "weights": {"10.244.1.9": 0}})), 0).unwrap();
}
