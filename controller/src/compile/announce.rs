//! Which node answers on the underlay for an external address of services: one of all, so that neighbours know one.
//!
//! Nodes and address decide, by a number for each pair: when a node goes, the addresses that it answered for go to others,
//! and no other address moves.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use api::{Name, Node, Reach, Service};

use super::{Settings, View, render};
use crate::intent::Intent;

/// The external addresses that there are.
pub(super) fn external(intent: &Intent) -> BTreeSet<IpAddr> {
    intent.services.values().flat_map(|service| service.external_ips.iter().copied()).collect()
}

/// Those of them that a node answers for. Who is not first is mostly behind one of the next few: that takes all nodes hardly
/// more than one look at each of them for each address.
pub(super) fn announced(view: &View<'_>, node: &Name) -> Vec<IpAddr> {
    let near = Near::new(view);
    let Some(node) = view.intent.nodes.get(node).filter(|node| !node.down) else { return Vec::new() };
    let others = || view.intent.nodes.values().filter(|other| !other.down && other.id != node.id);
    let is_its = |ip: &IpAddr| {
        let own = near.rank(*ip, node);
        others().all(|other| near.rank(*ip, other) < own)
    };
    external(view.intent).into_iter().filter(is_its).collect()
}

/// The node that answers for an external address; none if there is no node that could.
pub fn announcer(intent: &Intent, settings: &Settings, ip: IpAddr) -> Option<Name> {
    let near = Near::new(&View { intent, settings });
    let nodes = intent.nodes.values().filter(|node| !node.down);
    nodes.max_by_key(|node| near.rank(ip, node)).map(|node| node.name.clone())
}

/// For external addresses, the nodes with backends of the services there that send connections from outside nowhere else.
struct Near<'a>(BTreeMap<IpAddr, BTreeSet<&'a Name>>);

impl<'a> Near<'a> {
    fn new(view: &View<'a>) -> Self {
        let mut near: BTreeMap<IpAddr, BTreeSet<&Name>> = BTreeMap::new();
        let is_local = |service: &&Arc<Service>| service.traffic.external == Reach::Local;
        for service in view.intent.services.values().filter(is_local).filter(|it| !it.external_ips.is_empty()) {
            let nodes = with_backends(view, service);
            service.external_ips.iter().for_each(|ip| near.entry(*ip).or_default().extend(&nodes));
        }
        Self(near)
    }

    /// Of the nodes that are up, the first by this answers for the address: rather one with backends where connections from
    /// outside stay on their node, one that is not drained, and one whose underlay subnet has the address.
    fn rank(&self, ip: IpAddr, node: &Node) -> (bool, bool, bool, u64) {
        let is_near = self.0.get(&ip).is_some_and(|near| near.contains(&node.name));
        let in_subnet = node.spec.subnet().is_some_and(|subnet| subnet.contains(&ip));
        (is_near, !node.drained, in_subnet, weight(ip, node.id))
    }
}

fn with_backends<'a>(view: &View<'a>, service: &'a Service) -> Vec<&'a Name> {
    let backends = view.intent.backends(service).into_iter();
    let open =
        backends.filter(|(endpoint, _)| render::backend(view, service, endpoint).is_some_and(|it| it.weight > 0));
    open.map(|(endpoint, _)| &endpoint.node).collect()
}

/// A number that depends on every bit of both (the finalizer of MurmurHash3).
fn weight(ip: IpAddr, node: u32) -> u64 {
    let mix = |mut bits: u64| {
        for factor in [0xff51_afd7_ed55_8ccd, 0xc4ce_b9fe_1a85_ec53] {
            bits = (bits ^ bits >> 33).wrapping_mul(factor);
        }
        bits ^ bits >> 33
    };
    let ip = match ip {
        IpAddr::V4(ip) => u128::from(u32::from(ip)),
        IpAddr::V6(ip) => u128::from(ip),
    };
    mix(mix(ip as u64 ^ mix((ip >> 64) as u64)) ^ u64::from(node))
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            Compiler,
            tests::{built, endpoint, json, name},
        },
        *,
    };
    use crate::intent::Change;

    const IP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 80));

    fn node(n: u32) -> Change {
        let spec = serde_json::json!({"address": format!("172.30.0.{n}"), "mtu": 1500});
        Change::PutNode(name(&format!("h{n}")), json(spec))
    }

    fn service(n: u32, traffic: serde_json::Value) -> Change {
        let spec = serde_json::json!({
            "vip": format!("10.96.0.{n}"), "ports": [{"port": 80, "target_port": 8080}], "selector": {"app": "web"},
            "external_ips": [format!("192.0.2.{}", 79 + n)], "traffic": traffic,
        });
        Change::PutService(name(&format!("web{n}")), json(spec))
    }

    fn who(compiler: &Compiler, ip: IpAddr) -> Option<Name> {
        announcer(compiler.intent(), compiler.settings(), ip)
    }

    #[test]
    fn one_node_answers_for_each_and_another_when_it_goes() {
        let changes: Vec<Change> =
            (1..=5).map(node).chain((1..=40).map(|n| service(n, serde_json::json!({})))).collect();
        let compiler = built(&changes);
        let ips = external(compiler.intent());
        let all = |compiler: &Compiler| -> Vec<Option<Name>> { ips.iter().map(|ip| who(compiler, *ip)).collect() };
        let before = all(&compiler);
        let nodes: BTreeSet<&Option<Name>> = before.iter().collect();
        assert!(nodes.len() == 5 && !nodes.contains(&None), "each has some: {nodes:?}");
        let gone = before[0].clone().unwrap();
        let drained = [&changes[..], &[Change::SetNodeDrained(gone.clone(), true)]].concat();
        let after = all(&built(&drained));
        for (was, is) in before.iter().zip(&after) {
            assert_eq!(was.as_ref() == Some(&gone), was != is, "only what it had moves");
            assert_ne!(is.as_ref(), Some(&gone));
        }
    }

    #[test]
    fn each_address_is_in_the_configuration_of_the_node_that_answers_for_it_and_in_no_other() {
        let traffic = |n: u32| serde_json::json!({"external": if n > 20 { "local" } else { "cluster" }});
        let mut changes: Vec<Change> = (1..=5).map(node).chain((1..=40).map(|n| service(n, traffic(n)))).collect();
        changes.extend([Change::SetNodeDrained(name("h1"), true), Change::SetNodeDown(name("h2"), true)]);
        changes.extend([endpoint(2, 1, true), endpoint(3, 2, true)]);
        let compiler = built(&changes);
        let view = View { intent: compiler.intent(), settings: compiler.settings() };
        for node in compiler.intent().nodes.keys() {
            let its = external(view.intent).into_iter().filter(|ip| who(&compiler, *ip).as_ref() == Some(node));
            assert_eq!(announced(&view, node), its.collect::<Vec<IpAddr>>(), "{node}");
        }
    }

    #[test]
    fn local_traffic_comes_in_where_backends_are() {
        let mut changes: Vec<Change> = (1..=5).map(node).collect();
        changes.push(service(1, serde_json::json!({"external": "local"})));
        let before = who(&built(&changes), IP).unwrap();
        assert!(before.as_str().starts_with('h'), "somebody, also without backends");
        for n in 1..=5 {
            let there = [&changes[..], &[endpoint(n, 1, true)]].concat();
            assert_eq!(who(&built(&there), IP), Some(name(&format!("h{n}"))));
        }
    }
}
