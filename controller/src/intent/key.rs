//! The store's keys and values, and how they are written down.

use std::{net::IpAddr, sync::Arc};

use api::{Endpoint, Kind, Name, Network, Node, NodeSubnet, Policy, Service};

use super::{Authority, ChosenMesh, Counters, Gossip, Known, Token};

/// Where a value stands in the store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// Revision, generation and id counters.
    Counters,
    /// A node.
    Node(Name),
    /// A network.
    Network(Name),
    /// An endpoint.
    Endpoint(Name),
    /// A service.
    Service(Name),
    /// A policy.
    Policy(Name),
    /// The share of a network (first) that a node (second) has.
    Subnet(Name, Name),
    /// A freed address of a network.
    Resting(Name, IpAddr),
    /// The keys that seal gossip between agents.
    Gossip,
    /// How the mesh is laid out.
    Mesh,
    /// The seat of an endpoint (second) among the backends of a service (first).
    Seat(Name, Name),
    /// Who signs certificates.
    Authority,
    /// A certificate that counts, by its fingerprint.
    Known(String),
    /// A token that hosts join with.
    Token(String),
}

/// A value of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Revision, generation and id counters.
    Counters(Counters),
    /// A node.
    Node(Arc<Node>),
    /// A network.
    Network(Arc<Network>),
    /// An endpoint.
    Endpoint(Arc<Endpoint>),
    /// A service.
    Service(Arc<Service>),
    /// A policy.
    Policy(Arc<Policy>),
    /// A share of a network.
    Subnet(Arc<NodeSubnet>),
    /// A freed address.
    Resting {
        /// Its network.
        network: Name,
        /// The address.
        ip: IpAddr,
        /// The Unix second until which it rests.
        until: u64,
    },
    /// The keys that seal gossip between agents.
    Gossip(Arc<Gossip>),
    /// How the mesh is laid out.
    Mesh(Arc<ChosenMesh>),
    /// A backend's seat: see [`Intent::slices`](super::Intent::slices).
    Seat {
        /// The service.
        service: Name,
        /// The endpoint that is its backend.
        endpoint: Name,
        /// Its number, from 0.
        number: u32,
    },
    /// Who signs certificates.
    Authority(Arc<Authority>),
    /// A certificate that counts.
    Known(Arc<Known>),
    /// A token that hosts join with.
    Token(Arc<Token>),
}

/// One key and its new value; none removes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// Where.
    pub key: Key,
    /// What.
    pub value: Option<Value>,
}

/// A stored value that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{key}: {reason}")]
pub struct Unreadable {
    /// The key it stands under.
    pub key: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Key {
    /// Whether it is by what stands under it that somebody is known: no backup holds that.
    pub fn is_secret(&self) -> bool {
        matches!(self, Self::Gossip | Self::Authority | Self::Known(_) | Self::Token(_))
    }

    /// The object that stands under it, if it is one that users know.
    pub fn object(&self) -> Option<(Kind, &Name)> {
        match self {
            Self::Node(name) => Some((Kind::Node, name)),
            Self::Network(name) => Some((Kind::Network, name)),
            Self::Endpoint(name) => Some((Kind::Endpoint, name)),
            Self::Service(name) => Some((Kind::Service, name)),
            Self::Policy(name) => Some((Kind::Policy, name)),
            Self::Counters | Self::Subnet(..) | Self::Resting(..) | Self::Seat(..) | Self::Mesh => None,
            Self::Gossip | Self::Authority | Self::Known(_) | Self::Token(_) => None,
        }
    }

    /// The key as text, like `endpoint/web-1`.
    pub fn encode(&self) -> String {
        match self {
            Self::Counters => "counters".into(),
            Self::Node(name) => format!("node/{name}"),
            Self::Network(name) => format!("network/{name}"),
            Self::Endpoint(name) => format!("endpoint/{name}"),
            Self::Service(name) => format!("service/{name}"),
            Self::Policy(name) => format!("policy/{name}"),
            Self::Subnet(network, node) => format!("subnet/{network}/{node}"),
            Self::Resting(network, ip) => format!("resting/{network}/{ip}"),
            Self::Gossip => "gossip".into(),
            Self::Mesh => "mesh".into(),
            Self::Seat(service, endpoint) => format!("seat/{service}/{endpoint}"),
            Self::Authority => "authority".into(),
            Self::Known(fingerprint) => format!("known/{fingerprint}"),
            Self::Token(name) => format!("token/{name}"),
        }
    }
}

impl Key {
    /// Reads back what [`Key::encode`] wrote; none if it is no such text.
    pub fn decode(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '/').skip(1);
        let mut name = || Name::new(parts.next()?).ok();
        let key = match text.split('/').next()? {
            "counters" => Self::Counters,
            "node" => Self::Node(name()?),
            "network" => Self::Network(name()?),
            "endpoint" => Self::Endpoint(name()?),
            "service" => Self::Service(name()?),
            "policy" => Self::Policy(name()?),
            "subnet" => Self::Subnet(name()?, name()?),
            "resting" => Self::Resting(name()?, parts.next()?.parse().ok()?),
            "gossip" => Self::Gossip,
            "mesh" => Self::Mesh,
            "seat" => Self::Seat(name()?, name()?),
            "authority" => Self::Authority,
            "known" => Self::Known(text.split_once('/')?.1.to_owned()),
            "token" => Self::Token(text.split_once('/')?.1.to_owned()),
            _ => return None,
        };
        (key.encode() == text).then_some(key)
    }
}

