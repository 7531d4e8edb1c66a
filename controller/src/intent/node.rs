//! Nodes.

use std::{net::IpAddr, sync::Arc};

use api::{Invalid, Kind, Name, Node, NodeSpec, default_network, gateway_of};
use ipnet::IpNet;

use super::{
    Key, REST_SECONDS, Refused, Value, alloc,
    change::{Draft, Effect},
};

/// Node ids double as the OpenFlow ports of static tunnels: 14 bits.
const MAX_NODE_ID: u64 = 0x3fff;

/// The shortest prefix of addresses that containers have: each of them rests when they are given back.
const MOST_CONTAINERS: u8 = 22;

impl Draft<'_> {
    pub(super) fn put_node(&mut self, name: &Name, spec: &NodeSpec) -> Result<Effect, Refused> {
        spec.validate()?;
        let refuse = |reason: String| Err(Invalid::new("address", reason).into());
        let family = |ip: IpAddr| if ip.is_ipv4() { "IPv4" } else { "IPv6" };
        let mut others = self.intent.nodes.values().filter(|other| other.name != *name);
        if let Some(other) = others.find(|other| family(other.spec.address) != family(spec.address)) {
            let (own, there) = (family(spec.address), family(other.spec.address));
            return refuse(format!("{} is {own}, and the underlay of node {} is {there}", spec.address, other.name));
        }
        for ip in spec.addresses() {
            let mut others = self.intent.nodes.values().filter(|other| other.name != *name);
            if let Some(other) = others.find(|other| other.spec.addresses().any(|its| its == ip)) {
                return refuse(format!("{ip} is the address of node {}", other.name));
            }
            if let Some(network) = self.intent.networks.values().find(|network| network.contains(ip)) {
                return refuse(format!("{ip} lies within network {}", network.name));
            }
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
        let containers = there.as_ref().and_then(|there| there.containers);
        let (name, revision, spec) = (name.clone(), self.revision(), spec.clone());
        self.put(Value::Node(Arc::new(Node { name: name.clone(), id, revision, down, drained, containers, spec })));
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

    /// What containers had rests as any other address does.
    pub(super) fn set_containers(&mut self, name: &Name, range: Option<IpNet>) -> Result<Effect, Refused> {
        let there = self.intent.nodes.get(name).cloned();
        let there = there.ok_or_else(|| Refused::NotFound(Kind::Node, name.clone()))?;
        let range = range.map(|range| range.trunc());
        if there.containers == range {
            return Ok(Effect::Unchanged(there.revision));
        }
        if let Some(range) = &range {
            self.check_containers(&there, range)?;
        }
        self.rest_containers(&there);
        let node = Node { containers: range, revision: self.revision(), ..(*there).clone() };
        self.put(Value::Node(Arc::new(node)));
        Ok(Effect::Changed)
    }

    fn rest_containers(&mut self, node: &Node) {
        for ip in node.containers.iter().flat_map(IpNet::hosts) {
            self.put(Value::Resting { network: default_network(), ip, until: self.now + REST_SECONDS });
        }
    }

    fn check_containers(&self, node: &Node, range: &IpNet) -> Result<(), Refused> {
        let refuse = |reason: String| Err(Invalid::new("cidr", reason).into());
        let network = default_network();
        let Some(share) = self.intent.subnet(&network, &node.name).map(|share| share.cidr) else {
            return Err(Refused::Conflict(format!("node {} has no share of network {network}", node.name)));
        };
        if !share.contains(range) || *range == share || range.contains(&gateway_of(&share)) {
            return refuse(format!("{range} is not a part of {share} without its gateway"));
        }
        if !(MOST_CONTAINERS..=30).contains(&range.prefix_len()) {
            return refuse(format!("{range} is not of /{MOST_CONTAINERS} to /30"));
        }
        let mut holders = self.intent.endpoints_on(&node.name);
        match holders.find(|endpoint| endpoint.network == network && endpoint.ips.iter().any(|ip| range.contains(ip))) {
            Some(holder) => {
                refuse(format!("endpoint {} has an address within {range}; take another part", holder.name))
            }
            None if self.intent.resting_in(&network, range, self.now) > 0 => {
                refuse(format!("addresses within {range} were freed lately and rest; wait a minute"))
            }
            None => Ok(()),
        }
    }

    pub(super) fn delete_node(&mut self, name: &Name) -> Result<Effect, Refused> {
        let there = self.intent.nodes.get(name).cloned();
        let there = there.ok_or_else(|| Refused::NotFound(Kind::Node, name.clone()))?;
        let count = self.intent.endpoints_on(name).count();
        if count > 0 {
            return Err(Refused::Conflict(format!("node {name} still has {count} endpoints; remove them first")));
        }
        self.remove_node(&there);
        Ok(Effect::Removed)
    }

    /// A host that is gone for good takes its endpoints along; their addresses rest.
    pub(super) fn evict_node(&mut self, name: &Name) -> Result<Effect, Refused> {
        let there = self.intent.nodes.get(name).cloned();
        let there = there.ok_or_else(|| Refused::NotFound(Kind::Node, name.clone()))?;
        let endpoints: Vec<Name> = self.intent.endpoints_on(name).map(|endpoint| endpoint.name.clone()).collect();
        for endpoint in &endpoints {
            self.delete_endpoint(endpoint)?;
        }
        self.remove_node(&there);
        Ok(Effect::Removed)
    }

    fn remove_node(&mut self, there: &Node) {
        let name = &there.name;
        self.rest_containers(there);
        let shares = self.intent.subnets.keys().filter(|(_, node)| node == name);
        let shares: Vec<Key> = shares.map(|(network, node)| Key::Subnet(network.clone(), node.clone())).collect();
        shares.into_iter().for_each(|share| self.remove(share));
        self.forget_pairs(name);
        self.forget_certificates(name);
        self.remove(Key::Node(name.clone()));
    }
}
