//! How a service's connections are balanced, as switches tell: `GET /v1/services/SERVICE/balance`.

use std::{collections::BTreeMap, net::IpAddr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Name, Protocol, Service, ServicePort};

/// A service, its backends, and who sends them connections.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Balance {
    /// The service.
    #[serde(flatten)]
    pub service: Service,
    /// Its backends that exist, in order of address.
    pub members: Vec<Member>,
    /// The nodes whose switches were read, each with what it balances.
    pub nodes: Vec<NodeBalance>,
    /// The nodes whose switches could not be read.
    pub unread: Vec<Name>,
    /// The node that answers on the underlay for each of its external addresses.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, Name>)]
    pub announcers: BTreeMap<IpAddr, Name>,
    /// Its published ports that processes of nodes began to hold: from outside they are not reached at them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<HeldOn>,
}

/// A port that a process of a node holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeldOn {
    /// The node.
    pub node: Name,
    /// The protocol.
    pub protocol: Protocol,
    /// The port.
    pub port: u16,
}

/// A backend that exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Member {
    /// Its endpoint.
    pub endpoint: Name,
    /// Where it is.
    pub node: Name,
    /// Its addresses.
    #[schema(value_type = Vec<crate::schema::Ip>)]
    pub ips: Vec<IpAddr>,
    /// `open`; or why it gets no new connections: `terminating`; `drained` or `down`, of its node; or `closed`, by weight 0.
    pub state: String,
    /// Its shares of new connections.
    pub weight: u16,
    /// Connections that nodes have opened to it since they have it in their groups.
    pub connections: u64,
}

/// What one node balances.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NodeBalance {
    /// The node.
    pub node: Name,
    /// Its groups for the service, in order of their ids.
    pub groups: Vec<GroupBalance>,
}

/// What a group chooses among.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GroupBalance {
    /// Its id.
    pub id: u32,
    /// The port of the service.
    pub port: ServicePort,
    /// Whose connections: `all`, or `external` where those from outside have groups of their own.
    pub clients: String,
    /// Among whom, in order of their buckets.
    pub targets: Vec<Target>,
}

/// A backend in a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Target {
    /// Its endpoint; none for one that is no more.
    pub endpoint: Option<Name>,
    /// Its chances among the others; with none it only keeps connections.
    pub weight: u32,
    /// Connections that were opened to it.
    pub connections: u64,
}
