//! What a size that is not built would take: each kind of part is rendered once, by the compiler, and counted as often
//! as there would be such parts.

mod cost;

use api::{DEFAULT_NETWORK, Invalid, Name, NetworkSpec, Prediction, Size, TableLoad, Way};
use ipnet::IpNet;

use crate::{
    compile::{Fragment, Mesh, Part, Settings, View},
    intent::{Change, Intent, MAX_BUCKETS},
    pipeline::Table,
};

pub use cost::Cost;

/// Bytes on the heap that one more of something takes, in intent and compiler together. `tests/predict.rs` measures them.
mod memory {
    pub const NODE: u64 = 4450;
    pub const ENDPOINT: u64 = 1150;
    pub const SERVICE: u64 = 2700;
    /// An endpoint that some service has as a backend.
    pub const SERVING: u64 = 396;
    /// A backend of one service.
    pub const BACKEND: u64 = 233;
    /// The seat of a backend where a service has more than one group.
    pub const SEAT: u64 = 87;
}

/// What `size` would take with the default network like `network`.
///
/// # Errors
/// When there can be no such size.
pub fn predict(mesh: Mesh, network: &NetworkSpec, size: Size) -> Result<Prediction, Invalid> {
    size.validate()?;
    let sample = Sample::new(mesh, network, size.backends);
    let [nodes, endpoints, services, backends] =
        [size.nodes, size.endpoints, size.services, size.backends].map(u64::from);
    let serving = endpoints.min(services * backends);
    let everywhere = sample.everywhere.plus(sample.peer.times(nodes - 1)).plus(sample.service.times(services));
    let with =
        |endpoints: u64, serving: u64| sample.endpoint.times(endpoints - serving).plus(sample.serving.times(serving));
    let fullest = endpoints.div_ceil(nodes);
    let total = everywhere.times(nodes).plus(with(endpoints, serving));
    let switch = everywhere.plus(with(fullest, serving.div_ceil(nodes).min(fullest)));
    let table = |table: Table| TableLoad { id: table.id(), name: table.name().into(), flows: switch.flows_of(table) };
    Ok(Prediction {
        size,
        switch: switch.load(1),
        tables: Table::ALL.into_iter().map(table).collect(),
        total: total.load(nodes),
        memory_bytes: nodes * memory::NODE
            + endpoints * memory::ENDPOINT
            + services * memory::SERVICE
            + serving * memory::SERVING
            + services * backends * memory::BACKEND
            + if size.backends as usize > MAX_BUCKETS { services * backends * memory::SEAT } else { 0 },
        obstacles: obstacles(network, nodes, fullest),
    })
}

/// Where the controller's own options are too narrow.
fn obstacles(network: &NetworkSpec, nodes: u64, endpoints: u64) -> Vec<String> {
    let bits = |from: u8, to: u8| 1u64 << to.saturating_sub(from).min(63);
    let of = |subnet: &IpNet| {
        let prefix = network.share_prefix(subnet);
        let shares = bits(subnet.prefix_len(), prefix);
        let few = (shares < nodes)
            .then(|| format!("{subnet} has shares of /{prefix} for {shares} nodes; give a larger --pod-cidr"));
        // Network, gateway and broadcast are no endpoint's.
        let each = bits(prefix, subnet.max_prefix_len()).saturating_sub(3);
        let option = if matches!(subnet, IpNet::V6(_)) { "--node-prefix6" } else { "--node-prefix" };
        let full = (each < endpoints).then(|| {
            format!("a share of /{prefix} holds {each} endpoints, {endpoints} are needed; give a smaller {option}")
        });
        few.into_iter().chain(full)
    };
    network.subnets.iter().flat_map(of).collect()
}

/// One part of each kind, as the compiler renders it.
struct Sample {
    /// What each switch has whatever there is: pipeline, network, its own host.
    everywhere: Cost,
    peer: Cost,
    endpoint: Cost,
    /// An endpoint that is a backend.
    serving: Cost,
    service: Cost,
}

impl Sample {
    fn new(mesh: Mesh, network: &NetworkSpec, backends: u32) -> Self {
        let services = "10.96.0.0/12".parse().expect("it is a prefix");
        let settings = Settings::new(mesh, services);
        let intent = sample(network, &settings, backends);
        let view = View { intent: &intent, settings: &settings };
        let way = intent.nodes.get("h1").zip(intent.nodes.get("h2")).map_or(Way::Flow, |(h1, h2)| view.way(h1, h2));
        let cost = |part: Part| Cost::from(&Fragment::render(&view, &part));
        let everywhere = [Part::Pipeline, Part::Network(name(DEFAULT_NETWORK)), Part::Host(name("h1"))];
        Self {
            everywhere: everywhere.into_iter().map(cost).fold(Cost::default(), Cost::plus),
            peer: cost(Part::Peer(name("h2"), way)),
            endpoint: cost(Part::Endpoint(name("other"))),
            serving: cost(Part::Endpoint(name("e0"))),
            service: cost(Part::Service(name("s"))),
        }
    }
}

/// Two nodes, a service with so many backends, and an endpoint that is none.
fn sample(network: &NetworkSpec, settings: &Settings, backends: u32) -> Intent {
    let roomy = |subnet: &IpNet| if matches!(subnet, IpNet::V6(_)) { "fd00::/48" } else { "100.64.0.0/10" };
    let subnets = network.subnets.iter().map(|subnet| roomy(subnet).parse().expect("it is a prefix")).collect();
    let network = NetworkSpec { subnets, node_prefix: 18, node_prefix6: 64, ..network.clone() };
    let node = |n: u8| {
        Change::PutNode(
            name(&format!("h{n}")),
            spec(serde_json::json!({"address": format!("192.0.2.{n}"), "mtu": 1500})),
        )
    };
    let backend = |label: &str| serde_json::json!({"app": label});
    let endpoint = |at: String, label| {
        let about = serde_json::json!({"node": "h1", "device": format!("p{at}"), "labels": backend(label)});
        Change::PutEndpoint(name(&at), spec(about))
    };
    let service = serde_json::json!({"vip": "10.96.0.1", "ports": [{"port": 80, "target_port": 8080}], "selector": backend("yes")});
    let mut changes = vec![Change::PutNetwork(name(DEFAULT_NETWORK), network), node(1), node(2)];
    changes.extend((0..backends.max(1)).map(|n| endpoint(format!("e{n}"), if n < backends { "yes" } else { "no" })));
    changes.extend([endpoint("other".into(), "no"), Change::PutService(name("s"), spec(service))]);
    let mut intent = Intent::default();
    let plan = intent.plan(&changes, &settings.services, 0).expect("the sample contradicts nothing");
    plan.txn.iter().for_each(|txn| intent.apply(txn));
    intent
}

fn name(text: &str) -> Name {
    Name::new(text).expect("it is a name")
}

fn spec<T: serde::de::DeserializeOwned>(json: serde_json::Value) -> T {
    serde_json::from_value(json).expect("it is such a spec")
}
