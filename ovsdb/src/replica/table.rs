//! One table of a replica.

use std::sync::Arc;

use super::index::Index;
use super::row::{Cells, Columns, Row, cell, cells, row_size};
use super::trie::Trie;
use crate::atom::Uuid;
use crate::datum::Datum;
use crate::update::RowDelta;

/// A table of a replica; a copy costs a few reference counts.
#[derive(Debug, Clone)]
pub struct Table {
    pub(crate) columns: Arc<Columns>,
    pub(super) rows: Trie<Cells>,
    indexes: Vec<Index>,
    bytes: usize,
}

impl Table {
    pub(super) fn new(columns: Arc<Columns>, indexes: &[Vec<String>]) -> Table {
        let numbers = |names: &Vec<String>| -> Option<Arc<[u16]>> {
            names.iter().map(|name| Some(columns.find(name)?.0)).collect()
        };
        let indexes = indexes.iter().filter_map(numbers).map(Index::new).collect();
        Table { columns, rows: Trie::default(), indexes, bytes: 0 }
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The columns that are held, ascending by name.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.columns.names().iter().map(|name| &**name)
    }

    /// The row with an identity.
    pub fn row(&self, uuid: Uuid) -> Option<Row> {
        let cells = self.rows.get(&uuid.0)?;
        Some(Row::new(uuid, &self.columns, cells))
    }

    /// All rows, ascending by identity.
    pub fn rows(&self) -> impl Iterator<Item = Row> {
        self.rows.iter().map(|(key, cells)| Row::new(Uuid(*key), &self.columns, cells))
    }

    /// The rows whose columns have these values, ascending by identity: at once where there is an
    /// index on exactly these columns, else by looking at every row.
    pub fn find(&self, wanted: &[(&str, Datum)]) -> Vec<Row> {
        let numbers: Option<Vec<u16>> = wanted.iter().map(|(name, _)| Some(self.columns.find(name)?.0)).collect();
        let Some(numbers) = numbers else { return Vec::new() };
        let matches = |row: &Row| wanted.iter().all(|(name, value)| row.get(name) == Some(value));
        match self.indexes.iter().find(|index| index.is_on(&numbers)) {
            Some(index) => {
                let rows = index.candidates(wanted.iter().map(|(_, value)| value));
                rows.iter().filter_map(|uuid| self.row(*uuid)).filter(matches).collect()
            }
            None => self.rows().filter(matches).collect(),
        }
    }

    /// An estimate of the bytes the rows take.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Applies one change; what was there before and what is there now come back. `previous` is
    /// the table of an earlier session, whose equal rows are shared.
    pub(super) fn apply(
        &mut self,
        uuid: Uuid,
        delta: RowDelta,
        previous: Option<&Table>,
    ) -> Result<(Option<Cells>, Option<Cells>), &'static str> {
        let old = self.rows.get(&uuid.0).cloned();
        let new = match (delta, &old) {
            (RowDelta::Delete, _) => None,
            (RowDelta::Insert(read), _) => Some(read),
            (RowDelta::Replace(read), None) => Some(cells(&self.columns, read)),
            (RowDelta::Replace(read), Some(old)) => Some(self.merged(old, read)),
            (RowDelta::Modify(diff), Some(old)) => Some(self.modified(old, diff)),
            (RowDelta::Modify(_), None) => return Err("modifies a row that is not there"),
        };
        let kept = previous.and_then(|table| table.shared(&self.columns, uuid, new.as_ref()?));
        let new = kept.or(new);
        self.set(uuid, old.as_ref(), new.as_ref());
        Ok((old, new))
    }

    fn shared(&self, columns: &Arc<Columns>, uuid: Uuid, cells: &Cells) -> Option<Cells> {
        let mine = self.rows.get(&uuid.0)?;
        (self.columns.names() == columns.names() && mine == cells).then(|| mine.clone())
    }

    fn set(&mut self, uuid: Uuid, old: Option<&Cells>, new: Option<&Cells>) {
        for index in &mut self.indexes {
            index.update(&self.columns, uuid, old, new);
        }
        let size = |cells: Option<&Cells>| cells.map_or(0, |cells| row_size(cells));
        self.bytes += size(new);
        self.bytes -= size(old);
        match new {
            Some(cells) => self.rows.insert(uuid.0, cells.clone()),
            None => self.rows.remove(&uuid.0),
        };
    }

    fn merged(&self, old: &Cells, read: Vec<(u16, Datum)>) -> Cells {
        let mut all: Vec<(u16, Datum)> = old.to_vec();
        all.retain(|(column, _)| !read.iter().any(|(c, _)| c == column));
        all.extend(read);
        cells(&self.columns, all)
    }

    fn modified(&self, old: &Cells, diff: Vec<(u16, Datum)>) -> Cells {
        let new = diff.into_iter().filter_map(|(column, diff)| {
            let ty = self.columns.ty(column)?;
            Some((column, cell(&self.columns, old, column)?.apply_diff(ty, &diff)))
        });
        self.merged(old, new.collect())
    }
}
