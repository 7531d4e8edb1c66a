//! The ten operations of a transaction, conditions and mutations (RFC 7047 sections 5.1 and 5.2).

use std::collections::BTreeMap;

use crate::atom::{NamedUuid, Uuid};
use crate::convert::ToDatum;
use crate::datum::Datum;

/// How a condition compares: `<function>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `>=`
    Ge,
    /// `>`
    Gt,
    /// All given elements are in the column.
    Includes,
    /// None of the given elements is in the column.
    Excludes,
}

impl Function {
    /// The wire form.
    pub fn name(self) -> &'static str {
        match self {
            Function::Lt => "<",
            Function::Le => "<=",
            Function::Eq => "==",
            Function::Ne => "!=",
            Function::Ge => ">=",
            Function::Gt => ">",
            Function::Includes => "includes",
            Function::Excludes => "excludes",
        }
    }
}

/// How a mutation changes a column: `<mutator>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutator {
    /// `+=`
    Add,
    /// `-=`
    Subtract,
    /// `*=`
    Multiply,
    /// `/=`
    Divide,
    /// `%=`
    Remainder,
    /// Adds elements to a set; pairs whose key is not there to a map.
    Insert,
    /// Takes elements from a set; pairs, or keys, from a map.
    Delete,
}

impl Mutator {
    /// The wire form.
    pub fn name(self) -> &'static str {
        match self {
            Mutator::Add => "+=",
            Mutator::Subtract => "-=",
            Mutator::Multiply => "*=",
            Mutator::Divide => "/=",
            Mutator::Remainder => "%=",
            Mutator::Insert => "insert",
            Mutator::Delete => "delete",
        }
    }
}

/// A test on one column: `<condition>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The column.
    pub column: String,
    /// How it is compared.
    pub function: Function,
    /// With what.
    pub value: Datum,
}

impl Condition {
    /// A test of a column against a value.
    pub fn new(column: &str, function: Function, value: impl ToDatum) -> Condition {
        Condition { column: column.to_owned(), function, value: value.to_datum() }
    }

    /// The column equals the value.
    pub fn eq(column: &str, value: impl ToDatum) -> Condition {
        Condition::new(column, Function::Eq, value)
    }

    /// The column does not equal the value.
    pub fn ne(column: &str, value: impl ToDatum) -> Condition {
        Condition::new(column, Function::Ne, value)
    }

    /// The column has all elements of the value.
    pub fn includes(column: &str, value: impl ToDatum) -> Condition {
        Condition::new(column, Function::Includes, value)
    }

    /// The column has no element of the value.
    pub fn excludes(column: &str, value: impl ToDatum) -> Condition {
        Condition::new(column, Function::Excludes, value)
    }
}

/// Which rows of a table: those that pass every condition.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Where(pub Vec<Condition>);

impl Where {
    /// Every row.
    pub fn all() -> Where {
        Where::default()
    }

    /// Rows with a value in a column.
    pub fn eq(column: &str, value: impl ToDatum) -> Where {
        Where(vec![Condition::eq(column, value)])
    }
}

impl From<Uuid> for Where {
    fn from(uuid: Uuid) -> Where {
        Where::eq("_uuid", uuid)
    }
}

impl From<&NamedUuid> for Where {
    fn from(name: &NamedUuid) -> Where {
        Where::eq("_uuid", name)
    }
}

impl From<Condition> for Where {
    fn from(condition: Condition) -> Where {
        Where(vec![condition])
    }
}

impl From<Vec<Condition>> for Where {
    fn from(conditions: Vec<Condition>) -> Where {
        Where(conditions)
    }
}

impl<const N: usize> From<[Condition; N]> for Where {
    fn from(conditions: [Condition; N]) -> Where {
        Where(conditions.into())
    }
}

/// A change to one column: `<mutation>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutation {
    /// The column.
    pub column: String,
    /// How it is changed.
    pub mutator: Mutator,
    /// By what.
    pub value: Datum,
}

/// Columns with their values: `<row>`.
pub type Values = BTreeMap<String, Datum>;

/// What a `wait` waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// The rows found are exactly those given.
    Equal,
    /// The rows found are not exactly those given.
    NotEqual,
}

/// One operation of a transaction: `<operation>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// RFC 7047 section 5.2.1: a new row.
    Insert {
        /// The table.
        table: String,
        /// The columns that are not to have their default.
        row: Values,
        /// What other operations call the row.
        name: Option<NamedUuid>,
        /// The identity to give it; an Open vSwitch extension.
        uuid: Option<Uuid>,
    },
    /// RFC 7047 section 5.2.2: reads rows.
    Select {
        /// The table.
        table: String,
        /// Which rows.
        rows: Where,
        /// Which columns; all if `None`.
        columns: Option<Vec<String>>,
    },
    /// RFC 7047 section 5.2.3: sets columns of rows.
    Update {
        /// The table.
        table: String,
        /// Which rows.
        rows: Where,
        /// The new values.
        row: Values,
    },
    /// RFC 7047 section 5.2.4: changes columns of rows by what they are.
    Mutate {
        /// The table.
        table: String,
        /// Which rows.
        rows: Where,
        /// The changes, done in order.
        mutations: Vec<Mutation>,
    },
    /// RFC 7047 section 5.2.5: deletes rows.
    Delete {
        /// The table.
        table: String,
        /// Which rows.
        rows: Where,
    },
    /// RFC 7047 section 5.2.6: goes on only when rows are as given.
    Wait {
        /// The table.
        table: String,
        /// Which rows.
        rows: Where,
        /// The columns that are compared; all if `None`.
        columns: Option<Vec<String>>,
        /// What is waited for.
        until: Until,
        /// The rows compared with.
        expected: Vec<Values>,
        /// How long, in milliseconds; for ever if `None`.
        timeout_ms: Option<u64>,
    },
    /// RFC 7047 section 5.2.7: whether the answer waits for the disk.
    Commit {
        /// It does.
        durable: bool,
    },
    /// RFC 7047 section 5.2.8: fails the transaction.
    Abort,
    /// RFC 7047 section 5.2.9: words for the log of the database.
    Comment(String),
    /// RFC 7047 section 5.2.10: goes on only if this client owns a lock.
    Assert {
        /// The name of the lock.
        lock: String,
    },
}

impl Operation {
    /// The wire name.
    pub fn name(&self) -> &'static str {
        match self {
            Operation::Insert { .. } => "insert",
            Operation::Select { .. } => "select",
            Operation::Update { .. } => "update",
            Operation::Mutate { .. } => "mutate",
            Operation::Delete { .. } => "delete",
            Operation::Wait { .. } => "wait",
            Operation::Commit { .. } => "commit",
            Operation::Abort => "abort",
            Operation::Comment(_) => "comment",
            Operation::Assert { .. } => "assert",
        }
    }

    /// The table it works on, if any.
    pub fn table(&self) -> Option<&str> {
        match self {
            Operation::Insert { table, .. }
            | Operation::Select { table, .. }
            | Operation::Update { table, .. }
            | Operation::Mutate { table, .. }
            | Operation::Delete { table, .. }
            | Operation::Wait { table, .. } => Some(table),
            Operation::Commit { .. } | Operation::Abort | Operation::Comment(_) | Operation::Assert { .. } => None,
        }
    }
}
