//! A flow as the switch keeps it: the bytes of its flow-stats entry (section 7.3.5.2), in the form in which Open
//! vSwitch gives flows back.

use std::cmp::{Ordering, Reverse};
use std::sync::Arc;

use openflow::action::canonical;
use openflow::msg::flow::{FlowModFlags, FlowStats};
use openflow::wire::{Reader, Wire, Writer};
use openflow::{Instruction, Match, TableId};

/// Where the match begins.
const MATCH: usize = 48;

/// A flow; equal to another if table, priority and match are.
#[derive(Clone, Debug)]
pub(super) struct Flow(Arc<[u8]>);

impl Flow {
    /// A flow that does this; `None` if it does not fit an entry. The match is canonical.
    pub fn new(stats: &FlowStats) -> Option<Self> {
        let mut writer = Writer::new(Vec::with_capacity(256));
        stats.write(&mut writer);
        writer.finish().ok().map(|bytes| Self(bytes.into()))
    }

    /// What compares equal to the flow of this table, priority and match.
    pub fn key(table: TableId, priority: u16, matching: Match) -> Option<Self> {
        Self::new(&stats(table, priority, matching, Vec::new()))
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn table(&self) -> u8 {
        self.0.get(2).copied().unwrap_or_default()
    }

    pub fn priority(&self) -> u16 {
        self.0.get(12..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u16::from_be_bytes(*bytes))
    }

    pub fn cookie(&self) -> u64 {
        self.0.get(24..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u64::from_be_bytes(*bytes))
    }

    pub fn flags(&self) -> FlowModFlags {
        FlowModFlags(self.0.get(18..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u16::from_be_bytes(*bytes)))
    }

    /// All of it.
    pub fn stats(&self) -> FlowStats {
        let read = FlowStats::read(&mut Reader::new(&self.0, "flow"));
        read.unwrap_or_else(|_| stats(TableId(0), 0, Match::new(), Vec::new()))
    }

    /// Its match on the wire: cheaper to compare than to read.
    fn matching(&self) -> &[u8] {
        let from = self.0.get(MATCH..).unwrap_or_default();
        let Some([_, _, high, low]) = from.first_chunk() else { return &[] };
        from.get(..usize::from(u16::from_be_bytes([*high, *low]))).unwrap_or_default()
    }

    fn order(&self) -> (u8, Reverse<u16>, &[u8]) {
        (self.table(), Reverse(self.priority()), self.matching())
    }
}

impl Ord for Flow {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order().cmp(&other.order())
    }
}

impl PartialOrd for Flow {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Flow {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}

impl Eq for Flow {}

/// An entry with everything else zero.
pub(super) fn stats(table_id: TableId, priority: u16, matching: Match, instructions: Vec<Instruction>) -> FlowStats {
    FlowStats {
        table_id,
        duration_sec: 0,
        duration_nsec: 0,
        priority,
        idle_timeout: 0,
        hard_timeout: 0,
        flags: FlowModFlags::NONE,
        cookie: 0,
        packet_count: 0,
        byte_count: 0,
        matching,
        instructions,
    }
}

/// Instructions in the order and form in which Open vSwitch gives them back.
pub(super) fn normal(instructions: &[Instruction]) -> Vec<Instruction> {
    let mut all: Vec<Instruction> = instructions.iter().filter_map(normal_one).collect();
    all.sort_by_key(order);
    all
}

fn normal_one(instruction: &Instruction) -> Option<Instruction> {
    Some(match instruction {
        Instruction::ApplyActions { actions } if actions.is_empty() => return None,
        Instruction::ApplyActions { actions } => Instruction::ApplyActions { actions: canonical(actions) },
        Instruction::WriteActions { actions } => Instruction::WriteActions { actions: canonical(actions) },
        other => other.clone(),
    })
}

fn order(instruction: &Instruction) -> u8 {
    match instruction {
        Instruction::Meter { .. } => 0,
        Instruction::ApplyActions { .. } => 1,
        Instruction::ClearActions => 2,
        Instruction::WriteActions { .. } => 3,
        Instruction::WriteMetadata { .. } => 4,
        Instruction::GotoTable { .. } => 5,
        Instruction::Experimenter { .. } => 6,
    }
}
