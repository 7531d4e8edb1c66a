mod change;
mod endpoint;
mod history;
mod network;
mod node;
mod policy;
mod ports;
mod restore;
mod service;

use std::collections::BTreeMap;

use api::{EndpointSpec, NodeSpec, ServiceSpec};

use super::*;

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn services() -> VirtualRange {
    "10.96.0.0/12,fd00:10:96::/112".parse().unwrap()
}

fn json<T: serde::de::DeserializeOwned>(value: serde_json::Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn node(n: u8) -> Change {
    let spec: NodeSpec = json(serde_json::json!({"address": format!("172.30.0.{n}"), "mtu": 1500}));
    Change::PutNode(name(&format!("h{n}")), spec)
}

fn endpoint(node: u8, n: u32, ip: Option<&str>) -> Change {
    let spec: EndpointSpec = json(serde_json::json!({"node": format!("h{node}"), "device": format!("p{n}"), "ip": ip}));
    Change::PutEndpoint(name(&format!("e{n}")), spec)
}

fn service(vip: &str, backends: &[&str]) -> ServiceSpec {
    json(serde_json::json!({"vip": vip, "ports": [{"port": 80, "target_port": 8080}], "backends": backends}))
}

fn with_nodes(count: u8) -> Intent {
    let mut intent = Intent::default();
    let network = json(serde_json::json!({"subnets": ["10.244.0.0/16"], "node_prefix": 24}));
    make(&mut intent, &Change::PutNetwork(name("default"), network), 0).unwrap();
    for n in 1..=count {
        make(&mut intent, &node(n), 0).unwrap();
    }
    intent
}

fn make(intent: &mut Intent, change: &Change, now: u64) -> Result<Effect, Refused> {
    let plan = intent.plan(std::slice::from_ref(change), &services(), now).map_err(|rejected| rejected.refused)?;
    plan.txn.iter().for_each(|txn| intent.apply(txn));
    Ok(plan.effects[0])
}

fn refusal(intent: &mut Intent, change: &Change) -> String {
    let before = intent.revision();
    let refused = make(intent, change, 0).unwrap_err().to_string();
    assert_eq!(intent.revision(), before);
    refused
}

fn ip_of(intent: &Intent, endpoint: &str) -> String {
    intent.endpoints[&name(endpoint)].ips[0].to_string()
}

/// Nodes in a default network of both families.
fn dual(count: u8) -> Intent {
    let mut intent = Intent::default();
    let network = json(serde_json::json!({"subnets": ["fd00:10:244::/48", "10.244.0.0/16"]}));
    make(&mut intent, &Change::PutNetwork(name("default"), network), 0).unwrap();
    for n in 1..=count {
        make(&mut intent, &node(n), 0).unwrap();
    }
    intent
}

fn ips_of(intent: &Intent, endpoint: &str) -> Vec<String> {
    intent.endpoints[&name(endpoint)].ips.iter().map(ToString::to_string).collect()
}
