//! What Open vSwitch refuses in instructions and actions. Not every check it makes: those that a
//! controller can plausibly fail. Matches are judged by [`Match::check`].

use super::prerequisite::{self, Prerequisite, is_writable};
use super::refusal::Refusal;
use crate::action::{Action, CtFlags, CtZone, Learn, LearnDst, LearnSrc, NatFlags};
use crate::instruction::Instruction;
use crate::oxm::{Field, Match, Oxm, OxmId, ct_state};
use crate::types::{PortNo, TableId};

/// The value that a match has for a field, as far as prerequisites need it.
fn exact(fields: &[Oxm], field: Field) -> Option<u128> {
    let oxm = fields.iter().find(|o| o.field().canonical() == field.canonical())?;
    match (oxm.value_u128(), oxm.mask_u128()) {
        (value, None) => value,
        // a tag of any number is a tag
        (value, Some(0x1000)) if field == Field::OXM_OF_VLAN_VID => value,
        _ => None,
    }
}

/// Checks what the switch does when it reads instructions: that they are known, whole, and nested
/// as they may be. What packets they are for does not count yet.
pub(super) fn read_instructions(all: &[Instruction]) -> Result<(), Refusal> {
    let kinds = || all.iter().map(std::mem::discriminant);
    if kinds().enumerate().any(|(i, kind)| kinds().take(i).any(|before| before == kind)) {
        return Err(Refusal::DUP_INSTRUCTION);
    }
    for instruction in all {
        match instruction {
            Instruction::ApplyActions { actions } => actions.iter().try_for_each(read_one)?,
            Instruction::WriteActions { actions } => {
                actions.iter().try_for_each(read_one)?;
                if !actions.iter().all(is_allowed_in_set) {
                    return Err(Refusal::BAD_ACTION_TYPE);
                }
            }
            Instruction::Experimenter { .. } => return Err(Refusal::UNKNOWN_INSTRUCTION),
            _ => {}
        }
    }
    all.iter().try_for_each(|instruction| match instruction {
        Instruction::ApplyActions { actions } => verify(actions, false, all.len() == 1),
        _ => Ok(()),
    })
}

/// Whether an action can be in an action set.
fn is_allowed_in_set(action: &Action) -> bool {
    super::action_set::slot(action).is_some()
}

/// The same of actions.
pub(super) fn read(all: &[Action]) -> Result<(), Refusal> {
    all.iter().try_for_each(read_one)?;
    verify(all, false, true)
}

fn read_one(action: &Action) -> Result<(), Refusal> {
    match action {
        Action::Output { port, .. } => output(*port),
        Action::PushVlan { ethertype } if !matches!(ethertype, 0x8100 | 0x88a8) => Err(Refusal::BAD_ACTION_ARGUMENT),
        Action::SetField { field } | Action::NxRegLoad2 { field } => read_set_field(field),
        Action::NxRegLoad { bits, dst, value } => {
            destination(*dst, bits.ofs, bits.n_bits)?;
            let fits = bits.n_bits >= 64 || value >> bits.n_bits == 0;
            if fits { Ok(()) } else { Err(Refusal::BAD_ACTION_ARGUMENT) }
        }
        Action::NxRegMove { n_bits, src_ofs, dst_ofs, src, dst } => {
            range(*src, *src_ofs, *n_bits)?;
            destination(*dst, *dst_ofs, *n_bits)
        }
        Action::NxStackPush { ofs, field, n_bits } => range(*field, *ofs, *n_bits),
        Action::NxStackPop { ofs, field, n_bits } => destination(*field, *ofs, *n_bits),
        Action::NxOutputReg { bits, src, .. } | Action::NxOutputReg2 { bits, src, .. } => {
            range(*src, bits.ofs, bits.n_bits)
        }
        Action::NxCt(ct) => {
            if let CtZone::Field { src, bits } = &ct.zone {
                range(*src, bits.ofs, bits.n_bits)?;
                if bits.n_bits != 16 {
                    return Err(Refusal::BAD_SET_LEN);
                }
            }
            ct.actions.iter().try_for_each(read_one)?;
            let needs_commit = |action: &Action| match action {
                Action::NxNat(nat) => nat.flags.0 & (NatFlags::SRC.0 | NatFlags::DST.0) != 0,
                _ => true,
            };
            if !ct.flags.contains(CtFlags::COMMIT) && ct.actions.iter().any(needs_commit) {
                return Err(Refusal::BAD_ACTION_ARGUMENT);
            }
            verify(&ct.actions, true, true)
        }
        Action::NxClone { actions } => read(actions),
        Action::NxLearn(learn) => read_learn(learn),
        Action::NxLearn2(learn) => read_learn(&learn.learn),
        Action::CopyTtlIn | Action::CopyTtlOut | Action::PushPbb { .. } | Action::PopPbb => {
            Err(Refusal::BAD_ACTION_TYPE)
        }
        Action::Experimenter { .. } => Err(Refusal::BAD_ACTION_EXPERIMENTER),
        _ => Ok(()),
    }
}

