use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Invalid, Name};

/// The network that every node has, with the gateway on `kbr0`.
pub const DEFAULT_NETWORK: &str = "default";

/// The network an object is in when it names none.
pub(crate) fn default_network() -> Name {
    Name::new(DEFAULT_NETWORK).expect("the default network's name is valid")
}

/// How hosts are joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Tunnel {
    /// RFC 7348, UDP port 4789.
    #[default]
    Vxlan,
    /// RFC 2890 with a key, Ethernet inside.
    Gre,
    /// RFC 8926, UDP port 6081.
    Geneve,
}

impl Tunnel {
    /// The name Open vSwitch gives it (column `type` of table Interface).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Vxlan => "vxlan",
            Self::Gre => "gre",
            Self::Geneve => "geneve",
        }
    }

    /// Bytes a frame's payload loses to the outer headers: IPv4, the tunnel's own and the inner Ethernet header.
    pub fn overhead(self) -> u32 {
        match self {
            Self::Vxlan | Self::Geneve => 20 + 8 + 8 + 14,
            Self::Gre => 20 + 8 + 14,
        }
    }
}

impl std::str::FromStr for Tunnel {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        [Self::Vxlan, Self::Gre, Self::Geneve]
            .into_iter()
            .find(|t| t.as_str() == text)
            .ok_or_else(|| Invalid::new("tunnel", format!("{text:?} is none of vxlan, gre, geneve")))
    }
}

/// How addresses of a network are laid over the nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// A subnet per node: one flow per remote node.
    #[default]
    Routed,
    /// One subnet over all nodes: flows per remote endpoint, on the nodes that have endpoints in the network.
    Flat,
}

/// What a user says of a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkSpec {
    /// The addresses of its endpoints on all nodes.
    #[schema(value_type = Vec<crate::schema::Cidr>)]
    pub subnets: Vec<IpNet>,
    /// How they are laid over the nodes.
    #[serde(default)]
    pub mode: Mode,
    /// Prefix length of one node's share of a routed network.
    #[serde(default = "default_node_prefix")]
    pub node_prefix: u8,
    /// How its packets travel between hosts.
    #[serde(default)]
    pub tunnel: Tunnel,
    /// Whether its endpoints reach no address outside of it but services.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub internal: bool,
}

fn default_node_prefix() -> u8 {
    24
}

impl NetworkSpec {
    /// Checks what needs no other object.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn validate(&self) -> Result<(), Invalid> {
        let [IpNet::V4(subnet)] = self.subnets.as_slice() else {
            return Err(Invalid::new("subnets", "exactly one IPv4 subnet is needed, like 10.244.0.0/16"));
        };
        if subnet.trunc() != *subnet {
            return Err(Invalid::new(
                "subnets",
                format!("{subnet} has host bits set; did you mean {}?", subnet.trunc()),
            ));
        }
        let special = |ip: Ipv4Addr| ip.is_multicast() || ip.is_loopback() || ip.is_link_local() || ip.is_unspecified();
        if special(subnet.network()) {
            return Err(Invalid::new("subnets", format!("{subnet} is reserved for other uses")));
        }
        if subnet.prefix_len() > 30 {
            return Err(Invalid::new("subnets", format!("{subnet} is smaller than a /30")));
        }
        let shares = subnet.prefix_len()..=30;
        if self.mode == Mode::Routed && !shares.contains(&self.node_prefix) {
            return Err(Invalid::new(
                "node_prefix",
                format!("/{} is not within /{} and /30", self.node_prefix, subnet.prefix_len()),
            ));
        }
        Ok(())
    }
}

/// An address space that endpoints live in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Network {
    /// Its name.
    pub name: Name,
    /// Its number: the VNI on the wire and the base of its conntrack zones.
    pub id: u32,
    /// The revision of its last change.
    pub revision: u64,
    /// What its maker said.
    pub spec: NetworkSpec,
}

impl Network {
    /// Whether `ip` is an address of this network.
    pub fn contains(&self, ip: IpAddr) -> bool {
        self.spec.subnets.iter().any(|subnet| subnet.contains(&ip))
    }
}

/// One node's share of a routed network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NodeSubnet {
    /// The node.
    pub node: Name,
    /// The network.
    pub network: Name,
    /// The share.
    #[schema(value_type = crate::schema::Cidr)]
    pub cidr: IpNet,
    /// The revision at which it was given.
    pub revision: u64,
}

impl NodeSubnet {
    /// The gateway: the first address of the share.
    pub fn gateway(&self) -> IpAddr {
        match self.cidr {
            IpNet::V4(net) => IpAddr::V4(Ipv4Addr::from(u32::from(net.network()).saturating_add(1))),
            IpNet::V6(net) => IpAddr::V6((u128::from(net.network()).saturating_add(1)).into()),
        }
    }
}
