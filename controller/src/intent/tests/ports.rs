use api::{HeldPort, Protocol};

use super::*;

fn put(service: &str, ports: &[(u16, Option<u16>)], health: Option<u16>) -> Change {
    let ports: Vec<_> = ports
        .iter()
        .map(|(port, number)| serde_json::json!({"port": port, "target_port": port, "node_port": number}))
        .collect();
    let traffic =
        health.map_or(serde_json::json!({}), |port| serde_json::json!({"external": "local", "health_port": port}));
    Change::PutService(name(service), json(serde_json::json!({"ports": ports, "traffic": traffic})))
}

/// Processes of h2 hold these ports by TCP.
fn held(ports: &[u16]) -> HeldPorts {
    let tcp = |port: &u16| HeldPort { protocol: Protocol::Tcp, port: *port };
    ports.iter().map(|port| (tcp(port), vec![name("h2"), name("h3")])).collect()
}

fn make_beside(intent: &mut Intent, held: &HeldPorts, changes: &[Change]) -> Result<Vec<Effect>, Refused> {
    let plan = intent.plan_beside(held, changes, &services(), 0).map_err(|rejected| rejected.refused)?;
    plan.txn.iter().for_each(|txn| intent.apply(txn));
    Ok(plan.effects)
}

fn ports(intent: &Intent, service: &str) -> Vec<u16> {
    intent.services[&name(service)].node_ports().map(|(_, number)| number).collect()
}

#[test]
fn services_that_ask_for_any_port_get_the_lowest_that_nobody_has() {
    let (mut intent, held) = (with_nodes(1), held(&[30_000, 30_002, 30_004]));
    let both = [put("a", &[(80, Some(0)), (443, Some(0))], Some(0)), put("b", &[(80, Some(0))], None)];
    make_beside(&mut intent, &held, &both).unwrap();
    assert_eq!((ports(&intent, "a"), ports(&intent, "b")), (vec![30_001, 30_003, 30_005], vec![30_006]));
    let udp = serde_json::json!({"ports": [{"port": 53, "target_port": 53, "protocol": "udp", "node_port": 0}]});
    make_beside(&mut intent, &held, &[Change::PutService(name("c"), json(udp))]).unwrap();
    assert_eq!(ports(&intent, "c"), [30_000], "it is held by TCP only");
}

#[test]
fn a_service_keeps_the_port_that_it_has_whoever_holds_it() {
    let mut intent = with_nodes(1);
    let any = put("a", &[(80, Some(0)), (443, Some(0))], Some(0));
    make(&mut intent, &any, 0).unwrap();
    let all_held = held(&[30_000, 30_001, 30_002, 30_003]);
    for same in [any, put("a", &[(80, Some(30_000)), (443, Some(30_001))], Some(30_002))] {
        assert!(matches!(make_beside(&mut intent, &all_held, &[same]).unwrap()[..], [Effect::Unchanged(_)]));
    }
    make_beside(&mut intent, &all_held, &[put("a", &[(70, Some(0)), (80, Some(0)), (443, Some(0))], Some(0))]).unwrap();
    assert_eq!(ports(&intent, "a"), [30_004, 30_000, 30_001, 30_002], "who came first keeps what it has");
    make_beside(&mut intent, &all_held, &[put("a", &[(70, Some(30_000)), (80, Some(0))], None)]).unwrap();
    assert_eq!(ports(&intent, "a"), [30_000, 30_004], "asked for by its number");
}

#[test]
fn a_port_that_a_process_holds_is_refused_to_who_has_it_not_yet() {
    let mut intent = with_nodes(1);
    let held = held(&[30_080]);
    let refused = make_beside(&mut intent, &held, &[put("a", &[(80, Some(30_080))], None)]).unwrap_err().to_string();
    assert_eq!(refused, "ports: 30080/tcp is held by a process of node h2");
    let health = put("a", &[(80, Some(30_081))], Some(30_080));
    assert_eq!(make_beside(&mut intent, &held, &[health]).unwrap_err().to_string(), refused);
    let twice = put("a", &[(80, Some(30_081)), (81, Some(30_081))], None);
    assert_eq!(refusal(&mut intent, &twice), "ports: 30081/tcp is published twice");
    make(&mut intent, &put("a", &[(80, Some(30_080))], None), 0).unwrap();
    let other = put("b", &[(80, Some(30_080))], None);
    let refused = make_beside(&mut intent, &held, &[other]).unwrap_err().to_string();
    assert_eq!(refused, "ports: 30080/tcp is already published by service a");
}

#[test]
fn no_port_is_chosen_where_all_are_taken() {
    let mut intent = with_nodes(1);
    let all: Vec<u16> = api::PUBLISHED_PORTS.collect();
    let refused = make_beside(&mut intent, &held(&all), &[put("a", &[(80, Some(0))], None)]).unwrap_err();
    assert_eq!(refused, Refused::Exhausted("no port is left to publish at".into()));
}
