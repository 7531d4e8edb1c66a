//! What came of a transaction: results matched to operations, errors likewise.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::{CheckError, Txn};
use crate::atom::{NamedUuid, Uuid};
use crate::datum::{Check, Datum};
use crate::error::{CloseReason, OvsdbError, ProtocolError};
use crate::op::{Operation, Values};
use crate::schema::{DatabaseSchema, TableSchema};

/// What one operation came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OperationResult {
    /// `insert`: the identity of the new row.
    Inserted(Uuid),
    /// `update`, `mutate`, `delete`: how many rows.
    Count(u64),
    /// `select`: the rows.
    Rows(Vec<Values>),
    /// The others.
    Done,
}

/// A transaction that was committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The result of each operation, in their order.
    pub results: Vec<OperationResult>,
    names: BTreeMap<NamedUuid, Uuid>,
}

impl Outcome {
    /// The identity of a row that the transaction inserted.
    pub fn uuid(&self, name: &NamedUuid) -> Option<Uuid> {
        self.names.get(name).copied()
    }

    /// The number of rows that updates, mutations and deletions touched.
    pub fn count(&self) -> u64 {
        let count = |result: &OperationResult| match result {
            OperationResult::Count(n) => *n,
            _ => 0,
        };
        self.results.iter().map(count).fold(0, u64::saturating_add)
    }

    /// The rows of the first `select`.
    pub fn rows(&self) -> &[Values] {
        let rows = |result: &'_ OperationResult| matches!(result, OperationResult::Rows(_));
        match self.results.iter().find(|r| rows(r)) {
            Some(OperationResult::Rows(rows)) => rows,
            _ => &[],
        }
    }
}

/// Why a transaction did not happen, or may not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransactError {
    /// The schema does not allow it; nothing was sent.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// The server refused one operation, and with it all.
    #[error("{operation} (operation {index}): {error}")]
    Operation {
        /// The number of the operation, from 0.
        index: usize,
        /// Its name.
        operation: &'static str,
        /// Why.
        error: OvsdbError,
    },
    /// Every operation was good, but not what they came to together: references, indexes, disk.
    #[error("commit: {0}")]
    Commit(OvsdbError),
    /// The server refused the request as a whole, or it was cancelled.
    #[error("request: {0}")]
    Request(OvsdbError),
    /// The answer is not one to this transaction.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// There is no session, or it is not ready; nothing was sent.
    #[error("not connected")]
    NotConnected,
    /// Too many requests wait for their answer; nothing was sent.
    #[error("more than {limit} requests pending")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// The session ended before the answer came: the transaction may have happened or not.
    #[error("outcome unknown: {0}")]
    Unknown(Arc<CloseReason>),
}

fn bad(problem: &str) -> TransactError {
    ProtocolError::new("transact reply", problem).into()
}

/// Reads the answer to a `transact` request.
pub(crate) fn read(txn: &Txn, schema: &DatabaseSchema, reply: Result<Value, Value>) -> Result<Outcome, TransactError> {
    let reply = reply.map_err(|error| TransactError::Request(OvsdbError::from_json(&error)))?;
    let Value::Array(items) = reply else { return Err(bad("not an array")) };
    for (index, item) in items.iter().enumerate() {
        if item.get("error").is_none_or(Value::is_null) {
            continue;
        }
        let error = OvsdbError::from_json(item);
        return Err(match txn.operations.get(index) {
            Some(op) => TransactError::Operation { index, operation: op.name(), error },
            None => TransactError::Commit(error),
        });
    }
    if items.len() != txn.operations.len() {
        return Err(bad("wrong number of results"));
    }
    let mut outcome = Outcome { results: Vec::new(), names: BTreeMap::new() };
    for (op, item) in txn.operations.iter().zip(&items) {
        let result = result(op, schema, item)?;
        if let (Operation::Insert { name: Some(name), .. }, OperationResult::Inserted(uuid)) = (op, &result) {
            outcome.names.insert(name.clone(), *uuid);
        }
        outcome.results.push(result);
    }
    Ok(outcome)
}

fn result(op: &Operation, schema: &DatabaseSchema, item: &Value) -> Result<OperationResult, TransactError> {
    match op {
        Operation::Insert { .. } => {
            let id = item.get("uuid").and_then(|pair| pair.get(1)).and_then(Value::as_str);
            let uuid = id.and_then(|id| id.parse().ok());
            Ok(OperationResult::Inserted(uuid.ok_or_else(|| bad("insert without uuid"))?))
        }
        Operation::Update { .. } | Operation::Mutate { .. } | Operation::Delete { .. } => {
            let count = item.get("count").and_then(Value::as_u64);
            Ok(OperationResult::Count(count.ok_or_else(|| bad("no count"))?))
        }
        Operation::Select { table, .. } => {
            let table = schema.table(table).ok_or_else(|| bad("no such table"))?;
            let rows = item.get("rows").and_then(Value::as_array);
            let rows = rows.ok_or_else(|| bad("select without rows"))?;
            let rows: Result<_, _> = rows.iter().map(|row| values(table, row)).collect();
            Ok(OperationResult::Rows(rows?))
        }
        _ => Ok(OperationResult::Done),
    }
}

fn values(table: &TableSchema, row: &Value) -> Result<Values, TransactError> {
    let members = row.as_object().ok_or_else(|| bad("row is not an object"))?;
    let mut out = Values::new();
    for (name, value) in members {
        let column = table.column(name).ok_or_else(|| bad("row has an unknown column"))?;
        let datum = Datum::read(&column.ty, value, Check::Types);
        out.insert(name.clone(), datum.map_err(|error| ProtocolError::new("transact reply", error))?);
    }
    Ok(out)
}
