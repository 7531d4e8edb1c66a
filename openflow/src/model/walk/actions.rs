//! What actions do to a packet and where they send it.

use super::{Pushed, Start, Then, Walk};
use crate::action::{Action, Ct, CtZone};
use crate::model::packet::Packet;
use crate::model::trace::{Effect, WalkError};
use crate::oxm::{Field, Oxm, OxmId};
use crate::types::{PortNo, TableId};

/// The Ethernet type of customer VLAN tags, the only ones the model pushes.
const ETH_TYPE_VLAN: u16 = 0x8100;
/// VLAN tags the model holds, as Open vSwitch.
const MAX_TAGS: usize = 2;

impl Walk<'_> {
    pub(super) fn action(&mut self, action: &Action) -> Result<Then, WalkError> {
        match action {
            Action::SetField { field } | Action::NxRegLoad2 { field } => self.set_field(field)?,
            Action::NxRegLoad { bits, dst, value } => {
                if self.packet.has(held(*dst)?) {
                    self.packet.set_bits(dst.field, bits.ofs, bits.n_bits, u128::from(*value));
                }
            }
            Action::NxRegMove { n_bits, src_ofs, dst_ofs, src, dst }
            | Action::OnfCopyField { n_bits, src_offset: src_ofs, dst_offset: dst_ofs, src, dst } => {
                let (from, to) = (held(*src)?, held(*dst)?);
                if self.packet.has(from) && self.packet.has(to) {
                    let value = self.packet.get_bits(from, *src_ofs, *n_bits);
                    self.packet.set_bits(to, *dst_ofs, *n_bits, value);
                }
            }
            Action::NxStackPush { ofs, field, n_bits } => {
                let value = self.packet.get_bits(held(*field)?, *ofs, *n_bits);
                self.stack.push(Pushed { value, size: usize::from(n_bits.div_ceil(8)) + 1 });
            }
            Action::NxStackPop { ofs, field, n_bits } => {
                let field = held(*field)?;
                if let Some(pushed) = self.stack.pop() {
                    self.packet.set_bits(field, *ofs, *n_bits, pushed.value);
                }
            }
            Action::NxSetTunnel { tun_id } => self.packet.set(Field::OXM_OF_TUNNEL_ID, u128::from(*tun_id)),
            Action::NxSetTunnel64 { tun_id } => self.packet.set(Field::OXM_OF_TUNNEL_ID, u128::from(*tun_id)),
            Action::NxWriteMetadata { metadata, metadata_mask } => {
                return self.op(super::Op::Metadata(*metadata, *metadata_mask));
            }
            Action::PushVlan { ethertype: ETH_TYPE_VLAN } if self.packet.tags() < MAX_TAGS => self.packet.push_vlan(),
            Action::PopVlan => self.packet.pop_vlan(),
            Action::SetNwTtl { nw_ttl } => {
                if self.packet.has(Field::NXM_NX_IP_TTL) {
                    self.packet.set(Field::NXM_NX_IP_TTL, u128::from(*nw_ttl));
                }
            }
            Action::DecNwTtl => return Ok(self.dec_ttl(&[0])),
            Action::NxDecTtlCntIds(ids) => return Ok(self.dec_ttl(&ids.controller_ids)),
            Action::NxExit => return Ok(Then::Exit),
            Action::NxClone { actions } => {
                let saved = (self.packet.clone(), self.stack.clone(), self.action_set.clone());
                self.frames.extend([super::Frame::Clone(Box::new(saved)), super::Frame::ActionSet]);
                self.enter(actions.iter().cloned().map(super::Op::Do).collect());
            }
            Action::NxCtClear => clear_conntrack(&mut self.packet),
            Action::NxCt(ct) => self.ct(ct)?,
            Action::NxNote { .. } | Action::NxConjunction { .. } | Action::SetQueue { .. } | Action::NxPopQueue => {}
            Action::NxLearn(learn) => self.learn(learn)?,
            Action::NxLearn2(learn) => self.learn2(learn)?,
            _ => return self.send(action),
        }
        Ok(Then::Next)
    }

    fn set_field(&mut self, oxm: &Oxm) -> Result<(), WalkError> {
        let field = held(oxm.id())?;
        if self.packet.has(field) {
            let mask = oxm.mask_u128().unwrap_or(u128::MAX);
            let value = oxm.value_u128().unwrap_or(0);
            self.packet.set(field, (self.packet.get(field) & !mask) | (value & mask));
        }
        Ok(())
    }

    /// Resubmits, whatever their form.
    pub(super) fn resubmit(&mut self, in_port: u16, table: TableId, swap_ct: bool) {
        let in_port = match PortNo::from_u16(in_port) {
            PortNo::IN_PORT => self.packet.in_port(),
            port => port,
        };
        let table = if table == TableId::ALL { self.table } else { table };
        self.table_action(in_port, table, swap_ct);
    }

    fn ct(&mut self, ct: &Ct) -> Result<(), WalkError> {
        for action in &ct.actions {
            if !matches!(action, Action::NxNat(_)) {
                self.action(action)?;
            }
        }
        let zone = match ct.zone {
            CtZone::Imm(zone) => zone,
            CtZone::Field { src, bits } => self.packet.get_bits(held(src)?, bits.ofs, bits.n_bits) as u16,
        };
        let resume = (ct.recirc_table != Ct::NO_RECIRC).then_some(ct.recirc_table);
        let start = resume.map(|table| Start {
            packet: self.packet.clone(),
            resume: Some(table),
            depth: self.pass.depth + 1,
            stack: self.stack.clone(),
            action_set: self.action_set.clone(),
            ..Start::default()
        });
        self.starts.push(start);
        self.pass.effects.push(Effect::Ct { zone, ct: ct.clone(), packet: self.packet.clone() });
        clear_conntrack(&mut self.packet);
        Ok(())
    }
}

/// The field, if the model holds values of its size.
pub(super) fn held(id: OxmId) -> Result<Field, WalkError> {
    if id.n_bits() <= 128 && id.field.info().is_some() { Ok(id.field) } else { Err(WalkError::Field(id.field)) }
}

/// Forgets what the conntrack said.
pub(in crate::model) fn clear_conntrack(packet: &mut Packet) {
    let fields = [
        Field::NXM_NX_CT_STATE,
        Field::NXM_NX_CT_ZONE,
        Field::NXM_NX_CT_MARK,
        Field::NXM_NX_CT_LABEL,
        Field::NXM_NX_CT_NW_PROTO,
        Field::NXM_NX_CT_NW_SRC,
        Field::NXM_NX_CT_NW_DST,
        Field::NXM_NX_CT_IPV6_SRC,
        Field::NXM_NX_CT_IPV6_DST,
        Field::NXM_NX_CT_TP_SRC,
        Field::NXM_NX_CT_TP_DST,
    ];
    fields.into_iter().for_each(|field| packet.set(field, 0));
}
