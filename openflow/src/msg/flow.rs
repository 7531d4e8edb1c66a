//! Flows (sections 7.3.4.1, 7.4.2, 7.3.5.2).

use crate::instruction::Instruction;
use crate::macros::{element, flags, open_enum, record};
use crate::oxm::Match;
use crate::types::{GroupId, NO_BUFFER, PortNo, TableId};

open_enum! {
    /// What a [`FlowMod`] does.
    FlowModCommand: u8 {
        /// Adds a flow, replacing one of same match and priority.
        ADD = 0;
        /// Changes the instructions of all flows that match.
        MODIFY = 1;
        /// Changes the instructions of the flow of same match and priority.
        MODIFY_STRICT = 2;
        /// Deletes all flows that match.
        DELETE = 3;
        /// Deletes the flow of same match and priority.
        DELETE_STRICT = 4;
    }
}

flags! {
    /// Flags of a flow.
    FlowModFlags: u16 {
        /// Tells when the flow ends.
        SEND_FLOW_REM = 1;
        /// Refuses a flow that overlaps one of the same priority.
        CHECK_OVERLAP = 2;
        /// Sets the counters to zero.
        RESET_COUNTS = 4;
        /// Does not count packets.
        NO_PKT_COUNTS = 8;
        /// Does not count bytes.
        NO_BYT_COUNTS = 16;
    }
}

record! {
    /// Adds, changes or deletes flows.
    FlowMod {
        /// Opaque to the switch.
        cookie: u64;
        /// For changes and deletes: the bits of the cookie a flow must have to be meant.
        cookie_mask: u64;
        /// The table.
        table_id: TableId;
        /// What to do.
        command: FlowModCommand;
        /// Seconds without a packet after which the flow ends, 0 for never.
        idle_timeout: u16;
        /// Seconds after which the flow ends, 0 for never.
        hard_timeout: u16;
        /// The flow of highest priority that matches is the one.
        priority: u16;
        /// A buffered packet to apply the flow to, or [`NO_BUFFER`].
        buffer_id: u32;
        /// For deletes: only flows that output to this port.
        out_port: PortNo;
        /// For deletes: only flows that use this group.
        out_group: GroupId;
        /// How it is kept.
        flags: FlowModFlags, pad 2;
        /// Which packets it is for.
        #[cfg_attr(feature = "json", serde(rename = "match"))]
        matching: Match;
        /// What it does with them.
        instructions: Vec<Instruction>;
    }
}

impl Default for FlowMod {
    fn default() -> Self {
        Self {
            cookie: 0,
            cookie_mask: 0,
            table_id: TableId(0),
            command: FlowModCommand::ADD,
            idle_timeout: 0,
            hard_timeout: 0,
            priority: 0x8000,
            buffer_id: NO_BUFFER,
            out_port: PortNo::ANY,
            out_group: GroupId::ANY,
            flags: FlowModFlags::NONE,
            matching: Match::new(),
            instructions: Vec::new(),
        }
    }
}

impl FlowMod {
    /// Adds a flow.
    pub fn add(table_id: impl Into<TableId>, priority: u16, matching: Match) -> Self {
        Self { table_id: table_id.into(), priority, matching, ..Self::default() }
    }

    /// Deletes the flow of exactly this match and priority.
    pub fn delete_strict(table_id: impl Into<TableId>, priority: u16, matching: Match) -> Self {
        let command = FlowModCommand::DELETE_STRICT;
        Self { command, ..Self::add(table_id, priority, matching) }
    }

    /// Deletes all flows that match; `TableId::ALL` means those of all tables.
    pub fn delete(table_id: impl Into<TableId>, matching: Match) -> Self {
        Self { command: FlowModCommand::DELETE, ..Self::add(table_id, 0x8000, matching) }
    }

    /// With this cookie.
    #[must_use]
    pub fn cookie(mut self, cookie: u64) -> Self {
        self.cookie = cookie;
        self
    }

    /// With one more instruction.
    #[must_use]
    pub fn instruction(mut self, instruction: Instruction) -> Self {
        self.instructions.push(instruction);
        self
    }

    /// With these actions, done at once.
    #[must_use]
    pub fn apply(self, actions: impl Into<Vec<crate::Action>>) -> Self {
        self.instruction(Instruction::apply(actions))
    }

    /// Going on in another table.
    #[must_use]
    pub fn goto(self, table_id: impl Into<TableId>) -> Self {
        self.instruction(Instruction::goto(table_id))
    }
}

open_enum! {
    /// Why a flow ended.
    FlowRemovedReason: u8 {
        /// No packet for too long.
        IDLE_TIMEOUT = 0;
        /// Its time was over.
        HARD_TIMEOUT = 1;
        /// A controller deleted it.
        DELETE = 2;
        /// A group it used was deleted.
        GROUP_DELETE = 3;
        /// A meter it used was deleted (OpenFlow 1.4).
        METER_DELETE = 4;
        /// The switch needed its place (OpenFlow 1.4).
        EVICTION = 5;
    }
}

record! {
    /// A flow ended.
    FlowRemoved {
        /// Its cookie.
        cookie: u64;
        /// Its priority.
        priority: u16;
        /// Why it ended.
        reason: FlowRemovedReason;
        /// Its table.
        table_id: TableId;
        /// Seconds it lived.
        duration_sec: u32;
        /// And nanoseconds beyond.
        duration_nsec: u32;
        /// Its idle timeout in seconds.
        idle_timeout: u16;
        /// Its hard timeout in seconds.
        hard_timeout: u16;
        /// Packets it was for.
        packet_count: u64;
        /// Bytes in these.
        byte_count: u64;
        /// What it matched.
        #[cfg_attr(feature = "json", serde(rename = "match"))]
        matching: Match;
    }
}

record! {
    /// Asks for flows, or for their sum.
    FlowRequest {
        /// The table, or all.
        table_id: TableId, pad 3;
        /// Only flows that output to this port.
        out_port: PortNo;
        /// Only flows that use this group.
        out_group: GroupId, pad 4;
        /// Only flows with this cookie,
        cookie: u64;
        /// in these bits.
        cookie_mask: u64;
        /// Only flows that match at least this.
        #[cfg_attr(feature = "json", serde(rename = "match"))]
        matching: Match;
    }
}

impl Default for FlowRequest {
    /// All flows of all tables.
    fn default() -> Self {
        Self {
            table_id: TableId::ALL,
            out_port: PortNo::ANY,
            out_group: GroupId::ANY,
            cookie: 0,
            cookie_mask: 0,
            matching: Match::new(),
        }
    }
}

element! {
    /// One flow of a switch.
    FlowStats "flow stats" {
        /// Its table.
        table_id: TableId, pad 1;
        /// Seconds it lives.
        duration_sec: u32;
        /// And nanoseconds beyond.
        duration_nsec: u32;
        /// Its priority.
        priority: u16;
        /// Its idle timeout in seconds.
        idle_timeout: u16;
        /// Its hard timeout in seconds.
        hard_timeout: u16;
        /// How it is kept.
        flags: FlowModFlags, pad 4;
        /// Its cookie.
        cookie: u64;
        /// Packets it was for.
        packet_count: u64;
        /// Bytes in these.
        byte_count: u64;
        /// What it matches.
        #[cfg_attr(feature = "json", serde(rename = "match"))]
        matching: Match;
        /// What it does.
        instructions: Vec<Instruction>;
    }
}

record! {
    /// The sum of flows.
    AggregateStats {
        /// Packets they were for.
        packet_count: u64;
        /// Bytes in these.
        byte_count: u64;
        /// How many there are.
        flow_count: u32, pad 4;
    }
}