fn read_set_field(oxm: &Oxm) -> Result<(), Refusal> {
    let field = oxm.field();
    settable(field)?;
    let value = oxm.value_u128().unwrap_or(0);
    let unused = value.checked_shr(u32::from(OxmId::from(field).n_bits())).unwrap_or(0);
    // the port can be loaded only, by its number of OpenFlow 1.0
    let never = field == Field::OXM_OF_IN_PORT || field == Field::OXM_OF_VLAN_VID && value & 0x1000 == 0;
    if unused != 0 || never { Err(Refusal::BAD_SET_ARGUMENT) } else { Ok(()) }
}

/// A field that is set.
fn settable(field: Field) -> Result<(), Refusal> {
    match field {
        _ if field.info().is_none() => Err(Refusal::BAD_SET_TYPE),
        _ if !is_writable(field) => Err(Refusal::BAD_SET_ARGUMENT),
        _ => Ok(()),
    }
}

/// Bits that are set.
fn destination(id: OxmId, ofs: u16, n_bits: u16) -> Result<(), Refusal> {
    range(id, ofs, n_bits)?;
    settable(id.field)
}

fn range(id: OxmId, ofs: u16, n_bits: u16) -> Result<(), Refusal> {
    let fits = n_bits > 0 && ofs.checked_add(n_bits).is_some_and(|end| end <= id.n_bits());
    if fits { Ok(()) } else { Err(Refusal::BAD_SET_LEN) }
}

/// Ports that packets can be sent to.
fn output(port: PortNo) -> Result<(), Refusal> {
    let known = port.0 < 0xff00 || (PortNo::IN_PORT..=PortNo::LOCAL).contains(&port);
    if known { Ok(()) } else { Err(Refusal::BAD_OUT_PORT) }
}

fn read_learn(learn: &Learn) -> Result<(), Refusal> {
    for spec in &learn.specs {
        if let LearnSrc::Field(id, ofs) = &spec.src {
            range(*id, *ofs, spec.n_bits)?;
        }
        if let LearnDst::Match(id, ofs) | LearnDst::Load(id, ofs) = &spec.dst {
            range(*id, *ofs, spec.n_bits)?;
        }
    }
    Ok(())
}

/// What may stand beside what, and in what.
fn verify(all: &[Action], in_ct: bool, is_alone: bool) -> Result<(), Refusal> {
    let goes_with_conjunction = |a: &Action| matches!(a, Action::NxConjunction { .. } | Action::NxNote { .. });
    let may_conjoin = is_alone && all.iter().all(goes_with_conjunction);
    for action in all {
        let of_ct = match action {
            Action::NxConjunction { .. } if !may_conjoin => return Err(Refusal::BAD_CONJUNCTION),
            Action::SetField { field } | Action::NxRegLoad2 { field } => is_of_ct(field.field()),
            Action::NxRegLoad { dst, .. } | Action::NxRegMove { dst, .. } => is_of_ct(dst.field),
            Action::NxNat(_) => true,
            _ => false,
        };
        if of_ct != in_ct {
            return Err(if in_ct { Refusal::BAD_ACTION_ARGUMENT } else { Refusal::BAD_SET_ARGUMENT });
        }
    }
    Ok(())
}

fn is_of_ct(field: Field) -> bool {
    matches!(field, Field::NXM_NX_CT_MARK | Field::NXM_NX_CT_LABEL)
}

/// Checks whether instructions go with the packets they are for.
pub(super) fn instructions(all: &[Instruction], table: TableId, matching: &Match) -> Result<(), Refusal> {
    let mut fits = true;
    for instruction in all {
        match instruction {
            Instruction::ApplyActions { actions } => fits &= go_together(actions, matching)?,
            // the packets that come to an action set may be others
            Instruction::WriteActions { actions } => {
                go_together(actions, matching)?;
            }
            Instruction::GotoTable { table_id } if *table_id <= table && table != TableId::ALL => {
                return Err(Refusal::BAD_GOTO_TABLE);
            }
            _ => {}
        }
    }
    if fits { Ok(()) } else { Err(Refusal::MATCH_INCONSISTENT) }
}

