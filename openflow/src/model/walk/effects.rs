//! Carries out what a pass found: the conntrack, and what goes on from there.

use super::{Run, Start};
use crate::action::{Action, Ct, CtFlags, Nat};
use crate::model::conntrack::{Commit, Tuple, simulate_nat};
use crate::model::packet::Packet;
use crate::model::trace::{Effect, Pass, WalkError};
use crate::oxm::{Field, ct_state};

/// How often the userspace datapath lets a packet come back.
const MAX_RECIRCULATIONS: u8 = 6;

impl Run<'_> {
    /// `starts` are those of the `Ct` among the effects, in order.
    pub(super) fn carry_out(&mut self, pass: &Pass, starts: Vec<Option<Start>>) -> Result<(), WalkError> {
        let mut starts = starts.into_iter();
        let index = self.trace.passes.len() - 1;
        let mut rewrites = Vec::new();
        for (i, effect) in pass.effects.iter().enumerate() {
            let Effect::Ct { zone, ct, packet } = effect else {
                self.rewrite(index, i, &rewrites);
                continue;
            };
            let start = starts.next().flatten();
            let before = rewritten(packet, &rewrites);
            let after = self.conntrack(before.clone(), *zone, ct);
            if self.choices.ct_state.is_none() {
                rewrites.extend(changes(&before, &after));
            }
            if let Some(start) = start
                && start.depth <= MAX_RECIRCULATIONS
            {
                self.pass(Start { packet: after, ..start })?;
            }
        }
        Ok(())
    }

    /// The packet as it comes back from the conntrack.
    fn conntrack(&mut self, mut packet: Packet, zone: u16, ct: &Ct) -> Packet {
        let nat = ct.actions.iter().find_map(|action| match action {
            Action::NxNat(nat) => Some(&**nat),
            _ => None,
        });
        if let Some(state) = self.choices.ct_state {
            nat.into_iter().for_each(|nat| simulate_nat(&mut packet, nat));
            packet.set(Field::NXM_NX_CT_STATE, u128::from(state | ct_state::TRK));
            packet.set(Field::NXM_NX_CT_ZONE, u128::from(zone));
            return packet;
        }
        let commit = ct.flags.contains(CtFlags::COMMIT).then(|| Commit {
            force: ct.flags.contains(CtFlags::FORCE),
            nat: nat.filter(|nat| **nat != Nat::existing()).cloned(),
            mark: sets(ct, Field::NXM_NX_CT_MARK).then(|| packet.get(Field::NXM_NX_CT_MARK) as u32),
            label: sets(ct, Field::NXM_NX_CT_LABEL).then(|| packet.get(Field::NXM_NX_CT_LABEL)),
        });
        self.switch.conntrack.track(&mut packet, zone, nat.is_some(), commit);
        packet
    }

    /// What the conntrack did to a packet is seen in what follows, too.
    fn rewrite(&mut self, pass: usize, effect: usize, rewrites: &[Rewrite]) {
        let effect = self.trace.passes.get_mut(pass).and_then(|p| p.effects.get_mut(effect));
        if let Some(Effect::Output { packet, .. }) = effect {
            *packet = rewritten(packet, rewrites);
        }
    }
}

/// A field that the conntrack translated, from and to.
type Rewrite = (Field, u128, u128);

/// Translations count unless an action has set the field meanwhile.
fn rewritten(packet: &Packet, rewrites: &[Rewrite]) -> Packet {
    let mut packet = packet.clone();
    for (field, from, to) in rewrites {
        if packet.get(*field) == *from {
            packet.set(*field, *to);
        }
    }
    packet
}

fn changes(before: &Packet, after: &Packet) -> Vec<Rewrite> {
    let fields = Tuple::fields(before).into_iter().flatten();
    fields.map(|f| (f, before.get(f), after.get(f))).filter(|(_, a, b)| a != b).collect()
}

/// Whether a ct sets this field.
fn sets(ct: &Ct, wanted: Field) -> bool {
    ct.actions.iter().any(|action| match action {
        Action::SetField { field } | Action::NxRegLoad2 { field } => field.field() == wanted,
        Action::NxRegLoad { dst, .. } | Action::NxRegMove { dst, .. } => dst.field == wanted,
        _ => false,
    })
}
