//! Rows: shared, immutable, and without the columns that have their default value.

use std::fmt;
use std::sync::Arc;

use crate::atom::Uuid;
use crate::convert::FromDatum;
use crate::datum::Datum;
use crate::schema::{ColumnType, DatabaseSchema};

/// The columns of a table that a replica holds, ascending by name.
#[derive(Debug)]
pub(crate) struct Columns {
    pub(crate) table: Arc<str>,
    names: Vec<Arc<str>>,
    types: Vec<Arc<ColumnType>>,
    defaults: Vec<Datum>,
}

impl Columns {
    /// Those of `wanted` that the schema has (all, if `None`); `None` if it lacks the table.
    pub(crate) fn of(schema: &DatabaseSchema, table: &str, wanted: Option<&[String]>) -> Option<Columns> {
        let of_table = &schema.table(table)?.columns;
        let held = |name: &str| wanted.is_none_or(|list| list.iter().any(|w| w == name));
        let columns = of_table.iter().filter(|(name, _)| held(name));
        let (mut names, mut types, mut defaults) = (Vec::new(), Vec::new(), Vec::new());
        for (name, column) in columns.take(usize::from(u16::MAX)) {
            names.push(name.clone());
            types.push(column.ty.clone());
            defaults.push(column.ty.default_datum());
        }
        Some(Columns { table: Arc::from(table), names, types, defaults })
    }

    pub(crate) fn names(&self) -> &[Arc<str>] {
        &self.names
    }

    /// The number and type of a column.
    pub(crate) fn find(&self, name: &str) -> Option<(u16, &ColumnType)> {
        let at = self.names.binary_search_by(|n| (**n).cmp(name)).ok()?;
        Some((at as u16, self.types.get(at)?))
    }

    pub(crate) fn ty(&self, column: u16) -> Option<&ColumnType> {
        self.types.get(usize::from(column)).map(|ty| &**ty)
    }

    fn default(&self, column: u16) -> Option<&Datum> {
        self.defaults.get(usize::from(column))
    }
}

/// What a row holds besides defaults, ascending by number of the column.
pub(crate) type Cells = Arc<[(u16, Datum)]>;

/// Makes a row of columns read in any order; defaults are left out.
pub(crate) fn cells(columns: &Columns, mut read: Vec<(u16, Datum)>) -> Cells {
    read.retain(|(column, datum)| columns.default(*column) != Some(datum));
    read.sort_by_key(|(column, _)| *column);
    read.into()
}

/// An estimate of the bytes a row takes.
pub(crate) fn row_size(cells: &[(u16, Datum)]) -> usize {
    let heap: usize = cells.iter().map(|(_, datum)| datum.heap_size()).sum();
    heap + size_of_val(cells) + 64
}

pub(crate) fn cell<'a>(columns: &'a Columns, cells: &'a Cells, column: u16) -> Option<&'a Datum> {
    match cells.binary_search_by_key(&column, |(c, _)| *c) {
        Ok(at) => cells.get(at).map(|(_, datum)| datum),
        Err(_) => columns.default(column),
    }
}

/// A row as it was in one snapshot. Copies are cheap and stay as they are.
#[derive(Clone)]
pub struct Row {
    uuid: Uuid,
    columns: Arc<Columns>,
    cells: Cells,
}

impl Row {
    pub(crate) fn new(uuid: Uuid, columns: &Arc<Columns>, cells: &Cells) -> Row {
        Row { uuid, columns: columns.clone(), cells: cells.clone() }
    }

    /// The identity of the row.
    pub fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// The table the row is of.
    pub fn table(&self) -> &str {
        &self.columns.table
    }

    /// The value of a column; `None` if the replica does not hold that column, be it that it was
    /// not asked for or that the schema lacks it.
    pub fn get(&self, column: &str) -> Option<&Datum> {
        let (number, _) = self.columns.find(column)?;
        cell(&self.columns, &self.cells, number)
    }

    /// The value of a column as a Rust type, its default if the replica does not hold the column.
    pub fn read<T: FromDatum>(&self, column: &str) -> T {
        match self.get(column) {
            Some(datum) => T::from_datum(datum),
            None => T::from_datum(&Datum::empty()),
        }
    }

    /// The type of a column that the replica holds.
    pub fn column_type(&self, column: &str) -> Option<&ColumnType> {
        self.columns.find(column).map(|(_, ty)| ty)
    }

    /// The columns with their values, ascending by name, defaults included.
    pub fn columns(&self) -> impl Iterator<Item = (&str, &Datum)> {
        let names = self.columns.names.iter();
        names.filter_map(|name| Some((&**name, self.get(name)?)))
    }
}

impl PartialEq for Row {
    fn eq(&self, other: &Row) -> bool {
        self.uuid == other.uuid
            && if Arc::ptr_eq(&self.columns, &other.columns) {
                self.cells == other.cells
            } else {
                self.columns().eq(other.columns())
            }
    }
}

impl Eq for Row {}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.table(), self.uuid)?;
        f.debug_map().entries(self.columns()).finish()
    }
}
