//! What a controller and an agent, and an agent and its host's runtimes, tell each other.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    path::PathBuf,
};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Endpoint, GossipCounts, GossipKeys, Mac, MemberView, Name, NamesConfig, Node, Protocol};

/// All a host's agent has to make true.
///
/// `GET /v1/nodes/NODE/config?after=REVISION&timeout=SECONDS` answers as soon
/// as the content differs from that of `REVISION`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AgentConfig {
    /// The store's revision at which this content was new.
    pub revision: u64,
    /// The host itself.
    pub node: Node,
    /// The bridge, `kbr0`.
    pub bridge: String,
    /// The gateway's address on the bridge's local port, with the prefix of the node's subnet.
    #[schema(value_type = crate::schema::Cidr)]
    pub gateway: IpNet,
    /// The same of IPv6, where the default network has such a subnet too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<crate::schema::Cidr>)]
    pub gateway6: Option<IpNet>,
    /// The bridge's Ethernet address.
    pub gateway_mac: Mac,
    /// The MTU of pods and of the bridge's local port, in bytes.
    pub mtu: u32,
    /// The largest packet that gets through between all hosts, in bytes: pods send no larger ones to other hosts. None
    /// while the controller does not know: it is what it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_mtu: Option<u32>,
    /// The next hop that stands for the whole cluster on every node; the switch answers ARP for it.
    #[schema(value_type = crate::schema::Ip)]
    pub router: IpAddr,
    /// The same for IPv6, where any network has such a subnet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<crate::schema::Ip>)]
    pub router6: Option<IpAddr>,
    /// Destinations that are reached by way of `router` or `router6`.
    #[schema(value_type = Vec<crate::schema::Cidr>)]
    pub routes: Vec<IpNet>,
    /// Sources whose packets are masqueraded when they leave by another device than the bridge.
    #[schema(value_type = Vec<crate::schema::Cidr>)]
    pub masquerade: Vec<IpNet>,
    /// Services that this host answers for at addresses of the outside.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub published: Vec<Published>,
    /// External addresses of services that this host, of all hosts, answers for on the underlay by ARP and neighbour
    /// discovery.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<crate::schema::Ip>)]
    pub announced: Vec<IpAddr>,
    /// UDP ports at which a service has this host itself as a backend: what it answers from there is to come from its
    /// address on the underlay.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub served_udp: BTreeSet<u16>,
    /// Services that external load balancers ask about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub health: Vec<Health>,
    /// Virtual addresses: what the switch sends back for them, the host refuses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<crate::schema::Cidr>)]
    pub services: Option<IpNet>,
    /// The same of IPv6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<crate::schema::Cidr>)]
    pub services6: Option<IpNet>,
    /// The other hosts.
    pub peers: Vec<Peer>,
    /// The endpoints of this host.
    pub endpoints: Vec<Endpoint>,
    /// Where the controller listens for the host's OVSDB.
    pub ovsdb_port: u16,
    /// The cluster's gossip keys; without them the agent does not gossip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gossip_keys: Option<GossipKeys>,
    /// What the host's resolver answers; without it there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<NamesConfig>,
    /// How many connections Open vSwitch may remember.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking: Option<Tracking>,
}

impl AgentConfig {
    /// The MTU of the way to other hosts where it is smaller than that of pods.
    pub fn smaller_mtu(&self) -> Option<u32> {
        self.path_mtu.filter(|path| *path < self.mtu)
    }
}

/// How many connections Open vSwitch may remember on a host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tracking {
    /// In each of the zones; 0 for no bound.
    pub limit: u32,
    /// The conntrack zones of the host's networks and endpoints, with the network.
    #[schema(value_type = BTreeMap<String, Name>)]
    pub zones: BTreeMap<u16, Name>,
}

/// How many connections of a network Open vSwitch remembers on a host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Tracked {
    /// The network.
    pub network: Name,
    /// Connections, those of its endpoints with policies included.
    pub connections: u64,
}

/// How many connections of a network are remembered: `GET /v1/networks/NETWORK/connections`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NetworkConnections {
    /// How many a host remembers at the most for the network's services, and for each endpoint with policies; 0 for no
    /// bound.
    pub limit: u32,
    /// The hosts that told lately, and how many they remember.
    #[schema(value_type = BTreeMap<String, u64>)]
    pub nodes: BTreeMap<Name, u64>,
}

