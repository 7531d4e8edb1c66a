//! The replica: an in-memory copy of the monitored part of a database.
//!
//! A [`Replica`] is immutable to its readers and cheap to copy; copies share what they have in
//! common. What lies between two copies is found by [`Replica::changes_since`] at the cost of
//! what changed.

mod index;
mod row;
mod table;
mod trie;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

pub use row::Row;
pub(crate) use row::{Cells, Columns, cells, row_size};
pub use table::Table;

use crate::atom::Uuid;
use crate::convert::ToDatum;
use crate::error::ProtocolError;
use crate::schema::DatabaseSchema;
use crate::tables::TypedRow;
use crate::update::{Rows, UpdateForm, object, row_delta, row_uuid};

/// What a replica holds of one table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableSpec {
    /// The columns; all of the schema if `None`. Those the schema lacks are left out.
    pub columns: Option<Vec<String>>,
    /// Sets of columns to find rows by.
    pub indexes: Vec<Vec<String>>,
}

/// A change to one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The identity of the row.
    pub uuid: Uuid,
    /// The row as it was; `None` if it is new.
    pub old: Option<Row>,
    /// The row as it is; `None` if it is gone.
    pub new: Option<Row>,
}

impl Change {
    /// The table of the row.
    pub fn table(&self) -> &str {
        self.new.as_ref().or(self.old.as_ref()).map_or("", Row::table)
    }
}

/// A consistent copy of the monitored tables, as they were after some transaction.
#[derive(Debug, Clone)]
pub struct Replica {
    schema: Arc<DatabaseSchema>,
    tables: Arc<BTreeMap<Arc<str>, Table>>,
    last_txn: Option<Uuid>,
    rows_applied: u64,
}

