use api::{EndpointSpec, MeshSpec, NodeSpec, ServiceSpec, Way};
use proptest::prelude::*;
use std::collections::BTreeMap;

use super::*;
use crate::{
    intent::{Change, Plan},
    pipeline::Table,
};

pub(super) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn settings(mesh: Mesh) -> Settings {
    Settings::new(mesh, "10.96.0.0/12".parse().unwrap())
}

pub(super) fn json<T: serde::de::DeserializeOwned>(value: serde_json::Value) -> T {
    serde_json::from_value(value).unwrap()
}

pub(super) fn node(n: u32, mtu: u32) -> Change {
    let spec: NodeSpec = json(serde_json::json!({"address": format!("172.30.0.{n}"), "prefix": 24, "mtu": mtu}));
    Change::PutNode(name(&format!("h{n}")), spec)
}

pub(super) fn endpoint(node: u32, n: u32, labelled: bool) -> Change {
    let labels = if labelled { serde_json::json!({"app": "web"}) } else { serde_json::json!({}) };
    let spec = serde_json::json!({"node": format!("h{node}"), "device": format!("p{n}"), "labels": labels});
    Change::PutEndpoint(name(&format!("e{n}")), json::<EndpointSpec>(spec))
}

fn service(n: u32, backends: serde_json::Value, selector: serde_json::Value) -> Change {
    let spec = serde_json::json!({
        "vip": format!("10.96.0.{n}"), "ports": [{"port": 80, "target_port": 8080}],
        "backends": backends, "selector": selector, "traffic": if n == 3 { local() } else { serde_json::json!({}) },
    });
    Change::PutService(name(&format!("s{n}")), json::<ServiceSpec>(spec))
}

/// A service of which nodes differ.
fn local() -> serde_json::Value {
    serde_json::json!({"external": "local", "prefer": "zone"})
}

fn start() -> Intent {
    let mut intent = Intent::default();
    let network = json(serde_json::json!({"subnets": ["10.244.0.0/16"], "node_prefix": 24}));
    commit(&mut intent, &Change::PutNetwork(name("default"), network));
    intent
}

pub(super) fn commit(intent: &mut Intent, change: &Change) -> Option<crate::intent::Txn> {
    let plan = intent.plan(std::slice::from_ref(change), &"10.96.0.0/12".parse().unwrap(), 1000).ok()?;
    plan.txn.inspect(|txn| intent.apply(txn))
}

pub(super) fn built(changes: &[Change]) -> Compiler {
    let mut intent = start();
    for change in changes {
        commit(&mut intent, change).unwrap();
    }
    Compiler::new(settings(Mesh::Flow), intent)
}

fn state(compiler: &Compiler, node: &str) -> State {
    compiler.state(&name(node))
}

fn host_of(compiler: &Compiler, node: &str) -> Host {
    host(&View { intent: compiler.intent(), settings: compiler.settings() }, &name(node))
}

#[test]
fn a_remote_node_and_a_local_endpoint_cost_four_flows_each() {
    let two = built(&[node(1, 1500), node(2, 1500)]);
    let three = built(&[node(1, 1500), node(2, 1500), node(3, 1500)]);
    let count = |compiler: &Compiler| state(compiler, "h1").flows.len();
    assert_eq!(count(&three) - count(&two), 4);
    let local = built(&[node(1, 1500), node(2, 1500), endpoint(1, 1, false)]);
    assert_eq!(count(&local) - count(&two), 4);
    let remote = built(&[node(1, 1500), node(2, 1500), endpoint(2, 1, false)]);
    assert_eq!(count(&remote), count(&two));
}

#[test]
fn every_table_ends_in_a_flow_for_everything() {
    let state = state(&built(&[node(1, 1500)]), "h1");
    for table in Table::ALL {
        let last =
            state.flows.keys().any(|key| key.table == table.id() && key.priority == 0 && key.matching.is_empty());
        assert!(last, "{table:?} has a silent miss");
    }
}

