//! What tables can do.

use std::fmt::{self, Formatter};

use super::number::Hex;
use crate::multipart::table_features::TableFeatures;

/// Name, metadata and size of each table. What it can match and do is left to the JSON form.
pub(super) fn tables(tables: &[TableFeatures], f: &mut Formatter<'_>) -> fmt::Result {
    tables.iter().try_for_each(|t| {
        write!(f, "\n  table {}", t.table_id.0)?;
        if !t.name.as_bytes().is_empty() {
            write!(f, " (\"{}\")", t.name)?;
        }
        write!(f, ":\n    metadata: match={} ", Hex(u128::from(t.metadata_match)))?;
        write!(f, "write={}\n    max_entries={}", Hex(u128::from(t.metadata_write)), t.max_entries)
    })
}