impl Replica {
    /// An empty copy of the given tables; those the schema lacks are left out.
    pub fn new<'a>(schema: Arc<DatabaseSchema>, specs: impl IntoIterator<Item = (&'a str, &'a TableSpec)>) -> Replica {
        let tables = specs.into_iter().filter_map(|(name, spec)| {
            let columns = Arc::new(Columns::of(&schema, name, spec.columns.as_deref())?);
            Some((columns.table.clone(), Table::new(columns, &spec.indexes)))
        });
        let tables = Arc::new(tables.collect());
        Replica { schema, tables, last_txn: None, rows_applied: 0 }
    }

    /// A copy of nothing.
    pub fn empty() -> Replica {
        let schema =
            DatabaseSchema { name: String::new(), version: String::new(), cksum: None, tables: BTreeMap::new() };
        Replica::new(Arc::new(schema), [])
    }

    /// The schema of the database.
    pub fn schema(&self) -> &Arc<DatabaseSchema> {
        &self.schema
    }

    /// The last transaction the copy includes, where the server tells it.
    pub fn last_txn(&self) -> Option<Uuid> {
        self.last_txn
    }

    /// How many rows have been written since the copy began: the work done.
    pub fn rows_applied(&self) -> u64 {
        self.rows_applied
    }

    /// An estimate of the bytes all rows take.
    pub fn bytes(&self) -> usize {
        self.tables.values().map(Table::bytes).sum()
    }

    /// The tables with their names, ascending.
    pub fn tables(&self) -> impl Iterator<Item = (&str, &Table)> {
        self.tables.iter().map(|(name, table)| (&**name, table))
    }

    /// A table, if it is held.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.get(name)
    }

    /// A row by table and identity.
    pub fn row(&self, table: &str, uuid: Uuid) -> Option<Row> {
        self.table(table)?.row(uuid)
    }

    /// The rows of a table, ascending by identity.
    pub fn rows(&self, table: &str) -> impl Iterator<Item = Row> {
        self.table(table).into_iter().flat_map(Table::rows)
    }

    /// The rows of a table that have a value in a column: at once where the column is indexed.
    pub fn find(&self, table: &str, column: &str, value: impl ToDatum) -> Vec<Row> {
        let table = self.table(table);
        table.map_or_else(Vec::new, |table| table.find(&[(column, value.to_datum())]))
    }

    /// All rows of a typed table, ascending by identity.
    pub fn all<T: TypedRow>(&self) -> impl Iterator<Item = T> {
        self.rows(T::TABLE).map(|row| T::from_row(&row))
    }

    /// A typed row by identity.
    pub fn get<T: TypedRow>(&self, uuid: Uuid) -> Option<T> {
        self.row(T::TABLE, uuid).map(|row| T::from_row(&row))
    }

    /// The first typed row that has a value in a column.
    pub fn find_one<T: TypedRow>(&self, column: &str, value: impl ToDatum) -> Option<T> {
        self.find(T::TABLE, column, value).first().map(T::from_row)
    }

    /// The rows that differ between an older copy and this one, by table and identity. Parts that
    /// both share cost nothing.
    pub fn changes_since(&self, old: &Replica) -> Vec<Change> {
        let mut changes = Vec::new();
        let none = BTreeMap::new();
        let (before, after) = match Arc::ptr_eq(&self.tables, &old.tables) {
            true => (&none, &none),
            false => (&*old.tables, &*self.tables),
        };
        let gone = before.keys().filter(|name| !after.contains_key(*name));
        for name in after.keys().chain(gone) {
            table_changes(before.get(name), after.get(name), &mut changes);
        }
        changes
    }

    /// Whether both hold the same columns of the same tables.
    pub(crate) fn same_shape(&self, other: &Replica) -> bool {
        let shape = |replica: &Replica| -> Vec<(Arc<str>, Vec<Arc<str>>)> {
            let tables = replica.tables.iter();
            tables.map(|(name, t)| (name.clone(), t.columns.names().to_vec())).collect()
        };
        self.schema == other.schema && shape(self) == shape(other)
    }

    pub(crate) fn forget_last_txn(&mut self) {
        self.last_txn = None;
    }

    pub(crate) fn set_last_txn(&mut self, txn: Uuid) {
        self.last_txn = (txn != Uuid::ZERO).then_some(txn);
    }

    /// Applies `<table-updates>` or `<table-updates2>` and tells what changed. On an error the
    /// copy may have taken a part of them and is of no more use.
    pub fn apply(&mut self, form: UpdateForm, updates: &Value) -> Result<Vec<Change>, ProtocolError> {
        let mut changes = Vec::new();
        let tables = Arc::make_mut(&mut self.tables);
        for (name, rows) in object(updates, "updates")? {
            let bad = |problem: &str| ProtocolError::new("update", format_args!("{name}: {problem}"));
            let table = tables.get_mut(name.as_str()).ok_or_else(|| bad("table was not asked for"))?;
            for (uuid, value) in object(rows, "table update")? {
                let uuid = row_uuid(uuid)?;
                let delta = row_delta(&table.columns, form, value)?;
                let (old, new) = table.apply(uuid, delta, None).map_err(bad)?;
                self.rows_applied += 1;
                let row = |cells| Row::new(uuid, &table.columns, &cells);
                let change = Change { uuid, old: old.map(row), new: new.map(row) };
                if change.old != change.new {
                    changes.push(change);
                }
            }
        }
        Ok(changes)
    }

    /// Takes the rows of a reply that brings a copy, or what a copy lacks; rows equal to those of
    /// `previous` are shared with it.
    pub(crate) fn fill(&mut self, rows: Rows, previous: Option<&Replica>) -> Result<(), ProtocolError> {
        let tables = Arc::make_mut(&mut self.tables);
        for (name, mut rows) in rows {
            let bad = |problem: &str| ProtocolError::new("update", format_args!("{name}: {problem}"));
            let table = tables.get_mut(&name).ok_or_else(|| bad("table was not asked for"))?;
            let previous = previous.and_then(|replica| replica.table(&name));
            rows.sort_unstable_by_key(|(uuid, _)| *uuid);
            if rows.windows(2).any(|two| matches!(two, [a, b] if a.0 == b.0)) {
                return Err(bad("has a row twice"));
            }
            self.rows_applied += rows.len() as u64;
            for (uuid, delta) in rows {
                table.apply(uuid, delta, previous).map_err(bad)?;
            }
        }
        Ok(())
    }
}

fn table_changes(old: Option<&Table>, new: Option<&Table>, changes: &mut Vec<Change>) {
    let nothing = trie::Trie::default();
    let same_columns = match (old, new) {
        (Some(old), Some(new)) => old.columns.names() == new.columns.names(),
        _ => true,
    };
    let same = |a: &row::Cells, b: &row::Cells| same_columns && (Arc::ptr_eq(a, b) || a == b);
    let row = |table: Option<&Table>, key: &[u8; 16], cells: Option<&row::Cells>| {
        Some(Row::new(Uuid(*key), &table?.columns, cells?))
    };
    let before = old.map_or(&nothing, |table| &table.rows);
    before.diff(new.map_or(&nothing, |table| &table.rows), &same, &mut |key, a, b| {
        let change = Change { uuid: Uuid(*key), old: row(old, key, a), new: row(new, key, b) };
        if change.old != change.new {
            changes.push(change);
        }
    });
}

#[cfg(test)]
mod tests;