#[test]
fn the_smallest_underlay_decides_the_mtu_everywhere() {
    let mut compiler = built(&[node(1, 1500), node(2, 1500)]);
    let mut intent = compiler.intent().clone();
    let deltas = compiler.apply(&commit(&mut intent, &node(2, 1400)).unwrap());
    for host in ["h1", "h2"] {
        assert_eq!(host_of(&compiler, host).bridge.unwrap().mtu, 1350);
        assert_eq!(deltas[&name(host)].ports.len(), 1, "{deltas:?}");
    }
}

#[test]
fn a_service_costs_two_flows_on_every_node_and_three_more_for_each_backend_of_its_own() {
    let count = |changes: &[Change], node: &str| state(&built(changes), node).flows.len();
    let mut changes = vec![node(1, 1500), node(2, 1500), endpoint(1, 1, false), endpoint(1, 2, false)];
    let before = (count(&changes, "h1"), count(&changes, "h2"));
    changes.push(service(1, serde_json::json!(["10.244.1.2", "10.244.1.3"]), serde_json::json!({})));
    assert_eq!((count(&changes, "h1"), count(&changes, "h2")), (before.0 + 2 + 6, before.1 + 2));
}

#[test]
fn two_services_with_one_backend_share_its_flows() {
    let ip = serde_json::json!(["10.244.1.2"]);
    let none = serde_json::json!({});
    let changes = [node(1, 1500), endpoint(1, 1, false), service(1, ip.clone(), none.clone()), service(2, ip, none)];
    let mut compiler = built(&changes);
    let served = |compiler: &Compiler| {
        let flows = state(compiler, "h1").flows;
        let whole = |key: &&std::sync::Arc<crate::pipeline::FlowKey>| {
            key.matching.get(openflow::Field::NXM_NX_IP_FRAG).is_none()
        };
        flows.keys().filter(|key| key.table == Table::Track.id() && key.priority == 50).filter(whole).count()
    };
    let mut intent = compiler.intent().clone();
    for (gone, left) in [("s1", 1), ("s2", 0)] {
        assert_eq!(served(&compiler), 1);
        compiler.apply(&commit(&mut intent, &Change::DeleteService(name(gone))).unwrap());
        assert_eq!(served(&compiler), left);
    }
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
    assert_eq!(
        delta.flows.len(),
        3,
        "mark, the same of fragments, and hairpin of the new backend only: {:?}",
        delta.flows.keys()
    );
}

#[test]
fn a_flat_network_is_only_where_it_has_endpoints() {
    let flat = json(serde_json::json!({"subnets": ["10.50.0.0/24"], "mode": "flat", "internal": true}));
    let mut compiler = built(&[node(1, 1500), node(2, 1500), node(3, 1500), Change::PutNetwork(name("blue"), flat)]);
    let mut intent = compiler.intent().clone();
    let empty = state(&compiler, "h3");
    let mut on = |node: u32, compiler: &mut Compiler| {
        let spec = serde_json::json!({"node": format!("h{node}"), "network": "blue", "device": format!("b{node}")});
        let change = Change::PutEndpoint(name(&format!("b{node}")), json(spec));
        compiler.apply(&commit(&mut intent, &change).unwrap())
    };
    assert_eq!(on(1, &mut compiler).keys().collect::<Vec<_>>(), [&name("h1")]);
    let deltas = on(2, &mut compiler);
    assert_eq!(deltas.keys().collect::<Vec<_>>(), [&name("h1"), &name("h2")]);
    assert_eq!(deltas[&name("h1")].flows.len(), 2, "its address and the way to it");
    assert_eq!(state(&compiler, "h3"), empty);
    let before = state(&compiler, "h3").flows.len();
    let mut intent = compiler.intent().clone();
    for gone in ["b1", "b2"] {
        compiler.apply(&commit(&mut intent, &Change::DeleteEndpoint(name(gone))).unwrap());
    }
    assert_eq!(state(&compiler, "h1").flows.len(), before);
}

/// The one group of a service on h1: the groups of the pipeline itself have ids below 256.
fn service_group(compiler: &Compiler) -> std::sync::Arc<crate::pipeline::Group> {
    let groups = state(compiler, "h1").groups;
    let mut of_services = groups.values().filter(|group| group.id >> 8 != 0);
    let group = of_services.next().expect("a group");
    assert!(of_services.next().is_none());
    group.clone()
}

