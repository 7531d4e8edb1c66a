use api::{EndpointSpec, NodeSpec, ServiceSpec};
use proptest::prelude::*;

use super::*;
use crate::{
    intent::{Change, Planned},
    pipeline::Table,
};

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn settings(mesh: Mesh) -> Settings {
    Settings { mesh, services: "10.96.0.0/12".parse().unwrap(), ovsdb_port: 6640 }
}

fn json<T: serde::de::DeserializeOwned>(value: serde_json::Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn node(n: u32, mtu: u32) -> Change {
    let spec: NodeSpec = json(serde_json::json!({"address": format!("172.30.0.{n}"), "mtu": mtu}));
    Change::PutNode(name(&format!("h{n}")), spec)
}

fn endpoint(node: u32, n: u32, labelled: bool) -> Change {
    let labels = if labelled { serde_json::json!({"app": "web"}) } else { serde_json::json!({}) };
    let spec = serde_json::json!({"node": format!("h{node}"), "device": format!("p{n}"), "labels": labels});
    Change::CreateEndpoint(name(&format!("e{n}")), json::<EndpointSpec>(spec))
}

fn service(n: u32, backends: serde_json::Value, selector: serde_json::Value) -> Change {
    let spec = serde_json::json!({
        "vip": format!("10.96.0.{n}"), "ports": [{"port": 80, "target_port": 8080}],
        "backends": backends, "selector": selector,
    });
    Change::PutService(name(&format!("s{n}")), json::<ServiceSpec>(spec))
}

fn start() -> Intent {
    let mut intent = Intent::default();
    let network = json(serde_json::json!({"subnets": ["10.244.0.0/16"], "node_prefix": 24}));
    commit(&mut intent, &Change::CreateNetwork(name("default"), network));
    intent
}

fn commit(intent: &mut Intent, change: &Change) -> Option<crate::intent::Txn> {
    let planned = intent.plan(change, &"10.96.0.0/12".parse().unwrap(), 1000).ok()?;
    let Planned::Txn(txn) = planned else { return None };
    intent.apply(&txn);
    Some(txn)
}

fn built(changes: &[Change]) -> Compiler {
    let mut intent = start();
    for change in changes {
        commit(&mut intent, change).unwrap();
    }
    Compiler::new(settings(Mesh::Flow), intent)
}

fn flows_of(compiler: &Compiler, node: &str, table: Table) -> usize {
    let state = compiler.switch(&name(node)).unwrap();
    state.flows().filter(|(key, _)| key.table == table.id()).count()
}

#[test]
fn a_remote_node_costs_three_flows_and_a_local_endpoint_four() {
    let two = built(&[node(1, 1500), node(2, 1500)]);
    let three = built(&[node(1, 1500), node(2, 1500), node(3, 1500)]);
    let count = |compiler: &Compiler| compiler.switch(&name("h1")).unwrap().flows().count();
    assert_eq!(count(&three) - count(&two), 3);
    let local = built(&[node(1, 1500), node(2, 1500), endpoint(1, 1, false)]);
    assert_eq!(count(&local) - count(&two), 4);
    let remote = built(&[node(1, 1500), node(2, 1500), endpoint(2, 1, false)]);
    assert_eq!(count(&remote), count(&two));
}

#[test]
fn every_table_ends_in_a_flow_for_everything() {
    let compiler = built(&[node(1, 1500)]);
    let state = compiler.switch(&name("h1")).unwrap();
    for table in Table::ALL {
        let last =
            state.flows().any(|(key, _)| key.table == table.id() && key.priority == 0 && key.matching.is_empty());
        assert!(last, "{table:?} has a silent miss");
    }
}

#[test]
fn the_smallest_underlay_decides_the_mtu_everywhere() {
    let compiler = built(&[node(1, 1500), node(2, 1400)]);
    for host in ["h1", "h2"] {
        assert_eq!(compiler.switch(&name(host)).unwrap().host().bridge.unwrap().mtu, 1350);
    }
}

#[test]
fn two_services_with_one_backend_share_the_flow_of_its_replies() {
    let ip = serde_json::json!(["10.244.1.2"]);
    let none = serde_json::json!({});
    let changes = [node(1, 1500), endpoint(1, 1, false), service(1, ip.clone(), none.clone()), service(2, ip, none)];
    let mut compiler = built(&changes);
    let replies = |compiler: &Compiler| flows_of(compiler, "h1", Table::Deliver);
    let with_both = replies(&compiler);
    let mut intent = compiler.intent().clone();
    let txn = commit(&mut intent, &Change::DeleteService(name("s1"))).unwrap();
    compiler.apply(&txn);
    assert_eq!(replies(&compiler), with_both, "the other service still needs it");
    let txn = commit(&mut intent, &Change::DeleteService(name("s2"))).unwrap();
    compiler.apply(&txn);
    assert!(replies(&compiler) < with_both);
}

#[test]
fn one_more_backend_touches_its_own_flows_and_the_group() {
    let changes: Vec<Change> = (1..=3).map(|n| endpoint(1, n, false)).collect();
    let ips = |n: usize| serde_json::json!((0..n).map(|i| format!("10.244.1.{}", i + 2)).collect::<Vec<_>>());
    let mut all = vec![node(1, 1500)];
    all.extend(changes);
    all.push(service(1, ips(2), serde_json::json!({})));
    let mut compiler = built(&all);
    let mut intent = compiler.intent().clone();
    let txn = commit(&mut intent, &service(1, ips(3), serde_json::json!({}))).unwrap();
    let delta = compiler.apply(&txn).remove(&name("h1")).unwrap();
    assert_eq!(delta.groups.len(), 1);
    assert_eq!(delta.flows.len(), 2, "reply and hairpin of the new backend only: {:?}", delta.flows.keys());
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        3 => (1..5u32, prop::sample::select(vec![1500u32, 1400])).prop_map(|(n, mtu)| node(n, mtu)),
        1 => (1..5u32).prop_map(|n| Change::DeleteNode(name(&format!("h{n}")))),
        6 => (1..5u32, 1..10u32, any::<bool>()).prop_map(|(node, n, labelled)| endpoint(node, n, labelled)),
        4 => (1..10u32).prop_map(|n| Change::DeleteEndpoint(name(&format!("e{n}")))),
        3 => (1..4u32).prop_map(|n| service(n, serde_json::json!([]), serde_json::json!({"app": "web"}))),
        3 => (1..4u32, prop::collection::btree_set((1..5u8, 2..6u8), 0..4)).prop_map(|(n, ips)| {
            let ips: Vec<String> = ips.into_iter().map(|(node, host)| format!("10.244.{node}.{host}")).collect();
            service(n, serde_json::json!(ips), serde_json::json!({}))
        }),
        2 => (1..4u32).prop_map(|n| Change::DeleteService(name(&format!("s{n}")))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Kept up change by change, the states are what they are when compiled at once; and the deltas say all that changed.
    #[test]
    fn incremental_is_from_scratch(fixed in any::<bool>(), changes in prop::collection::vec(change(), 1..40)) {
        let mesh = if fixed { Mesh::Static } else { Mesh::Flow };
        let mut intent = start();
        let mut compiler = Compiler::new(settings(mesh), intent.clone());
        let mut replayed: std::collections::BTreeMap<Name, std::collections::BTreeMap<_, _>> = Default::default();
        for change in changes {
            let Some(txn) = commit(&mut intent, &change) else { continue };
            let deltas = compiler.apply(&txn);
            replayed.retain(|node, _| intent.nodes.contains_key(node));
            for (node, delta) in deltas {
                let flows = replayed.entry(node).or_default();
                for (key, body) in delta.flows {
                    match body {
                        Some(body) => drop(flows.insert(key, body)),
                        None => drop(flows.remove(&key)),
                    }
                }
            }
            let scratch = Compiler::new(settings(mesh), intent.clone());
            for node in intent.nodes.keys() {
                let (kept, fresh) = (compiler.switch(node).unwrap(), scratch.switch(node).unwrap());
                prop_assert_eq!(kept, fresh);
                let flows: std::collections::BTreeMap<_, _> = kept.flows().map(|(k, b)| (k.clone(), b.clone())).collect();
                prop_assert_eq!(&replayed[node], &flows);
            }
        }
    }
}
