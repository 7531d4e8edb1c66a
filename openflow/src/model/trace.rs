//! What a walk of a packet through the tables shows.

use std::collections::BTreeMap;
use std::sync::Arc;

use thiserror::Error;

use super::flow::Flow;
use super::packet::Packet;
use crate::action::Ct;
use crate::msg::packet::PacketInReason;
use crate::types::{Blob, GroupId, PortNo, TableId};

/// What became of a packet.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// The packet on its way: once through the tables, and once more for each time it came back
    /// from the conntrack.
    pub passes: Vec<Pass>,
}

/// Once through the tables.
#[derive(Clone, Debug, Default)]
pub struct Pass {
    /// How often the packet came back from the conntrack before.
    pub depth: u8,
    /// The packet as it came.
    pub start: Packet,
    /// The tables it was looked up in, and the flow it found there.
    pub visited: Vec<(TableId, Option<Arc<Flow>>)>,
    /// What happened to it, in order.
    pub effects: Vec<Effect>,
    /// The packet as it was at the end.
    pub end: Packet,
    /// Why the switch gave up; it then sends nothing.
    pub failed: Option<Limit>,
}

/// Something that happens to a packet.
#[derive(Clone, Debug)]
pub enum Effect {
    /// It is sent out.
    Output {
        /// By this port.
        port: PortNo,
        /// As it is there.
        packet: Packet,
    },
    /// It is sent to the controller.
    Controller(Box<ToController>),
    /// It goes through the conntrack, and maybe on from there.
    Ct {
        /// In this zone.
        zone: u16,
        /// What the action says.
        ct: Ct,
        /// As it is there.
        packet: Packet,
    },
}

/// A packet for the controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToController {
    /// Why.
    pub reason: PacketInReason,
    /// From this table.
    pub table_id: TableId,
    /// The cookie of the flow.
    pub cookie: u64,
    /// Which controller.
    pub controller_id: u16,
    /// How much of the packet.
    pub max_len: u16,
    /// What the action says to the controller.
    pub userdata: Blob,
    /// The packet.
    pub packet: Packet,
}

/// Why the switch gave up on a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Limit {
    /// Tables and groups nested 64 deep.
    #[error("recursion too deep")]
    TooDeep,
    /// Looked up 4096 times.
    #[error("too many resubmits")]
    TooManyResubmits,
    /// More than 64 KiB on the stack.
    #[error("stack too deep")]
    StackTooDeep,
}

/// What the model cannot walk: it says so rather than guess.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WalkError {
    /// An action.
    #[error("the model does not know action {0}")]
    Action(String),
    /// The switch's own forwarding.
    #[error("the model does not learn addresses: output to {0}")]
    Output(PortNo),
    /// A field that is longer than the model holds.
    #[error("the model does not hold field {0}")]
    Field(crate::Field),
}

/// What is left open by OpenFlow, or known from elsewhere.
#[derive(Clone, Debug, Default)]
pub struct Choices {
    /// The bucket that a select group takes, by its position; for others the hash decides.
    pub buckets: BTreeMap<GroupId, usize>,
    /// The hash by which select groups choose: a bucket of weight w has w of all weights.
    pub hash: u32,
    /// The state with which packets come back from the conntrack, as `ofproto/trace --ct-next`
    /// has it; by default that of the model's own connections.
    pub ct_state: Option<u32>,
}

impl Trace {
    /// All that is sent out, in order of passes.
    pub fn outputs(&self) -> Vec<(PortNo, &Packet)> {
        let all = self.passes.iter().flat_map(|pass| &pass.effects);
        all.filter_map(|effect| match effect {
            Effect::Output { port, packet } => Some((*port, packet)),
            _ => None,
        })
        .collect()
    }

    /// The ports it is sent out by, in order of passes.
    pub fn ports(&self) -> Vec<PortNo> {
        self.outputs().into_iter().map(|(port, _)| port).collect()
    }

    /// All that is sent to the controller.
    pub fn to_controller(&self) -> Vec<&ToController> {
        let all = self.passes.iter().flat_map(|pass| &pass.effects);
        all.filter_map(|effect| match effect {
            Effect::Controller(to) => Some(&**to),
            _ => None,
        })
        .collect()
    }

    /// The tables it was looked up in, and the flows it found there.
    pub fn visited(&self) -> impl Iterator<Item = &(TableId, Option<Arc<Flow>>)> {
        self.passes.iter().flat_map(|pass| &pass.visited)
    }

    /// The flow it met last: where it was dropped, if it was.
    pub fn last_flow(&self) -> Option<&Arc<Flow>> {
        self.visited().filter_map(|(_, flow)| flow.as_ref()).last()
    }

    /// Whether it went nowhere.
    pub fn is_drop(&self) -> bool {
        self.outputs().is_empty() && self.to_controller().is_empty()
    }
}
