//! Flows.

use std::fmt::{self, Display, Formatter};

use super::instruction::Instructions;
use super::list::List;
use super::matching::write_match;
use super::number::Duration;
use crate::msg::flow::{self, FlowModFlags};
use crate::oxm::Oxm;

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
    write_match(fields, &mut list)?;
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
