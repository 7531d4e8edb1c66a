//! Flows.

use std::fmt::{self, Display, Formatter};

use super::instruction::Instructions;
use super::list::List;
use super::matching::write_all;
use super::number::{Duration, Port};
use crate::msg::flow::{self, FlowModCommand, FlowModFlags, FlowRemoved};
use crate::oxm::Oxm;
use crate::types::{NO_BUFFER, PortNo, TableId};

/// The priority that is not mentioned.
pub(super) const DEFAULT_PRIORITY: u16 = 0x8000;

/// One flow as `ovs-ofctl dump-flows` prints it, without the space before it.
pub struct FlowStats<'a>(pub &'a flow::FlowStats);

impl Display for FlowStats<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let s = self.0;
        write!(f, "cookie={:#x}, ", s.cookie)?;
        write!(f, "duration={}, ", Duration { sec: s.duration_sec, nsec: s.duration_nsec })?;
        write!(f, "table={}, n_packets={}, n_bytes={}, ", s.table_id.0, s.packet_count, s.byte_count)?;
        if s.idle_timeout != 0 {
            write!(f, "idle_timeout={}, ", s.idle_timeout)?;
        }
        if s.hard_timeout != 0 {
            write!(f, "hard_timeout={}, ", s.hard_timeout)?;
        }
        write!(f, "{}", Flags(s.flags))?;
        if !write_rule(s.priority, s.matching.fields(), f)? {
            f.write_str(" ")?;
        }
        write!(f, "actions={}", Instructions(&s.instructions))
    }
}

/// Writes priority and match; whether nothing was there to write.
pub(super) fn write_rule(priority: u16, fields: &[Oxm], f: &mut Formatter<'_>) -> Result<bool, fmt::Error> {
    let default = priority == DEFAULT_PRIORITY;
    let mut list = List::new(f);
    list.item_if(!default, format_args!("priority={priority}"))?;
    write_all(fields, &mut list)?;
    Ok(list.is_empty())
}

/// Flags of a flow, each with a space after it.
pub(super) struct Flags(pub FlowModFlags);

/// The flags by their bit, and their names.
pub(super) const FLAGS: &[(u16, &str)] =
    &[(1, "send_flow_rem"), (2, "check_overlap"), (4, "reset_counts"), (8, "no_packet_counts"), (16, "no_byte_counts")];

impl Display for Flags {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        FLAGS.iter().filter(|(bit, _)| self.0.0 & bit != 0).try_for_each(|(_, name)| write!(f, "{name} "))
    }
}

/// A change of flows as `ovs-ofctl ofp-print` prints it: `ADD table:7 priority=5,ip actions=drop`.
pub struct FlowMod<'a>(pub &'a flow::FlowMod);

impl Display for FlowMod<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let m = self.0;
        write!(f, "{} ", Command(m.command))?;
        if m.table_id != TableId(0) {
            write!(f, "table:{} ", m.table_id.0)?;
        }
        if !write_rule(m.priority, m.matching.fields(), f)? {
            f.write_str(" ")?;
        }
        write_selection(m, f)?;
        write!(f, "{}actions={}", Flags(m.flags), Instructions(&m.instructions))
    }
}

struct Command(FlowModCommand);

impl Display for Command {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            FlowModCommand::ADD => "ADD",
            FlowModCommand::MODIFY => "MOD",
            FlowModCommand::MODIFY_STRICT => "MOD_STRICT",
            FlowModCommand::DELETE => "DEL",
            FlowModCommand::DELETE_STRICT => "DEL_STRICT",
            FlowModCommand(other) => return write!(f, "cmd:{other}"),
        })
    }
}

/// Which flows are meant beyond their match, and how long they live.
fn write_selection(m: &flow::FlowMod, f: &mut Formatter<'_>) -> fmt::Result {
    if m.command == FlowModCommand::ADD {
        if m.cookie != 0 && m.cookie != u64::MAX {
            write!(f, "cookie:{:#x} ", m.cookie)?;
        }
    } else if m.cookie_mask != 0 {
        write!(f, "cookie:{:#x}/{:#x} ", m.cookie, m.cookie_mask)?;
    }
    if m.idle_timeout != 0 {
        write!(f, "idle:{} ", m.idle_timeout)?;
    }
    if m.hard_timeout != 0 {
        write!(f, "hard:{} ", m.hard_timeout)?;
    }
    if m.buffer_id != NO_BUFFER {
        write!(f, "buf:{:#x} ", m.buffer_id)?;
    }
    if m.out_port != PortNo::ANY {
        write!(f, "out_port:{} ", Port(m.out_port))?;
    }
    Ok(())
}

/// Why a flow ended, by number.
pub(super) const REMOVED_REASONS: &[&str] = &["idle", "hard", "delete", "group_delete", "meter_delete", "eviction"];

/// The name of the reason a flow ended for, or its number.
pub(super) struct RemovedReason(pub u16);

impl Display for RemovedReason {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match REMOVED_REASONS.get(usize::from(self.0)) {
            Some(name) => f.write_str(name),
            None => write!(f, "{}", self.0),
        }
    }
}

pub(super) fn flow_removed(m: &FlowRemoved, f: &mut Formatter<'_>) -> fmt::Result {
    f.write_str(" ")?;
    write_rule(m.priority, m.matching.fields(), f)?;
    write!(f, " reason={}", RemovedReason(u16::from(m.reason.0)))?;
    if m.table_id != TableId::ALL {
        write!(f, " table_id={}", m.table_id.0)?;
    }
    if m.cookie != 0 {
        write!(f, " cookie:{:#x}", m.cookie)?;
    }
    let lived = Duration { sec: m.duration_sec, nsec: m.duration_nsec };
    write!(f, " duration{lived} idle{}", m.idle_timeout)?;
    if m.hard_timeout != 0 {
        write!(f, " hard{}", m.hard_timeout)?;
    }
    write!(f, " pkts{} bytes{}", m.packet_count, m.byte_count)
}
