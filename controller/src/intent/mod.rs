//! What users want: the objects of the store, and which changes to them are allowed.
//!
//! [`Intent`] is an immutable snapshot: a clone costs nothing and shares what is the same. [`Intent::plan`] turns
//! [`Change`]s into one [`Txn`] or refuses them all; [`Intent::apply`] takes a transaction in. The store writes the same
//! transactions to disk, and whoever else keeps a copy (the compiler) applies them in the same order.

mod alloc;
mod change;
mod endpoint;
mod gossip;
mod hosts;
mod index;
mod key;
mod mesh;
mod network;
mod node;
mod policy;
mod ports;
mod range;
mod restore;
mod seats;
mod service;
#[cfg(test)]
mod tests;
mod trust;

use std::{net::IpAddr, sync::Arc};

use imbl::OrdMap;

pub use api::{Endpoint, Name, Network, Node, NodeSubnet, Policy, Service};

pub use change::{Change, Effect, Plan, Refused, Rejected};
pub use gossip::Gossip;
pub use hosts::is_host;
pub use key::{Key, Unreadable, Value, Write};
pub use mesh::ChosenMesh;
pub use ports::HeldPorts;
pub use range::VirtualRange;
pub use seats::{MAX_BUCKETS, slice_count};
pub use trust::{Authority, Enrolment, Known, Role, Token};

use index::Index;

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

/// How many ids were given out so far, one counter per kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Counters {
    /// The store's revision.
    pub revision: u64,
    /// How often a controller has started on this store.
    pub generation: u64,
    /// Node ids given out.
    pub node: u64,
    /// Network ids given out.
    pub network: u64,
    /// Endpoint ids given out.
    pub endpoint: u64,
    /// Service ids given out.
    pub service: u64,
    /// Policy ids given out.
    #[serde(default)]
    pub policy: u64,
}

/// The objects of the store as of one revision.
#[derive(Clone, Debug, Default)]
pub struct Intent {
    counters: Counters,
    /// Nodes by name.
    pub nodes: OrdMap<Name, Arc<Node>>,
    /// Hosts by their addresses, as services see them.
    hosts: OrdMap<IpAddr, Arc<Endpoint>>,
    /// Networks by name.
    pub networks: OrdMap<Name, Arc<Network>>,
    /// Endpoints by name.
    pub endpoints: OrdMap<Name, Arc<Endpoint>>,
    /// Services by name.
    pub services: OrdMap<Name, Arc<Service>>,
    /// Policies by name.
    pub policies: OrdMap<Name, Arc<Policy>>,
    /// Shares of routed networks by network and node.
    pub subnets: OrdMap<(Name, Name), Arc<NodeSubnet>>,
    /// Freed addresses by network and address, with the Unix second until which they rest.
    resting: OrdMap<(Name, IpAddr), u64>,
    /// The keys that seal gossip between agents, once there are any.
    pub gossip: Option<Arc<Gossip>>,
    /// How the mesh is laid out, once that was chosen.
    pub mesh: Option<Arc<ChosenMesh>>,
    /// Seats of the backends of services that need more than one group, by service and endpoint.
    seats: OrdMap<Name, OrdMap<Name, u32>>,
    /// Who signs certificates, once there is somebody.
    pub authority: Option<Arc<Authority>>,
    /// The certificates that count, by their fingerprints.
    pub known: OrdMap<String, Arc<Known>>,
    /// The tokens that hosts join with, by name.
    pub tokens: OrdMap<String, Arc<Token>>,
    index: Index,
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

