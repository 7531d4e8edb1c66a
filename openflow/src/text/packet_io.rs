//! Packets to and from the controller.

use std::fmt::{self, Formatter};

use super::action::{Actions, Reason};
use super::continuation;
use super::list::List;
use super::matching::write_match;
use super::number::{DottedHex, Port};
use super::packet::Packet;
use crate::msg::nicira::{PacketIn2, PacketIn2Property};
use crate::msg::packet::{PacketIn, PacketInReason, PacketOut};
use crate::oxm::Oxm;
use crate::types::NO_BUFFER;
use crate::wire::{self, Reader, Wire};

pub(super) fn packet_out(m: &PacketOut, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, " in_port={} actions={}", Port(m.in_port), Actions(&m.actions))?;
    if m.buffer_id != NO_BUFFER {
        return write!(f, " buffer={:#010x}", m.buffer_id);
    }
    write!(f, " data_len={}", m.data.len())?;
    if m.data.is_empty() { Ok(()) } else { write!(f, "\n{}", Packet(&m.data)) }
}

/// What the two kinds of packet-in tell.
struct Summary<'a> {
    table_id: u8,
    cookie: u64,
    total_len: u32,
    metadata: &'a [Oxm],
    reason: PacketInReason,
    buffer_id: u32,
    data: &'a [u8],
}

pub(super) fn packet_in(m: &PacketIn, f: &mut Formatter<'_>) -> fmt::Result {
    let summary = Summary {
        table_id: m.table_id.0,
        cookie: m.cookie,
        total_len: u32::from(m.total_len),
        metadata: m.matching.fields(),
        reason: m.reason,
        buffer_id: m.buffer_id,
        data: &m.data,
    };
    head(&summary, f)?;
    write!(f, "\n{}", Packet(&m.data))
}

/// A packet-in as Open vSwitch sent it to controllers of OpenFlow 1.0 that asked for it.
pub(super) struct NxPacketIn<'a> {
    buffer_id: u32,
    total_len: u16,
    reason: u8,
    table_id: u8,
    cookie: u64,
    metadata: Vec<Oxm>,
    data: &'a [u8],
}

impl<'a> NxPacketIn<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> wire::Result<Self> {
        let mut r = Reader::new(bytes, "nxt_packet_in");
        let (buffer_id, total_len) = (u32::read(&mut r)?, u16::read(&mut r)?);
        let (reason, table_id, cookie) = (u8::read(&mut r)?, u8::read(&mut r)?, u64::read(&mut r)?);
        let match_len = usize::from(u16::read(&mut r)?);
        r.skip(6)?;
        let metadata = Vec::read(&mut r.sub(match_len, "match")?)?;
        r.skip(match_len.next_multiple_of(8) - match_len + 2)?;
        Ok(Self { buffer_id, total_len, reason, table_id, cookie, metadata, data: r.rest() })
    }
}

pub(super) fn nx_packet_in(m: &NxPacketIn<'_>, f: &mut Formatter<'_>) -> fmt::Result {
    let summary = Summary {
        table_id: m.table_id,
        cookie: m.cookie,
        total_len: u32::from(m.total_len),
        metadata: &m.metadata,
        reason: PacketInReason(m.reason),
        buffer_id: m.buffer_id,
        data: m.data,
    };
    head(&summary, f)?;
    write!(f, "\n{}", Packet(m.data))
}

pub(super) fn packet_in2(m: &PacketIn2, f: &mut Formatter<'_>) -> fmt::Result {
    let mut userdata: &[u8] = &[];
    let mut rest: &[u8] = &[];
    let mut full_len = None;
    let mut s = Summary {
        table_id: 0,
        cookie: u64::MAX,
        total_len: 0,
        metadata: &[],
        reason: PacketInReason::ACTION,
        buffer_id: NO_BUFFER,
        data: &[],
    };
    for property in &m.properties {
        match property {
            PacketIn2Property::Packet(data) => s.data = data,
            PacketIn2Property::FullLen(length) => full_len = Some(*length),
            PacketIn2Property::BufferId(id) => s.buffer_id = *id,
            PacketIn2Property::TableId(table) => s.table_id = table.0,
            PacketIn2Property::Cookie(cookie) => s.cookie = *cookie,
            PacketIn2Property::Reason(reason) => s.reason = PacketInReason(*reason),
            PacketIn2Property::Metadata(fields) => s.metadata = fields,
            PacketIn2Property::Userdata(data) => userdata = data,
            PacketIn2Property::Continuation(data) => rest = data,
            PacketIn2Property::Other(_) => {}
        }
    }
    s.total_len = full_len.unwrap_or(u32::try_from(s.data.len()).unwrap_or(u32::MAX));
    head(&s, f)?;
    if !userdata.is_empty() {
        write!(f, "\n userdata={}", DottedHex(userdata))?;
    }
    continuation::write(rest, f)?;
    write!(f, "\n{}", Packet(s.data))
}

fn head(s: &Summary<'_>, f: &mut Formatter<'_>) -> fmt::Result {
    if s.table_id != 0 {
        write!(f, " table_id={}", s.table_id)?;
    }
    if s.cookie != u64::MAX {
        write!(f, " cookie={:#x}", s.cookie)?;
    }
    write!(f, " total_len={} ", s.total_len)?;
    write_match(s.metadata, &mut List::new(f))?;
    let len = s.data.len();
    write!(f, " (via {}) data_len={len}", Reason(s.reason))?;
    let total = usize::try_from(s.total_len).unwrap_or(usize::MAX);
    if s.buffer_id == NO_BUFFER {
        f.write_str(" (unbuffered)")?;
        if total == len { Ok(()) } else { f.write_str(" (***total_len != data_len***)") }
    } else {
        write!(f, " buffer={:#010x}", s.buffer_id)?;
        if total < len { f.write_str(" (***total_len < data_len***)") } else { Ok(()) }
    }
}
