//! What is predicted for a size is what the compiler makes of it, and what memory that takes.

use std::{collections::BTreeMap, net::Ipv4Addr};

use api::{Name, NetworkSpec, Prediction, Size};
use controller::{
    compile::{Mesh, Settings},
    core::Core,
    intent::{Change, Intent},
    pipeline::Table,
    predict::{Cost, predict},
};
use peak_alloc::PeakAlloc;
use serde_json::json;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// How many changes make a transaction.
const AT_ONCE: usize = 500;

/// How far a prediction may be off.
const TOLERANCE: f64 = 0.05;

fn name(text: String) -> Name {
    Name::new(text).unwrap()
}

fn spec<T: serde::de::DeserializeOwned>(json: serde_json::Value) -> T {
    serde_json::from_value(json).unwrap()
}

fn network() -> NetworkSpec {
    spec(json!({"subnets": ["10.128.0.0/9"], "node_prefix": 22}))
}

fn settings(mesh: Mesh) -> Settings {
    Settings::new(mesh, "10.96.0.0/12".parse().unwrap())
}

/// What users and agents ask for to get there, with names as long as pods have them. Nodes get shares in their order.
fn changes(size: Size) -> Vec<Change> {
    let node = |n: u32| {
        let address = Ipv4Addr::from(0xac10_0001 + n);
        Change::PutNode(name(format!("host-{n:05}")), spec(json!({"address": address, "mtu": 1500})))
    };
    // The first share is given last.
    let ip = |n: u32| Ipv4Addr::from(0x0a80_0000 + (n % size.nodes + 1) * 1024 + n / size.nodes + 2);
    let endpoint = |n: u32| {
        let labels = json!({"app": format!("app-{}", n % 100)});
        let spec = json!({"node": format!("host-{:05}", n % size.nodes), "device": format!("veth{n:08x}"), "ip": ip(n), "labels": labels});
        Change::PutEndpoint(name(format!("endpoint-{n:08}")), self::spec(spec))
    };
    let service = |n: u32| {
        let backends: Vec<Ipv4Addr> =
            (0..size.backends).map(|b| ip((n * size.backends + b) % size.endpoints)).collect();
        let vip = Ipv4Addr::from(0x0a60_0001 + n);
        let spec = json!({"vip": vip, "ports": [{"port": 80, "target_port": 8080}], "backends": backends});
        Change::PutService(name(format!("service-{n:06}")), self::spec(spec))
    };
    let network = Change::PutNetwork(name("default".into()), network());
    let objects = (0..size.nodes).map(node).chain((0..size.endpoints).map(endpoint));
    std::iter::once(network).chain(objects).chain((0..size.services).map(service)).collect()
}

/// A controller as it is when all switches have acknowledged all.
fn build(mesh: Mesh, size: Size) -> Core {
    let mut intent = Intent::default();
    for changes in changes(size).chunks(AT_ONCE) {
        let plan = intent.plan(changes, &settings(mesh).services, 0).unwrap();
        intent.apply(&plan.txn.unwrap());
    }
    Core::new(settings(mesh), intent, std::time::Instant::now())
}

fn near(what: &str, size: Size, predicted: u64, built: u64) {
    let off = (predicted as f64 - built as f64).abs() / (built as f64).max(1.0);
    assert!(off <= TOLERANCE, "{what} of {size:?}: {predicted} predicted, {built} built, {:.1} % off", off * 100.0);
}

fn check_switches(core: &Core, prediction: &Prediction) {
    let size = prediction.size;
    let compiler = core.compiler();
    let costs: BTreeMap<&Name, Cost> =
        compiler.tallies().map(|(node, _)| (node, Cost::from(&compiler.state(node)))).collect();
    let fullest = costs.values().max_by_key(|cost| cost.load(1).flows).unwrap();
    for table in &prediction.tables {
        near(&table.name, size, table.flows, fullest.flows_of(Table::from_id(table.id).unwrap()));
    }
    for (what, predicted, built) in [
        ("a switch", prediction.switch, fullest.load(1)),
        (
            "all switches",
            prediction.total,
            costs.into_values().fold(Cost::default(), Cost::plus).load(size.nodes.into()),
        ),
    ] {
        near(&format!("flows of {what}"), size, predicted.flows, built.flows);
        near(&format!("groups of {what}"), size, predicted.groups, built.groups);
        near(&format!("message bytes of {what}"), size, predicted.message_bytes, built.message_bytes);
    }
}

/// One test: others would allocate beside it.
#[test]
fn what_is_predicted_is_what_is_built() {
    let size = |nodes, endpoints, services, backends| Size { nodes, endpoints, services, backends };
    let sizes = [
        (Mesh::Flow, size(1, 1000, 0, 0)),
        (Mesh::Flow, size(300, 0, 0, 0)),
        (Mesh::Flow, size(20, 1000, 50, 50)),
        (Mesh::Flow, size(10, 4000, 400, 3)),
        (Mesh::Flow, size(50, 10_000, 100, 10)),
        (Mesh::Static, size(40, 3000, 20, 200)),
        (Mesh::Flow, size(60, 300, 500, 1)),
    ];
    let mut off = Vec::new();
    for (mesh, size) in sizes {
        let before = HEAP.current_usage();
        let core = build(mesh, size);
        let built = (HEAP.current_usage() - before) as u64;
        let prediction = predict(mesh, &network(), size).unwrap();
        check_switches(&core, &prediction);
        let ratio = prediction.memory_bytes as f64 / built as f64;
        println!("{size:?}: {built} bytes built, {} predicted, {ratio:.3}", prediction.memory_bytes);
        off.extend(((ratio - 1.0).abs() > TOLERANCE).then_some((size, built, ratio)));
    }
    assert!(off.is_empty(), "memory is predicted wrongly: {off:?}");
}

#[test]
fn what_cannot_be_says_so() {
    let size = |nodes, endpoints, backends| Size { nodes, endpoints, services: 1, backends };
    let refused = |size| predict(Mesh::Flow, &network(), size).unwrap_err().to_string();
    assert!(refused(size(0, 1, 1)).starts_with("nodes: 0"));
    assert!(refused(size(1, 5, 6)).contains("at most 5"));
    assert!(refused(size(1, 6000, 5121)).contains("at most 5120"));
    let narrow = spec(json!({"subnets": ["10.244.0.0/16"], "node_prefix": 24}));
    let obstacles = predict(Mesh::Flow, &narrow, size(1000, 300_000, 1)).unwrap().obstacles;
    assert!(obstacles[0].contains("256 nodes") && obstacles[1].contains("253 endpoints"), "{obstacles:?}");
}