    /// All values, as [`Intent::load`] takes them.
    pub fn values(&self) -> impl Iterator<Item = Value> {
        let resting = self.resting.iter();
        let resting =
            resting.map(|((network, ip), until)| Value::Resting { network: network.clone(), ip: *ip, until: *until });
        std::iter::once(Value::Counters(self.counters))
            .chain(self.nodes.values().cloned().map(Value::Node))
            .chain(self.networks.values().cloned().map(Value::Network))
            .chain(self.endpoints.values().cloned().map(Value::Endpoint))
            .chain(self.services.values().cloned().map(Value::Service))
            .chain(self.policies.values().cloned().map(Value::Policy))
            .chain(self.subnets.values().cloned().map(Value::Subnet))
            .chain(resting)
            .chain(self.gossip.clone().map(Value::Gossip))
            .chain(self.mesh.clone().map(Value::Mesh))
            .chain(self.seat_values())
            .chain(self.authority.clone().map(Value::Authority))
            .chain(self.known.values().cloned().map(Value::Known))
            .chain(self.tokens.values().cloned().map(Value::Token))
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

    /// A node's share of a network.
    pub fn subnet(&self, network: &Name, node: &Name) -> Option<&Arc<NodeSubnet>> {
        self.subnets.get(&(network.clone(), node.clone()))
    }

    fn write(&mut self, write: &Write) {
        match (&write.key, &write.value) {
            (Key::Counters, Some(Value::Counters(counters))) => self.counters = *counters,
            (Key::Counters, _) => {}
            (Key::Node(name), value) => {
                let new = if let Some(Value::Node(node)) = value { Some(node) } else { None };
                let old = put(&mut self.nodes, name, new);
                self.write_host(old.as_deref(), new);
            }
            (Key::Network(name), Some(Value::Network(network))) => {
                self.networks.insert(name.clone(), network.clone());
            }
            (Key::Network(name), _) => drop(self.networks.remove(name)),
            (Key::Service(name), value) => {
                let new = if let Some(Value::Service(service)) = value { Some(service) } else { None };
                let old = put(&mut self.services, name, new);
                self.index.service(old.as_deref(), new.map(|new| &**new));
            }
            (Key::Endpoint(name), value) => {
                let new = if let Some(Value::Endpoint(endpoint)) = value { Some(endpoint) } else { None };
                let old = put(&mut self.endpoints, name, new);
                self.index.endpoint(old.as_deref(), new.map(|new| &**new));
                self.recount(old.as_deref(), new.map(|new| &**new));
            }
            (Key::Policy(name), value) => {
                let new = if let Some(Value::Policy(policy)) = value { Some(policy) } else { None };
                let old = put(&mut self.policies, name, new);
                self.index_policy(old.as_deref(), new.map(|new| &**new));
            }
            (Key::Subnet(network, node), Some(Value::Subnet(subnet))) => {
                self.subnets.insert((network.clone(), node.clone()), subnet.clone());
            }
            (Key::Subnet(network, node), _) => drop(self.subnets.remove(&(network.clone(), node.clone()))),
            (Key::Resting(network, ip), Some(Value::Resting { until, .. })) => {
                self.resting.insert((network.clone(), *ip), *until);
            }
            (Key::Resting(network, ip), _) => drop(self.resting.remove(&(network.clone(), *ip))),
            (Key::Gossip, Some(Value::Gossip(gossip))) => self.gossip = Some(gossip.clone()),
            (Key::Gossip, _) => self.gossip = None,
            (Key::Mesh, Some(Value::Mesh(mesh))) => self.mesh = Some(mesh.clone()),
            (Key::Mesh, _) => self.mesh = None,
            (Key::Seat(service, endpoint), Some(Value::Seat { number, .. })) => {
                self.seats.entry(service.clone()).or_default().insert(endpoint.clone(), *number);
            }
            (Key::Seat(service, endpoint), _) => self.leave_seat(service, endpoint),
            (Key::Authority, Some(Value::Authority(authority))) => self.authority = Some(authority.clone()),
            (Key::Authority, _) => self.authority = None,
            (Key::Known(print), Some(Value::Known(known))) => drop(self.known.insert(print.clone(), known.clone())),
            (Key::Known(print), _) => drop(self.known.remove(print)),
            (Key::Token(name), Some(Value::Token(token))) => drop(self.tokens.insert(name.clone(), token.clone())),
            (Key::Token(name), _) => drop(self.tokens.remove(name)),
        }
    }
}

/// Puts or removes; what was there before.
fn put<T>(map: &mut OrdMap<Name, Arc<T>>, name: &Name, value: Option<&Arc<T>>) -> Option<Arc<T>> {
    match value {
        Some(value) => map.insert(name.clone(), value.clone()),
        None => map.remove(name),
    }
}
