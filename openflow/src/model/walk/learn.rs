//! `learn`: flows made from packets (ovs-actions(7)).

use super::Walk;
use super::actions::held;
use crate::action::{Action, BitRange, Learn, Learn2, LearnDst, LearnSrc};
use crate::instruction::Instruction;
use crate::model::flow::{Flow, bits, normal, ops};
use crate::model::packet::ones;
use crate::model::trace::WalkError;
use crate::msg::flow::FlowModFlags;
use crate::oxm::{Field, Match, Oxm, OxmId};
use crate::types::PortNo;

impl Walk<'_> {
    pub(super) fn learn(&mut self, learn: &Learn) -> Result<(), WalkError> {
        let flow = self.learned(learn)?;
        // a learned flow that the switch refuses is not added, and nobody is told
        let now = self.switch.now;
        let id = flow.table_id.0;
        let table = self.switch.state.tables.entry(id).or_default();
        self.before.entry(id).or_insert_with(|| table.clone());
        let _refused = self.switch.state.add(flow, FlowModFlags::RESET_COUNTS, now);
        Ok(())
    }

    pub(super) fn learn2(&mut self, learn: &Learn2) -> Result<(), WalkError> {
        let flow = self.learned(&learn.learn)?;
        let there = self.switch.state.tables.get(&flow.table_id.0);
        let is_known = there.is_some_and(|table| table.flows.contains_key(&flow.key()));
        let same = |other: &Flow| other.cookie == flow.cookie;
        let count = there.map_or(0, |table| table.flows.values().filter(|e| same(&e.flow)).count());
        let fits = learn.limit == 0 || is_known || count <= learn.limit as usize;
        if fits {
            self.learn(&learn.learn)?;
        }
        if let Some(dst) = learn.result_dst {
            self.packet.set_bits(held(dst)?, learn.result_dst_ofs, 1, u128::from(fits));
        }
        Ok(())
    }

    fn learned(&self, learn: &Learn) -> Result<Flow, WalkError> {
        let mut matching = Match::new();
        let mut actions = Vec::new();
        for spec in &learn.specs {
            let value = match &spec.src {
                LearnSrc::Field(id, ofs) => self.packet.get_bits(held(*id)?, *ofs, spec.n_bits),
                LearnSrc::Immediate(bytes) => bytes.iter().fold(0, |n, b| n << 8 | u128::from(*b)) & ones(spec.n_bits),
            };
            match spec.dst {
                LearnDst::Match(id, ofs) => matching = merge(matching, held(id)?, ofs, spec.n_bits, value),
                LearnDst::Load(id, ofs) => actions.extend(loads(id, ofs, spec.n_bits, value)),
                LearnDst::Output => actions.extend(output(value)),
            }
        }
        let matching = matching.canonical();
        let instructions = normal(&[Instruction::ApplyActions { actions }]);
        Ok(Flow {
            table_id: learn.table_id,
            priority: learn.priority,
            bits: bits(&matching),
            matching,
            cookie: learn.cookie,
            idle_timeout: learn.idle_timeout,
            hard_timeout: learn.hard_timeout,
            flags: FlowModFlags(learn.flags.0 & FlowModFlags::SEND_FLOW_REM.0),
            ops: ops(&instructions),
            instructions,
        })
    }
}

/// Adds bits to what a match says of a field.
fn merge(matching: Match, field: Field, ofs: u16, n_bits: u16, value: u128) -> Match {
    let old = matching.get(field).cloned();
    let full = ones(OxmId::from(field).n_bits());
    let (old_value, old_mask) = old.map_or((0, 0), |o| (o.value_u128().unwrap_or(0), o.mask_u128().unwrap_or(full)));
    let new_mask = ones(n_bits).checked_shl(u32::from(ofs)).unwrap_or(0);
    let new_value = value.checked_shl(u32::from(ofs)).unwrap_or(0) & new_mask;
    let (value, mask) = ((old_value & !new_mask) | new_value, old_mask | new_mask);
    let size = usize::from(field.size().unwrap_or(16));
    let others = matching.into_iter().filter(|o| o.field() != field);
    let bytes = |n: u128| n.to_be_bytes().into_iter().skip(16 - size.min(16)).collect::<Vec<u8>>();
    let mask = (mask != full).then(|| bytes(mask));
    others.chain(Oxm::from_bytes(field, &bytes(value), mask.as_deref())).collect()
}

/// Loads of at most 64 bits each.
fn loads(dst: OxmId, ofs: u16, n_bits: u16, value: u128) -> Vec<Action> {
    let step = |done: u16| {
        let n = (n_bits - done).min(64);
        let value = value.checked_shr(u32::from(done)).unwrap_or(0) & ones(n);
        Action::NxRegLoad { bits: BitRange::new(ofs + done, n), dst, value: value as u64 }
    };
    (0..n_bits).step_by(64).map(step).collect()
}

/// An output to the port of a value, if packets can be sent there.
fn output(value: u128) -> Option<Action> {
    let port = PortNo::from_u16(u16::try_from(value).ok()?);
    let sent = matches!(port, PortNo::IN_PORT | PortNo::FLOOD | PortNo::LOCAL | PortNo::ALL) || port.0 < 0xff00;
    sent.then(|| Action::output(port))
}
