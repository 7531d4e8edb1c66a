//! Builders of the actions that are used most.

use super::{Action, Ct, Subfield};
use crate::oxm::{Field, Oxm, OxmValue};
use crate::types::{GroupId, PortNo, TableId, WHOLE_PACKET};

/// The port of a resubmit that keeps the ingress port.
const SAME_PORT: u16 = 0xfff8;

impl Action {
    /// Out of this port.
    pub fn output(port: impl Into<PortNo>) -> Self {
        Self::Output { port: port.into(), max_len: 0 }
    }

    /// The whole packet to the controller.
    pub fn to_controller() -> Self {
        Self::Output { port: PortNo::CONTROLLER, max_len: WHOLE_PACKET }
    }

    /// To this group.
    pub fn group(group: impl Into<GroupId>) -> Self {
        Self::Group { group_id: group.into() }
    }

    /// Sets a whole field.
    pub fn set_field(field: Field, value: impl OxmValue) -> Self {
        Self::SetField { field: Oxm::new(field, value) }
    }

    /// Sets the bits of a field that `mask` has. Over OpenFlow 1.3 Open vSwitch refuses a
    /// `set_field` with a mask, so this is Nicira's `reg_load2`.
    pub fn set_field_masked<V: OxmValue>(field: Field, value: V, mask: V) -> Self {
        Self::NxRegLoad2 { field: Oxm::masked(field, value, mask) }
    }

    /// Sets register `n` (0 to 15).
    pub fn set_reg(n: u8, value: u32) -> Self {
        Self::set_field(Field::reg(n), value)
    }

    /// Sets bits of a field to the lowest bits of `value`.
    pub fn load(dst: impl Into<Subfield>, value: u64) -> Self {
        let dst = dst.into();
        Self::NxRegLoad { bits: dst.bits, dst: dst.id, value }
    }

    /// Copies bits; as many as `src` has.
    pub fn copy(src: impl Into<Subfield>, dst: impl Into<Subfield>) -> Self {
        let (src, dst) = (src.into(), dst.into());
        Self::NxRegMove {
            n_bits: src.bits.n_bits,
            src_ofs: src.bits.ofs,
            dst_ofs: dst.bits.ofs,
            src: src.id,
            dst: dst.id,
        }
    }

    /// Out of the port that a field names.
    pub fn output_reg(src: impl Into<Subfield>) -> Self {
        let src = src.into();
        Self::NxOutputReg { bits: src.bits, src: src.id, max_len: WHOLE_PACKET }
    }

    /// Looks the packet up in another table.
    pub fn resubmit(table: impl Into<TableId>) -> Self {
        Self::NxResubmitTable { in_port: SAME_PORT, table_id: table.into() }
    }

    /// Is clause `clause` (from 1, as ovs-actions(7) counts) of `n_clauses` of a conjunction.
    pub fn conjunction(id: u32, clause: u8, n_clauses: u8) -> Self {
        Self::NxConjunction { clause: clause.saturating_sub(1), n_clauses, id }
    }
}

impl From<Ct> for Action {
    fn from(ct: Ct) -> Self {
        Self::NxCt(Box::new(ct))
    }
}
