//! Questions and answers.

use std::fmt::{self, Display, Formatter};

use super::flow::FlowStats;
use super::group::GroupDesc;
use super::matching::Match;
use super::message::{Head, Upper, unless_any};
use super::meter::Meter;
use super::number::{Duration, HexDump, Port as PortName};
use super::port::{PortDesc, port_stats};
use super::{extension, group, group15, meter, switch};
use crate::message::Message;
use crate::msg::flow::FlowRequest;
use crate::msg::port::Port;
use crate::msg::queue::{QueueStats, QueueStatsRequest};
use crate::multipart::{MultipartFlags, MultipartReply, MultipartReplyBody, MultipartRequest, MultipartRequestBody};
use crate::types::{GroupId, QueueId, TableId};

/// The name of a multipart as `ovs-ofctl` has it.
fn kind_name(json: &'static str) -> &'static str {
    match json {
        "port_stats" => "port",
        other => other,
    }
}

pub(super) fn request(message: &Message, m: &MultipartRequest, f: &mut Formatter<'_>) -> fmt::Result {
    use MultipartRequestBody as B;
    if let B::Experimenter(body) = &m.body {
        return extension::request(message, m.flags, body, f);
    }
    write!(f, "OFPST_{} request{}{}", Upper(kind_name(m.body.kind().1)), Head(message), More(m.flags))?;
    match &m.body {
        B::Flow(r) | B::Aggregate(r) => flow_request(r, f),
        B::PortStats(r) => write!(f, " port_no={}", PortName(r.port_no)),
        B::Queue(r) => queue_request(r, f),
        B::Group(r) => write!(f, " group_id={}", Group(r.group_id)),
        B::GroupDesc15(r) => write!(f, " group_id={}", Group(r.group_id)),
        B::Meter(r) | B::MeterConfig(r) => write!(f, " meter={}", meter::Id(r.meter_id)),
        B::TableFeatures(tables) if !tables.is_empty() => super::table_features::tables(tables, f),
        _ => Ok(()),
    }
}

pub(super) fn reply(message: &Message, m: &MultipartReply, f: &mut Formatter<'_>) -> fmt::Result {
    use MultipartReplyBody as B;
    if let B::Experimenter(body) = &m.body {
        return extension::reply(message, m.flags, body, f);
    }
    write!(f, "OFPST_{} reply{}{}", Upper(kind_name(m.body.kind().1)), Head(message), More(m.flags))?;
    match &m.body {
        B::Desc(d) => switch::desc(d, f),
        B::Flow(flows) => flows.iter().try_for_each(|s| write!(f, "\n {}", FlowStats(s))),
        B::Aggregate(s) => {
            write!(f, " packet_count={} byte_count={} flow_count={}", s.packet_count, s.byte_count, s.flow_count)
        }
        B::Table(tables) => switch::tables(tables, f),
        B::PortStats(ports) => {
            write!(f, " {} ports", ports.len())?;
            ports.iter().try_for_each(|s| port_stats(s, f))
        }
        B::Queue(queues) => {
            write!(f, " {} queues", queues.len())?;
            queues.iter().try_for_each(|s| queue_stats(s, f))
        }
        B::Group(groups) => groups.iter().try_for_each(|s| group::stats(s, f)),
        B::GroupDesc(groups) => groups.iter().try_for_each(|g| write!(f, "\n {}", GroupDesc(g))),
        B::GroupDesc15(groups) => groups.iter().try_for_each(|g| group15::desc(g, f)),
        B::GroupFeatures(features) => group::features(features, f),
        B::Meter(meters) => blocks(meters, f, meter::stats),
        B::MeterConfig(meters) => blocks(meters, f, |m, f| write!(f, "{}", Meter(m))),
        B::MeterFeatures(features) => meter::features(features, f),
        B::TableFeatures(tables) => super::table_features::tables(tables, f),
        B::PortDesc(ports) => port_descs(ports, f),
        B::Experimenter(_) => Ok(()),
    }
}

/// Ports in the order of their numbers.
fn port_descs(ports: &[Port], f: &mut Formatter<'_>) -> fmt::Result {
    let mut ports: Vec<&Port> = ports.iter().collect();
    ports.sort_by_key(|p| p.port_no);
    ports.iter().try_for_each(|p| write!(f, "\n {}", PortDesc(p)))
}

/// Writes parts of several lines, with an empty line between.
fn blocks<T>(all: &[T], f: &mut Formatter<'_>, write: impl Fn(&T, &mut Formatter<'_>) -> fmt::Result) -> fmt::Result {
    for (i, one) in all.iter().enumerate() {
        f.write_str(if i == 0 { "\n" } else { "\n\n" })?;
        write(one, f)?;
    }
    Ok(())
}

/// Whether more parts follow.
pub(super) struct More(pub MultipartFlags);

impl Display for More {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            MultipartFlags::NONE => Ok(()),
            MultipartFlags::MORE => f.write_str(" flags=[more]"),
            MultipartFlags(other) => write!(f, " flags=[{other:#x}]"),
        }
    }
}

fn flow_request(r: &FlowRequest, f: &mut Formatter<'_>) -> fmt::Result {
    if r.table_id != TableId::ALL {
        write!(f, " table={}", r.table_id.0)?;
    }
    unless_any("out_port", r.out_port, f)?;
    if r.matching.is_empty() { Ok(()) } else { write!(f, " {}", Match(&r.matching)) }
}

/// The number of a group, or its name.
pub(super) struct Group(pub GroupId);

impl Display for Group {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            GroupId::ALL => f.write_str("ALL"),
            GroupId::ANY => f.write_str("ANY"),
            GroupId(id) => write!(f, "{id}"),
        }
    }
}

fn queue_request(r: &QueueStatsRequest, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, " port={} queue={}", PortName(r.port_no), Queue(r.queue_id))
}

struct Queue(QueueId);

impl Display for Queue {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.0 == QueueId::ALL { f.write_str("ALL") } else { write!(f, "{}", self.0.0) }
    }
}

fn queue_stats(s: &QueueStats, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, "\n  port {} queue {}: ", PortName(s.port_no), Queue(s.queue_id))?;
    write!(f, "bytes={}, pkts={}, errors={}, ", Count(s.tx_bytes), Count(s.tx_packets), Count(s.tx_errors))?;
    if s.duration_sec == u32::MAX {
        return f.write_str("duration=?");
    }
    write!(f, "duration={}", Duration { sec: s.duration_sec, nsec: s.duration_nsec })
}

/// A counter, of which all ones are not known.
struct Count(u64);

impl Display for Count {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.0 == u64::MAX { f.write_str("?") } else { write!(f, "{}", self.0) }
    }
}

/// A multipart whose body is not known here.
pub(super) fn unknown(data: &[u8], f: &mut Formatter<'_>) -> fmt::Result {
    if data.is_empty() { Ok(()) } else { write!(f, "\n{}", HexDump(data)) }
}
