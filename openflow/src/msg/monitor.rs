//! Flow monitor (ONF 1870), as Open vSwitch speaks it over OpenFlow 1.3.

use crate::error::DecodeErrorKind;
use crate::instruction::Instruction;
use crate::macros::{flags, open_enum, record};
use crate::oxm::Match;
use crate::types::{PortNo, TableId, Xid};
use crate::wire::{Reader, Result, Wire, Writer};

flags! {
    /// What a monitor tells.
    MonitorFlags: u16 {
        /// The flows there are at first.
        INITIAL = 1;
        /// Flows that are added.
        ADD = 2;
        /// Flows that end.
        DELETE = 4;
        /// Flows that change.
        MODIFY = 8;
        /// With their actions.
        ACTIONS = 16;
        /// In full what this controller did itself.
        OWN = 32;
    }
}

record! {
    /// Asks to be told about flows.
    FlowMonitor {
        /// Which monitor.
        id: u32;
        /// What it tells.
        flags: MonitorFlags;
        /// The length of the match without padding, once more.
        match_len: u16;
        /// Only flows that output to this port.
        out_port: PortNo;
        /// Only flows of this table, or all.
        table_id: TableId, pad 3;
        /// Only flows that match at least this.
        #[cfg_attr(feature = "json", serde(rename = "match"))]
        matching: Match;
    }
}

record! {
    /// Asks to be told about flows.
    MonitorRequest {
        /// The monitors.
        monitors: Vec<FlowMonitor>;
    }
}

record! {
    /// What happened to flows.
    MonitorReply {
        /// What happened, in order.
        updates: Vec<FlowUpdate>;
    }
}

record! {
    /// Ends a monitor.
    MonitorCancel {
        /// Which monitor.
        id: u32;
    }
}

open_enum! {
    /// What happened to a flow.
    FlowEvent: u16 {
        /// It is new.
        ADDED = 0;
        /// It ended.
        DELETED = 1;
        /// It changed.
        MODIFIED = 2;
        /// This controller did it itself.
        ABBREV = 3;
    }
}

record! {
    /// A flow of an update.
    FlowUpdateFull {
        /// Why it ended, if it did.
        reason: u16;
        /// Its priority.
        priority: u16;
        /// Its idle timeout in seconds.
        idle_timeout: u16;
        /// Its hard timeout in seconds.
        hard_timeout: u16;
        /// The length of the match without padding, once more.
        match_len: u16;
        /// Its table.
        table_id: TableId, pad 1;
        /// Its cookie.
        cookie: u64;
        /// What it matches.
        #[cfg_attr(feature = "json", serde(rename = "match"))]
        matching: Match;
        /// What it does, if that was asked for.
        instructions: Vec<Instruction>;
    }
}

/// Something that happened to a flow.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "json", serde(tag = "event", rename_all = "snake_case"))]
pub enum FlowUpdate {
    /// It is new.
    Added(FlowUpdateFull),
    /// It ended.
    Deleted(FlowUpdateFull),
    /// It changed.
    Modified(FlowUpdateFull),
    /// This controller did it itself.
    Abbrev {
        /// With this message.
        xid: Xid,
    },
}

impl Wire for FlowUpdate {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        r.label("flow update");
        let length = usize::from(u16::from_be_bytes(r.peek()?));
        if length < 4 || length > r.left() {
            return Err(r.bad_length(length));
        }
        let r = &mut r.sub(length, "flow update")?;
        r.skip(2)?;
        let event = FlowEvent::read(r)?;
        let update = match event {
            FlowEvent::ADDED => Self::Added(FlowUpdateFull::read(r)?),
            FlowEvent::DELETED => Self::Deleted(FlowUpdateFull::read(r)?),
            FlowEvent::MODIFIED => Self::Modified(FlowUpdateFull::read(r)?),
            FlowEvent::ABBREV => Self::Abbrev { xid: u32::read(r)? },
            FlowEvent(n) => return Err(r.error(DecodeErrorKind::UnknownType(u32::from(n)))),
        };
        r.end()?;
        Ok(update)
    }

    fn write(&self, w: &mut Writer) {
        let start = w.position();
        w.zeros(2);
        let (event, full) = match self {
            Self::Added(full) => (FlowEvent::ADDED, Some(full)),
            Self::Deleted(full) => (FlowEvent::DELETED, Some(full)),
            Self::Modified(full) => (FlowEvent::MODIFIED, Some(full)),
            Self::Abbrev { .. } => (FlowEvent::ABBREV, None),
        };
        event.write(w);
        match (full, self) {
            (Some(full), _) => full.write(w),
            (None, Self::Abbrev { xid }) => xid.write(w),
            (None, _) => {}
        }
        w.patch_len(start, start, "flow update");
    }
}
