//! What the resolver on a host and the controller tell each other: which names a host's clients asked for, and what they
//! stand for.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv6Addr},
};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Name, ServicePort};

/// How many names a host can follow.
pub const MAX_NAMES: usize = 2_048;

/// The longest name that is looked up, in bytes.
const MAX_KEY: usize = 128;

/// What a host's resolver answers, and for whom: part of an agent's configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NamesConfig {
    /// The domain of all names, like `sdn.internal`: a name of a network is below `NETWORK.DOMAIN`.
    pub domain: String,
    /// Where endpoints ask, by UDP and TCP, on port 53.
    #[schema(value_type = crate::schema::Ip)]
    pub address: IpAddr,
    /// Where those with an IPv6 address ask, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<crate::schema::Ip>)]
    pub address6: Option<Ipv6Addr>,
    /// The networks whose names this host's clients may see.
    pub networks: BTreeMap<Name, NamesNetwork>,
    /// All addresses of the cluster, whosesoever: what is asked about these is never asked outside.
    #[schema(value_type = Vec<crate::schema::Cidr>)]
    pub ranges: Vec<IpNet>,
}

impl NamesConfig {
    /// Where endpoints ask, by either family.
    pub fn addresses(&self) -> Vec<IpAddr> {
        [self.address].into_iter().chain(self.address6.map(IpAddr::V6)).collect()
    }
}

/// A network as the resolver sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NamesNetwork {
    /// Whether nothing leads outside of it, questions included.
    pub internal: bool,
}

/// Something to look up in a network.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum NameKey {
    /// All its services with a virtual address, however they are called.
    Services,
    /// A service or an endpoint, by its name in lower case.
    Name(String),
    /// The backends of a service, by its name in lower case.
    Backends(String),
    /// Whoever has this address.
    #[schema(value_type = crate::schema::Ip)]
    Ip(IpAddr),
}

impl NameKey {
    /// Whether it is within bounds.
    pub fn is_valid(&self) -> bool {
        match self {
            Self::Services | Self::Ip(_) => true,
            Self::Name(name) | Self::Backends(name) => name.len() <= MAX_KEY,
        }
    }
}

/// Things to look up, network by network.
pub type NameKeys = BTreeMap<Name, BTreeSet<NameKey>>;

/// `POST /v1/nodes/NODE/names?timeout=SECONDS`: what is wanted at once, and what has changed of what is known as soon as
/// anything has.
///
/// The whole state of the exchange is in the question, so that any controller can answer it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NamesQuery {
    /// The revision as of which `known` is known; 0 if it is not.
    pub after: u64,
    /// What is followed.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, BTreeSet<NameKey>>)]
    pub known: NameKeys,
    /// What is asked for the first time: the answer does not wait.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, BTreeSet<NameKey>>)]
    pub wanted: NameKeys,
}

/// What things stand for as of a revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NamesAnswer {
    /// The revision: what is not mentioned is as it was.
    pub revision: u64,
    /// What was wanted, and what has changed.
    pub names: Vec<Named>,
}

/// What one thing stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Named {
    /// The network.
    pub network: Name,
    /// What was looked up.
    pub key: NameKey,
    /// What it is; nothing if there is no such thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<Found>,
}

/// A service or an endpoint, as far as names go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Found {
    /// Its name.
    pub name: Name,
    /// The virtual address of a service, or the addresses of an endpoint; none of a service without a virtual address.
    #[schema(value_type = Vec<crate::schema::Ip>)]
    pub ips: Vec<IpAddr>,
    /// The ports of a service.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<ServicePort>,
    /// The backends that take new connections: of a service without a virtual address, or where they were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub backends: Vec<Target>,
    /// Whether it is a service.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub service: bool,
}

/// A backend of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Target {
    /// The endpoint's name.
    pub name: Name,
    /// Its addresses.
    #[schema(value_type = Vec<crate::schema::Ip>)]
    pub ips: Vec<IpAddr>,
}
