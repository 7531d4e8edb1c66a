//! From intent to each switch's whole desired state: pure, deterministic, incremental.
//!
//! An object asks for [`Part`]s. A part renders to one [`Fragment`], the same wherever it goes, and has a [`Place`]: the
//! nodes it goes to. A switch's desired state is the union of the fragments placed on it; no two of them share a flow or
//! a group. A change renders again only the parts it touches, and what differs is the same for all nodes of their place.

mod affinity;
mod agent;
mod announce;
mod balance;
mod classify;
mod compiler;
mod deliver;
mod delta;
mod host;
#[cfg(test)]
mod lab;
mod mesh;
mod nd;
mod part;
mod policy;
mod render;
mod resolve;
mod route;
mod service;
mod tally;
#[cfg(test)]
mod tests;
mod touched;
mod uneven;

pub use agent::agent_config;
pub use announce::announcer;
pub use api::MeshMode as Mesh;
pub use compiler::Compiler;
pub use delta::{Delta, Edit, differing};
pub use host::{Bridge, Host, Port, PortKind, Remote, host};
pub use mesh::mesh_mode;
pub use part::{Part, Place};
pub use render::Fragment;
pub use tally::Tally;

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use api::{DEFAULT_NETWORK, Mac, Name, Network, Node, NodeSubnet};
use imbl::OrdMap;
use ipnet::IpNet;

use crate::{
    intent::{Intent, VirtualRange},
    names::Domain,
    pipeline::{Family, Flows, Groups},
};

/// What the whole cluster has in common, beside intent.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How hosts find each other's tunnels, while nothing else was chosen.
    pub mesh: Mesh,
    /// The range of virtual addresses.
    pub services: VirtualRange,
    /// Where hosts' OVSDB servers call in.
    pub ovsdb_port: u16,
    /// The domain of names.
    pub domain: Domain,
    /// How many connections each conntrack zone remembers at the most; 0 for no bound.
    pub tracked: u32,
}

impl Settings {
    /// These, OVSDB at its usual port, the usual domain, and no bound to connections.
    pub fn new(mesh: Mesh, services: VirtualRange) -> Self {
        Self { mesh, services, ovsdb_port: 6640, domain: Domain::default(), tracked: 0 }
    }
}

/// All a switch is to have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Its flows.
    pub flows: Flows,
    /// Its groups.
    pub groups: Groups,
}

impl State {
    fn add(&mut self, fragment: &Fragment) {
        self.flows.extend(fragment.flows.iter().map(|(key, body)| (key.clone(), body.clone())));
        self.groups.extend(fragment.groups.iter().map(|(id, group)| (*id, group.clone())));
    }

    /// Takes out what a fragment put in, but not what another has put in its place.
    fn remove(&mut self, fragment: &Fragment) {
        remove(&mut self.flows, &fragment.flows);
        remove(&mut self.groups, &fragment.groups);
    }
}

fn remove<K: Ord + Clone, T>(all: &mut OrdMap<K, Arc<T>>, gone: &OrdMap<K, Arc<T>>) {
    for (key, value) in gone {
        if all.get(key).is_some_and(|there| Arc::ptr_eq(there, value)) {
            all.remove(key);
        }
    }
}

/// What rendering looks at.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// The intent.
    pub intent: &'a Intent,
    /// What the cluster has in common.
    pub settings: &'a Settings,
}

impl View<'_> {
    /// The default network, whose gateway is on every node's `kbr0`.
    fn default_network(&self) -> Option<&Network> {
        self.intent.networks.get(DEFAULT_NETWORK).map(|network| &**network)
    }

    fn subnet(&self, network: &Name, node: &Name) -> Option<&NodeSubnet> {
        self.intent.subnet(network, node).map(|subnet| &**subnet)
    }

    /// The families of addresses that there are: IPv4 always, IPv6 if any network has it.
    fn families(&self) -> impl Iterator<Item = Family> + use<> {
        [Family::V4].into_iter().chain(self.has_v6().then_some(Family::V6))
    }

    fn has_v6(&self) -> bool {
        let mut subnets = self.intent.networks.values().flat_map(|network| &network.spec.subnets);
        subnets.any(|subnet| subnet.addr().is_ipv6())
    }

    /// The addresses of a node on the underlay, as far as endpoints can have such addresses.
    fn addresses(&self, node: &Node) -> Vec<IpAddr> {
        let families: Vec<Family> = self.families().collect();
        node.spec.addresses().filter(|ip| families.contains(&Family::of(*ip))).collect()
    }

    /// The gateways on a node's `kbr0`, one of each family of the default network.
    fn gateways(&self, node: &Name) -> impl Iterator<Item = IpNet> + use<> {
        let network = self.default_network().map(|network| &network.name);
        let subnet = network.and_then(|network| self.subnet(network, node));
        subnet.map(NodeSubnet::gateways).into_iter().flatten()
    }

    /// The gateway on a node's `kbr0`, and its Ethernet address.
    fn gateway(&self, node: &Name) -> Option<(Ipv4Addr, Mac)> {
        let subnet = self.subnet(&self.default_network()?.name, node)?;
        let gateway = subnet.gateway();
        Some((v4(gateway)?, Mac::of_ip(gateway)))
    }
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
