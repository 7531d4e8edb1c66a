//! Database schemas (RFC 7047 section 3.2).

mod column_type;
mod read;
mod shared;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

pub use column_type::{BaseType, ColumnType, RefType};
pub use shared::SchemaPool;

use crate::atom::AtomType;

/// Why a schema or a type cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {problem}")]
pub struct SchemaError {
    /// The member, or table and column.
    pub at: String,
    /// What is wrong.
    pub problem: String,
}

impl SchemaError {
    pub(crate) fn new(at: impl Into<String>, problem: impl Into<String>) -> SchemaError {
        SchemaError { at: at.into(), problem: problem.into() }
    }

    pub(crate) fn within(self, outer: &str) -> SchemaError {
        SchemaError { at: format!("{outer}.{}", self.at), problem: self.problem }
    }
}

/// A database: `<database-schema>`.
#[derive(Debug, Clone, PartialEq)]
pub struct DatabaseSchema {
    /// The name of the database.
    pub name: String,
    /// Its version, `x.y.z`.
    pub version: String,
    /// The checksum of the schema file, where the server tells it.
    pub cksum: Option<String>,
    /// Its tables.
    pub tables: BTreeMap<String, TableSchema>,
}

/// A table: `<table-schema>`.
#[derive(Debug, Clone, PartialEq)]
pub struct TableSchema {
    /// Its columns, without `_uuid` and `_version` that every table has.
    pub columns: BTreeMap<Arc<str>, ColumnSchema>,
    /// The most rows it may have.
    pub max_rows: Option<u64>,
    /// Whether rows live without a reference to them.
    pub is_root: bool,
    /// Sets of columns whose values no two rows share.
    pub indexes: Vec<Vec<String>>,
}

/// A column: `<column-schema>`.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnSchema {
    /// Its type.
    pub ty: Arc<ColumnType>,
    /// Whether the server may forget it.
    pub ephemeral: bool,
    /// Whether it may change after the insert.
    pub mutable: bool,
}

impl DatabaseSchema {
    /// Reads the answer to `get_schema`, or the text of a schema file.
    pub fn from_json(value: &Value) -> Result<DatabaseSchema, SchemaError> {
        read::database(value)
    }

    /// A table by name.
    pub fn table(&self, name: &str) -> Option<&TableSchema> {
        self.tables.get(name)
    }
}

impl TableSchema {
    /// A column by name, `_uuid` and `_version` among them.
    pub fn column(&self, name: &str) -> Option<ColumnSchema> {
        if matches!(name, "_uuid" | "_version") {
            let ty = Arc::new(ColumnType::scalar(AtomType::Uuid));
            return Some(ColumnSchema { ty, ephemeral: false, mutable: false });
        }
        self.columns.get(name).cloned()
    }
}

/// Whether a text is an `<id>`: a letter or underscore, then letters, digits and underscores.
pub fn is_id(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests;
