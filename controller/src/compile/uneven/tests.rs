//! Which backends each node chooses among.

use std::collections::BTreeSet;

use super::super::{
    Compiler, agent_config,
    tests::{built, commit, endpoint, json, name},
};
use crate::{
    intent::Change,
    pipeline::{Flows, Reason, Table, group},
};

/// Nodes h1 and h2 in zone a, h3 in b, h4 in none.
fn node(n: u32) -> Change {
    let zone = [Some("a"), Some("a"), Some("b"), None][n as usize - 1];
    let spec = serde_json::json!({"address": format!("172.30.0.{n}"), "mtu": 1500, "zone": zone});
    Change::PutNode(name(&format!("h{n}")), json(spec))
}

fn service(traffic: serde_json::Value) -> Change {
    let spec = serde_json::json!({
        "vip": "10.96.0.1", "ports": [{"port": 80, "target_port": 8080}], "selector": {"app": "web"}, "traffic": traffic,
    });
    Change::PutService(name("web"), json(spec))
}

/// Backends on these nodes, each named after its number.
fn compiled(backends: &[u32], traffic: serde_json::Value) -> Compiler {
    let mut changes: Vec<Change> = (1..=4).map(node).collect();
    changes.extend((1..).zip(backends).map(|(n, node)| endpoint(*node, n, true)));
    changes.push(service(traffic));
    built(&changes)
}

/// The nodes whose backends `node` gives chances, for strangers or for all others.
fn chosen(compiler: &Compiler, node: &str, external: bool) -> BTreeSet<String> {
    let state = compiler.state(&name(node));
    let class = |id: u32| id & group::EXTERNAL != 0;
    let groups = state.groups.values().filter(|group| group::port(group.id) >> 8 != 0);
    let has_own = state.groups.keys().any(|id| class(*id));
    let groups = groups.filter(|group| class(group.id) == (external && has_own));
    let open = groups.flat_map(|group| group.buckets.iter().filter(|bucket| bucket.weight > 0));
    let shown = open.map(|bucket| openflow::text::Actions(&bucket.actions).to_string());
    let mut nodes = BTreeSet::new();
    for shown in shown {
        let endpoints = compiler.intent().endpoints.values();
        let found = endpoints.filter(|it| shown.contains(&format!("nat(dst={}:", it.ips[0])));
        nodes.extend(found.map(|it| it.node.to_string()));
    }
    nodes
}

fn all(nodes: &[&str]) -> BTreeSet<String> {
    nodes.iter().map(|node| (*node).to_owned()).collect()
}

fn drops(flows: &Flows, reason: Reason) -> usize {
    flows
        .iter()
        .filter(|(key, body)| {
            key.table == Table::Service.id()
                && crate::pipeline::Cookie::from_u64(body.cookie).and_then(|cookie| cookie.reason()) == Some(reason)
        })
        .count()
}

#[test]
fn zones_and_nodes_are_preferred_while_they_have_backends() {
    for (prefer, node, expected) in [
        ("zone", "h1", &["h1", "h2"][..]),
        ("zone", "h3", &["h3"]),
        ("zone", "h4", &["h1", "h2", "h3"]),
        ("node", "h1", &["h1"]),
        ("node", "h4", &["h1", "h2", "h3"]),
    ] {
        let compiler = compiled(&[1, 2, 3], serde_json::json!({"prefer": prefer}));
        assert_eq!(chosen(&compiler, node, false), all(expected), "{prefer} at {node}");
        assert_eq!(chosen(&compiler, node, true), all(expected), "{prefer} at {node}");
    }
    let compiler = compiled(&[2, 3], serde_json::json!({"prefer": "node"}));
    assert_eq!(chosen(&compiler, "h1", false), all(&["h2"]), "the zone, where the node has none");
}

