//! Holding a transaction against the schema, and writing it down, before anything is sent.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::Txn;
use crate::atom::{Atom, NamedUuid};
use crate::datum::{Check, Datum};
use crate::error::ValueError;
use crate::op::{Condition, Function, Mutation, Mutator, Operation, Until, Values, Where};
use crate::schema::{ColumnSchema, ColumnType, DatabaseSchema, TableSchema, is_id};

/// A transaction that the schema does not allow; nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("operation {operation}: {at}: {problem}")]
pub struct CheckError {
    /// The number of the operation, from 0.
    pub operation: usize,
    /// Table and column, `table.column` or `table`.
    pub at: String,
    /// What is wrong there.
    pub problem: Problem,
}

/// What is wrong with a transaction.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The transaction is for another database than the session.
    #[error("not the database of this session")]
    WrongDatabase,
    /// The schema lacks the table.
    #[error("no such table")]
    NoTable,
    /// The table lacks the column.
    #[error("no such column")]
    NoColumn,
    /// The column cannot be changed after the insert.
    #[error("column cannot be changed")]
    Immutable,
    /// A value does not fit its column.
    #[error("{value}: {error}")]
    Value {
        /// The value, as on the wire.
        value: String,
        /// Why it does not fit.
        error: ValueError,
    },
    /// The function or mutator is not for columns of this type.
    #[error("{0} does not apply to this column")]
    NotApplicable(&'static str),
    /// A reference to a row that the transaction does not insert.
    #[error("no insert is named {0}")]
    NoSuchName(String),
    /// Not an identifier, or used twice.
    #[error("bad or repeated name {0}")]
    BadName(String),
}

type At<T> = Result<T, (String, Problem)>;

impl Txn {
    /// The `params` of a `transact` request, if the schema allows the transaction.
    pub fn encode(&self, schema: &DatabaseSchema) -> Result<Vec<Value>, CheckError> {
        let error = |operation: usize, (at, problem)| CheckError { operation, at, problem };
        if self.database != schema.name {
            return Err(error(0, (self.database.clone(), Problem::WrongDatabase)));
        }
        let names = self.names()?;
        let mut params = vec![json!(self.database)];
        for (number, operation) in self.operations.iter().enumerate() {
            let encoder = Encoder { schema, names: &names };
            params.push(encoder.operation(operation).map_err(|e| error(number, e))?);
        }
        Ok(params)
    }

    fn names(&self) -> Result<BTreeSet<&NamedUuid>, CheckError> {
        let mut names = BTreeSet::new();
        for (operation, op) in self.operations.iter().enumerate() {
            let Operation::Insert { table, name: Some(name), .. } = op else { continue };
            if !is_id(name.as_str()) || !names.insert(name) {
                let problem = Problem::BadName(name.as_str().to_owned());
                return Err(CheckError { operation, at: table.clone(), problem });
            }
        }
        Ok(names)
    }
}

/// The wire form of conditions outside a transaction, where no row can be named.
pub(crate) fn conditions(schema: &DatabaseSchema, table: &str, rows: &Where) -> Result<Value, CheckError> {
    let names = BTreeSet::new();
    let encoder = Encoder { schema, names: &names };
    let encoded = encoder.table(table).and_then(|t| encoder.conditions(&t, rows));
    encoded.map_err(|(at, problem)| CheckError { operation: 0, at, problem })
}

struct Encoder<'a> {
    schema: &'a DatabaseSchema,
    names: &'a BTreeSet<&'a NamedUuid>,
}

struct NamedTable<'a> {
    name: &'a str,
    schema: &'a TableSchema,
}

impl NamedTable<'_> {
    fn at(&self, column: &str) -> String {
        format!("{}.{column}", self.name)
    }

    fn column(&self, name: &str) -> At<ColumnSchema> {
        self.schema.column(name).ok_or_else(|| (self.at(name), Problem::NoColumn))
    }

    fn columns(&self, names: &[String]) -> At<Value> {
        for name in names {
            self.column(name)?;
        }
        Ok(json!(names))
    }
}

