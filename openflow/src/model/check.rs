//! What Open vSwitch refuses in matches and actions. Not every check it makes: those that a
//! controller can plausibly fail.

use super::prerequisite::{self, is_writable};
use super::refusal::Refusal;
use crate::action::{Action, Learn, LearnDst, LearnSrc};
use crate::instruction::Instruction;
use crate::oxm::{Field, Match, Oxm, OxmId};
use crate::types::{PortNo, TableId};

/// Checks a match, field by field: prerequisites have to come first.
pub(super) fn matching(matching: &Match) -> Result<(), Refusal> {
    let fields = matching.fields();
    for (i, oxm) in fields.iter().enumerate() {
        let before = fields.get(..i).unwrap_or_default();
        field(oxm, before)?;
    }
    Ok(())
}

fn field(oxm: &Oxm, before: &[Oxm]) -> Result<(), Refusal> {
    let field = oxm.field();
    if field.info().is_none() {
        return Err(Refusal::BAD_FIELD);
    }
    let canonical = field.canonical();
    if !prerequisite::of(field).holds(&|f| exact(before, f)) {
        return Err(Refusal::BAD_PREREQ);
    }
    if before.iter().any(|o| o.field().canonical() == canonical) {
        return Err(Refusal::DUP_FIELD);
    }
    if let Some(mask) = oxm.mask() {
        if !is_maskable(canonical) {
            return Err(Refusal::BAD_MASK);
        }
        if oxm.value().iter().zip(mask).any(|(v, m)| v & !m != 0) {
            return Err(Refusal::BAD_WILDCARDS);
        }
    }
    let unused = oxm.value_u128().unwrap_or(0).checked_shr(u32::from(OxmId::from(field).n_bits())).unwrap_or(0);
    let bad_tag = canonical == Field::OXM_OF_VLAN_VID && oxm.mask().is_none() && no_tag(oxm);
    if unused != 0 || bad_tag { Err(Refusal::BAD_VALUE) } else { Ok(()) }
}

/// A VLAN number without the bit that says there is a tag.
fn no_tag(oxm: &Oxm) -> bool {
    matches!(oxm.value_u128(), Some(1..0x1000))
}

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

fn is_maskable(field: Field) -> bool {
    !matches!(
        field,
        Field::OXM_OF_IN_PORT
            | Field::OXM_OF_ETH_TYPE
            | Field::OXM_OF_VLAN_PCP
            | Field::OXM_OF_IP_DSCP
            | Field::OXM_OF_IP_ECN
            | Field::OXM_OF_IP_PROTO
            | Field::NXM_NX_IP_TTL
            | Field::OXM_OF_ICMPV4_TYPE
            | Field::OXM_OF_ICMPV4_CODE
            | Field::OXM_OF_ICMPV6_TYPE
            | Field::OXM_OF_ICMPV6_CODE
            | Field::OXM_OF_ARP_OP
            | Field::NXM_NX_CT_ZONE
            | Field::NXM_NX_CONJ_ID
            | Field::NXM_NX_RECIRC_ID
            | Field::NXM_NX_CT_NW_PROTO
    )
}

/// Checks the instructions of a flow.
pub(super) fn instructions(all: &[Instruction], table: TableId, matching: &Match) -> Result<(), Refusal> {
    for instruction in all {
        match instruction {
            Instruction::ApplyActions { actions: list } => actions(list, Some(matching))?,
            Instruction::WriteActions { actions: list } => {
                if !list.iter().all(is_allowed_in_set) {
                    return Err(Refusal::BAD_ACTION_TYPE);
                }
                actions(list, Some(matching))?;
            }
            Instruction::GotoTable { table_id } if *table_id <= table || *table_id == TableId::ALL => {
                return Err(Refusal::BAD_GOTO_TABLE);
            }
            Instruction::Experimenter { .. } => return Err(Refusal::UNKNOWN_INSTRUCTION),
            _ => {}
        }
    }
    Ok(())
}

/// Whether an action can be in an action set.
pub(super) fn is_allowed_in_set(action: &Action) -> bool {
    super::action_set::slot(action).is_some()
}

/// Checks actions of packets of `matching`, or of any packets.
pub(super) fn actions(all: &[Action], matching: Option<&Match>) -> Result<(), Refusal> {
    let packet = Packets { matching, tagged: false };
    list(all, packet, false)
}

/// The packets that actions are for, as far as it is known.
#[derive(Clone, Copy)]
struct Packets<'a> {
    matching: Option<&'a Match>,
    tagged: bool,
}

impl Packets<'_> {
    fn have(self, field: Field) -> Result<(), Refusal> {
        self.are(prerequisite::of(field))
    }

    fn are(self, prerequisite: prerequisite::Prerequisite) -> Result<(), Refusal> {
        let Some(matching) = self.matching else { return Ok(()) };
        let get = |field| match field {
            Field::OXM_OF_VLAN_VID if self.tagged => Some(0x1000),
            _ => exact(matching.fields(), field),
        };
        if prerequisite.holds(&get) { Ok(()) } else { Err(Refusal::MATCH_INCONSISTENT) }
    }
}