#[test]
fn strangers_and_others_have_policies_of_their_own() {
    let compiler = compiled(&[1, 2], serde_json::json!({"external": "local"}));
    assert_eq!(chosen(&compiler, "h1", true), all(&["h1"]));
    assert_eq!(chosen(&compiler, "h1", false), all(&["h1", "h2"]));
    let there = compiler.state(&name("h3")).flows;
    assert_eq!((drops(&there, Reason::NoLocalBackend), drops(&there, Reason::NoBackend)), (1, 0));
    let compiler = compiled(&[1, 2], serde_json::json!({"internal": "local"}));
    assert_eq!((chosen(&compiler, "h2", false), chosen(&compiler, "h3", true)), (all(&["h2"]), all(&["h1", "h2"])));
    let compiler = compiled(&[], serde_json::json!({"internal": "local"}));
    assert_eq!(drops(&compiler.state(&name("h1")).flows, Reason::NoBackend), 2, "nobody anywhere: refused");
}

#[test]
fn who_is_not_chosen_any_more_keeps_its_connections() {
    let mut compiler = compiled(&[2, 3], serde_json::json!({"prefer": "node"}));
    let mut intent = compiler.intent().clone();
    let backends = |compiler: &Compiler| -> BTreeSet<_> {
        compiler.state(&name("h1")).groups.values().flat_map(|group| group.backends()).collect()
    };
    let before = backends(&compiler);
    compiler.apply(&commit(&mut intent, &endpoint(1, 9, true)).unwrap());
    assert_eq!(chosen(&compiler, "h1", false), all(&["h1"]));
    assert!(backends(&compiler).is_superset(&before));
}

#[test]
fn who_is_about_to_end_gets_no_new_connections_and_no_praise() {
    let mut compiler = compiled(&[1, 2], serde_json::json!({"external": "local", "health_port": 0}));
    let health = |compiler: &Compiler, node: &str| {
        let config = agent_config(compiler.intent(), compiler.settings(), &name(node), 1).unwrap();
        config.health.into_iter().map(|health| (health.port, health.backends)).collect::<Vec<_>>()
    };
    assert_eq!((health(&compiler, "h1"), health(&compiler, "h3")), (vec![(30_000, 1)], vec![(30_000, 0)]));
    let mut intent = compiler.intent().clone();
    let Change::PutEndpoint(e1, spec) = endpoint(1, 1, true) else { unreachable!() };
    let ends = Change::PutEndpoint(e1, api::EndpointSpec { terminating: true, ..spec });
    compiler.apply(&commit(&mut intent, &ends).unwrap());
    assert_eq!(chosen(&compiler, "h2", false), all(&["h2"]));
    assert_eq!(compiler.state(&name("h2")).groups.values().flat_map(|group| group.backends()).count(), 3);
    assert_eq!(health(&compiler, "h1"), [(30_000, 0)]);
}

#[test]
fn many_backends_are_few_groups_where_few_are_chosen() {
    let mut changes: Vec<Change> = (1..=2).map(node).collect();
    changes.extend((1..=3).map(|n| endpoint(1, n, true)));
    changes.extend((4..=203).map(|n| endpoint(2, n, true)));
    changes.push(service(serde_json::json!({"internal": "local", "external": "local"})));
    let compiler = built(&changes);
    let groups = |node: &str| {
        let state = compiler.state(&name(node));
        let open = |group: &crate::pipeline::Group| group.buckets.iter().filter(|bucket| bucket.weight > 0).count();
        let groups = state.groups.values().filter(|group| group::port(group.id) >> 8 != 0);
        groups.map(|group| (open(group), group.backends().len())).collect::<Vec<_>>()
    };
    let one = groups("h1");
    assert_eq!(one.iter().filter(|(open, _)| *open > 0).count(), 1);
    assert!(one.iter().all(|(_, all)| *all <= 60), "{one:?}");
    assert!(groups("h2").iter().all(|(open, _)| *open > 20), "{:?}", groups("h2"));
}
