use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{BfdSession, GossipCounts, Invalid, Name};

/// Which of Open vSwitch's datapaths a bridge uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Datapath {
    /// The kernel module.
    #[default]
    System,
    /// The userspace datapath.
    Netdev,
}

impl Datapath {
    /// The name Open vSwitch gives it (column `datapath_type` of table Bridge).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Netdev => "netdev",
        }
    }
}

/// What an agent says of its host when it joins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeSpec {
    /// The host's address on the underlay: where tunnels to it end.
    #[schema(value_type = crate::schema::Ip)]
    pub address: IpAddr,
    /// The length of the prefix of the underlay's subnet that `address` is in; without it, no other host is in the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<u8>,
    /// Its IPv6 address there, if it has one at which published services, and it as a backend, are to be reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<crate::schema::Ip>)]
    pub address6: Option<Ipv6Addr>,
    /// The underlay's MTU in bytes.
    pub mtu: u32,
    /// The datapath `kbr0` is to use.
    #[serde(default)]
    pub datapath: Datapath,
    /// Where it is, for services that prefer backends of the client's zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<Name>,
}

impl NodeSpec {
    /// Both addresses on the underlay, or the one.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        [self.address].into_iter().chain(self.address6.map(IpAddr::V6))
    }

    /// The underlay's subnet that it is in, if it says.
    pub fn subnet(&self) -> Option<IpNet> {
        Some(IpNet::new(self.address, self.prefix?).ok()?.trunc())
    }

    /// Checks what needs no other object.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn validate(&self) -> Result<(), Invalid> {
        let local = |ip: &IpAddr| match ip {
            IpAddr::V4(_) => false,
            IpAddr::V6(ip) => ip.is_unicast_link_local() || ip.to_ipv4_mapped().is_some(),
        };
        let is_none = |ip: &IpAddr| local(ip) || ip.is_unspecified() || ip.is_loopback() || ip.is_multicast();
        if let Some(ip) = self.addresses().find(is_none) {
            return Err(Invalid::new("address", format!("{ip} is not the address of a host")));
        }
        if self.address.is_ipv6() && self.address6.is_some() {
            return Err(Invalid::new("address6", "the underlay is IPv6 already"));
        }
        if let Some(prefix) = self.prefix.filter(|_| self.subnet().is_none()) {
            return Err(Invalid::new("prefix", format!("{prefix} bits are more than an address has")));
        }
        if !(576..=65_535).contains(&self.mtu) {
            return Err(Invalid::new("mtu", format!("{} is not within 576 to 65535 bytes", self.mtu)));
        }
        Ok(())
    }
}

/// A host with an Open vSwitch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Node {
    /// Its name.
    pub name: Name,
    /// Its number: part of the datapath id and of cookies; not given to another node while it exists.
    pub id: u32,
    /// The revision of its last change.
    pub revision: u64,
    /// Whether its peers have lost it: it is left out of tunnels, routes and groups until it is back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub down: bool,
    /// Whether it is to be left: new connections to services and new endpoints go elsewhere.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drained: bool,
    /// Part of its share of the default network that the host gives to containers itself, behind its kernel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<crate::schema::Cidr>)]
    pub containers: Option<IpNet>,
    /// What its agent said.
    pub spec: NodeSpec,
}

/// Addresses that a host gives to containers itself: `PUT /v1/nodes/NODE/containers`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Containers {
    /// Part of the node's share of the default network, without the gateway.
    #[schema(value_type = crate::schema::Cidr)]
    pub cidr: IpNet,
}

/// A host, and what is made of it: `GET /v1/nodes/NODE`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NodeStatus {
    /// The host.
    #[serde(flatten)]
    pub node: Node,
    /// Whether it is there; none from a controller that does not know yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub membership: Option<Membership>,
    /// Until when its newest certificate is good, as RFC 3339; none where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_until: Option<String>,
    /// What its switch says of BFD on tunnel ports that lead to one peer each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bfd: Vec<BfdSession>,
}

/// Whether a host is there, by what its peers say and what the controller hears of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Membership {
    /// `alive`, `suspect` or `down`.
    pub state: String,
    /// Since when, as RFC 3339.
    pub since: String,
    /// How many agents see it alive.
    pub seen_by: usize,
    /// How many agents have an opinion of it.
    pub of: usize,
    /// How long ago there was a word from it, in seconds: a report, or anything from its switch.
    pub silent_seconds: f64,
    /// What became of gossip since its agent started, as that last said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gossip: Option<GossipCounts>,
}

impl Node {
    /// The datapath id of its `kbr0`: the product's prefix `5d0b` and the node's number.
    pub fn datapath_id(&self) -> u64 {
        0x5d0b_0000_0000_0000 | u64::from(self.id)
    }
}