#[test]
fn a_node_that_is_down_leaves_routes_tunnels_and_groups() {
    let backends = serde_json::json!(["10.244.1.2", "10.244.2.2"]);
    let all = [node(1, 1500), node(2, 1500), endpoint(1, 1, false), endpoint(2, 2, false)];
    let mut compiler = built(&[&all[..], &[service(1, backends, serde_json::json!({}))]].concat());
    let before = state(&compiler, "h1");
    assert_eq!(service_group(&compiler).buckets.len(), 2);
    let mut intent = compiler.intent().clone();
    let delta = compiler.apply(&commit(&mut intent, &Change::SetNodeDown(name("h2"), true)).unwrap());
    assert_eq!(delta[&name("h1")].counts(), (0, 0, 4));
    assert_eq!(service_group(&compiler).buckets.len(), 1);
    compiler.apply(&commit(&mut intent, &Change::SetNodeDown(name("h2"), false)).unwrap());
    assert_eq!(state(&compiler, "h1").groups, before.groups);
    assert_eq!(state(&compiler, "h1").flows.len(), before.flows.len());
}

#[test]
fn a_node_that_is_drained_gets_no_new_connections_and_keeps_its_own() {
    let backends = serde_json::json!(["10.244.1.2", "10.244.2.2"]);
    let all = [node(1, 1500), node(2, 1500), endpoint(1, 1, false), endpoint(2, 2, false)];
    let mut compiler = built(&[&all[..], &[service(1, backends, serde_json::json!({}))]].concat());
    let before = state(&compiler, "h1");
    let mut intent = compiler.intent().clone();
    compiler.apply(&commit(&mut intent, &Change::SetNodeDrained(name("h2"), true)).unwrap());
    let group = service_group(&compiler);
    assert_eq!(group.buckets.iter().map(|bucket| bucket.weight).collect::<Vec<_>>(), [16, 0]);
    assert_eq!(group.backends().len(), 2, "no connection is flushed");
    assert_eq!(state(&compiler, "h1").flows.len(), before.flows.len(), "the ways there stay");
    assert!(commit(&mut intent, &endpoint(3, 2, false)).is_none(), "no endpoint is placed there");
    compiler.apply(&commit(&mut intent, &Change::SetNodeDrained(name("h2"), false)).unwrap());
    assert_eq!(state(&compiler, "h1").groups, before.groups);
}

/// A flat network with `count` endpoints on h1 and h2 that are backends of service s1.
fn crowd(count: u32) -> Vec<Change> {
    let flat = json(serde_json::json!({"subnets": ["10.60.0.0/16"], "mode": "flat"}));
    let service = serde_json::json!({
        "vip": "10.96.0.1", "ports": [{"port": 80, "target_port": 8080}], "network": "big", "selector": {"app": "web"},
    });
    let mut changes = vec![node(1, 1500), node(2, 1500), Change::PutNetwork(name("big"), flat)];
    changes.push(Change::PutService(name("s1"), json(service)));
    changes.extend((0..count).map(in_crowd));
    changes
}

fn in_crowd(n: u32) -> Change {
    let spec = serde_json::json!({"node": format!("h{}", n % 2 + 1), "device": format!("p{n}"), "network": "big", "labels": {"app": "web"}});
    Change::PutEndpoint(name(&format!("e{n}")), json(spec))
}

/// How many backends each group of services has.
fn sizes(compiler: &Compiler) -> Vec<usize> {
    let state = state(compiler, "h1");
    state.groups.values().map(|group| group.backends().len()).filter(|size| *size > 0).collect()
}

#[test]
fn a_service_of_any_size_has_even_groups_of_bounded_size_and_changes_one_or_two_of_them() {
    for (count, expected) in [(40, 1), (41, 2), (257, 8), (511, 16)] {
        let mut compiler = built(&crowd(count));
        let even = |sizes: Vec<usize>, all: u32| {
            assert_eq!(sizes.iter().sum::<usize>(), all as usize);
            assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1, "{sizes:?}");
        };
        even(sizes(&compiler), count);
        assert_eq!(sizes(&compiler).len(), expected);
        let mut intent = compiler.intent().clone();
        for change in [Change::DeleteEndpoint(name("e7")), in_crowd(9_999), in_crowd(10_000)] {
            let delta = compiler.apply(&commit(&mut intent, &change).unwrap()).remove(&name("h1")).unwrap();
            assert!(delta.groups.len() <= 2, "{count}: {}", delta.groups.len());
        }
        even(sizes(&compiler), count + 1);
    }
}

