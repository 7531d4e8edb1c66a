//! Actions that send a packet somewhere: ports, controllers, groups, other tables.

use super::actions::held;
use super::{Frame, Op, Then, Walk};
use crate::action::{Action, ControllerProperty};
use crate::model::trace::{Effect, ToController, WalkError};
use crate::model::{action_set, groups};
use crate::msg::group::{Bucket, GroupType};
use crate::msg::packet::PacketInReason;
use crate::msg::port::PortConfig;
use crate::oxm::Field;
use crate::types::{Blob, GroupId, PortNo, TableId, WHOLE_PACKET};

impl Walk<'_> {
    pub(super) fn send(&mut self, action: &Action) -> Result<Then, WalkError> {
        match action {
            Action::Output { port, max_len } => self.output(*port, *max_len)?,
            Action::NxOutputReg { bits, src, max_len } | Action::NxOutputReg2 { bits, src, max_len } => {
                let port = self.packet.get_bits(held(*src)?, bits.ofs, bits.n_bits);
                if let Ok(port) = u16::try_from(port) {
                    self.output(PortNo::from_u16(port), *max_len)?;
                }
            }
            Action::NxController { max_len, controller_id, reason } => {
                self.punt(*max_len, PacketInReason(*reason), *controller_id, Blob::default());
            }
            Action::NxController2(c) => self.controller2(&c.properties),
            Action::NxResubmit { in_port } => self.resubmit(*in_port, TableId::ALL, false),
            Action::NxResubmitTable { in_port, table_id } => self.resubmit(*in_port, *table_id, false),
            Action::NxResubmitTableCt { in_port, table_id } => self.resubmit(*in_port, *table_id, true),
            Action::Group { group_id } => return Ok(self.group(*group_id)),
            other => return Err(WalkError::Action(format!("{other:?}"))),
        }
        Ok(Then::Next)
    }

    fn output(&mut self, port: PortNo, max_len: u16) -> Result<(), WalkError> {
        match port {
            PortNo::IN_PORT => self.emit(self.packet.in_port()),
            PortNo::TABLE if self.packet_out => self.table_action(self.packet.in_port(), TableId(0), false),
            PortNo::CONTROLLER => self.punt(max_len, self.reason(), 0, Blob::default()),
            PortNo::FLOOD | PortNo::ALL => {
                let mut all: Vec<PortNo> = self.switch.ports.keys().copied().collect();
                all.retain(|port| *port != self.packet.in_port());
                all.into_iter().for_each(|port| self.emit(port));
            }
            PortNo::NORMAL => return Err(WalkError::Output(port)),
            _ if port == self.packet.in_port() => {}
            _ => self.emit(port),
        }
        Ok(())
    }

    /// Why an output to the controller sends the packet there.
    fn reason(&self) -> PacketInReason {
        match self.frames.as_slice() {
            _ if self.packet_out => PacketInReason::PACKET_OUT,
            [.., Frame::Bucket(_), Frame::Ops(..)] => PacketInReason::GROUP,
            _ if self.in_action_set => PacketInReason::ACTION_SET,
            _ => PacketInReason::ACTION,
        }
    }

    /// Sends the packet out if there is such a port.
    fn emit(&mut self, port: PortNo) {
        let Some(known) = self.switch.ports.get(&port) else { return };
        if known.config.contains(PortConfig::PORT_DOWN) || known.config.contains(PortConfig::NO_FWD) {
            return;
        }
        self.pass.effects.push(Effect::Output { port, packet: self.packet.clone() });
    }

    fn punt(&mut self, max_len: u16, reason: PacketInReason, controller_id: u16, userdata: Blob) {
        let (table_id, cookie, packet) = (self.table, self.cookie, self.packet.clone());
        let to = ToController { reason, table_id, cookie, controller_id, max_len, userdata, packet };
        self.pass.effects.push(Effect::Controller(Box::new(to)));
    }

    fn controller2(&mut self, properties: &[ControllerProperty]) {
        let (mut len, mut reason, mut id) = (WHOLE_PACKET, PacketInReason::ACTION, 0);
        let mut userdata = Blob::default();
        for property in properties {
            match property {
                ControllerProperty::MaxLen(n) => len = *n,
                ControllerProperty::ControllerId(n) => id = *n,
                ControllerProperty::Reason(n) => reason = PacketInReason(*n),
                ControllerProperty::Userdata(data) => userdata = data.clone(),
                ControllerProperty::MeterId(_) | ControllerProperty::Pause => {}
            }
        }
        self.punt(len, reason, id, userdata);
    }

    /// Takes one from the TTL; if it was the last, tells the controllers and ends the list.
    pub(super) fn dec_ttl(&mut self, controllers: &[u16]) -> Then {
        if !self.packet.has(Field::NXM_NX_IP_TTL) {
            return Then::Next;
        }
        let ttl = self.packet.get(Field::NXM_NX_IP_TTL);
        if ttl > 1 {
            self.packet.set(Field::NXM_NX_IP_TTL, ttl - 1);
            return Then::Next;
        }
        for id in controllers {
            self.punt(WHOLE_PACKET, PacketInReason::INVALID_TTL, *id, Blob::default());
        }
        Then::EndList
    }

    fn group(&mut self, id: GroupId) -> Then {
        if !self.has_room() {
            return Then::Next;
        }
        let Some(group) = self.switch.state.groups.get(&id) else { return Then::EndList };
        let live = groups::live(&self.switch.state.groups, group, &|port| self.switch.is_live(port));
        let buckets: Vec<Bucket> = match group.group_type {
            GroupType::ALL => group.buckets.clone(),
            GroupType::SELECT => self.select(id, &live).cloned().into_iter().collect(),
            GroupType::INDIRECT => group.buckets.first().cloned().into_iter().collect(),
            _ => live.first().map(|(_, bucket)| (*bucket).clone()).into_iter().collect(),
        };
        // the frames are a stack: the first bucket comes last
        for bucket in buckets.into_iter().rev() {
            let ops = action_set::ordered(&bucket.actions).into_iter().map(Op::Do).collect();
            self.frames.push(Frame::BeginBucket(ops));
        }
        Then::Next
    }

    /// Saves what a bucket may not change, and does what it says.
    pub(super) fn begin_bucket(&mut self, ops: std::sync::Arc<[Op]>) {
        self.depth += 1;
        self.frames.push(Frame::Bucket(Box::new(self.packet.clone())));
        self.enter(ops);
    }

    fn select<'b>(&self, id: GroupId, live: &[(usize, &'b Bucket)]) -> Option<&'b Bucket> {
        if let Some(wanted) = self.choices.buckets.get(&id) {
            return live.iter().find(|(i, _)| i == wanted).map(|(_, bucket)| *bucket);
        }
        let total: u64 = live.iter().map(|(_, bucket)| u64::from(bucket.weight)).sum();
        let mut left = u64::from(self.choices.hash).checked_rem(total)?;
        for (_, bucket) in live {
            match left.checked_sub(u64::from(bucket.weight)) {
                Some(rest) => left = rest,
                None => return Some(bucket),
            }
        }
        None
    }
}
