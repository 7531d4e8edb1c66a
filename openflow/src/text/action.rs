//! Actions, as ovs-actions(7) writes them.

mod choice;
mod ct;
mod encap;
mod learn;
mod output;
mod set;
mod subfield;

use std::fmt::{self, Display, Formatter};

use super::list::List;
use super::number::{DottedHex, Hex, HexBytes, Port};
use crate::action;
use crate::types::{PortNo, TableId};
use subfield::{Bits, FieldBits, field_name};

pub(super) use choice::{BUNDLE, HASH_FIELDS, MULTIPATH};
pub(super) use encap::{PACKET_TYPES, USE_NEXT_PROTO};
pub(super) use output::{REASONS, Reason};
pub(super) use set::hashed_field;

/// A list of actions with commas between, such as `dec_ttl,output:2`; `drop` if there is none.
pub struct Actions<'a>(pub &'a [action::Action]);

impl Display for Actions<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("drop");
        }
        write_actions(self.0, &mut List::new(f))
    }
}

/// Writes actions as parts of a list.
pub(super) fn write_actions(actions: &[action::Action], list: &mut List<'_, '_>) -> fmt::Result {
    actions.iter().try_for_each(|a| list.item(Action(a)))
}

/// Actions within another action: nothing if there is none.
struct Nested<'a>(&'a [action::Action]);

impl Display for Nested<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_actions(self.0, &mut List::new(f))
    }
}

/// One action, such as `output:2`.
pub struct Action<'a>(pub &'a action::Action);

impl Display for Action<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        use action::Action as A;
        match self.0 {
            A::Output { port, max_len } => output::output(*port, *max_len, f),
            A::Group { group_id } => write!(f, "group:{}", group_id.0),
            A::SetField { field } | A::NxRegLoad2 { field } => set::set_field(field, f),
            A::CopyTtlOut => f.write_str("copy_ttl_out"),
            A::CopyTtlIn => f.write_str("copy_ttl_in"),
            A::DecMplsTtl => f.write_str("dec_mpls_ttl"),
            A::DecNwTtl => f.write_str("dec_ttl"),
            A::PopVlan => f.write_str("pop_vlan"),
            A::PopPbb => f.write_str("pop_pbb"),
            A::SetMplsTtl { mpls_ttl } => write!(f, "set_mpls_ttl({mpls_ttl})"),
            A::SetNwTtl { nw_ttl } => write!(f, "mod_nw_ttl:{nw_ttl}"),
            A::PushVlan { ethertype } => write!(f, "push_vlan:0x{ethertype:04x}"),
            A::PushMpls { ethertype } => write!(f, "push_mpls:0x{ethertype:04x}"),
            A::PopMpls { ethertype } => write!(f, "pop_mpls:0x{ethertype:04x}"),
            A::PushPbb { ethertype } => write!(f, "push_pbb:0x{ethertype:04x}"),
            A::SetQueue { queue_id } => write!(f, "set_queue:{}", queue_id.0),
            A::NxPopQueue => f.write_str("pop_queue"),
            A::NxExit => f.write_str("exit"),
            A::NxCtClear => f.write_str("ct_clear"),
            A::NxDecNshTtl => f.write_str("dec_nsh_ttl"),
            _ => write_extension(self.0, f),
        }
    }
}