impl<'a> Encoder<'a> {
    fn table(&self, name: &'a str) -> At<NamedTable<'a>> {
        let schema = self.schema.table(name).ok_or_else(|| (name.to_owned(), Problem::NoTable))?;
        Ok(NamedTable { name, schema })
    }

    fn operation(&self, operation: &'a Operation) -> At<Value> {
        let mut out = Map::new();
        let mut put = |key: &str, value: Value| out.insert(key.to_owned(), value);
        put("op", json!(operation.name()));
        let table = operation.table().map(|name| self.table(name)).transpose()?;
        let Some(table) = table else {
            match operation {
                Operation::Commit { durable } => put("durable", json!(durable)),
                Operation::Comment(text) => put("comment", json!(text)),
                Operation::Assert { lock } if !is_id(lock) => {
                    return Err(("assert".to_owned(), Problem::BadName(lock.clone())));
                }
                Operation::Assert { lock } => put("lock", json!(lock)),
                _ => None,
            };
            return Ok(Value::Object(out));
        };
        put("table", json!(table.name));
        match operation {
            Operation::Insert { row, name, uuid, .. } => {
                put("row", self.row(&table, row, false)?);
                if let Some(name) = name {
                    put("uuid-name", json!(name.as_str()));
                }
                if let Some(uuid) = uuid {
                    put("uuid", json!(uuid.to_string()));
                }
            }
            Operation::Select { rows, columns, .. } => {
                put("where", self.conditions(&table, rows)?);
                if let Some(columns) = columns {
                    put("columns", table.columns(columns)?);
                }
            }
            Operation::Update { rows, row, .. } => {
                put("where", self.conditions(&table, rows)?);
                put("row", self.row(&table, row, true)?);
            }
            Operation::Mutate { rows, mutations, .. } => {
                put("where", self.conditions(&table, rows)?);
                let list: At<Vec<Value>> = mutations.iter().map(|m| self.mutation(&table, m)).collect();
                put("mutations", Value::Array(list?));
            }
            Operation::Delete { rows, .. } => {
                put("where", self.conditions(&table, rows)?);
            }
            Operation::Wait { rows, columns, until, expected, timeout_ms, .. } => {
                put("where", self.conditions(&table, rows)?);
                if let Some(columns) = columns {
                    put("columns", table.columns(columns)?);
                }
                let until = if *until == Until::Equal { "==" } else { "!=" };
                put("until", json!(until));
                let list: At<Vec<Value>> = expected.iter().map(|row| self.row(&table, row, false)).collect();
                put("rows", Value::Array(list?));
                if let Some(ms) = timeout_ms {
                    put("timeout", json!(ms));
                }
            }
            _ => {}
        }
        Ok(Value::Object(out))
    }

    fn row(&self, table: &NamedTable<'_>, row: &Values, changes: bool) -> At<Value> {
        let mut out = Map::new();
        for (name, value) in row {
            let column = table.column(name)?;
            if changes && !column.mutable {
                return Err((table.at(name), Problem::Immutable));
            }
            out.insert(name.clone(), self.value(&table.at(name), &column.ty, value, Check::Full)?);
        }
        Ok(Value::Object(out))
    }

    fn value(&self, at: &str, ty: &ColumnType, value: &Datum, check: Check) -> At<Value> {
        let datum = ty.conform(value, check).map_err(|error| {
            let value = value.to_json().to_string();
            (at.to_owned(), Problem::Value { value, error })
        })?;
        let pairs = datum.pairs().iter().flat_map(|(k, v)| [k, v]);
        for atom in datum.atoms().iter().chain(pairs) {
            if let Atom::Named(name) = atom
                && !self.names.contains(name)
            {
                return Err((at.to_owned(), Problem::NoSuchName(name.as_str().to_owned())));
            }
        }
        Ok(datum.to_json())
    }

    fn conditions(&self, table: &NamedTable<'_>, rows: &Where) -> At<Value> {
        let list: At<Vec<Value>> = rows.0.iter().map(|c| self.condition(table, c)).collect();
        Ok(Value::Array(list?))
    }

    fn condition(&self, table: &NamedTable<'_>, condition: &Condition) -> At<Value> {
        let Condition { column: name, function, value } = condition;
        let ty = table.column(name)?.ty;
        let at = table.at(name);
        let ordered = matches!(function, Function::Lt | Function::Le | Function::Ge | Function::Gt);
        let number = matches!(ty.key.ty, crate::AtomType::Integer | crate::AtomType::Real);
        if ordered && (ty.is_map() || !number || ty.max != Some(1)) {
            return Err((at, Problem::NotApplicable(function.name())));
        }
        let check = match function {
            Function::Includes | Function::Excludes => Check::AnySize,
            _ => Check::Full,
        };
        Ok(json!([name, function.name(), self.value(&at, &ty, value, check)?]))
    }

    fn mutation(&self, table: &NamedTable<'_>, mutation: &Mutation) -> At<Value> {
        let Mutation { column: name, mutator, value } = mutation;
        let column = table.column(name)?;
        let at = table.at(name);
        if !column.mutable {
            return Err((at, Problem::Immutable));
        }
        let argument = argument_type(&column.ty, *mutator, value);
        let ty = argument.ok_or_else(|| (at.clone(), Problem::NotApplicable(mutator.name())))?;
        Ok(json!([name, mutator.name(), self.value(&at, &ty, value, Check::AnySize)?]))
    }
}

/// The type of the argument of a mutation: RFC 7047 section 5.1, `<mutation>`.
fn argument_type(ty: &ColumnType, mutator: Mutator, value: &Datum) -> Option<ColumnType> {
    use crate::schema::BaseType;
    let set_of_keys = || ColumnType { value: None, max: None, ..ty.clone() };
    match mutator {
        Mutator::Insert => Some(ty.clone()),
        Mutator::Delete if ty.is_map() && !matches!(value, Datum::Map(_)) => Some(set_of_keys()),
        Mutator::Delete => Some(ty.clone()),
        _ if ty.is_map() => None,
        Mutator::Remainder if ty.key.ty != crate::AtomType::Integer => None,
        _ => match ty.key.ty {
            // Constraints of the column hold for the result, not for the argument.
            crate::AtomType::Integer | crate::AtomType::Real => {
                Some(ColumnType { key: BaseType::unconstrained(ty.key.ty), value: None, min: 1, max: Some(1) })
            }
            _ => None,
        },
    }
}
