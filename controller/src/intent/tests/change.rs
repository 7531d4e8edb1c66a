use super::*;

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
