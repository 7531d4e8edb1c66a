use super::*;

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
