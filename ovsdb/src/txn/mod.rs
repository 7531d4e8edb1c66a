//! Transactions: a builder that reads like what it does.

mod check;
mod outcome;

use std::time::Duration;

pub(crate) use check::conditions;
pub use check::{CheckError, Problem};
pub(crate) use outcome::read;
pub use outcome::{OperationResult, Outcome, TransactError};

use crate::atom::{NamedUuid, Uuid};
use crate::convert::ToDatum;
use crate::op::{Mutation, Mutator, Operation, Until, Values, Where};

/// A transaction: operations that a server does all, in order, or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Txn {
    database: String,
    operations: Vec<Operation>,
    names: u32,
}

impl Txn {
    /// An empty transaction on a database.
    pub fn new(database: &str) -> Txn {
        Txn { database: database.to_owned(), operations: Vec::new(), names: 0 }
    }

    /// The database.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// The operations so far.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// Adds an operation made by hand.
    pub fn push(&mut self, operation: Operation) -> &mut Txn {
        self.operations.push(operation);
        self
    }

    /// Inserts a row; its columns follow by [`Insert::set`].
    pub fn insert(&mut self, table: &str) -> Insert<'_> {
        self.names += 1;
        let number = self.names;
        self.operations.push(Operation::Insert { table: table.to_owned(), row: Values::new(), name: None, uuid: None });
        Insert { operation: self.operations.last_mut(), number }
    }

    /// Reads rows; their columns come back in the outcome.
    pub fn select(&mut self, table: &str, rows: impl Into<Where>) -> Select<'_> {
        self.operations.push(Operation::Select { table: table.to_owned(), rows: rows.into(), columns: None });
        Select { operation: self.operations.last_mut() }
    }

    /// Sets columns of rows; they follow by [`Update::set`].
    pub fn update(&mut self, table: &str, rows: impl Into<Where>) -> Update<'_> {
        self.operations.push(Operation::Update { table: table.to_owned(), rows: rows.into(), row: Values::new() });
        Update { operation: self.operations.last_mut() }
    }

    /// Changes columns of rows by what they are; the changes follow.
    pub fn mutate(&mut self, table: &str, rows: impl Into<Where>) -> Mutate<'_> {
        self.operations.push(Operation::Mutate { table: table.to_owned(), rows: rows.into(), mutations: Vec::new() });
        Mutate { operation: self.operations.last_mut() }
    }

    /// Deletes rows.
    pub fn delete(&mut self, table: &str, rows: impl Into<Where>) -> &mut Txn {
        self.push(Operation::Delete { table: table.to_owned(), rows: rows.into() })
    }

    /// A guard: the transaction fails with "timed out" unless the rows found are exactly those
    /// given by [`Wait::row`]. It does not wait unless [`Wait::timeout`] says so.
    pub fn wait(&mut self, table: &str, rows: impl Into<Where>) -> Wait<'_> {
        self.operations.push(Operation::Wait {
            table: table.to_owned(),
            rows: rows.into(),
            columns: None,
            until: Until::Equal,
            expected: Vec::new(),
            timeout_ms: Some(0),
        });
        Wait { operation: self.operations.last_mut() }
    }

    /// Words for the log of the database.
    pub fn comment(&mut self, text: &str) -> &mut Txn {
        self.push(Operation::Comment(text.to_owned()))
    }

    /// Lets the answer wait until the transaction is on disk.
    pub fn durable(&mut self) -> &mut Txn {
        self.push(Operation::Commit { durable: true })
    }

    /// Makes the transaction fail.
    pub fn abort(&mut self) -> &mut Txn {
        self.push(Operation::Abort)
    }

    /// Makes the transaction fail unless this client owns a lock.
    pub fn assert(&mut self, lock: &str) -> &mut Txn {
        self.push(Operation::Assert { lock: lock.to_owned() })
    }
}

/// An insert that is being written.
#[must_use = "call set() for its columns, id() to refer to the row"]
#[derive(Debug)]
pub struct Insert<'a> {
    operation: Option<&'a mut Operation>,
    number: u32,
}

impl Insert<'_> {
    /// Sets a column.
    pub fn set(mut self, column: &str, value: impl ToDatum) -> Self {
        if let Some(Operation::Insert { row, .. }) = self.operation.as_deref_mut() {
            row.insert(column.to_owned(), value.to_datum());
        }
        self
    }

    /// Names the row by hand.
    pub fn named(mut self, uuid_name: &str) -> Self {
        if let Some(Operation::Insert { name, .. }) = self.operation.as_deref_mut() {
            *name = Some(NamedUuid::new(uuid_name));
        }
        self
    }

    /// Gives the row an identity chosen here, which OVS 2.11 and later accept.
    pub fn with_uuid(mut self, id: Uuid) -> Self {
        if let Some(Operation::Insert { uuid, .. }) = self.operation.as_deref_mut() {
            *uuid = Some(id);
        }
        self
    }

    /// The name by which other operations of the transaction, and its outcome, refer to the row.
    pub fn id(mut self) -> NamedUuid {
        let made = NamedUuid::new(&format!("row{}", self.number));
        match self.operation.as_deref_mut() {
            Some(Operation::Insert { name, .. }) => name.get_or_insert(made).clone(),
            _ => made,
        }
    }
}

