use super::*;

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
