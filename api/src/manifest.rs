//! Objects as files hold them, and what becomes of such a file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Endpoint, EndpointSpec, Kind, Name, Network, NetworkSpec, Node, NodeSpec, Policy, PolicySpec, Service, ServicePort,
    ServiceSpec, status::Flow,
};

/// An object as a file holds it: what its maker says of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Manifest {
    /// A network.
    #[serde(alias = "Network")]
    Network {
        /// Its name.
        name: Name,
        /// What it is to be.
        spec: NetworkSpec,
    },
    /// A host; agents make these by themselves.
    #[serde(alias = "Node")]
    Node {
        /// Its name.
        name: Name,
        /// What it is to be.
        spec: NodeSpec,
    },
    /// An endpoint.
    #[serde(alias = "Endpoint")]
    Endpoint {
        /// Its name.
        name: Name,
        /// What it is to be.
        spec: EndpointSpec,
    },
    /// A service.
    #[serde(alias = "Service")]
    Service {
        /// Its name.
        name: Name,
        /// What it is to be.
        spec: ServiceSpec,
    },
    /// A policy.
    #[serde(alias = "Policy")]
    Policy {
        /// Its name.
        name: Name,
        /// What it is to be.
        spec: PolicySpec,
    },
}

impl Manifest {
    /// Kind and name.
    pub fn id(&self) -> (Kind, &Name) {
        match self {
            Self::Network { name, .. } => (Kind::Network, name),
            Self::Node { name, .. } => (Kind::Node, name),
            Self::Endpoint { name, .. } => (Kind::Endpoint, name),
            Self::Service { name, .. } => (Kind::Service, name),
            Self::Policy { name, .. } => (Kind::Policy, name),
        }
    }
}

impl From<Network> for Manifest {
    fn from(network: Network) -> Self {
        Self::Network { name: network.name, spec: network.spec }
    }
}

impl From<Node> for Manifest {
    fn from(node: Node) -> Self {
        Self::Node { name: node.name, spec: node.spec }
    }
}

impl From<Endpoint> for Manifest {
    fn from(endpoint: Endpoint) -> Self {
        Self::Endpoint { spec: endpoint.spec(), name: endpoint.name }
    }
}

impl From<Service> for Manifest {
    fn from(service: Service) -> Self {
        Self::Service { spec: service.spec(), name: service.name }
    }
}

impl From<Policy> for Manifest {
    fn from(policy: Policy) -> Self {
        Self::Policy { name: policy.name, spec: policy.spec }
    }
}

/// The body of `POST /v1/apply` and `POST /v1/plan`: objects that are made or changed together, or not at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Apply {
    /// The objects, in any order.
    pub objects: Vec<Manifest>,
}

/// What applying does to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// It was not there.
    Created,
    /// It was there and is another now.
    Changed,
    /// It is so already.
    Unchanged,
}

/// An object of a file, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Outcome {
    /// What kind of object.
    pub kind: Kind,
    /// Its name.
    pub name: Name,
    /// What becomes of it.
    pub effect: Effect,
    /// Those ports of a service that are published, with the port of every node at which they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub published: Vec<ServicePort>,
}

/// The answer to `POST /v1/apply`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Applied {
    /// The revision of the store that holds all of it.
    pub revision: u64,
    /// What became of each object, in the order in which they build on each other.
    pub objects: Vec<Outcome>,
    /// The nodes whose switch has not yet acknowledged it; empty when it is real everywhere.
    pub pending: Vec<String>,
}

/// The answer to `POST /v1/plan`: what applying would do. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Planned {
    /// The revision of the store that was looked at.
    pub revision: u64,
    /// What would become of each object.
    pub objects: Vec<Outcome>,
    /// What would change on which nodes; nodes on which nothing changes are left out.
    pub nodes: Vec<PlannedNode>,
}

/// What would change on a node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlannedNode {
    /// The node.
    pub node: Name,
    /// Its flows that would change; `diff` is `added`, `changed` or `removed`.
    pub flows: Vec<Flow>,
    /// Ids of its groups that would come, change or go.
    pub groups: Vec<u32>,
    /// Ports of its bridge that would come, change or go.
    pub ports: Vec<String>,
}

/// `GET /v1/watch?after=REVISION`: one of these a line, for every change after that revision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum WatchEvent {
    /// An object was made or changed.
    Put {
        /// The revision that did it.
        revision: u64,
        /// What kind of object.
        kind: Kind,
        /// Its name.
        name: Name,
        /// The object as it is now.
        object: serde_json::Value,
    },
    /// An object was removed.
    Delete {
        /// The revision that did it.
        revision: u64,
        /// What kind of object.
        kind: Kind,
        /// Its name.
        name: Name,
    },
    /// All up to this revision was told.
    Bookmark {
        /// The revision.
        revision: u64,
    },
    /// Changes after the revision asked for are no longer kept: list again, and watch from the list's revision.
    Gone {
        /// What to do.
        error: String,
    },
}

/// `GET /v1/backup`, and the body of `POST /v1/restore`: all that is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Backup {
    /// The form of `values`: [`Backup::FORMAT`].
    pub format: u32,
    /// The revision of the store that was read.
    pub revision: u64,
    /// Values by key, as the store holds them.
    pub values: BTreeMap<String, serde_json::Value>,
}

impl Backup {
    /// The form this version writes and reads.
    pub const FORMAT: u32 = 1;
}
