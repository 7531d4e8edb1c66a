//! `<table-updates>` and `<table-updates2>`: reading the three notifications into one kind of
//! change (RFC 7047 section 4.1.6, ovsdb-server(7) sections 4.1.13 to 4.1.15).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::atom::Uuid;
use crate::datum::{Check, Datum};
use crate::error::ProtocolError;
use crate::json::Pick;
use crate::replica::{Cells, Columns, cells, row_size};

/// Which form updates have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateForm {
    /// `update`: old and new rows.
    Rows,
    /// `update2` and `update3`: initial, insert, delete, modify.
    Differences,
}

/// One change to one row, by number of the column.
#[derive(Debug)]
pub(crate) enum RowDelta {
    /// The row is exactly this, and defaults.
    Insert(Cells),
    /// These columns are now so; the row may be new.
    Replace(Vec<(u16, Datum)>),
    /// These columns differ by so much.
    Modify(Vec<(u16, Datum)>),
    /// The row is gone.
    Delete,
}

impl RowDelta {
    /// An estimate of the bytes it takes.
    fn bytes(&self) -> usize {
        let list = match self {
            RowDelta::Insert(cells) => cells,
            RowDelta::Replace(list) | RowDelta::Modify(list) => list.as_slice(),
            RowDelta::Delete => &[],
        };
        size_of::<(Uuid, RowDelta)>() + row_size(list)
    }
}

fn bad(problem: impl std::fmt::Display) -> ProtocolError {
    ProtocolError::new("update", problem)
}

pub(crate) fn object<'a>(value: &'a Value, what: &str) -> Result<&'a Map<String, Value>, ProtocolError> {
    value.as_object().ok_or_else(|| bad(format_args!("{what} is not an object")))
}

/// Reads a `<row-update>` or `<row-update2>`.
pub(crate) fn row_delta(columns: &Columns, form: UpdateForm, value: &Value) -> Result<RowDelta, ProtocolError> {
    let members = object(value, "row update")?;
    let part = |name: &str| members.get(name).filter(|v| !v.is_null());
    if form == UpdateForm::Rows {
        return match (part("new"), part("old")) {
            (Some(new), _) => Ok(RowDelta::Replace(read(columns, new)?)),
            (None, Some(_)) => Ok(RowDelta::Delete),
            (None, None) => Err(bad("row update has neither old nor new")),
        };
    }
    if let Some(row) = part("initial").or_else(|| part("insert")) {
        return Ok(RowDelta::Insert(cells(columns, read(columns, row)?)));
    }
    if let Some(row) = part("modify") {
        return Ok(RowDelta::Modify(read(columns, row)?));
    }
    // A row that goes is `"delete": null`.
    match members.contains_key("delete") {
        true => Ok(RowDelta::Delete),
        false => Err(bad("row update has no initial, insert, modify or delete")),
    }
}

fn read(columns: &Columns, row: &Value) -> Result<Vec<(u16, Datum)>, ProtocolError> {
    let members = object(row, "row")?;
    let mut out = Vec::with_capacity(members.len());
    for (name, value) in members {
        if matches!(name.as_str(), "_uuid" | "_version") {
            continue;
        }
        let at = || format!("{}.{name}", columns.table);
        let (number, ty) = columns.find(name).ok_or_else(|| bad(format_args!("{}: column was not asked for", at())))?;
        let datum = Datum::read(ty, value, Check::Types).map_err(|error| bad(format_args!("{}: {error}", at())))?;
        out.push((number, datum));
    }
    Ok(out)
}

/// The rows of one copy of a database, ascending by identity in each table.
pub(crate) type Rows = BTreeMap<Arc<str>, Vec<(Uuid, RowDelta)>>;

/// Reads the rows of a copy one by one out of the message that brings it: as JSON the whole would
/// take many times the memory of its text.
#[derive(Debug)]
pub(crate) struct RowPicker {
    wanted: BTreeMap<Arc<str>, Arc<Columns>>,
    form: UpdateForm,
    rows: Rows,
}

impl RowPicker {
    /// One that takes rows of no table.
    pub(crate) fn idle() -> RowPicker {
        RowPicker::new(UpdateForm::Rows, [])
    }

    pub(crate) fn new(form: UpdateForm, wanted: impl IntoIterator<Item = Arc<Columns>>) -> RowPicker {
        let wanted = wanted.into_iter().map(|columns| (columns.table.clone(), columns)).collect();
        RowPicker { wanted, form, rows: Rows::new() }
    }
}

impl Pick for RowPicker {
    type Picked = Rows;

    /// What cannot be read stays where it is, for whoever reads the rest of the message to refuse.
    fn pick(&mut self, table: &str, uuid: &str, value: &Value) -> Option<usize> {
        let (name, columns) = self.wanted.get_key_value(table)?;
        let uuid = uuid.parse().ok()?;
        let delta = row_delta(columns, self.form, value).ok()?;
        let bytes = delta.bytes();
        if !self.rows.contains_key(table) {
            self.rows.insert(name.clone(), Vec::new());
        }
        self.rows.get_mut(table)?.push((uuid, delta));
        Some(bytes)
    }

    fn take(&mut self) -> Rows {
        std::mem::take(&mut self.rows)
    }
}

/// Reads the key of a row in a table update.
pub(crate) fn row_uuid(text: &str) -> Result<Uuid, ProtocolError> {
    text.parse().map_err(|_| bad("key of a row is not a uuid"))
}
