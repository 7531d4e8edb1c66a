//! Packets from and to the controller.

use super::packet::Packet;
use super::refusal::Refusal;
use super::trace::{ToController, Trace};
use super::{Switch, frame, walk};
use crate::msg::packet::{PacketIn, PacketInReason, PacketOut};
use crate::oxm::{Field, Match, Oxm};
use crate::types::{NO_BUFFER, WHOLE_PACKET};

impl Switch {
    /// Does what a packet-out says.
    ///
    /// # Errors
    /// If the packet cannot be read or meets something that the model does not know.
    pub fn packet_out(&mut self, out: &PacketOut) -> Result<Trace, Refusal> {
        let packet = frame::parse(&out.data).filter(|_| out.buffer_id == NO_BUFFER).ok_or(Refusal::BAD_PACKET)?;
        super::check::read(&out.actions)?;
        let packet = packet.with(Field::OXM_OF_IN_PORT, out.in_port);
        walk::from_actions(self, packet, &out.actions).map_err(|_| Refusal::BAD_ACTION_TYPE)
    }
}

impl Packet {
    /// The fields of an Ethernet frame; `None` if a header is cut short.
    pub fn parse(frame: &[u8]) -> Option<Self> {
        frame::parse(frame)
    }

    /// The packet as an Ethernet frame. Checksums of TCP, UDP and ICMP are not kept up.
    pub fn to_frame(&self) -> Vec<u8> {
        frame::build(self)
    }
}

impl ToController {
    /// The message that brings the packet to the controller over OpenFlow 1.3.
    pub fn packet_in(&self) -> PacketIn {
        let mut data = self.packet.to_frame();
        let total_len = u16::try_from(data.len()).unwrap_or(u16::MAX);
        if self.max_len != WHOLE_PACKET {
            data.truncate(usize::from(self.max_len));
        }
        // the reasons of OpenFlow 1.5 are all "action" here
        let known = self.reason <= PacketInReason::INVALID_TTL;
        PacketIn {
            buffer_id: NO_BUFFER,
            total_len,
            reason: if known { self.reason } else { PacketInReason::ACTION },
            table_id: self.table_id,
            cookie: self.cookie,
            matching: metadata(&self.packet),
            data: data.into(),
        }
    }
}

/// What the switch knows of a packet beyond its headers.
fn metadata(packet: &Packet) -> Match {
    let port = Match::new().in_port(packet.in_port());
    let numbers = (0..16).map(Field::reg).chain([Field::NXM_NX_CT_STATE, Field::NXM_NX_CT_MARK]);
    let known = numbers.map(|f| (f, packet.get(f) as u32)).filter(|(_, value)| *value != 0);
    let mut matching = known.fold(port, |m, (field, value)| m.with(Oxm::new(field, value)));
    for field in [Field::OXM_OF_METADATA, Field::OXM_OF_TUNNEL_ID] {
        if packet.get(field) != 0 {
            matching.push(Oxm::new(field, packet.get(field) as u64));
        }
    }
    if packet.get(Field::NXM_NX_CT_LABEL) != 0 {
        matching.push(Oxm::new(Field::NXM_NX_CT_LABEL, packet.get(Field::NXM_NX_CT_LABEL)));
    }
    if packet.get(Field::NXM_NX_CT_STATE) != 0 && packet.has(Field::OXM_OF_IP_PROTO) {
        matching.push(Oxm::new(Field::OXM_OF_ETH_TYPE, packet.get(Field::OXM_OF_ETH_TYPE) as u16));
    }
    if packet.get(Field::NXM_NX_CT_NW_PROTO) != 0 {
        original(packet, &mut matching);
    }
    if packet.get(Field::NXM_NX_CT_ZONE) != 0 {
        matching.push(Oxm::new(Field::NXM_NX_CT_ZONE, packet.get(Field::NXM_NX_CT_ZONE) as u16));
    }
    matching.canonical()
}

/// The tuple by which the conntrack knows the connection.
fn original(packet: &Packet, matching: &mut Match) {
    let has = |field: &Field| packet.get(*field) != 0;
    for field in [Field::NXM_NX_CT_NW_SRC, Field::NXM_NX_CT_NW_DST].into_iter().filter(has) {
        matching.push(Oxm::new(field, packet.get(field) as u32));
    }
    for field in [Field::NXM_NX_CT_IPV6_SRC, Field::NXM_NX_CT_IPV6_DST].into_iter().filter(has) {
        matching.push(Oxm::new(field, packet.get(field)));
    }
    matching.push(Oxm::new(Field::NXM_NX_CT_NW_PROTO, packet.get(Field::NXM_NX_CT_NW_PROTO) as u8));
    for field in [Field::NXM_NX_CT_TP_SRC, Field::NXM_NX_CT_TP_DST] {
        matching.push(Oxm::new(field, packet.get(field) as u16));
    }
}
