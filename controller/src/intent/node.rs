//! Nodes, networks, and a node's share of each routed network.

use std::sync::Arc;

use api::{Invalid, Kind, Name, Network, NetworkSpec, Node, NodeSpec, NodeSubnet};
use ipnet::IpNet;

use super::{Intent, Key, Refused, Value, alloc, change::Draft};

/// Node ids double as the OpenFlow ports of static tunnels: 14 bits.
const MAX_NODE_ID: u32 = 0x3fff;

impl Intent {
    pub(super) fn create_network(
        &self,
        draft: &mut Draft,
        name: &Name,
        spec: &NetworkSpec,
        services: &IpNet,
    ) -> Result<(), Refused> {
        spec.validate()?;
        if let Some(there) = self.networks.get(name) {
            if there.spec == *spec {
                draft.already_at(there.revision);
                return Ok(());
            }
            return Err(Refused::Conflict(format!("network {name} exists with other settings")));
        }
        for subnet in &spec.subnets {
            if overlap(subnet, services) {
                return Err(Invalid::new("subnets", format!("{subnet} overlaps the services' range {services}")).into());
            }
            let clash = self.networks.values().find(|other| other.spec.subnets.iter().any(|s| overlap(s, subnet)));
            if let Some(other) = clash {
                return Err(Invalid::new("subnets", format!("{subnet} overlaps network {}", other.name)).into());
            }
            if let Some(node) = self.nodes.values().find(|node| subnet.contains(&node.spec.address)) {
                return Err(Invalid::new("subnets", format!("{subnet} holds the address of node {}", node.name)).into());
            }
        }
        let used = |id| self.networks.values().any(|network| network.id == id);
        let id = alloc::next_id(&mut draft.counters.network, None, used)?;
        let revision = draft.revision();
        draft.put(Value::Network(Arc::new(Network { name: name.clone(), id, revision, spec: spec.clone() })));
        Ok(())
    }

    pub(super) fn put_node(&self, draft: &mut Draft, name: &Name, spec: &NodeSpec) -> Result<(), Refused> {
        spec.validate()?;
        if let Some(other) = self.nodes.values().find(|n| n.spec.address == spec.address && n.name != *name) {
            let reason = format!("{} is the address of node {}", spec.address, other.name);
            return Err(Invalid::new("address", reason).into());
        }
        if let Some(network) = self.networks.values().find(|network| network.contains(spec.address)) {
            let reason = format!("{} lies within network {}", spec.address, network.name);
            return Err(Invalid::new("address", reason).into());
        }
        let there = self.nodes.get(name);
        if let Some(there) = there.filter(|there| there.spec == *spec) {
            draft.already_at(there.revision);
            return Ok(());
        }
        let id = match there {
            Some(there) => there.id,
            None => {
                let used = |id| self.nodes.values().any(|node| node.id == id);
                alloc::next_id(&mut draft.counters.node, Some(MAX_NODE_ID), used)?
            }
        };
        let revision = draft.revision();
        draft.put(Value::Node(Arc::new(Node { name: name.clone(), id, revision, spec: spec.clone() })));
        self.give_shares(draft, name)
    }

    fn give_shares(&self, draft: &mut Draft, node: &Name) -> Result<(), Refused> {
        for network in self.networks.values() {
            if self.subnet(&network.name, node).is_some() {
                continue;
            }
            let cidr = alloc::share(self, &network.name, &network.spec.subnets, network.spec.node_prefix)?;
            let revision = draft.revision();
            let (node, network) = (node.clone(), network.name.clone());
            draft.put(Value::Subnet(Arc::new(NodeSubnet { node, network, cidr, revision })));
        }
        Ok(())
    }

    pub(super) fn delete_node(&self, draft: &mut Draft, name: &Name) -> Result<(), Refused> {
        if !self.nodes.contains_key(name) {
            return Err(Refused::NotFound(Kind::Node, name.clone()));
        }
        let count = self.endpoints_on(name).count();
        if count > 0 {
            return Err(Refused::Conflict(format!("node {name} still has {count} endpoints; remove them first")));
        }
        for (network, node) in self.subnets.keys().filter(|(_, node)| node == name) {
            draft.remove(Key::Subnet(network.clone(), node.clone()));
        }
        draft.remove(Key::Node(name.clone()));
        Ok(())
    }
}

fn overlap(a: &IpNet, b: &IpNet) -> bool {
    a.contains(&b.network()) || b.contains(&a.network())
}
