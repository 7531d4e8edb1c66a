//! Which port leads from one node to another.

use std::net::IpAddr;

use api::{MeshMode, Name, Node, Tunnel, Way};

use super::{Place, Settings, View};
use crate::{
    intent::{ChosenMesh, Intent},
    pipeline::{flow_tunnel_port, static_tunnel_port},
};

/// How hosts find each other's tunnels: what was chosen, or else what is set.
pub fn mesh_mode(intent: &Intent, settings: &Settings) -> MeshMode {
    intent.mesh.as_ref().and_then(|chosen| chosen.spec).map_or(settings.mesh, |spec| spec.mode)
}

impl View<'_> {
    /// How two nodes reach each other.
    pub fn way(&self, one: &Node, other: &Node) -> Way {
        let chosen = self.chosen().and_then(|mesh| mesh.way(&one.name, &other.name));
        let way = chosen.unwrap_or_else(|| match self.mode() {
            MeshMode::Flow => Way::Flow,
            MeshMode::Static => Way::Static,
            MeshMode::Mixed if one.spec.zone.is_some() && one.spec.zone == other.spec.zone => Way::Static,
            MeshMode::Mixed => Way::Flow,
            MeshMode::Direct => Way::Direct,
        });
        match way {
            // Routers between two subnets know nothing of endpoints.
            Way::Direct if !share_subnet(one, other) => Way::Flow,
            way => way,
        }
    }

    /// Whether `from` reaches `to` by this way.
    pub(super) fn reaches(&self, from: &Name, to: &Name, way: Way) -> bool {
        let node = |name| self.intent.nodes.get(name).filter(|_| from != to);
        node(from).zip(node(to)).is_some_and(|(from, to)| self.way(from, to) == way)
    }

    /// The nodes that reach `peer` by this way.
    pub(super) fn reaching(&self, peer: &Name, way: Way) -> Place {
        let all = |of_all| if of_all == way { Place::EverywhereBut(peer.clone()) } else { Place::Nowhere };
        match self.mode() {
            _ if way == Way::Direct && !self.may_go_direct(peer) => Place::Nowhere,
            _ if self.chosen().is_some_and(|mesh| mesh.pairs_of(peer).next().is_some()) => {
                Place::Reaching { peer: peer.clone(), way, network: None }
            }
            MeshMode::Mixed | MeshMode::Direct => Place::Reaching { peer: peer.clone(), way, network: None },
            MeshMode::Flow => all(Way::Flow),
            MeshMode::Static => all(Way::Static),
        }
    }

    /// Whether some nodes are reached by one way from here, and by another from there.
    pub(super) fn ways_differ(&self) -> bool {
        matches!(self.mode(), MeshMode::Mixed | MeshMode::Direct)
            || self.chosen().is_some_and(|mesh| !mesh.pairs.is_empty())
    }

    /// Whether a node has ports whose remote end flows choose.
    pub(super) fn has_flow_ports(&self, node: &Name) -> bool {
        let chosen = |mesh: &ChosenMesh| mesh.pairs_of(node).any(|pair| pair.way != Way::Static);
        self.mode() != MeshMode::Static || self.chosen().is_some_and(chosen)
    }

    /// Whether a node may have ports that lead to one peer each.
    pub(super) fn has_static_ports(&self, node: &Name) -> bool {
        let chosen = |mesh: &ChosenMesh| mesh.pairs_of(node).any(|pair| pair.way == Way::Static);
        matches!(self.mode(), MeshMode::Static | MeshMode::Mixed) || self.chosen().is_some_and(chosen)
    }

    /// Whether a node is to reach others without a tunnel, where they are in its underlay subnet.
    pub(super) fn may_go_direct(&self, node: &Name) -> bool {
        let chosen = |mesh: &ChosenMesh| mesh.pairs_of(node).any(|pair| pair.way == Way::Direct);
        self.mode() == MeshMode::Direct || self.chosen().is_some_and(chosen)
    }

    /// Whether any node has ports whose remote end flows choose.
    pub(super) fn has_any_flow_ports(&self) -> bool {
        let chosen = |mesh: &ChosenMesh| mesh.pairs.iter().any(|pair| pair.way != Way::Static);
        self.mode() != MeshMode::Static || self.chosen().is_some_and(chosen)
    }

    /// The tunnel port that leads to `peer`, and the destination a flow must set, if it must.
    pub(super) fn tunnel_to(&self, peer: &Node, tunnel: Tunnel, way: Way) -> (u32, Option<IpAddr>) {
        match way {
            Way::Static => (static_tunnel_port(peer.id), None),
            Way::Flow | Way::Direct => (flow_tunnel_port(tunnel), Some(peer.spec.address)),
        }
    }

    fn mode(&self) -> MeshMode {
        mesh_mode(self.intent, self.settings)
    }

    fn chosen(&self) -> Option<&ChosenMesh> {
        self.intent.mesh.as_deref()
    }
}

/// Whether two nodes are in one subnet of an IPv4 underlay.
fn share_subnet(one: &Node, other: &Node) -> bool {
    let subnet = one.spec.subnet().filter(|subnet| subnet.addr().is_ipv4());
    subnet.is_some() && subnet == other.spec.subnet()
}

#[cfg(test)]
mod tests;
