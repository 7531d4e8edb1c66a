//! Typed rows of the Open_vSwitch database, made from its schemas of OVS 2.15, 3.1, 3.5 and 4.0
//! (the test `tables` writes the files and keeps them true).
//!
//! A field of a column that the server's schema lacks, or that was not monitored, has the default
//! of its type.

use crate::replica::Row;

/// A row of a known table as a Rust struct.
pub trait TypedRow {
    /// The table.
    const TABLE: &'static str;
    /// The columns it reads, ascending.
    const COLUMNS: &'static [&'static str];

    /// Reads a row of that table.
    fn from_row(row: &Row) -> Self;
}

/// Defines a typed row: the struct, its table, and for each field the column it reads.
macro_rules! typed_row {
    (
        $(#[$doc:meta])*
        $name:ident of $table:literal {
            $($(#[$field_doc:meta])* $field:ident: $ty:ty = $column:literal,)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Default)]
        pub struct $name {
            /// The identity of the row.
            pub uuid: crate::Uuid,
            $($(#[$field_doc])* pub $field: $ty,)*
        }

        impl crate::tables::TypedRow for $name {
            const TABLE: &'static str = $table;
            const COLUMNS: &'static [&'static str] = &[$($column),*];

            fn from_row(row: &crate::Row) -> $name {
                $name { uuid: row.uuid(), $($field: row.read($column),)* }
            }
        }
    };
}

mod auto_attach;
mod bridge;
mod controller;
mod ct_timeout_policy;
mod ct_zone;
mod datapath;
mod flow_sample_collector_set;
mod flow_table;
mod interface;
mod ipfix;
mod manager;
mod mirror;
mod netflow;
mod open_vswitch;
mod port;
mod qos;
mod queue;
mod sflow;
mod ssl;

pub use auto_attach::AutoAttach;
pub use bridge::Bridge;
pub use controller::Controller;
pub use ct_timeout_policy::CtTimeoutPolicy;
pub use ct_zone::CtZone;
pub use datapath::Datapath;
pub use flow_sample_collector_set::FlowSampleCollectorSet;
pub use flow_table::FlowTable;
pub use interface::Interface;
pub use ipfix::Ipfix;
pub use manager::Manager;
pub use mirror::Mirror;
pub use netflow::Netflow;
pub use open_vswitch::OpenVswitch;
pub use port::Port;
pub use qos::Qos;
pub use queue::Queue;
pub use sflow::Sflow;
pub use ssl::Ssl;
