use super::*;

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
