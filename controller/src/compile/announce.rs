//! Which node answers on the underlay for an external address of services: one of all, so that neighbours know one.
//!
//! Nodes and address decide, by a number for each pair: when a node goes, the addresses that it answered for go to others,
//! and no other address moves.

use std::{collections::BTreeSet, net::IpAddr};

use api::{Name, Node, Reach, Service};

use super::{Settings, View, render};
use crate::intent::Intent;

/// The external addresses that there are.
pub(super) fn external(intent: &Intent) -> BTreeSet<IpAddr> {
    intent.services.values().flat_map(|service| service.external_ips.iter().copied()).collect()
}

/// Those of them that a node answers for.
pub(super) fn announced(view: &View<'_>, node: &Name) -> Vec<IpAddr> {
    let is_its = |ip: &IpAddr| chosen(view, *ip).is_some_and(|it| it.name == *node);
    external(view.intent).into_iter().filter(is_its).collect()
}

/// The node that answers for an external address; none if there is no node that could.
pub fn announcer(intent: &Intent, settings: &Settings, ip: IpAddr) -> Option<Name> {
    chosen(&View { intent, settings }, ip).map(|node| node.name.clone())
}

/// Of the nodes that are up: rather one that is not drained, one whose underlay subnet has the address, and one with
/// backends where connections from outside stay on their node.
fn chosen<'a>(view: &View<'a>, ip: IpAddr) -> Option<&'a Node> {
    let near = with_backends(view, ip);
    let in_subnet = |node: &Node| node.spec.subnet().is_some_and(|subnet| subnet.contains(&ip));
    let nodes = view.intent.nodes.values().filter(|node| !node.down);
    let rank = |node: &Node| (near.contains(&node.name), !node.drained, in_subnet(node), weight(ip, node.id));
    nodes.map(|node| &**node).max_by_key(|node| rank(node))
}

/// The nodes with backends of the services at an address that send connections from outside nowhere else.
fn with_backends<'a>(view: &View<'a>, ip: IpAddr) -> BTreeSet<&'a Name> {
    let is_local = |service: &&Service| service.traffic.external == Reach::Local && service.external_ips.contains(&ip);
    let local = view.intent.services.values().map(|service| &**service).filter(is_local);
    local.flat_map(|service| with_backends_of(view, service)).collect()
}

fn with_backends_of<'a>(view: &View<'a>, service: &'a Service) -> Vec<&'a Name> {
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
