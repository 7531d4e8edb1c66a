//! A flow as the switch keeps it.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use super::packet::{Packet, ones};
use crate::action::{Action, canonical};
use crate::instruction::Instruction;
use crate::msg::flow::{FlowModFlags, FlowStats};
use crate::oxm::{Field, Match, OxmId};
use crate::types::TableId;

/// What tells flows of a table apart; highest priority first.
pub(super) type Key = (Reverse<u16>, Match);

/// A flow: what does not change while it is installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Its table.
    pub table_id: TableId,
    /// Its priority.
    pub priority: u16,
    /// What it matches, in the form in which Open vSwitch gives it back.
    pub matching: Match,
    /// Its cookie.
    pub cookie: u64,
    /// Its idle timeout in seconds.
    pub idle_timeout: u16,
    /// Its hard timeout in seconds.
    pub hard_timeout: u16,
    /// How it is kept.
    pub flags: FlowModFlags,
    /// What it does, in the form in which Open vSwitch gives it back.
    pub instructions: Vec<Instruction>,
    pub(super) bits: Vec<Bits>,
    pub(super) ops: Arc<[Op]>,
}

/// Bits of a field that a flow matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bits {
    pub field: Field,
    pub value: u128,
    pub mask: u128,
}

/// One step of a flow, in the order in which Open vSwitch takes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Do(Action),
    Clear,
    Write(Vec<Action>),
    Metadata(u64, u64),
    Goto(TableId),
}

/// A flow and its counters.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub flow: Arc<Flow>,
    pub created: Duration,
    pub used: Duration,
    pub packets: u64,
    pub bytes: u64,
}

impl Entry {
    pub fn stats(&self, now: Duration) -> FlowStats {
        let flow = &self.flow;
        let age = now.saturating_sub(self.created);
        FlowStats {
            table_id: flow.table_id,
            duration_sec: age.as_secs() as u32,
            duration_nsec: age.subsec_nanos(),
            priority: flow.priority,
            idle_timeout: flow.idle_timeout,
            hard_timeout: flow.hard_timeout,
            flags: flow.flags,
            cookie: flow.cookie,
            packet_count: self.packets,
            byte_count: self.bytes,
            matching: flow.matching.clone(),
            instructions: flow.instructions.clone(),
        }
    }
}

impl Flow {
    pub(super) fn key(&self) -> Key {
        (Reverse(self.priority), self.matching.clone())
    }

    /// Whether a packet matches.
    pub fn matches(&self, packet: &Packet) -> bool {
        self.bits.iter().all(|b| packet.get(b.field) & b.mask == b.value)
    }

    /// All actions, those within others and those to be written among them.
    pub(super) fn all_actions(&self) -> Vec<&Action> {
        let mut all = Vec::new();
        for op in self.ops.iter() {
            match op {
                Op::Do(action) => flatten(std::slice::from_ref(action), &mut all),
                Op::Write(actions) => flatten(actions, &mut all),
                Op::Clear | Op::Metadata(..) | Op::Goto(_) => {}
            }
        }
        all
    }

    /// The clauses of conjunctions that the flow is: id, clause, how many there are.
    pub(super) fn clauses(&self) -> impl Iterator<Item = (u32, u8, u8)> + '_ {
        self.ops.iter().filter_map(|op| match op {
            Op::Do(Action::NxConjunction { clause, n_clauses, id }) => Some((*id, *clause, *n_clauses)),
            _ => None,
        })
    }
}

fn flatten<'a>(actions: &'a [Action], all: &mut Vec<&'a Action>) {
    for action in actions {
        all.push(action);
        match action {
            Action::NxClone { actions } => flatten(actions, all),
            Action::NxCt(ct) => flatten(&ct.actions, all),
            _ => {}
        }
    }
}

/// The bits that a match is about.
pub(super) fn bits(matching: &Match) -> Vec<Bits> {
    let of = |oxm: &crate::Oxm| {
        let mask = oxm.mask_u128().unwrap_or_else(|| ones(OxmId::from(oxm.field()).n_bits()));
        Bits { field: oxm.field(), value: oxm.value_u128().unwrap_or(0) & mask, mask }
    };
    matching.iter().map(of).collect()
}

/// Whether every packet that matches `flow` matches `criteria`.
pub(super) fn is_covered(flow: &[Bits], criteria: &[Bits]) -> bool {
    criteria
        .iter()
        .all(|c| flow.iter().any(|f| f.field == c.field && f.mask & c.mask == c.mask && f.value & c.mask == c.value))
}

/// Whether a packet may match both.
pub(super) fn overlaps(a: &[Bits], b: &[Bits]) -> bool {
    let differ = |x: &Bits, y: &Bits| x.field == y.field && (x.value ^ y.value) & x.mask & y.mask != 0;
    !a.iter().any(|x| b.iter().any(|y| differ(x, y)))
}

/// Instructions in the order in which Open vSwitch gives them back.
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

/// The steps of instructions in their order. Meters let everything pass: the model has no clock
/// to measure a rate with.
pub(super) fn ops(instructions: &[Instruction]) -> Arc<[Op]> {
    let mut ops = Vec::new();
    for instruction in instructions {
        match instruction {
            Instruction::ApplyActions { actions } => ops.extend(actions.iter().cloned().map(Op::Do)),
            Instruction::ClearActions => ops.push(Op::Clear),
            Instruction::WriteActions { actions } => ops.push(Op::Write(actions.clone())),
            Instruction::WriteMetadata { metadata, metadata_mask } => ops.push(Op::Metadata(*metadata, *metadata_mask)),
            Instruction::GotoTable { table_id } => ops.push(Op::Goto(*table_id)),
            Instruction::Meter { .. } | Instruction::Experimenter { .. } => {}
        }
    }
    ops.into()
}
