//! The schema of the installed Open vSwitch, shared by all databases.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use ovsdb::schema::{BaseType, ColumnType, RefType, TableSchema};
use ovsdb::{DatabaseSchema, Datum, SchemaError};

/// Why there is no schema.
#[derive(Debug, thiserror::Error)]
pub enum SchemaFileError {
    /// The file cannot be read.
    #[error("{path}: {error}; is Open vSwitch installed?")]
    Read {
        /// The file.
        path: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// What it holds is not JSON.
    #[error("schema: {0}")]
    Json(#[from] serde_json::Error),
    /// What it holds is no schema.
    #[error("schema: {0}")]
    Schema(#[from] SchemaError),
}

/// A reference that a column's keys or values are.
#[derive(Debug)]
pub(super) struct Reference {
    pub column: Arc<str>,
    /// The table referred to by keys, and whether strongly.
    pub key: Option<(Arc<str>, bool)>,
    /// The same for values.
    pub value: Option<(Arc<str>, bool)>,
}

/// A schema, and what is asked of it often.
#[derive(Debug)]
pub struct Schema {
    /// As `get_schema` answers it.
    pub(super) text: String,
    parsed: DatabaseSchema,
    references: BTreeMap<Arc<str>, Vec<Reference>>,
}

impl Schema {
    /// Where Debian's packages put it.
    pub const INSTALLED: &str = "/usr/share/openvswitch/vswitch.ovsschema";

    /// Reads a schema file.
    ///
    /// # Errors
    /// If it cannot be read or is none.
    pub fn load(path: &Path) -> Result<Self, SchemaFileError> {
        let read = std::fs::read_to_string(path);
        let text = read.map_err(|error| SchemaFileError::Read { path: path.display().to_string(), error })?;
        let value = serde_json::from_str(&text)?;
        let parsed = DatabaseSchema::from_json(&value)?;
        let references =
            parsed.tables.iter().map(|(name, table)| (Arc::from(name.as_str()), references(table))).collect();
        Ok(Self { text: value.to_string(), parsed, references })
    }

    /// A table's name as it is kept, and the table.
    pub(super) fn table(&self, name: &str) -> Option<(Arc<str>, &TableSchema)> {
        let (name, _) = self.references.get_key_value(name)?;
        Some((name.clone(), self.parsed.table(name)?))
    }

    /// A column's name as it is kept, and its type.
    pub(super) fn column(&self, table: &str, column: &str) -> Option<(Arc<str>, &Arc<ColumnType>)> {
        let (name, column) = self.parsed.table(table)?.columns.get_key_value(column)?;
        Some((name.clone(), &column.ty))
    }

    pub(super) fn default(&self, table: &str, column: &str) -> Datum {
        self.column(table, column).map_or_else(Datum::empty, |(_, ty)| ty.default_datum())
    }

    pub(super) fn references(&self, table: &str) -> &[Reference] {
        self.references.get(table).map_or(&[], Vec::as_slice)
    }

    /// Tables whose rows live without a reference to them.
    pub(super) fn is_root(&self, table: &str) -> bool {
        self.parsed.table(table).is_some_and(|table| table.is_root)
    }
}

fn references(table: &TableSchema) -> Vec<Reference> {
    let target = |base: &BaseType| Some((Arc::from(base.ref_table.as_deref()?), base.ref_type == RefType::Strong));
    let all = table.columns.iter().map(|(column, schema)| Reference {
        column: column.clone(),
        key: target(&schema.ty.key),
        value: schema.ty.value.as_ref().and_then(target),
    });
    all.filter(|reference| reference.key.is_some() || reference.value.is_some()).collect()
}