/// Whether actions go with packets; some that do not are refused at once.
fn go_together(actions: &[Action], matching: &Match) -> Result<bool, Refusal> {
    let mut packets = Packets { matching, tagged: None, fits: true };
    list(actions, &mut packets)?;
    Ok(packets.fits)
}

/// The packets that actions are for, as far as it is known.
struct Packets<'a> {
    matching: &'a Match,
    /// Whether actions made sure that there is a tag, or that there is none.
    tagged: Option<bool>,
    /// Whether all actions so far go with them.
    fits: bool,
}

impl Packets<'_> {
    /// Whether they are those that the conntrack could make nothing of.
    fn are_invalid(&self) -> bool {
        let state = self.matching.get(Field::NXM_NX_CT_STATE).and_then(Oxm::value_u128);
        state.unwrap_or(0) & u128::from(ct_state::INV) != 0
    }

    fn have(&self, field: Field) -> Result<(), Refusal> {
        self.need(prerequisite::of(field))
    }

    fn need(&self, prerequisite: Prerequisite) -> Result<(), Refusal> {
        if self.are(prerequisite) { Ok(()) } else { Err(Refusal::MATCH_INCONSISTENT) }
    }

    fn are(&self, prerequisite: Prerequisite) -> bool {
        let get = |field| match (field, self.tagged) {
            (Field::OXM_OF_VLAN_VID, Some(tagged)) => Some(if tagged { 0x1000 } else { 0 }),
            _ => exact(self.matching.fields(), field),
        };
        prerequisite.holds(&get)
    }
}

fn list(all: &[Action], packets: &mut Packets<'_>) -> Result<(), Refusal> {
    for action in all {
        packets.fits &= packets.are(prerequisite_of(action));
        one(action, packets)?;
        match action {
            Action::PushVlan { .. } => packets.tagged = Some(true),
            Action::PopVlan => packets.tagged = Some(false),
            _ => {}
        }
    }
    Ok(())
}

/// What an action needs; where it is not so, the switch first looks at the other actions.
fn prerequisite_of(action: &Action) -> Prerequisite {
    match action {
        Action::PopVlan => Prerequisite::Vlan,
        Action::DecNwTtl | Action::NxDecTtlCntIds(_) | Action::SetNwTtl { .. } => Prerequisite::Ip,
        Action::SetMplsTtl { .. } | Action::DecMplsTtl => Prerequisite::Mpls,
        Action::NxFinTimeout { .. } => Prerequisite::Transport(6),
        _ => Prerequisite::None,
    }
}

/// What is refused at once.
fn one(action: &Action, packets: &mut Packets<'_>) -> Result<(), Refusal> {
    match action {
        Action::SetField { field } | Action::NxRegLoad2 { field } if field.field() == Field::OXM_OF_VLAN_VID => {
            packets.need(Prerequisite::Vlan)
        }
        Action::SetField { field } | Action::NxRegLoad2 { field } => packets.have(field.field()),
        Action::NxRegLoad { dst, .. } => packets.have(dst.field),
        Action::NxRegMove { src, dst, .. } => {
            packets.have(src.field)?;
            packets.have(dst.field)
        }
        Action::NxStackPush { field, .. } | Action::NxStackPop { field, .. } => packets.have(field.field),
        Action::NxOutputReg { src, .. } | Action::NxOutputReg2 { src, .. } => packets.have(src.field),
        Action::NxCt(ct) => {
            packets.need(Prerequisite::Ip)?;
            if ct.flags.contains(CtFlags::COMMIT) && packets.are_invalid() {
                return Err(Refusal::MATCH_INCONSISTENT);
            }
            match &ct.zone {
                CtZone::Imm(_) => list(&ct.actions, packets),
                // Open vSwitch then leaves it at that
                CtZone::Field { src, .. } => packets.have(src.field),
            }
        }
        Action::NxNat(nat) if nat.ipv4_min.is_some() => packets.need(Prerequisite::Ipv4),
        Action::NxNat(nat) if nat.ipv6_min.is_some() => packets.need(Prerequisite::Ipv6),
        Action::NxClone { actions } => list(actions, packets),
        Action::NxLearn(learn) => learned(learn, packets),
        Action::NxLearn2(learn) => learned(&learn.learn, packets),
        _ => Ok(()),
    }
}

fn learned(learn: &Learn, packets: &Packets<'_>) -> Result<(), Refusal> {
    for spec in &learn.specs {
        if let LearnSrc::Field(id, _) = &spec.src {
            packets.have(id.field)?;
        }
    }
    Ok(())
}
