use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Invalid, Name};

/// The network that every node has, with the gateway on `kbr0`.
pub const DEFAULT_NETWORK: &str = "default";

/// The name of [`DEFAULT_NETWORK`]: the network an object is in when it names none.
pub fn default_network() -> Name {
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

    /// Bytes a frame's payload loses to the outer headers: that of the underlay, on which hosts have addresses like
    /// this, the tunnel's own and the inner Ethernet header.
    pub fn overhead(self, underlay: IpAddr) -> u32 {
        let ip = if underlay.is_ipv4() { 20 } else { 40 };
        match self {
            Self::Vxlan | Self::Geneve => ip + 8 + 8 + 14,
            Self::Gre => ip + 8 + 14,
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
    /// The addresses of its endpoints on all nodes: a subnet of IPv4, one of IPv6, or one of each.
    #[schema(value_type = Vec<crate::schema::Cidr>)]
    pub subnets: Vec<IpNet>,
    /// How they are laid over the nodes.
    #[serde(default)]
    pub mode: Mode,
    /// Prefix length of one node's share of a routed network's IPv4 subnet.
    #[serde(default = "default_node_prefix")]
    pub node_prefix: u8,
    /// Prefix length of one node's share of a routed network's IPv6 subnet.
    #[serde(default = "default_node_prefix6", skip_serializing_if = "is_default_node_prefix6")]
    pub node_prefix6: u8,
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

fn default_node_prefix6() -> u8 {
    64
}

fn is_default_node_prefix6(prefix: &u8) -> bool {
    *prefix == default_node_prefix6()
}

impl NetworkSpec {
    /// Checks what needs no other object.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn validate(&self) -> Result<(), Invalid> {
        let of = |v6: bool| self.subnets.iter().filter(|subnet| is_v6(subnet) == v6).count();
        if self.subnets.is_empty() || of(false) > 1 || of(true) > 1 {
            let reason = "a subnet is needed, like 10.244.0.0/16, at most one of IPv4 and one of IPv6";
            return Err(Invalid::new("subnets", reason));
        }
        self.subnets.iter().try_for_each(|subnet| self.validate_subnet(subnet))
    }

    fn validate_subnet(&self, subnet: &IpNet) -> Result<(), Invalid> {
        let refuse = |reason: String| Err(Invalid::new("subnets", reason));
        if subnet.trunc() != *subnet {
            return refuse(format!("{subnet} has host bits set; did you mean {}?", subnet.trunc()));
        }
        if is_special(subnet.network()) {
            return refuse(format!("{subnet} is reserved for other uses"));
        }
        let (field, smallest) = if is_v6(subnet) { ("node_prefix6", 126) } else { ("node_prefix", 30) };
        if subnet.prefix_len() > smallest {
            return refuse(format!("{subnet} is smaller than a /{smallest}"));
        }
        let (from, share) = (subnet.prefix_len(), self.share_prefix(subnet));
        if self.mode == Mode::Routed && !(from..=smallest).contains(&share) {
            return Err(Invalid::new(field, format!("/{share} is not within /{from} and /{smallest}")));
        }
        Ok(())
    }

    /// Prefix length of one node's share of this subnet, if the network is routed.
    pub fn share_prefix(&self, subnet: &IpNet) -> u8 {
        if is_v6(subnet) { self.node_prefix6 } else { self.node_prefix }
    }
}

fn is_v6(net: &IpNet) -> bool {
    matches!(net, IpNet::V6(_))
}

fn is_special(ip: IpAddr) -> bool {
    let link_local = match ip {
        IpAddr::V4(v4) => v4.is_link_local(),
        // A prefix of mapped addresses is IPv4 in disguise.
        IpAddr::V6(v6) => v6.is_unicast_link_local() || v6.to_ipv4_mapped().is_some(),
    };
    link_local || ip.is_multicast() || ip.is_loopback() || ip.is_unspecified()
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
    /// The share, of IPv4 if the network has such a subnet.
    #[schema(value_type = crate::schema::Cidr)]
    pub cidr: IpNet,
    /// The share of the IPv6 subnet of a network that has both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<crate::schema::Cidr>)]
    pub cidr6: Option<IpNet>,
    /// The revision at which it was given.
    pub revision: u64,
}

impl NodeSubnet {
    /// Its share of each subnet, IPv4 before IPv6.
    pub fn cidrs(&self) -> impl Iterator<Item = IpNet> + use<> {
        std::iter::once(self.cidr).chain(self.cidr6)
    }

    /// The gateway: the first address of the share.
    pub fn gateway(&self) -> IpAddr {
        gateway_of(&self.cidr)
    }

    /// The gateway of each share, with the share's prefix.
    pub fn gateways(&self) -> impl Iterator<Item = IpNet> + use<> {
        self.cidrs().filter_map(|cidr| IpNet::new(gateway_of(&cidr), cidr.prefix_len()).ok())
    }
}

/// The address that a subnet keeps for its gateway: the first one.
pub fn gateway_of(subnet: &IpNet) -> IpAddr {
    match subnet {
        IpNet::V4(net) => IpAddr::V4(Ipv4Addr::from(u32::from(net.network()).saturating_add(1))),
        IpNet::V6(net) => IpAddr::V6(Ipv6Addr::from(u128::from(net.network()).saturating_add(1))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(json: serde_json::Value) -> NetworkSpec {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_network_has_a_subnet_of_either_family_or_one_of_each() {
        for subnets in [&["10.244.0.0/16"][..], &["fd00:10:244::/48"], &["10.244.0.0/16", "fd00:10:244::/48"]] {
            assert_eq!(spec(serde_json::json!({"subnets": subnets})).validate(), Ok(()), "{subnets:?}");
        }
        let cases = [
            (serde_json::json!({"subnets": []}), "a subnet is needed"),
            (serde_json::json!({"subnets": ["10.0.0.0/16", "10.1.0.0/16"]}), "at most one of IPv4"),
            (serde_json::json!({"subnets": ["fd00::/48", "fd01::/48"]}), "at most one of IPv4"),
            (serde_json::json!({"subnets": ["fd00::1/48"]}), "did you mean fd00::/48"),
            (serde_json::json!({"subnets": ["fe80::/64"]}), "reserved"),
            (serde_json::json!({"subnets": ["ff02::/64"]}), "reserved"),
            (serde_json::json!({"subnets": ["::ffff:10.0.0.0/104"], "node_prefix6": 120}), "reserved"),
            (serde_json::json!({"subnets": ["fd00::/127"]}), "smaller than a /126"),
            (serde_json::json!({"subnets": ["fd00::/72"]}), "node_prefix6: /64 is not within /72 and /126"),
            (serde_json::json!({"subnets": ["10.0.0.0/25"]}), "node_prefix: /24 is not within /25 and /30"),
        ];
        for (json, expected) in cases {
            let refused = spec(json).validate().unwrap_err().to_string();
            assert!(refused.contains(expected), "{refused:?} lacks {expected:?}");
        }
    }

    #[test]
    fn what_has_no_ipv6_reads_as_it_always_did() {
        let json =
            serde_json::json!({"subnets": ["10.244.0.0/16"], "mode": "routed", "node_prefix": 24, "tunnel": "vxlan"});
        assert_eq!(serde_json::to_value(spec(json.clone())).unwrap(), json);
    }
}
