//! Actions with a structure of their own.

use super::{Arb, Gen};
use crate::action::{
    Action, BitRange, Bundle, Controller2, Ct, CtZone, DecTtlCntIds, DeleteField, Encap, EncapProperty, Learn, Learn2,
    LearnDst, LearnFlags, LearnSpec, LearnSrc, Nat,
};
use crate::instruction::Instruction;
use crate::oxm::Field;

/// A copy of ONF's.
pub fn copy(g: &mut Gen<'_>) -> Action {
    Action::OnfCopyField {
        n_bits: Arb::arb(g),
        src_offset: Arb::arb(g),
        dst_offset: Arb::arb(g),
        src: Arb::arb(g),
        dst: Arb::arb(g),
    }
}

/// An action that nobody knows.
pub fn unknown(g: &mut Gen<'_>) -> Action {
    Action::Experimenter { experimenter: 0x00c0_ffee, data: g.words() }
}

/// Makes a value one that comes back as it is: a note fills its action.
pub fn fit(mut action: Action) -> Action {
    if let Action::NxNote { note } = &mut action {
        note.0.resize(6 + note.len() / 8 * 8, 0);
    }
    action
}

impl Arb for BitRange {
    fn arb(g: &mut Gen<'_>) -> Self {
        Self::new(g.below(1024) as u16, 1 + g.below(64) as u16)
    }
}

impl Arb for Bundle {
    fn arb(g: &mut Gen<'_>) -> Self {
        Self {
            algorithm: Arb::arb(g),
            fields: Arb::arb(g),
            basis: Arb::arb(g),
            member_type: Arb::arb(g),
            bits: Arb::arb(g),
            dst: Arb::arb(g),
            members: Arb::arb(g),
        }
    }
}

impl Arb for Controller2 {
    fn arb(g: &mut Gen<'_>) -> Self {
        Self { properties: Arb::arb(g) }
    }
}

impl Arb for DecTtlCntIds {
    fn arb(g: &mut Gen<'_>) -> Self {
        Self { controller_ids: Arb::arb(g) }
    }
}

impl Arb for DeleteField {
    fn arb(g: &mut Gen<'_>) -> Self {
        Self { field: Arb::arb(g) }
    }
}

impl Arb for Encap {
    fn arb(g: &mut Gen<'_>) -> Self {
        Self { hdr_size: Arb::arb(g), new_packet_type: Arb::arb(g), properties: Arb::arb(g) }
    }
}

impl Arb for EncapProperty {
    fn arb(g: &mut Gen<'_>) -> Self {
        Self { class: Arb::arb(g), kind: Arb::arb(g), data: Arb::arb(g) }
    }
}

impl Arb for Ct {
    fn arb(g: &mut Gen<'_>) -> Self {
        let zone = match bool::arb(g) {
            true => CtZone::Imm(Arb::arb(g)),
            false => CtZone::Field { src: Field::reg(g.byte()).into(), bits: Arb::arb(g) },
        };
        Self { flags: Arb::arb(g), zone, recirc_table: Arb::arb(g), alg: Arb::arb(g), actions: Arb::arb(g) }
    }
}

impl Arb for Nat {
    fn arb(g: &mut Gen<'_>) -> Self {
        Self {
            flags: Arb::arb(g),
            ipv4_min: Option::<[u8; 4]>::arb(g).map(Into::into),
            ipv4_max: Option::<[u8; 4]>::arb(g).map(Into::into),
            ipv6_min: Option::<[u8; 16]>::arb(g).map(Into::into),
            ipv6_max: Option::<[u8; 16]>::arb(g).map(Into::into),
            proto_min: Arb::arb(g),
            proto_max: Arb::arb(g),
        }
    }
}

impl Arb for LearnSpec {
    fn arb(g: &mut Gen<'_>) -> Self {
        let n_bits = 1 + g.below(200) as u16;
        let src = match bool::arb(g) {
            true => LearnSrc::Field(Arb::arb(g), Arb::arb(g)),
            false => LearnSrc::Immediate(g.take(usize::from(n_bits).div_ceil(16) * 2).into()),
        };
        let dst = match g.below(3) {
            0 => LearnDst::Match(Arb::arb(g), Arb::arb(g)),
            1 => LearnDst::Load(Arb::arb(g), Arb::arb(g)),
            _ => LearnDst::Output,
        };
        Self { n_bits, src, dst }
    }
}

impl Arb for Learn {
    fn arb(g: &mut Gen<'_>) -> Self {
        Self {
            idle_timeout: Arb::arb(g),
            hard_timeout: Arb::arb(g),
            priority: Arb::arb(g),
            cookie: Arb::arb(g),
            flags: Arb::arb(g),
            table_id: Arb::arb(g),
            fin_idle_timeout: Arb::arb(g),
            fin_hard_timeout: Arb::arb(g),
            specs: Arb::arb(g),
        }
    }
}

impl Arb for Learn2 {
    fn arb(g: &mut Gen<'_>) -> Self {
        let learn = Learn::arb(g);
        let stored = learn.flags.contains(LearnFlags::WRITE_RESULT);
        Self { limit: Arb::arb(g), result_dst_ofs: Arb::arb(g), result_dst: stored.then(|| Arb::arb(g)), learn }
    }
}

impl Arb for Instruction {
    fn arb(g: &mut Gen<'_>) -> Self {
        match g.below(7) {
            0 => Self::GotoTable { table_id: Arb::arb(g) },
            1 => Self::WriteMetadata { metadata: Arb::arb(g), metadata_mask: Arb::arb(g) },
            2 => Self::WriteActions { actions: Arb::arb(g) },
            3 => Self::ApplyActions { actions: Arb::arb(g) },
            4 => Self::ClearActions,
            5 => Self::Meter { meter_id: Arb::arb(g) },
            _ => Self::Experimenter { experimenter: Arb::arb(g), data: g.words() },
        }
    }
}
