//! What a host's OVSDB is to hold.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use api::{Datapath, Endpoint, Mac, Name, Node, Tunnel, Way};

use super::View;
use crate::pipeline::{BRIDGE, flow_tunnel_port, static_tunnel_port};

/// The bridge `kbr0`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bridge {
    /// Which datapath it uses.
    pub datapath: Datapath,
    /// Its datapath id.
    pub datapath_id: u64,
    /// The Ethernet address of its local port.
    pub mac: Mac,
    /// The MTU of its local port, in bytes.
    pub mtu: u32,
}

/// A port of the bridge, beside the local one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Port {
    /// Its name, also that of its interface.
    pub name: String,
    /// Its OpenFlow number.
    pub number: u32,
    /// What it leads to.
    pub kind: PortKind,
}

/// What a port leads to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PortKind {
    /// An endpoint, through a device its agent made.
    Endpoint,
    /// Other hosts.
    Tunnel {
        /// The kind of tunnel.
        tunnel: Tunnel,
        /// This host's end.
        local: IpAddr,
        /// The other end; none where flows choose it.
        remote: Option<Remote>,
    },
}

/// The other end of a tunnel port that leads to one host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Remote {
    /// The host's node.
    pub node: Name,
    /// Its address on the underlay.
    pub address: IpAddr,
}

/// All that a host's OVSDB is to hold of ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// The bridge, once its node has a share of the default network.
    pub bridge: Option<Bridge>,
    /// Its ports by name.
    pub ports: BTreeMap<String, Port>,
}

/// What a node's OVSDB is to hold; nothing if there is no such node.
pub fn host(view: &View<'_>, name: &Name) -> Host {
    let Some(node) = view.intent.nodes.get(name) else { return Host::default() };
    let endpoints = view.intent.endpoints_on(name).map(endpoint);
    let ports = tunnels(view, node, view.intent.nodes.values()).into_iter().chain(endpoints);
    let bridge = pod_mtu(view).and_then(|mtu| bridge(view, node, mtu));
    Host { bridge, ports: ports.map(|port| (port.name.clone(), port)).collect() }
}

/// The MTU of endpoints: what the smallest underlay carries less what the tunnel takes.
pub(super) fn pod_mtu(view: &View<'_>) -> Option<u32> {
    let tunnel = view.default_network()?.spec.tunnel;
    let carried = |node: &Node| node.spec.mtu.saturating_sub(tunnel.overhead(node.spec.address));
    view.intent.nodes.values().map(|node| carried(node)).min()
}

/// The nodes whose bridge or tunnels are others in `new` than in `old`, and the ports' names.
pub(super) fn differing(old: &View<'_>, new: &View<'_>) -> Vec<(Name, BTreeSet<String>)> {
    let mtus = (pod_mtu(old), pod_mtu(new));
    let same_mesh = old.intent.mesh == new.intent.mesh && kinds(old) == kinds(new);
    let changed: BTreeSet<&Name> =
        super::differing(&old.intent.nodes, &new.intent.nodes).map(|(name, ..)| name).collect();
    let differing = new.intent.nodes.iter().map(|(name, node)| {
        let before = old.intent.nodes.get(name);
        // In the same mesh, nodes that are as they were differ in what leads to others only.
        let all = !same_mesh || changed.contains(name);
        let ports = |view: &View<'_>, node: &Node| match all {
            true => tunnels(view, node, view.intent.nodes.values()),
            false => tunnels(view, node, changed.iter().filter_map(|name| view.intent.nodes.get(*name))),
        };
        let was: BTreeSet<Port> = before.into_iter().flat_map(|node| ports(old, node)).collect();
        let is: BTreeSet<Port> = ports(new, node).into_iter().collect();
        let mut ports: BTreeSet<String> = was.symmetric_difference(&is).map(|port| port.name.clone()).collect();
        let was = mtus.0.and_then(|mtu| bridge(old, before?, mtu));
        if was != mtus.1.and_then(|mtu| bridge(new, node, mtu)) {
            ports.insert(BRIDGE.into());
        }
        (name.clone(), ports)
    });
    differing.filter(|(_, ports)| !ports.is_empty()).collect()
}

fn bridge(view: &View<'_>, node: &Node, mtu: u32) -> Option<Bridge> {
    let (_, mac) = view.gateway(&node.name)?;
    Some(Bridge { datapath: node.spec.datapath, datapath_id: node.datapath_id(), mac, mtu })
}

/// The tunnel of the default network, and those that there are.
fn kinds(view: &View<'_>) -> (Option<Tunnel>, BTreeSet<Tunnel>) {
    let kinds = view.intent.networks.values().map(|network| network.spec.tunnel).collect();
    (view.default_network().map(|network| network.spec.tunnel), kinds)
}

/// The tunnel ports of a node; of those that lead to one peer, only those to some of `peers`.
fn tunnels<'a>(view: &View<'_>, node: &Node, peers: impl Iterator<Item = &'a Arc<Node>>) -> Vec<Port> {
    let local = node.spec.address;
    let (tunnel, kinds) = kinds(view);
    let to_any = kinds.into_iter().filter(|_| view.has_flow_ports(&node.name));
    let mut ports: Vec<Port> = to_any.map(|tunnel| flow_tunnel(tunnel, local)).collect();
    if let Some(tunnel) = tunnel.filter(|_| view.has_static_ports(&node.name)) {
        let peers = peers.filter(|peer| peer.name != node.name && !peer.down);
        let to_one = peers.filter(|peer| view.way(node, peer) == Way::Static);
        ports.extend(to_one.map(|peer| static_tunnel(tunnel, local, peer)));
    }
    ports
}

/// The tunnel port whose remote end flows choose.
fn flow_tunnel(tunnel: Tunnel, local: IpAddr) -> Port {
    let kind = PortKind::Tunnel { tunnel, local, remote: None };
    Port { name: format!("kbr0-{}", tunnel.as_str()), number: flow_tunnel_port(tunnel), kind }
}

/// The tunnel port to one peer.
fn static_tunnel(tunnel: Tunnel, local: IpAddr, peer: &Node) -> Port {
    let remote = Remote { node: peer.name.clone(), address: peer.spec.address };
    let kind = PortKind::Tunnel { tunnel, local, remote: Some(remote) };
    Port { name: format!("kbr0-to-{:04x}", peer.id), number: static_tunnel_port(peer.id), kind }
}

fn endpoint(endpoint: &Endpoint) -> Port {
    Port { name: endpoint.device.clone(), number: endpoint.port, kind: PortKind::Endpoint }
}
