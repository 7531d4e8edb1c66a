//! Nodes.

use std::sync::Arc;

use api::{Invalid, Kind, Name, Node, NodeSpec};

use super::{
    Key, Refused, Value, alloc,
    change::{Draft, Effect},
};

/// Node ids double as the OpenFlow ports of static tunnels: 14 bits.
const MAX_NODE_ID: u64 = 0x3fff;

impl Draft<'_> {
    pub(super) fn put_node(&mut self, name: &Name, spec: &NodeSpec) -> Result<Effect, Refused> {
        spec.validate()?;
        let refuse = |reason: String| Err(Invalid::new("address", reason).into());
        if let Some(other) = self.intent.nodes.values().find(|n| n.spec.address == spec.address && n.name != *name) {
            return refuse(format!("{} is the address of node {}", spec.address, other.name));
        }
        if let Some(network) = self.intent.networks.values().find(|network| network.contains(spec.address)) {
            return refuse(format!("{} lies within network {}", spec.address, network.name));
        }
        let there = self.intent.nodes.get(name).cloned();
        if let Some(there) = there.as_ref().filter(|there| there.spec == *spec) {
            return Ok(Effect::Unchanged(there.revision));
        }
        let id = match &there {
            Some(there) => there.id,
            None => {
                let nodes = &self.intent.nodes;
                let used = |id| nodes.values().any(|node| node.id == id);
                alloc::next_id(&mut self.counters.node, MAX_NODE_ID, used)?
            }
        };
        let [down, drained] = there.as_ref().map_or([false; 2], |there| [there.down, there.drained]);
        let (name, revision, spec) = (name.clone(), self.revision(), spec.clone());
        self.put(Value::Node(Arc::new(Node { name: name.clone(), id, revision, down, drained, spec })));
        let networks: Vec<Name> = self.intent.networks.keys().cloned().collect();
        networks.iter().try_for_each(|network| self.give_share(network, &name))?;
        Ok(if there.is_some() { Effect::Changed } else { Effect::Created })
    }

    pub(super) fn set_node_down(&mut self, name: &Name, down: bool) -> Result<Effect, Refused> {
        let there = self.intent.nodes.get(name).ok_or_else(|| Refused::NotFound(Kind::Node, name.clone()))?;
        if there.down == down {
            return Ok(Effect::Unchanged(there.revision));
        }
        let node = Node { down, revision: self.revision(), ..(**there).clone() };
        self.put(Value::Node(Arc::new(node)));
        Ok(Effect::Changed)
    }

    pub(super) fn set_node_drained(&mut self, name: &Name, drained: bool) -> Result<Effect, Refused> {
        let there = self.intent.nodes.get(name).ok_or_else(|| Refused::NotFound(Kind::Node, name.clone()))?;
        if there.drained == drained {
            return Ok(Effect::Unchanged(there.revision));
        }
        let node = Node { drained, revision: self.revision(), ..(**there).clone() };
        self.put(Value::Node(Arc::new(node)));
        Ok(Effect::Changed)
    }

    pub(super) fn delete_node(&mut self, name: &Name) -> Result<Effect, Refused> {
        if !self.intent.nodes.contains_key(name) {
            return Err(Refused::NotFound(Kind::Node, name.clone()));
        }
        let count = self.intent.endpoints_on(name).count();
        if count > 0 {
            return Err(Refused::Conflict(format!("node {name} still has {count} endpoints; remove them first")));
        }
        self.remove_node(name);
        Ok(Effect::Removed)
    }

    /// A host that is gone for good takes its endpoints along; their addresses rest.
    pub(super) fn evict_node(&mut self, name: &Name) -> Result<Effect, Refused> {
        if !self.intent.nodes.contains_key(name) {
            return Err(Refused::NotFound(Kind::Node, name.clone()));
        }
        let endpoints: Vec<Name> = self.intent.endpoints_on(name).map(|endpoint| endpoint.name.clone()).collect();
        for endpoint in &endpoints {
            self.delete_endpoint(endpoint)?;
        }
        self.remove_node(name);
        Ok(Effect::Removed)
    }

    fn remove_node(&mut self, name: &Name) {
        let shares = self.intent.subnets.keys().filter(|(_, node)| node == name);
        let shares: Vec<Key> = shares.map(|(network, node)| Key::Subnet(network.clone(), node.clone())).collect();
        shares.into_iter().for_each(|share| self.remove(share));
        self.forget_certificates(name);
        self.remove(Key::Node(name.clone()));
    }
}