fn list(all: &[Action], mut packets: Packets<'_>, in_ct: bool) -> Result<(), Refusal> {
    for action in all {
        one(action, packets, in_ct)?;
        match action {
            Action::PushVlan { .. } => packets.tagged = true,
            Action::PopVlan => packets.tagged = false,
            _ => {}
        }
    }
    Ok(())
}

fn one(action: &Action, packets: Packets<'_>, in_ct: bool) -> Result<(), Refusal> {
    match action {
        Action::Output { port, .. } => output(*port),
        Action::SetField { field } | Action::NxRegLoad2 { field } => {
            destination(field.field(), packets, in_ct)?;
            let unset = field.field() == Field::OXM_OF_VLAN_VID && field.value_u128().unwrap_or(0) & 0x1000 == 0;
            if unset { Err(Refusal::BAD_SET_ARGUMENT) } else { packets.have(field.field()) }
        }
        Action::NxRegLoad { bits, dst, value } => {
            destination(dst.field, packets, in_ct)?;
            let fits = bits.n_bits >= 64 || value >> bits.n_bits == 0;
            if fits { range(*dst, bits.ofs, bits.n_bits) } else { Err(Refusal::BAD_ACTION_ARGUMENT) }
        }
        Action::NxRegMove { n_bits, src_ofs, dst_ofs, src, dst } => {
            packets.have(src.field)?;
            destination(dst.field, packets, in_ct)?;
            range(*src, *src_ofs, *n_bits)?;
            range(*dst, *dst_ofs, *n_bits)
        }
        Action::NxStackPush { ofs, field, n_bits } => {
            packets.have(field.field)?;
            range(*field, *ofs, *n_bits)
        }
        Action::NxStackPop { ofs, field, n_bits } => {
            destination(field.field, packets, in_ct)?;
            range(*field, *ofs, *n_bits)
        }
        Action::NxOutputReg { bits, src, .. } | Action::NxOutputReg2 { bits, src, .. } => {
            packets.have(src.field)?;
            range(*src, bits.ofs, bits.n_bits)
        }
        Action::DecNwTtl | Action::NxDecTtlCntIds(_) | Action::SetNwTtl { .. } => {
            packets.are(prerequisite::Prerequisite::Ip)
        }
        Action::NxCt(ct) => {
            packets.are(prerequisite::Prerequisite::Ip)?;
            list(&ct.actions, packets, true)
        }
        Action::NxNat(_) if !in_ct => Err(Refusal::BAD_ACTION_ARGUMENT),
        Action::NxClone { actions } => list(actions, packets, in_ct),
        Action::NxLearn(learn) => learned(learn, packets),
        Action::NxLearn2(learn) => learned(&learn.learn, packets),
        Action::Experimenter { .. } => Err(Refusal::BAD_ACTION_TYPE),
        _ => Ok(()),
    }
}

/// Ports that packets can be sent to.
fn output(port: PortNo) -> Result<(), Refusal> {
    match port {
        PortNo(0..=0xffff_feff) | PortNo(0xffff_fff8..=0xffff_fffe) if port.0 != 0xffff_ff00 => Ok(()),
        _ => Err(Refusal::BAD_OUT_PORT),
    }
}

/// A field that is set.
fn destination(field: Field, packets: Packets<'_>, in_ct: bool) -> Result<(), Refusal> {
    let needs_ct = matches!(field, Field::NXM_NX_CT_MARK | Field::NXM_NX_CT_LABEL);
    match field {
        _ if field.info().is_none() => Err(Refusal::BAD_SET_TYPE),
        _ if !is_writable(field) => Err(Refusal::BAD_SET_ARGUMENT),
        _ if needs_ct != in_ct => Err(Refusal::BAD_ACTION_ARGUMENT),
        _ => packets.have(field),
    }
}

fn range(id: OxmId, ofs: u16, n_bits: u16) -> Result<(), Refusal> {
    let fits = n_bits > 0 && ofs.checked_add(n_bits).is_some_and(|end| end <= id.n_bits());
    if fits { Ok(()) } else { Err(Refusal::BAD_ACTION_ARGUMENT) }
}

fn learned(learn: &Learn, packets: Packets<'_>) -> Result<(), Refusal> {
    for spec in &learn.specs {
        if let LearnSrc::Field(id, ofs) = &spec.src {
            packets.have(id.field)?;
            range(*id, *ofs, spec.n_bits)?;
        }
        if let LearnDst::Match(id, ofs) | LearnDst::Load(id, ofs) = &spec.dst {
            range(*id, *ofs, spec.n_bits)?;
        }
    }
    Ok(())
}