/// The actions of Nicira and ONF that have operands.
fn write_extension(action: &action::Action, f: &mut Formatter<'_>) -> fmt::Result {
    use action::Action as A;
    match action {
        A::NxResubmit { in_port } => resubmit(*in_port, TableId::ALL, false, f),
        A::NxResubmitTable { in_port, table_id } => resubmit(*in_port, *table_id, false, f),
        A::NxResubmitTableCt { in_port, table_id } => resubmit(*in_port, *table_id, true, f),
        A::NxSetTunnel { tun_id } => write!(f, "set_tunnel:{}", Hex(u128::from(*tun_id))),
        A::NxSetTunnel64 { tun_id } => write!(f, "set_tunnel64:{}", Hex(u128::from(*tun_id))),
        A::NxRegMove { n_bits, src_ofs, dst_ofs, src, dst } => {
            write!(f, "move:{}->{}", Bits(*src, *src_ofs, *n_bits), Bits(*dst, *dst_ofs, *n_bits))
        }
        A::OnfCopyField { n_bits, src_offset, dst_offset, src, dst }
        | A::CopyField { n_bits, src_offset, dst_offset, src, dst } => {
            write!(f, "move:{}->{}", Bits(*src, *src_offset, *n_bits), Bits(*dst, *dst_offset, *n_bits))
        }
        A::NxRegLoad { bits, dst, value } => {
            write!(f, "load:{}->{}", Hex(u128::from(*value)), FieldBits(*dst, *bits))
        }
        A::NxNote { note } => write!(f, "note:{}", DottedHex(note)),
        A::NxStackPush { ofs, field, n_bits } => write!(f, "push:{}", Bits(*field, *ofs, *n_bits)),
        A::NxStackPop { ofs, field, n_bits } => write!(f, "pop:{}", Bits(*field, *ofs, *n_bits)),
        A::NxWriteMetadata { metadata, metadata_mask } => {
            super::instruction::write_metadata(*metadata, *metadata_mask, f)
        }
        A::NxConjunction { clause, n_clauses, id } => {
            write!(f, "conjunction({id},{}/{n_clauses})", u16::from(*clause) + 1)
        }
        A::NxClone { actions } => write!(f, "clone({})", Nested(actions)),
        A::NxCheckPktLarger { pkt_len, ofs, dst } => {
            write!(f, "check_pkt_larger({pkt_len})->{}", Bits(*dst, *ofs, 1))
        }
        A::NxDeleteField(delete) => write!(f, "delete_field:{}", field_name(delete.field)),
        A::NxDecTtlCntIds(ids) => dec_ttl_ids(&ids.controller_ids, f),
        A::NxFinTimeout { fin_idle_timeout, fin_hard_timeout } => fin_timeout(*fin_idle_timeout, *fin_hard_timeout, f),
        A::NxLearn(learn) => learn::learn(learn, None, f),
        A::NxLearn2(learn) => learn::learn(&learn.learn, Some(learn), f),
        A::NxCt(inner) => ct::ct(inner, f),
        A::NxNat(inner) => ct::nat(inner, f),
        A::NxMultipath { .. } | A::NxBundle(_) | A::NxBundleLoad(_) => choice::write(action, f),
        A::NxEncap(inner) => encap::encap(inner, f),
        A::NxDecap { new_packet_type } => encap::decap(*new_packet_type, f),
        A::Experimenter { experimenter, data } => {
            write!(f, "experimenter({experimenter:#x},{})", HexBytes(data))
        }
        _ => output::write(action, f),
    }
}

/// The port of a resubmit that keeps the one the packet came in by.
const KEEP_PORT: u16 = 0xfff8;

fn resubmit(in_port: u16, table: TableId, ct: bool, f: &mut Formatter<'_>) -> fmt::Result {
    let port = Port(PortNo::from_u16(in_port));
    if in_port != KEEP_PORT && table == TableId::ALL {
        return write!(f, "resubmit:{port}");
    }
    f.write_str("resubmit(")?;
    if in_port != KEEP_PORT {
        write!(f, "{port}")?;
    }
    f.write_str(",")?;
    if table != TableId::ALL {
        write!(f, "{}", table.0)?;
    }
    f.write_str(if ct { ",ct)" } else { ")" })
}

fn dec_ttl_ids(ids: &[u16], f: &mut Formatter<'_>) -> fmt::Result {
    f.write_str("dec_ttl(")?;
    let mut list = List::new(f);
    ids.iter().try_for_each(|id| list.item(id))?;
    f.write_str(")")
}

fn fin_timeout(idle: u16, hard: u16, f: &mut Formatter<'_>) -> fmt::Result {
    f.write_str("fin_timeout(")?;
    let mut list = List::new(f);
    list.item_if(idle != 0, format_args!("idle_timeout={idle}"))?;
    list.item_if(hard != 0, format_args!("hard_timeout={hard}"))?;
    f.write_str(")")
}