/// One port of a service as it is reached from outside.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct Published {
    /// The address outside.
    #[schema(value_type = crate::schema::Ip)]
    pub address: IpAddr,
    /// The protocol.
    pub protocol: Protocol,
    /// The port outside.
    pub port: u16,
    /// The virtual address.
    #[schema(value_type = crate::schema::Ip)]
    pub vip: IpAddr,
    /// The port at the virtual address.
    pub vip_port: u16,
    /// Whether backends see the host in the place of clients.
    #[serde(default)]
    pub masquerade: bool,
}

/// A port at which the host says whether it has backends of a service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// The TCP port.
    pub port: u16,
    /// The service.
    pub service: Name,
    /// How many of its backends are on this host and take new connections.
    pub backends: u32,
}

/// Another host of the mesh.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Peer {
    /// Its name.
    pub name: Name,
    /// Its number, by which gossip names it; with 0, which is no node's, it takes no part in gossip.
    #[serde(default)]
    pub id: u32,
    /// Its address on the underlay.
    #[schema(value_type = crate::schema::Ip)]
    pub address: IpAddr,
    /// The gateway address of its subnet: reached through the tunnel.
    #[schema(value_type = crate::schema::Ip)]
    pub gateway: IpAddr,
    /// The subnet of its endpoints, if plain packets are to go there without a tunnel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<crate::schema::Cidr>)]
    pub direct: Option<IpNet>,
}

/// What an agent saw since its last report.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentReport {
    /// One entry per peer: all of them, or with `some_probes` those that were probed since the last report.
    pub probes: Vec<Probe>,
    /// Whether `probes` adds to what was reported before; else it replaces it.
    #[serde(default)]
    pub some_probes: bool,
    /// How large full-size probes are as packets, in bytes.
    #[serde(default)]
    pub full_size: u32,
    /// How long it takes until every peer has been probed once, in seconds.
    #[serde(default)]
    pub every_seconds: f64,
    /// How long it takes until every peer has been probed at full size, in seconds.
    #[serde(default)]
    pub full_every_seconds: f64,
    /// The other hosts as gossip has them: all of them when `all_members`, else those that changed since the last
    /// report that was answered. One that was never mentioned is not known yet.
    #[serde(default)]
    pub members: Vec<MemberView>,
    /// Whether `members` replaces what was reported before; else it adds to it.
    #[serde(default)]
    pub all_members: bool,
    /// What became of gossip since the agent started.
    #[serde(default)]
    pub gossip: GossipCounts,
    /// The revision of the [`AgentConfig`] that the agent follows; 0 while it has none of this controller's.
    #[serde(default)]
    pub follows: u64,
    /// The ports of [`PUBLISHED_PORTS`](crate::PUBLISHED_PORTS) that processes of the host hold.
    #[serde(default)]
    pub held: Vec<HeldPort>,
    /// How many connections Open vSwitch remembers, network by network.
    #[serde(default)]
    pub tracked: Vec<Tracked>,
}

/// A port that a process of a host holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HeldPort {
    /// The protocol.
    pub protocol: Protocol,
    /// The port.
    pub port: u16,
}

/// What became of probes sent to a peer through the data plane.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// The peer.
    pub peer: Name,
    /// Round-trip time of the last answered probe, in seconds; none when the last one went unanswered.
    pub rtt_seconds: Option<f64>,
    /// Probes sent since the last report.
    pub sent: u32,
    /// Of these, probes without an answer.
    pub lost: u32,
    /// The largest packet that gets through in one piece, in bytes, up to [`AgentConfig::mtu`]; none when not yet known.
    pub mtu: Option<u32>,
    /// Rounds of probes as large as [`AgentConfig::mtu`] since the last report.
    #[serde(default)]
    pub full_sent: u32,
    /// Of these, rounds without an answer.
    #[serde(default)]
    pub full_lost: u32,
    /// Whether anything came from the peer lately, probes of its own included; none while that is not known.
    #[serde(default)]
    pub heard: Option<bool>,
    /// Whether plain packets go there without a tunnel; none where they are not to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direct: Option<bool>,
}

/// What a runtime asks of the agent on its host: `POST /v1/endpoints` on the agent's socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attach {
    /// The endpoint's name.
    pub name: Name,
    /// Its network; the default one when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<Name>,
    /// The network namespace it lives in.
    pub netns: PathBuf,
    /// The device it sees.
    #[serde(default = "eth0")]
    pub device: String,
    /// The address it must have; one is chosen when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<IpAddr>,
    /// More addresses it must have, each of another family.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ips: Vec<IpAddr>,
    /// What selectors see.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

fn eth0() -> String {
    "eth0".into()
}
