//! What users and agents do.

use api::Name;
use controller::intent::Change;
use serde_json::json;

use crate::random::Random;

/// How many hosts there are.
pub const NODES: u64 = 5;

pub fn name(text: String) -> Name {
    Name::new(text).expect("a valid name")
}

/// What is there from the start: the default network and a host.
pub fn first() -> Vec<Change> {
    let network = |name: &str, spec: serde_json::Value| {
        Change::PutNetwork(Name::new(name).expect("a valid name"), serde_json::from_value(spec).expect("a network"))
    };
    vec![
        network("default", json!({"subnets": ["10.244.0.0/16"]})),
        network("flat", json!({"subnets": ["10.50.0.0/16"], "mode": "flat"})),
        node(1),
    ]
}

fn node(n: u64) -> Change {
    let spec = json!({"address": format!("172.30.0.{n}"), "mtu": 1500});
    Change::PutNode(name(format!("h{n}")), serde_json::from_value(spec).expect("a node"))
}

/// An endpoint comes, or changes.
pub fn endpoint(random: &mut Random) -> Change {
    let (n, endpoint) = (1 + random.below(NODES), random.below(20));
    let network = if random.chance(30) { "flat" } else { "default" };
    let labels = if random.chance(50) { json!({"app": "web"}) } else { json!({}) };
    let spec = json!({"node": format!("h{n}"), "network": network, "device": format!("p{endpoint}"), "labels": labels});
    Change::PutEndpoint(name(format!("e{endpoint}")), serde_json::from_value(spec).expect("an endpoint"))
}

/// Every host joins.
pub fn all_nodes() -> impl Iterator<Item = Change> {
    (1..=NODES).map(node)
}

/// Something, which may be refused.
pub fn any(random: &mut Random) -> Change {
    let n = 1 + random.below(NODES);
    let endpoint = random.below(20);
    let service = random.below(4);
    match random.below(100) {
        0..10 => node(n),
        10..13 => Change::DeleteNode(name(format!("h{n}"))),
        13..60 => self::endpoint(random),
        60..80 => Change::DeleteEndpoint(name(format!("e{endpoint}"))),
        80..92 => {
            let spec = json!({
                "vip": format!("10.96.0.{}", service + 1), "ports": [{"port": 80, "target_port": 8080 + service % 2}],
                "selector": {"app": "web"}, "network": if service == 3 { "flat" } else { "default" },
            });
            Change::PutService(name(format!("s{service}")), serde_json::from_value(spec).expect("a service"))
        }
        92..96 => {
            let (peers, ports) =
                (json!([{"selector": {"app": "web"}}, {"cidr": "192.0.2.0/24"}]), json!([{"port": 80}]));
            let selector = if random.chance(50) { json!({"app": "web"}) } else { json!({}) };
            let spec = json!({"selector": selector, "ingress": [{"peers": peers, "ports": ports}], "egress": [{"peers": peers}]});
            Change::PutPolicy(name(format!("p{}", service % 2)), serde_json::from_value(spec).expect("a policy"))
        }
        96..98 => Change::DeletePolicy(name(format!("p{}", service % 2))),
        _ => Change::DeleteService(name(format!("s{service}"))),
    }
}
