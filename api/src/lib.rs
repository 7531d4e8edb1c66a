//! The objects users speak of, their validation, and the HTTP client.
//!
//! [`Node`], [`Network`], [`Endpoint`], [`Service`] and [`Policy`] are *intent*: what the
//! controller stores and compiles into flows. Users write the `…Spec` of an
//! object; the object itself adds what the controller gave it (ids, addresses,
//! ports) and the revision at which it last changed. The types in [`status`]
//! are *observed*: they are never stored.

mod affinity;
mod agent;
pub mod balance;
mod bfd;
mod client;
mod credential;
mod endpoint;
mod error;
mod gossip;
mod join;
mod live;
mod mac;
mod manifest;
mod mesh;
mod name;
mod names;
mod network;
mod node;
mod policy;
mod prediction;
mod schema;
mod service;
pub mod status;
mod tls;
mod traffic;
mod validity;
mod vip;

pub use affinity::Affinity;
pub use agent::{
    AgentConfig, AgentReport, Attach, Health, HeldPort, NetworkConnections, Peer, Probe, Published, Tracked, Tracking,
};
pub use bfd::{Bfd, BfdSession, BfdState};
pub use client::{Client, ClientError, Lines, WriteOptions};
pub use credential::{BadCredential, Credential, fingerprint, fingerprint_of_pem};
pub use endpoint::{Endpoint, EndpointSpec};
pub use error::{ErrorBody, Invalid};
pub use gossip::{GossipCounts, GossipKey, GossipKeys, MemberState, MemberView, Rejection};
pub use join::{BadToken, JoinAnswer, JoinRequest, JoinToken, RenewRequest, TokenCreate, TokenMade, TokenStatus};
pub use live::Live;
pub use mac::Mac;
pub use manifest::{Applied, Apply, Backup, Effect, Manifest, Outcome, Planned, PlannedNode, WatchEvent};
pub use mesh::{MeshMode, MeshPair, MeshSpec, PairSpec, Way};
pub use name::Name;
pub use names::{
    Found, MAX_NAMES, NameKey, NameKeys, Named, NamesAnswer, NamesConfig, NamesNetwork, NamesQuery, Target,
};
pub use network::{DEFAULT_NETWORK, Mode, Network, NetworkSpec, NodeSubnet, Tunnel, default_network, gateway_of};
pub use node::{Containers, Datapath, Membership, Node, NodeSpec, NodeStatus};
pub use policy::{Policy, PolicyPeer, PolicyPort, PolicyRule, PolicySpec};
pub use prediction::{Load, Prediction, Size, TableLoad};
pub use service::{Backend, MAX_BACKENDS, MAX_WEIGHT, PUBLISHED_PORTS, Protocol, Service, ServicePort, ServiceSpec};
pub use tls::{Trust, plain_http};
pub use traffic::{Prefer, Reach, Traffic};
pub use validity::Validity;
pub use vip::Vip;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The kinds of objects the controller stores, in the order they build on each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Kind {
    /// The pipeline itself: flows that no object asked for.
    Pipeline = 1,
    /// A host with an Open vSwitch.
    Node = 2,
    /// An address space that endpoints live in.
    Network = 3,
    /// A pod, container or task.
    Endpoint = 4,
    /// A virtual address in front of backends.
    Service = 5,
    /// Which connections endpoints may have.
    Policy = 6,
}

impl Kind {
    /// The kind with this number, as it stands in a flow's cookie.
    pub fn from_number(number: u8) -> Option<Self> {
        [Self::Pipeline, Self::Node, Self::Network, Self::Endpoint, Self::Service, Self::Policy]
            .into_iter()
            .find(|kind| *kind as u8 == number)
    }

    /// The kind's name in lower case, as in `service/web`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pipeline => "pipeline",
            Self::Node => "node",
            Self::Network => "network",
            Self::Endpoint => "endpoint",
            Self::Service => "service",
            Self::Policy => "policy",
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A list of objects as of one revision of the store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct List<T> {
    /// The revision the list shows.
    pub revision: u64,
    /// The objects, in order of their names.
    pub items: Vec<T>,
}

/// The body of a `POST` that creates an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Create<S> {
    /// The name it is to have.
    pub name: Name,
    /// What its maker says of it.
    pub spec: S,
}

/// The answer to a write.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Written<T> {
    /// The revision of the store that holds the write.
    pub revision: u64,
    /// The object as it now is; none after a removal.
    pub object: Option<T>,
    /// The nodes whose switch has not yet acknowledged the write; empty when it is real everywhere.
    pub pending: Vec<String>,
}