impl Value {
    /// The key this value stands under.
    pub fn key(&self) -> Key {
        match self {
            Self::Counters(_) => Key::Counters,
            Self::Node(node) => Key::Node(node.name.clone()),
            Self::Network(network) => Key::Network(network.name.clone()),
            Self::Endpoint(endpoint) => Key::Endpoint(endpoint.name.clone()),
            Self::Service(service) => Key::Service(service.name.clone()),
            Self::Policy(policy) => Key::Policy(policy.name.clone()),
            Self::Subnet(subnet) => Key::Subnet(subnet.network.clone(), subnet.node.clone()),
            Self::Resting { network, ip, .. } => Key::Resting(network.clone(), *ip),
            Self::Gossip(_) => Key::Gossip,
            Self::Mesh(_) => Key::Mesh,
            Self::Seat { service, endpoint, .. } => Key::Seat(service.clone(), endpoint.clone()),
            Self::Authority(_) => Key::Authority,
            Self::Known(known) => Key::Known(known.fingerprint.clone()),
            Self::Token(token) => Key::Token(token.name.clone()),
        }
    }

    /// The value as JSON.
    pub fn encode(&self) -> Vec<u8> {
        let encoded = match self {
            Self::Counters(counters) => serde_json::to_vec(counters),
            Self::Node(node) => serde_json::to_vec(&**node),
            Self::Network(network) => serde_json::to_vec(&**network),
            Self::Endpoint(endpoint) => serde_json::to_vec(&**endpoint),
            Self::Service(service) => serde_json::to_vec(&**service),
            Self::Policy(policy) => serde_json::to_vec(&**policy),
            Self::Subnet(subnet) => serde_json::to_vec(&**subnet),
            Self::Resting { until, .. } => serde_json::to_vec(until),
            Self::Gossip(gossip) => serde_json::to_vec(&**gossip),
            Self::Mesh(mesh) => serde_json::to_vec(&**mesh),
            Self::Seat { number, .. } => serde_json::to_vec(number),
            Self::Authority(authority) => serde_json::to_vec(&**authority),
            Self::Known(known) => serde_json::to_vec(&**known),
            Self::Token(token) => serde_json::to_vec(&**token),
        };
        encoded.expect("these types have string keys and no failing serializer")
    }

    /// Reads back what [`Key::encode`] and [`Value::encode`] wrote.
    ///
    /// # Errors
    /// When the key is none of ours, the value is not what stands under such a key, or it names another key.
    pub fn decode(key: &str, bytes: &[u8]) -> Result<Self, Unreadable> {
        let unreadable = |reason: String| Unreadable { key: key.into(), reason };
        fn json<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<Arc<T>, String> {
            serde_json::from_slice(bytes).map(Arc::new).map_err(|e| e.to_string())
        }
        let kind = key.split('/').next().unwrap_or_default();
        let value = match kind {
            "counters" => json(bytes).map(|c| Self::Counters(*c)),
            "node" => json(bytes).map(Self::Node),
            "network" => json(bytes).map(Self::Network),
            "endpoint" => json(bytes).map(Self::Endpoint),
            "service" => json(bytes).map(Self::Service),
            "policy" => json(bytes).map(Self::Policy),
            "subnet" => json(bytes).map(Self::Subnet),
            "resting" => resting(key, bytes),
            "gossip" => json(bytes).map(Self::Gossip),
            "mesh" => json(bytes).map(Self::Mesh),
            "seat" => seat(key, bytes),
            "authority" => json(bytes).map(Self::Authority),
            "known" => json(bytes).map(Self::Known),
            "token" => json(bytes).map(Self::Token),
            _ => Err("a kind this version does not know".into()),
        }
        .map_err(unreadable)?;
        if value.key().encode() == key { Ok(value) } else { Err(unreadable("holds the value of another key".into())) }
    }
}

fn resting(key: &str, bytes: &[u8]) -> Result<Value, String> {
    let mut parts = key.splitn(3, '/').skip(1);
    let network = Name::new(parts.next().unwrap_or_default()).map_err(|e| e.to_string())?;
    let ip = parts.next().unwrap_or_default().parse().map_err(|_| "no address in the key".to_string())?;
    let until = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
    Ok(Value::Resting { network, ip, until })
}

fn seat(key: &str, bytes: &[u8]) -> Result<Value, String> {
    let Some(Key::Seat(service, endpoint)) = Key::decode(key) else {
        return Err("no service and endpoint in the key".into());
    };
    let number = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
    Ok(Value::Seat { service, endpoint, number })
}
