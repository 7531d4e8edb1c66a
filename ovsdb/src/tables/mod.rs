//! Typed rows of the Open_vSwitch database.
//!
//! A field of a column that the server's schema lacks, or that was not monitored, has the default
//! of its type.

use crate::replica::Row;

/// A row of a known table as a Rust struct.
pub trait TypedRow {
    /// The table.
    const TABLE: &'static str;
    /// The columns it reads.
    const COLUMNS: &'static [&'static str];

    /// Reads a row of that table.
    fn from_row(row: &Row) -> Self;
}
