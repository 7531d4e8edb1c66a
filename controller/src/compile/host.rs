//! What a host's OVSDB is to hold.

use std::{collections::BTreeMap, net::Ipv4Addr};

use api::{Datapath, Endpoint, Mac, Node, Tunnel};

use super::{Mesh, View, flow_tunnel_port, v4};
use crate::pipeline::static_tunnel_port;

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its name, also that of its interface.
    pub name: String,
    /// Its OpenFlow number.
    pub number: u32,
    /// What it leads to.
    pub kind: PortKind,
}

/// What a port leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortKind {
    /// An endpoint, through a device its agent made.
    Endpoint,
    /// Other hosts.
    Tunnel {
        /// The kind of tunnel.
        tunnel: Tunnel,
        /// This host's end.
        local: Ipv4Addr,
        /// The other end; none where flows choose it.
        remote: Option<Ipv4Addr>,
    },
}

/// All that a host's OVSDB is to hold of ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// The bridge, once its node has a share of the default network.
    pub bridge: Option<Bridge>,
    /// Its ports by name.
    pub ports: BTreeMap<String, Port>,
}

pub(super) fn bridge(view: &View<'_>) -> Option<Bridge> {
    let node = view.node;
    let (_, mac) = view.gateway()?;
    Some(Bridge { datapath: node.spec.datapath, datapath_id: node.datapath_id(), mac, mtu: pod_mtu(view)? })
}

/// The MTU of endpoints on this node: what the underlay carries less what the tunnel takes.
pub(super) fn pod_mtu(view: &View<'_>) -> Option<u32> {
    let overhead = view.default_network()?.spec.tunnel.overhead();
    let smallest = view.intent.nodes.values().map(|node| node.spec.mtu).min()?;
    Some(smallest.saturating_sub(overhead))
}

/// The tunnel ports that do not depend on who the peers are.
pub(super) fn flow_tunnel(view: &View<'_>, tunnel: Tunnel) -> Option<Port> {
    let local = v4(view.node.spec.address)?;
    let kind = PortKind::Tunnel { tunnel, local, remote: None };
    let port = Port { name: format!("kbr0-{}", tunnel.as_str()), number: flow_tunnel_port(tunnel), kind };
    (view.settings.mesh == Mesh::Flow).then_some(port)
}

/// The tunnel port to one peer.
pub(super) fn static_tunnel(view: &View<'_>, peer: &Node) -> Option<Port> {
    let tunnel = view.default_network()?.spec.tunnel;
    let (local, remote) = (v4(view.node.spec.address)?, v4(peer.spec.address)?);
    let kind = PortKind::Tunnel { tunnel, local, remote: Some(remote) };
    let port = Port { name: format!("kbr0-to-{:04x}", peer.id), number: static_tunnel_port(peer.id), kind };
    (view.settings.mesh == Mesh::Static).then_some(port)
}

pub(super) fn endpoint(endpoint: &Endpoint) -> Port {
    Port { name: endpoint.device.clone(), number: endpoint.port, kind: PortKind::Endpoint }
}
