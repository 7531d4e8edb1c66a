//! What users want: the objects of the store, and which changes to them are allowed.
//!
//! [`Intent`] is a pure state machine. [`Intent::plan`] turns a [`Change`] into
//! a [`Txn`] or refuses it; [`Intent::apply`] takes a transaction in. The store
//! writes the same transactions to disk, and whoever else keeps a copy (the
//! compiler) applies them in the same order.

mod alloc;
mod change;
mod endpoint;
mod key;
mod node;
mod service;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

pub use api::{Endpoint, Name, Network, Node, NodeSubnet, Service};

pub use change::{Change, Planned, Refused};
pub use key::{Key, Value, Write};

/// How long a freed address rests before another endpoint may have it, in seconds.
pub const REST_SECONDS: u64 = 60;

/// One revision of the intent: all of its writes or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Txn {
    /// The revision that holds it.
    pub revision: u64,
    /// What it writes, each key once.
    pub writes: Vec<Write>,
}

/// Ids that were given out last, one counter per kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Counters {
    /// The store's revision.
    pub revision: u64,
    /// How often a controller has started on this store.
    pub generation: u64,
    /// The last node id.
    pub node: u32,
    /// The last network id.
    pub network: u32,
    /// The last endpoint id.
    pub endpoint: u32,
    /// The last service id.
    pub service: u32,
}

/// The objects of the store as of one revision.
#[derive(Clone, Debug, Default)]
pub struct Intent {
    counters: Counters,
    /// Nodes by name.
    pub nodes: BTreeMap<Name, Arc<Node>>,
    /// Networks by name.
    pub networks: BTreeMap<Name, Arc<Network>>,
    /// Endpoints by name.
    pub endpoints: BTreeMap<Name, Arc<Endpoint>>,
    /// Services by name.
    pub services: BTreeMap<Name, Arc<Service>>,
    /// Shares of routed networks by network and node.
    pub subnets: BTreeMap<(Name, Name), Arc<NodeSubnet>>,
    /// Freed addresses by network and address, with the Unix second until which they rest.
    resting: BTreeMap<(Name, IpAddr), u64>,
    /// Who has an address, by network and address.
    addresses: BTreeMap<(Name, IpAddr), Name>,
    /// Endpoints by node.
    on_node: BTreeMap<Name, BTreeMap<u32, Name>>,
}

impl Intent {
    /// The intent that these values make.
    pub fn load(values: impl IntoIterator<Item = Value>) -> Self {
        let mut intent = Self::default();
        for value in values {
            intent.write(&Write { key: value.key(), value: Some(value) });
        }
        intent
    }

    /// The revision of the last transaction.
    pub fn revision(&self) -> u64 {
        self.counters.revision
    }

    /// How often a controller has started on this store.
    pub fn generation(&self) -> u64 {
        self.counters.generation
    }

    /// Takes a transaction in.
    pub fn apply(&mut self, txn: &Txn) {
        for write in &txn.writes {
            self.write(write);
        }
    }

    /// The endpoint that has this address.
    pub fn endpoint_at(&self, network: &Name, ip: IpAddr) -> Option<&Arc<Endpoint>> {
        self.endpoints.get(self.addresses.get(&(network.clone(), ip))?)
    }

    /// The endpoints of a node in order of their ports.
    pub fn endpoints_on(&self, node: &Name) -> impl Iterator<Item = &Arc<Endpoint>> {
        self.on_node.get(node).into_iter().flat_map(BTreeMap::values).filter_map(|name| self.endpoints.get(name))
    }

    /// A node's share of a network.
    pub fn subnet(&self, network: &Name, node: &Name) -> Option<&Arc<NodeSubnet>> {
        self.subnets.get(&(network.clone(), node.clone()))
    }

    /// The backends of a service that exist: endpoint and the revision at which it became one, in order of address.
    pub fn backends<'a>(&'a self, service: &'a Service) -> Vec<(&'a Endpoint, u64)> {
        let mut found: Vec<(&Endpoint, u64)> = if service.selector.is_empty() {
            let listed = service.backends.iter();
            listed
                .filter_map(|b| self.endpoint_at(&service.network, b.ip).map(|e| (&**e, b.revision.max(e.revision))))
                .collect()
        } else {
            let all = self.endpoints.values().filter(|e| service.selects(e));
            all.map(|e| (&**e, e.revision.max(service.frontend_revision))).collect()
        };
        found.sort_by(|(a, _), (b, _)| a.ips.cmp(&b.ips));
        found
    }

    fn write(&mut self, write: &Write) {
        match (&write.key, &write.value) {
            (Key::Counters, Some(Value::Counters(counters))) => self.counters = *counters,
            (Key::Node(name), Some(Value::Node(node))) => put(&mut self.nodes, name, node),
            (Key::Network(name), Some(Value::Network(network))) => put(&mut self.networks, name, network),
            (Key::Service(name), Some(Value::Service(service))) => put(&mut self.services, name, service),
            (Key::Endpoint(name), value) => {
                let old = self.endpoints.get(name).cloned();
                if let Some(old) = old {
                    self.unlink(&old);
                }
                match value {
                    Some(Value::Endpoint(endpoint)) => self.link(endpoint),
                    _ => drop(self.endpoints.remove(name)),
                }
            }
            (Key::Subnet(network, node), Some(Value::Subnet(subnet))) => {
                self.subnets.insert((network.clone(), node.clone()), subnet.clone());
            }
            (Key::Resting(network, ip), Some(Value::Resting { until, .. })) => {
                self.resting.insert((network.clone(), *ip), *until);
            }
            (Key::Node(name), _) => drop(self.nodes.remove(name)),
            (Key::Network(name), _) => drop(self.networks.remove(name)),
            (Key::Service(name), _) => drop(self.services.remove(name)),
            (Key::Subnet(network, node), _) => drop(self.subnets.remove(&(network.clone(), node.clone()))),
            (Key::Resting(network, ip), _) => drop(self.resting.remove(&(network.clone(), *ip))),
            (Key::Counters, _) => {}
        }
    }

    fn link(&mut self, endpoint: &Arc<Endpoint>) {
        for ip in &endpoint.ips {
            self.addresses.insert((endpoint.network.clone(), *ip), endpoint.name.clone());
        }
        self.on_node.entry(endpoint.node.clone()).or_default().insert(endpoint.port, endpoint.name.clone());
        put(&mut self.endpoints, &endpoint.name, endpoint);
    }

    fn unlink(&mut self, endpoint: &Endpoint) {
        for ip in &endpoint.ips {
            self.addresses.remove(&(endpoint.network.clone(), *ip));
        }
        if let Some(ports) = self.on_node.get_mut(&endpoint.node) {
            ports.remove(&endpoint.port);
            if ports.is_empty() {
                self.on_node.remove(&endpoint.node);
            }
        }
    }
}

fn put<T>(map: &mut BTreeMap<Name, Arc<T>>, name: &Name, value: &Arc<T>) {
    map.insert(name.clone(), value.clone());
}
