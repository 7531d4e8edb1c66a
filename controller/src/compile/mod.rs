//! From intent to each switch's whole desired state: pure, deterministic, incremental.
//!
//! Each *source* (an object, or the pipeline itself) renders to a [`Fragment`] per node; a switch's state is the union
//! of its fragments. A change renders again only the fragments that its objects and their dependents have.

mod agent;
mod classify;
mod compiler;
mod deliver;
mod fragment;
mod host;
mod render;
mod resolve;
mod route;
mod service;
#[cfg(test)]
mod tests;

pub use agent::agent_config;
pub use compiler::{Compiler, Delta, SwitchState};
pub use fragment::{Fragment, Source};
pub use host::{Bridge, Host, Port, PortKind};

use std::net::{IpAddr, Ipv4Addr};

use api::{DEFAULT_NETWORK, Mac, Name, Network, Node, NodeSubnet, Tunnel};
use ipnet::IpNet;

use crate::intent::Intent;

/// How hosts find each other's tunnels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mesh {
    /// One port per kind of tunnel; flows choose the remote end.
    #[default]
    Flow,
    /// A port per remote host.
    Static,
}

/// What the whole cluster has in common, beside intent.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How hosts find each other's tunnels.
    pub mesh: Mesh,
    /// The range of virtual addresses.
    pub services: IpNet,
    /// Where hosts' OVSDB servers call in.
    pub ovsdb_port: u16,
}

/// Intent as one node sees it.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// The intent.
    pub intent: &'a Intent,
    /// What the cluster has in common.
    pub settings: &'a Settings,
    /// The node.
    pub node: &'a Node,
}

impl View<'_> {
    /// The default network, whose gateway is on this node's `kbr0`.
    fn default_network(&self) -> Option<&Network> {
        self.intent.networks.get(DEFAULT_NETWORK).map(|network| &**network)
    }

    fn subnet(&self, network: &Name, node: &Name) -> Option<&NodeSubnet> {
        self.intent.subnet(network, node).map(|subnet| &**subnet)
    }

    /// The gateway on this node's `kbr0`, and its Ethernet address.
    fn gateway(&self) -> Option<(Ipv4Addr, Mac)> {
        let subnet = self.subnet(&self.default_network()?.name, &self.node.name)?;
        let gateway = subnet.gateway();
        Some((v4(gateway)?, Mac::of_ip(gateway)))
    }

    /// The port that leads to `peer`, and the tunnel destination a flow must set, if it must.
    fn tunnel_to(&self, peer: &Node, tunnel: Tunnel) -> (u32, Option<Ipv4Addr>) {
        match self.settings.mesh {
            Mesh::Static => (crate::pipeline::static_tunnel_port(peer.id), None),
            Mesh::Flow => (flow_tunnel_port(tunnel), v4(peer.spec.address)),
        }
    }
}

/// The port of the tunnel of this kind whose remote end a flow chooses.
fn flow_tunnel_port(tunnel: Tunnel) -> u32 {
    let found = crate::pipeline::FLOW_TUNNEL_PORTS.iter().find(|(kind, _)| *kind == tunnel);
    found.map_or(0, |(_, port)| *port)
}

/// The conntrack zone in which services of a network translate addresses.
fn service_zone(network: &Network) -> u16 {
    (network.id as u16).wrapping_mul(2)
}

/// The conntrack zone in which an endpoint's connections to itself are told apart.
fn hairpin_zone(network: &Network) -> u16 {
    service_zone(network).wrapping_add(1)
}

fn v4(ip: IpAddr) -> Option<Ipv4Addr> {
    match ip {
        IpAddr::V4(v4) => Some(v4),
        IpAddr::V6(_) => None,
    }
}