#[test]
fn a_slice_whose_nodes_are_all_down_leaves_its_connections_to_another() {
    let mut compiler = built(&crowd(41));
    let mut intent = compiler.intent().clone();
    compiler.apply(&commit(&mut intent, &Change::SetNodeDown(name("h2"), true)).unwrap());
    let state = state(&compiler, "h1");
    let slices = state.flows.iter().filter(|(key, _)| key.table == Table::Slice.id() && key.priority > 0);
    for (_, body) in slices {
        let openflow::Instruction::ApplyActions { actions } = &body.instructions[0] else { panic!("{body:?}") };
        let [openflow::Action::Group { group_id }] = actions[..] else { panic!("{actions:?}") };
        assert!(state.groups.contains_key(&group_id.0), "{group_id:?} is not there");
    }
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        3 => (1..5u32, prop::sample::select(vec![1500u32, 1400])).prop_map(|(n, mtu)| node(n, mtu)),
        1 => (1..5u32).prop_map(|n| Change::DeleteNode(name(&format!("h{n}")))),
        1 => (1..5u32).prop_map(|n| Change::EvictNode(name(&format!("h{n}")))),
        1 => prop::sample::select(Mesh::ALL.to_vec()).prop_map(|mode| Change::PutMesh(MeshSpec { mode })),
        1 => (1..5u32, 1..5u32, 0..4usize).prop_map(|(a, b, way)| {
            Change::PutPair([name(&format!("h{a}")), name(&format!("h{b}"))], Way::ALL.get(way).copied())
        }),
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

/// The same changes, and networks that come and go, routed and flat, with endpoints in them.
fn any_change() -> impl Strategy<Value = Change> {
    let network = (0..2u8, any::<bool>(), 1..4usize).prop_map(|(n, flat, families)| {
        let mode = if flat { "flat" } else { "routed" };
        let subnets = [format!("10.5{n}.0.0/16"), format!("fd00:5{n}::/48")];
        let subnets = if families == 3 { &subnets[..] } else { &subnets[families - 1..families] };
        let spec = serde_json::json!({"subnets": subnets, "mode": mode, "internal": n == 0});
        Change::PutNetwork(name(&format!("n{n}")), json(spec))
    });
    let other = (1..5u32, 10..20u32, 0..2u8).prop_map(|(node, n, network)| {
        let spec = serde_json::json!({"node": format!("h{node}"), "device": format!("p{n}"), "network": format!("n{network}"), "labels": {"app": "web"}});
        Change::PutEndpoint(name(&format!("e{n}")), json(spec))
    });
    let service = (4..7u32, 0..2u8).prop_map(|(n, network)| {
        let spec = serde_json::json!({
            "vip": format!("10.96.0.{n}"), "ports": [{"port": 80, "target_port": 8080}, {"port": 81, "target_port": 8080}],
            "network": format!("n{network}"), "selector": {"app": "web"}, "traffic": if n == 6 { local() } else { serde_json::json!({}) },
        });
        Change::PutService(name(&format!("s{n}")), json(spec))
    });
    let zoned = (1..5u32, prop::sample::select(vec![("a", 24), ("b", 25)])).prop_map(|(n, (zone, prefix))| {
        let spec = serde_json::json!({"address": format!("172.30.0.{n}"), "prefix": prefix, "mtu": 1500, "zone": zone});
        Change::PutNode(name(&format!("h{n}")), json(spec))
    });
    prop_oneof![
        20 => change(),
        2 => zoned,
        1 => (1..5u32, any::<bool>()).prop_map(|(n, on)| Change::SetNodeDrained(name(&format!("h{n}")), on)),
        3 => network,
        1 => (0..2u8).prop_map(|n| Change::DeleteNetwork(name(&format!("n{n}")))),
        6 => other,
        3 => (10..20u32).prop_map(|n| Change::DeleteEndpoint(name(&format!("e{n}")))),
        3 => service,
        4 => (1..4u32, policy::tests::any_spec(), prop::sample::select(vec!["default", "n0", "n1"])).prop_map(
            |(n, spec, network)| Change::PutPolicy(name(&format!("p{n}")), api::PolicySpec { network: name(network), ..spec })
        ),
        1 => (1..4u32).prop_map(|n| Change::DeletePolicy(name(&format!("p{n}")))),
        1 => (4..7u32).prop_map(|n| Change::DeleteService(name(&format!("s{n}")))),
        2 => (1..5u32, any::<bool>()).prop_map(|(n, down)| Change::SetNodeDown(name(&format!("h{n}")), down)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The same around the size at which a service gets a second group and a third.
    #[test]
    fn incremental_is_from_scratch_for_large_services(
        count in prop::sample::select(vec![38u32, 41, 79]),
        steps in prop::collection::vec((0..90u32, any::<bool>()), 1..20),
    ) {
        let mut compiler = built(&crowd(count));
        let mut intent = compiler.intent().clone();
        for (n, there) in steps {
            let change = if there { in_crowd(n) } else { Change::DeleteEndpoint(name(&format!("e{n}"))) };
            let Some(txn) = commit(&mut intent, &change) else { continue };
            let was = state(&compiler, "h1");
            let delta = compiler.apply(&txn).remove(&name("h1")).unwrap_or_default();
            let scratch = Compiler::new(settings(Mesh::Flow), Intent::load(intent.values()));
            let is = state(&scratch, "h1");
            prop_assert_eq!(&state(&compiler, "h1"), &is);
            prop_assert_eq!(&delta, &Delta { ports: delta.ports.clone(), ..Delta::between(&was, &is) });
            let sizes = sizes(&compiler);
            prop_assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Kept up change by change, all is what it is when compiled at once; the deltas say all that changed, and what was.
    #[test]
    fn incremental_is_from_scratch(
        fixed in any::<bool>(),
        txns in prop::collection::vec(prop::collection::vec(any_change(), 1..4), 1..25),
    ) {
        let mesh = if fixed { Mesh::Static } else { Mesh::Flow };
        let mut intent = start();
        let mut compiler = Compiler::new(settings(mesh), intent.clone());
        let mut states: BTreeMap<Name, (State, Host)> = BTreeMap::new();
        for changes in txns {
            let Ok(Plan { txn: Some(txn), .. }) = intent.plan(&changes, &"10.96.0.0/12".parse().unwrap(), 1000) else { continue };
            intent.apply(&txn);
            let mut deltas = compiler.apply(&txn);
            let scratch = Compiler::new(settings(mesh), Intent::load(intent.values()));
            prop_assert!(compiler.tallies().eq(scratch.tallies()));
            states.retain(|node, _| intent.nodes.contains_key(node));
            for node in intent.nodes.keys() {
                let (is, host) = (scratch.state(node), host_of(&scratch, node.as_str()));
                prop_assert_eq!(&compiler.state(node), &is);
                prop_assert_eq!(&Tally::from(&is), compiler.tallies().find(|(name, _)| *name == node).unwrap().1);
                let (was, had) = states.insert(node.clone(), (is.clone(), host.clone())).unwrap_or_default();
                let delta = deltas.remove(node).unwrap_or_default();
                let expected = Delta { ports: delta.ports.clone(), ..Delta::between(&was, &is) };
                prop_assert_eq!(&delta, &expected);
                let differing = |a: &Host, b: &Host| -> Vec<String> {
                    a.ports.iter().filter(|(name, port)| b.ports.get(*name) != Some(port)).map(|(name, _)| name.clone()).collect()
                };
                for port in differing(&had, &host).into_iter().chain(differing(&host, &had)) {
                    prop_assert!(delta.ports.contains(&port), "{} {}", node, port);
                }
                prop_assert!(had.bridge == host.bridge || delta.ports.contains("kbr0"));
            }
            prop_assert!(deltas.is_empty());
        }
    }
}
