//! Features, switch configuration, tables, roles, and what a switch sends unasked (sections 7.3.1,
//! 7.3.2, 7.3.3, 7.3.9, 7.3.10).

use crate::macros::{flags, open_enum, record};
use crate::types::TableId;

flags! {
    /// What a switch can do.
    Capabilities: u32 {
        /// Counts per flow.
        FLOW_STATS = 1;
        /// Counts per table.
        TABLE_STATS = 2;
        /// Counts per port.
        PORT_STATS = 4;
        /// Counts per group.
        GROUP_STATS = 8;
        /// Puts IP fragments together.
        IP_REASM = 0x20;
        /// Counts per queue.
        QUEUE_STATS = 0x40;
        /// Blocks ports that loop.
        PORT_BLOCKED = 0x100;
    }
}

record! {
    /// Who a switch is.
    FeaturesReply {
        /// Its datapath id: the lower 48 bits are usually an Ethernet address.
        datapath_id: u64;
        /// Packets it can buffer.
        n_buffers: u32;
        /// Its number of tables.
        n_tables: u8;
        /// 0 on the main connection.
        auxiliary_id: u8, pad 2;
        /// What it can do.
        capabilities: Capabilities;
        /// Nothing in 1.3.
        reserved: u32;
    }
}

record! {
    /// How a switch treats fragments and packets for the controller.
    SwitchConfig {
        /// Fragments: 0 as they are, 1 dropped, 2 put together.
        flags: u16;
        /// Bytes of a packet that go to the controller.
        miss_send_len: u16;
    }
}

record! {
    /// Configures a table.
    TableMod {
        /// The table.
        table_id: TableId, pad 3;
        /// Nothing in 1.3.
        config: u32;
    }
}

open_enum! {
    /// The role of a controller.
    Role: u32 {
        /// As it was.
        NOCHANGE = 0;
        /// As all others.
        EQUAL = 1;
        /// The one that may write.
        MASTER = 2;
        /// Reads only.
        SLAVE = 3;
    }
}

record! {
    /// Asks for a role, or says which it is.
    RoleMsg {
        /// The role.
        role: Role, pad 4;
        /// Counts elections; a smaller one than seen before is refused.
        generation_id: u64;
    }
}

record! {
    /// What a switch sends unasked: a bit for each reason, first while equal or master, then
    /// while slave.
    AsyncConfig {
        /// Reasons of packet-in.
        packet_in_mask: [u32; 2];
        /// Reasons of port-status.
        port_status_mask: [u32; 2];
        /// Reasons of flow-removed.
        flow_removed_mask: [u32; 2];
    }
}
