//! Random values that a switch would take.

mod action;
mod matching;
mod packet;

use openflow::action::DecTtlCntIds;
use openflow::msg::flow::{FlowMod, FlowModFlags};
use openflow::msg::group::{Bucket, GroupMod, GroupType};
use openflow::{Action, Field, Instruction, PortNo};

pub use action::actions;
pub use matching::matching;
pub use packet::packet;

/// A small generator (xorshift), so that a seed gives the same values anywhere.
pub struct Rng {
    state: u64,
    /// Whether fields are set by actions that OpenFlow 1.3 needs no more, or with a mask, for which OpenFlow 1.3 has no text of its own.
    pub masked_sets: bool,
}

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, masked_sets: true }
    }

    /// The same without masks where a field is set.
    pub fn with_whole_sets(seed: u64) -> Self {
        Self { masked_sets: false, ..Self::new(seed) }
    }

    pub fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 16) % n
    }

    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }

    /// A number that is often small, zero or all ones.
    pub fn number(&mut self, bits: u16) -> u128 {
        let wide = u128::from(self.next()) << 64 | u128::from(self.next());
        let all = if bits >= 128 { u128::MAX } else { (1 << bits) - 1 };
        match self.below(6) {
            0 => wide & 1,
            1 => wide & 0xff & all,
            2 => all,
            _ => wide & all,
        }
    }
}

/// A flow that a switch would take.
pub fn flow_mod(rng: &mut Rng) -> FlowMod {
    let table = rng.below(200) as u8;
    let mut flow = FlowMod::add(table, rng.pick(&[0x8000, 0, 1, 100, 65535]), matching(rng));
    if rng.one_in(3) {
        flow.cookie = rng.number(64) as u64;
    }
    flow.idle_timeout = rng.pick(&[0, 0, 10, 65535]);
    flow.hard_timeout = rng.pick(&[0, 0, 30]);
    flow.flags = FlowModFlags(rng.pick(&[0, 0, 1, 4, 2, 24, 31]));
    if rng.one_in(8) {
        flow = flow.instruction(Instruction::Meter { meter_id: 3.into() });
    }
    let ip = flow.matching.get(Field::OXM_OF_ETH_TYPE).and_then(|t| t.value_u128()) == Some(0x0800);
    if rng.one_in(12) {
        let clauses =
            (0..1 + rng.below(3)).map(|_| Action::conjunction(rng.number(32) as u32, 1 + rng.below(2) as u8, 3));
        return flow.apply(clauses.collect::<Vec<_>>());
    }
    if !rng.one_in(6) {
        let mut list = actions(rng, 2);
        if ip && rng.one_in(2) {
            list.insert(0, Action::DecNwTtl);
            list.insert(0, Action::SetNwTtl { nw_ttl: rng.number(8) as u8 });
            list.insert(0, Action::NxDecTtlCntIds(DecTtlCntIds { controller_ids: vec![1, 2] }));
        }
        flow = flow.apply(list);
    }
    if rng.one_in(8) {
        flow = flow.instruction(Instruction::ClearActions);
    }
    if rng.one_in(8) {
        let actions = vec![Action::set_reg(4, 5), Action::output(3)];
        flow = flow.instruction(Instruction::WriteActions { actions });
    }
    if rng.one_in(8) {
        let metadata_mask = rng.number(64) as u64;
        flow = flow.instruction(Instruction::WriteMetadata { metadata: 5 & metadata_mask, metadata_mask });
    }
    if rng.one_in(3) {
        flow = flow.goto(table + 1);
    }
    flow
}

/// A group that a switch would take.
pub fn group_mod(rng: &mut Rng) -> GroupMod {
    let kind = rng.pick(&[GroupType::ALL, GroupType::SELECT, GroupType::INDIRECT, GroupType::FF]);
    let n = if kind == GroupType::INDIRECT { 1 } else { rng.below(4) };
    let buckets = (0..n).map(|_| {
        let mut bucket = Bucket::new(actions(rng, 1)).weight(rng.below(4) as u16);
        if kind == GroupType::FF {
            bucket.watch_port = PortNo(1 + rng.below(4) as u32);
        }
        if kind != GroupType::SELECT {
            bucket.weight = 0;
        }
        bucket
    });
    let buckets = buckets.collect();
    GroupMod::add(rng.below(0xffff_ff00) as u32, kind, buckets)
}
