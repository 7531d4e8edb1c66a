//! What is observed, as opposed to what is intended.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Bfd, MeshMode, MeshPair, Name, Way};

/// `GET /v1/status`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// The version of the controller.
    pub version: String,
    /// The store's revision.
    pub revision: u64,
    /// Whether every switch has acknowledged that revision, but for those of hosts that are down.
    pub converged: bool,
    /// Whether every directed pair of nodes that are not down has an answered probe within the last seconds.
    pub mesh_ready: bool,
    /// Seconds since the controller started.
    pub uptime_seconds: f64,
    /// Certificates that end soon, or have ended, and were not renewed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ending_certificates: Vec<EndingCertificate>,
    /// The switches, in order of their nodes' names.
    pub switches: Vec<SwitchStatus>,
    /// How many objects of each kind there are.
    pub objects: BTreeMap<String, u64>,
    /// The controllers that share the store, in order of their names; none if this is the only one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub controllers: Vec<ControllerStatus>,
}

/// A certificate that ends soon, or has ended, and was not renewed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EndingCertificate {
    /// Whose it is, like `node h1`.
    pub holder: String,
    /// Until when it is good, as RFC 3339.
    pub until: String,
}

/// One of several controllers, as the one that was asked sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ControllerStatus {
    /// Its name.
    pub id: String,
    /// Where its API is.
    pub address: String,
    /// Whether its lease holds.
    pub alive: bool,
    /// Whether it is the one that was asked.
    pub here: bool,
    /// Of how many switches it is to be master.
    pub switches: u64,
}

/// One switch, as the controller sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SwitchStatus {
    /// Its node.
    pub node: Name,
    /// The datapath id, 16 hex digits.
    pub datapath_id: String,
    /// Whether the OpenFlow session is up.
    pub openflow: bool,
    /// Whether the OVSDB session is up.
    pub ovsdb: bool,
    /// Whether the host's agent reported within the last seconds.
    pub agent: bool,
    /// Whether its host is down: its peers have lost it.
    #[serde(default)]
    pub down: bool,
    /// Whether it is not down, all of the above hold and the switch is at the store's revision.
    pub ready: bool,
    /// The revision the switch has acknowledged.
    pub revision: u64,
    /// How many flows and groups it is meant to have.
    pub flows: u64,
    /// How many groups it is meant to have.
    pub groups: u64,
    /// A digest of both, 16 hex digits: equal wherever the same intent is compiled.
    pub digest: String,
    /// The controller that is to be its master, where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub master: Option<String>,
    /// Whether the switch takes writes from the controller that was asked.
    #[serde(default)]
    pub mastered_here: bool,
    /// Flow-mods sent to it since the controller started.
    pub flow_mods_sent: u64,
    /// What is wrong, where something is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// `GET /v1/mesh`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Mesh {
    /// The nodes, in order of their names.
    pub nodes: Vec<Name>,
    /// Every directed pair.
    pub links: Vec<Link>,
    /// How hosts find each other's tunnels.
    #[serde(default)]
    pub mode: MeshMode,
    /// The pairs whose way was chosen, whatever the mode.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pairs: Vec<MeshPair>,
    /// The largest packet that gets through between all of them, in bytes: what endpoints may send.
    #[serde(default)]
    pub path_mtu: Option<u32>,
    /// How long it takes until every pair has been probed once, in seconds.
    #[serde(default)]
    pub every_seconds: f64,
    /// How long it takes until every pair has been probed at full size, in seconds.
    #[serde(default)]
    pub full_every_seconds: f64,
}

/// One direction between two nodes, probed through the tunnel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Link {
    /// Who sends the probes.
    pub from: Name,
    /// Who answers them.
    pub to: Name,
    /// How `from` is to reach `to`.
    #[serde(default)]
    pub way: Way,
    /// Whether the last probe was answered, within the last seconds.
    pub up: bool,
    /// Whether what `from` sends arrives, as `to` says: false names the direction that is broken; none while `to` or
    /// `from` itself is silent.
    #[serde(default)]
    pub arrives: Option<bool>,
    /// Whether plain packets from `from` do go without a tunnel; none where they are not to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direct: Option<bool>,
    /// Round-trip time of the last answered probe, in seconds.
    pub rtt_seconds: Option<f64>,
    /// Share of the last report's probes that went unanswered, 0 to 1.
    pub loss: f64,
    /// The same of probes at full size.
    #[serde(default)]
    pub full_loss: f64,
    /// The largest packet known to get through unfragmented, in bytes.
    pub mtu: Option<u32>,
    /// What the switch of `from` says of BFD on its port to `to`; none where one port leads to all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bfd: Option<Bfd>,
}

/// `GET /v1/nodes/NODE/flows`: what the switch itself answered; with `?diff=true` only what is not as it is to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FlowDump {
    /// The node.
    pub node: Name,
    /// Its flows by table, then priority from high to low, then match.
    pub flows: Vec<Flow>,
}

/// One flow of a switch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Flow {
    /// The table's name; its number where the pipeline does not know it.
    pub table: String,
    /// The table's number.
    pub table_id: u8,
    /// Its priority.
    pub priority: u16,
    /// The match, as `ovs-ofctl` writes it.
    #[serde(rename = "match")]
    pub matching: String,
    /// The instructions, as `ovs-ofctl` writes them.
    pub actions: String,
    /// The object it was made for, like `service/web`; none for a flow that is not ours.
    pub owner: Option<String>,
    /// The revision of the object's part that asked for it.
    pub revision: Option<u64>,
    /// Why packets are dropped here, for a flow that drops.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How it differs from what the switch is to have, where that was asked for: `missing`, `changed` or `foreign`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
    /// The cookie.
    pub cookie: u64,
    /// Packets that met it.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Seconds since it was installed.
    pub duration_seconds: f64,
    /// The whole flow as `ovs-ofctl dump-flows` prints it.
    pub ofctl: String,
}

/// `GET /v1/nodes/NODE/blame?flow=…`: who asked for a flow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Blame {
    /// The node.
    pub node: Name,
    /// The flow, as the switch has it.
    pub flow: Flow,
    /// Whether it is to be there, and as it is.
    pub wanted: bool,
    /// The object that asked for it, as it is now; none for the pipeline's own, for foreign flows, and if it is no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<serde_json::Value>,
    /// When the revision came that asked for it, if that is still known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}

/// `GET /v1/nodes/NODE/groups`: what the switch itself answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GroupDump {
    /// The node.
    pub node: Name,
    /// Its groups in order of their ids.
    pub groups: Vec<Group>,
}

/// One group of a switch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Group {
    /// Its id.
    pub id: u32,
    /// The object it was made for; none for a group that is not ours.
    pub owner: Option<String>,
    /// Packets that met each bucket, in order.
    pub bucket_packets: Vec<u64>,
    /// The whole group as `ovs-ofctl dump-groups` prints it.
    pub ofctl: String,
}

/// `GET /v1/events`: something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// When, as RFC 3339.
    pub at: String,
    /// What kind of thing: `drift`, `refused`, `session`, `member`, `join`.
    pub kind: String,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<Name>,
    /// Which object it concerned, like `service/web`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// What, in one line.
    pub message: String,
}

/// `GET /v1/pipeline`: one table of the pipeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PipelineTable {
    /// Its number.
    pub id: u8,
    /// Its name.
    pub name: String,
    /// What it does, in one line.
    pub does: String,
    /// What becomes of a packet that no flow of an object matches.
    pub miss: String,
}