/// A select that is being written.
#[derive(Debug)]
pub struct Select<'a> {
    operation: Option<&'a mut Operation>,
}

impl Select<'_> {
    /// Reads only these columns.
    pub fn columns(mut self, names: &[&str]) -> Self {
        if let Some(Operation::Select { columns, .. }) = self.operation.as_deref_mut() {
            *columns = Some(names.iter().map(|name| (*name).to_owned()).collect());
        }
        self
    }
}

/// An update that is being written.
#[derive(Debug)]
pub struct Update<'a> {
    operation: Option<&'a mut Operation>,
}

impl Update<'_> {
    /// Sets a column.
    pub fn set(mut self, column: &str, value: impl ToDatum) -> Self {
        if let Some(Operation::Update { row, .. }) = self.operation.as_deref_mut() {
            row.insert(column.to_owned(), value.to_datum());
        }
        self
    }
}

/// A mutation that is being written.
#[derive(Debug)]
pub struct Mutate<'a> {
    operation: Option<&'a mut Operation>,
}

impl Mutate<'_> {
    /// Changes a column.
    pub fn by(mut self, column: &str, mutator: Mutator, value: impl ToDatum) -> Self {
        if let Some(Operation::Mutate { mutations, .. }) = self.operation.as_deref_mut() {
            let (column, value) = (column.to_owned(), value.to_datum());
            mutations.push(Mutation { column, mutator, value });
        }
        self
    }

    /// Adds to a number.
    pub fn add(self, column: &str, value: impl ToDatum) -> Self {
        self.by(column, Mutator::Add, value)
    }

    /// Adds elements to a set, or to a map the pairs whose key is not there.
    pub fn insert(self, column: &str, value: impl ToDatum) -> Self {
        self.by(column, Mutator::Insert, value)
    }

    /// Takes elements from a set; pairs, or keys alone, from a map.
    pub fn delete(self, column: &str, value: impl ToDatum) -> Self {
        self.by(column, Mutator::Delete, value)
    }

    /// Sets pairs of a map, those whose key is there as well.
    pub fn put<K, V>(self, column: &str, pairs: &[(K, V)]) -> Self
    where
        K: crate::convert::ToAtom,
        V: crate::convert::ToAtom,
    {
        let keys: Vec<crate::Atom> = pairs.iter().map(|(key, _)| key.to_atom()).collect();
        let values: Vec<(crate::Atom, crate::Atom)> =
            pairs.iter().map(|(key, value)| (key.to_atom(), value.to_atom())).collect();
        self.delete(column, keys).insert(column, values)
    }
}

/// A wait that is being written.
#[derive(Debug)]
pub struct Wait<'a> {
    operation: Option<&'a mut Operation>,
}

impl Wait<'_> {
    fn edit(
        mut self,
        edit: impl FnOnce(&mut Option<Vec<String>>, &mut Until, &mut Vec<Values>, &mut Option<u64>),
    ) -> Self {
        if let Some(Operation::Wait { columns, until, expected, timeout_ms, .. }) = self.operation.as_deref_mut() {
            edit(columns, until, expected, timeout_ms);
        }
        self
    }

    /// A row that is expected; its columns are those that are compared.
    pub fn row<D: ToDatum>(self, values: &[(&str, D)]) -> Self {
        self.edit(|columns, _, expected, _| {
            let names = values.iter().map(|(name, _)| (*name).to_owned());
            columns.get_or_insert_with(|| names.collect());
            let row = values.iter().map(|(name, value)| ((*name).to_owned(), value.to_datum()));
            expected.push(row.collect());
        })
    }

    /// Compares only these columns.
    pub fn columns(self, names: &[&str]) -> Self {
        self.edit(|columns, _, _, _| {
            *columns = Some(names.iter().map(|name| (*name).to_owned()).collect());
        })
    }

    /// Waits for the rows to be other than those given.
    pub fn until_not(self) -> Self {
        self.edit(|_, until, _, _| *until = Until::NotEqual)
    }

    /// Waits so long.
    pub fn timeout(self, timeout: Duration) -> Self {
        let ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        self.edit(|_, _, _, timeout_ms| *timeout_ms = Some(ms))
    }

    /// Waits for ever.
    pub fn forever(self) -> Self {
        self.edit(|_, _, _, timeout_ms| *timeout_ms = None)
    }
}

#[cfg(test)]
mod tests;
