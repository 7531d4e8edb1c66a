//! Networks, and nodes' shares of them.

use std::sync::Arc;

use api::{Invalid, Kind, Mode, Name, Network, NetworkSpec, NodeSubnet};
use ipnet::IpNet;

use super::{
    Key, Refused, Value, alloc,
    change::{Draft, Effect},
};

/// Conntrack zones are made of network ids: two for each, below 0x8000, where the zones of endpoints begin.
const MAX_NETWORK_ID: u64 = 0x3ffe;

impl Draft<'_> {
    pub(super) fn put_network(&mut self, name: &Name, spec: &NetworkSpec) -> Result<Effect, Refused> {
        spec.validate()?;
        if let Some(there) = self.intent.networks.get(name) {
            if there.spec == *spec {
                return Ok(Effect::Unchanged(there.revision));
            }
            return Err(Refused::Conflict(format!("network {name} exists with other settings; remove it first")));
        }
        if name.as_str() == api::DEFAULT_NETWORK && !spec.subnets.iter().any(|subnet| subnet.addr().is_ipv4()) {
            return Err(
                Invalid::new("subnets", "the default network needs an IPv4 subnet; IPv6 may stand beside it").into()
            );
        }
        self.check_subnets(spec)?;
        let networks = &self.intent.networks;
        let used = |id| networks.values().any(|network| network.id == id);
        let id = alloc::next_id(&mut self.counters.network, MAX_NETWORK_ID, used)?;
        let revision = self.revision();
        self.put(Value::Network(Arc::new(Network { name: name.clone(), id, revision, spec: spec.clone() })));
        let nodes: Vec<Name> = self.intent.nodes.keys().cloned().collect();
        nodes.iter().try_for_each(|node| self.give_share(name, node))?;
        Ok(Effect::Created)
    }

    pub(super) fn delete_network(&mut self, name: &Name) -> Result<Effect, Refused> {
        if !self.intent.networks.contains_key(name) {
            return Err(Refused::NotFound(Kind::Network, name.clone()));
        }
        if name.as_str() == api::DEFAULT_NETWORK {
            return Err(Refused::Conflict(format!("network {name} holds the gateways of all nodes and stays")));
        }
        let endpoints = self.intent.endpoints_in(name).count();
        let services = self.intent.services.values().filter(|service| service.network == *name).count();
        let policies = self.intent.policies.values().filter(|policy| policy.spec.network == *name).count();
        if endpoints + services + policies > 0 {
            let reason = format!(
                "network {name} still has {endpoints} endpoints, {services} services and {policies} policies; remove them first"
            );
            return Err(Refused::Conflict(reason));
        }
        let shares = self.intent.subnets.keys().filter(|(network, _)| network == name);
        let shares: Vec<Key> = shares.map(|(network, node)| Key::Subnet(network.clone(), node.clone())).collect();
        shares.into_iter().for_each(|share| self.remove(share));
        self.remove(Key::Network(name.clone()));
        Ok(Effect::Removed)
    }

    /// Gives a node its share of a routed network, if it has none.
    pub(super) fn give_share(&mut self, network: &Name, node: &Name) -> Result<(), Refused> {
        let Some(there) = self.intent.networks.get(network) else { return Ok(()) };
        if there.spec.mode != Mode::Routed || self.intent.subnet(network, node).is_some() {
            return Ok(());
        }
        let mut subnets: Vec<&IpNet> = there.spec.subnets.iter().collect();
        subnets.sort();
        let share = |subnet: &&IpNet| alloc::share(&self.intent, network, subnet, there.spec.share_prefix(subnet));
        let mut shares = subnets.iter().map(share);
        let Some(cidr) = shares.next().transpose()? else { return Ok(()) };
        let cidr6 = shares.next().transpose()?;
        let (node, network, revision) = (node.clone(), network.clone(), self.revision());
        self.put(Value::Subnet(Arc::new(NodeSubnet { node, network, cidr, cidr6, revision })));
        Ok(())
    }

    fn check_subnets(&self, spec: &NetworkSpec) -> Result<(), Refused> {
        let refuse = |reason: String| Err(Invalid::new("subnets", reason).into());
        for subnet in &spec.subnets {
            if self.services.nets().any(|net| overlap(subnet, &net)) {
                return refuse(format!("{subnet} overlaps the services' range {}", self.services));
            }
            let overlaps = |other: &&Arc<Network>| other.spec.subnets.iter().any(|s| overlap(s, subnet));
            if let Some(other) = self.intent.networks.values().find(overlaps) {
                return refuse(format!("{subnet} overlaps network {}", other.name));
            }
            if let Some(node) =
                self.intent.nodes.values().find(|node| node.spec.addresses().any(|ip| subnet.contains(&ip)))
            {
                return refuse(format!("{subnet} holds the address of node {}", node.name));
            }
        }
        Ok(())
    }
}

fn overlap(a: &IpNet, b: &IpNet) -> bool {
    a.contains(&b.network()) || b.contains(&a.network())
}
