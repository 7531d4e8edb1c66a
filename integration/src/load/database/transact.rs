//! The operations of a transaction (RFC 7047 section 5.2).

use std::collections::BTreeMap;
use std::sync::Arc;

use ovsdb::{Atom, Datum, Uuid};
use serde_json::{Map, Value, json};

use super::value::{mutated, passes};
use super::{Database, Row, Touched};

/// Why an operation or a commit is refused.
#[derive(Debug)]
pub(super) struct Failure {
    error: &'static str,
    details: String,
}

impl Failure {
    pub fn new(error: &'static str, details: impl Into<String>) -> Self {
        Self { error, details: details.into() }
    }

    pub fn syntax(details: impl Into<String>) -> Self {
        Self::new("syntax error", details)
    }

    pub fn into_json(self) -> Value {
        json!({ "error": self.error, "details": self.details })
    }
}

type Members = Map<String, Value>;

impl Database {
    /// Does all operations or none: the result of each, and the rows that were touched.
    pub(super) fn transact(&mut self, mut operations: Vec<Value>) -> (Value, Touched) {
        let mut touched = Touched::new();
        let mut results = Vec::with_capacity(operations.len());
        let names = self.names(&operations);
        operations.iter_mut().for_each(|operation| resolve(operation, &names));
        let count = operations.len();
        for operation in &operations {
            match self.operation(operation, &names, &mut touched) {
                Ok(result) => results.push(result),
                Err(failure) => {
                    results.push(failure.into_json());
                    results.resize(count, Value::Null);
                    self.undo(touched);
                    return (results.into(), Touched::new());
                }
            }
        }
        if let Err(failure) = self.commit(&mut touched) {
            results.push(failure.into_json());
            self.undo(touched);
            return (results.into(), Touched::new());
        }
        (results.into(), touched)
    }

    /// The identities of rows that operations name before they are there.
    fn names(&mut self, operations: &[Value]) -> BTreeMap<String, Uuid> {
        let names = operations.iter().filter_map(|operation| operation.get("uuid-name")?.as_str());
        names.map(|name| (name.to_owned(), self.new_uuid())).collect()
    }

    fn operation(
        &mut self,
        operation: &Value,
        names: &BTreeMap<String, Uuid>,
        touched: &mut Touched,
    ) -> Result<Value, Failure> {
        let members = operation.as_object().ok_or_else(|| Failure::syntax("an operation is no object"))?;
        match text(members, "op")? {
            "insert" => self.insert(members, names, touched),
            "select" => self.select(members),
            "update" => self.update(members, touched),
            "mutate" => self.mutate(members, touched),
            "delete" => self.delete(members, touched),
            "wait" => self.wait(members),
            "commit" | "comment" => Ok(json!({})),
            "abort" => Err(Failure::new("aborted", "as was asked")),
            "assert" => Err(Failure::new("not owner", "there are no locks here")),
            other => Err(Failure::syntax(format!("no operation {other:?}"))),
        }
    }

    fn insert(
        &mut self,
        members: &Members,
        names: &BTreeMap<String, Uuid>,
        touched: &mut Touched,
    ) -> Result<Value, Failure> {
        let table = self.table(members)?;
        let row = self.read_row(&table, members.get("row"))?;
        let named = members.get("uuid-name").and_then(Value::as_str).and_then(|name| names.get(name));
        let uuid = named.copied().unwrap_or_else(|| self.new_uuid());
        self.put(&table, uuid, Some(row), touched);
        Ok(json!({ "uuid": ["uuid", uuid.to_string()] }))
    }

    fn select(&self, members: &Members) -> Result<Value, Failure> {
        let table = self.table(members)?;
        let columns = self.columns(&table, members.get("columns"))?;
        let found = self.find(&table, members)?;
        let rows: Vec<Value> = found.into_iter().map(|uuid| self.row_json(&table, uuid, &columns)).collect();
        Ok(json!({ "rows": rows }))
    }

    fn update(&mut self, members: &Members, touched: &mut Touched) -> Result<Value, Failure> {
        let table = self.table(members)?;
        let values = self.read_row(&table, members.get("row"))?;
        let set = members.get("row").and_then(Value::as_object).into_iter().flat_map(Map::keys);
        let set: Vec<Arc<str>> = set.filter_map(|name| Some(self.schema.column(&table, name)?.0)).collect();
        let found = self.find(&table, members)?;
        for uuid in &found {
            let mut row = self.row(&table, *uuid).cloned().unwrap_or_default();
            row.retain(|column, _| !set.contains(column));
            row.extend(values.clone());
            self.put(&table, *uuid, Some(row), touched);
        }
        Ok(json!({ "count": found.len() }))
    }

    fn mutate(&mut self, members: &Members, touched: &mut Touched) -> Result<Value, Failure> {
        let table = self.table(members)?;
        let found = self.find(&table, members)?;
        let mutations = members.get("mutations").and_then(Value::as_array);
        let mutations = mutations.ok_or_else(|| Failure::syntax("mutations is no array"))?;
        for uuid in &found {
            let mut row = self.row(&table, *uuid).cloned().unwrap_or_default();
            for mutation in mutations {
                let Some([Value::String(column), Value::String(mutator), argument]) =
                    mutation.as_array().map(Vec::as_slice)
                else {
                    return Err(Failure::syntax("a mutation is no array of three"));
                };
                let (name, ty) = self.known(&table, column)?;
                let new = mutated(&ty, &self.column(&table, &row, &name), mutator, argument)?;
                // numbers and sizes are held against the schema as those of a new value are
                let new = Datum::from_json(&ty, &new.to_json())
                    .map_err(|error| Failure::new("constraint violation", format!("{name}: {error}")))?;
                row.insert(name, new);
            }
            self.put(&table, *uuid, Some(row), touched);
        }
        Ok(json!({ "count": found.len() }))
    }

    fn delete(&mut self, members: &Members, touched: &mut Touched) -> Result<Value, Failure> {
        let table = self.table(members)?;
        let found = self.find(&table, members)?;
        found.iter().for_each(|uuid| self.put(&table, *uuid, None, touched));
        Ok(json!({ "count": found.len() }))
    }

    fn wait(&self, members: &Members) -> Result<Value, Failure> {
        let table = self.table(members)?;
        let columns = self.columns(&table, members.get("columns"))?;
        let found = self.find(&table, members)?;
        let mut has: Vec<Vec<Datum>> = Vec::with_capacity(found.len());
        for uuid in found {
            let row = self.row(&table, uuid).cloned().unwrap_or_default();
            has.push(columns.iter().map(|column| self.value(&table, uuid, &row, column)).collect());
        }
        let rows = members.get("rows").and_then(Value::as_array).ok_or_else(|| Failure::syntax("rows is no array"))?;
        let mut expected: Vec<Vec<Datum>> = Vec::with_capacity(rows.len());
        for row in rows {
            let row = self.read_row(&table, Some(row))?;
            expected.push(columns.iter().map(|column| self.value(&table, Uuid::ZERO, &row, column)).collect());
        }
        has.sort();
        has.dedup();
        expected.sort();
        expected.dedup();
        let met = (has == expected) == (text(members, "until")? == "==");
        if met { Ok(json!({})) } else { Err(Failure::new("timed out", "the condition is not met")) }
    }

    fn table(&self, members: &Members) -> Result<Arc<str>, Failure> {
        let name = text(members, "table")?;
        let found = self.schema.table(name).map(|(name, _)| name);
        found.ok_or_else(|| Failure::syntax(format!("no table {name:?}")))
    }

    fn known(&self, table: &str, column: &str) -> Result<(Arc<str>, Arc<ovsdb::schema::ColumnType>), Failure> {
        let found = self.schema.column(table, column).map(|(name, ty)| (name, ty.clone()));
        found.ok_or_else(|| Failure::syntax(format!("no column {column:?} in table {table}")))
    }

    /// Columns that are named, or all.
    fn columns(&self, table: &str, named: Option<&Value>) -> Result<Vec<Arc<str>>, Failure> {
        let Some(named) = named.and_then(Value::as_array) else {
            let all = self.schema.table(table).into_iter().flat_map(|(_, schema)| schema.columns.keys().cloned());
            return Ok(all.chain([Arc::from("_uuid")]).collect());
        };
        let read = |name: &Value| match name.as_str() {
            Some("_uuid") => Ok(Arc::from("_uuid")),
            Some("_version") => Ok(Arc::from("_version")),
            Some(name) => self.known(table, name).map(|(name, _)| name),
            None => Err(Failure::syntax("a column's name is no text")),
        };
        named.iter().map(read).collect()
    }

    /// The values given for a row; those that are as if nobody had set them are left out.
    fn read_row(&self, table: &str, row: Option<&Value>) -> Result<Row, Failure> {
        let members = row.and_then(Value::as_object).ok_or_else(|| Failure::syntax("row is no object"))?;
        let mut row = Row::new();
        for (column, value) in members {
            let (name, ty) = self.known(table, column)?;
            let datum = Datum::from_json(&ty, value)
                .map_err(|error| Failure::new("constraint violation", format!("{table}.{name}: {error}")))?;
            row.insert(name, datum);
        }
        Ok(row)
    }

    /// The rows that `where` means.
    fn find(&self, table: &Arc<str>, members: &Members) -> Result<Vec<Uuid>, Failure> {
        let conditions = members.get("where").and_then(Value::as_array);
        let conditions = conditions.ok_or_else(|| Failure::syntax("where is no array"))?;
        let mut tests = Vec::with_capacity(conditions.len());
        for condition in conditions {
            let Some([Value::String(column), Value::String(function), value]) = condition.as_array().map(Vec::as_slice)
            else {
                return Err(Failure::syntax("a condition is no array of three"));
            };
            let ty = match column.as_str() {
                "_uuid" => Arc::new(ovsdb::schema::ColumnType::scalar(ovsdb::AtomType::Uuid)),
                _ => self.known(table, column)?.1,
            };
            let value = Datum::diff_from_json(&ty, value).map_err(|error| Failure::syntax(error.to_string()))?;
            tests.push((column.as_str(), function.as_str(), value));
        }
        let Some(rows) = self.tables.get(table) else { return Ok(Vec::new()) };
        // what is found by its identity needs no search
        if let [("_uuid", "==", Datum::One(Atom::Uuid(uuid)))] = tests.as_slice() {
            return Ok(rows.contains_key(uuid).then_some(*uuid).into_iter().collect());
        }
        let mut found = Vec::new();
        for (uuid, row) in rows {
            let mut all = true;
            for (column, function, value) in &tests {
                all = all && passes(&self.value(table, *uuid, row, column), function, value)?;
            }
            if all {
                found.push(*uuid);
            }
        }
        Ok(found)
    }

    fn value(&self, table: &str, uuid: Uuid, row: &Row, column: &str) -> Datum {
        match column {
            "_uuid" | "_version" => Datum::One(Atom::Uuid(uuid)),
            _ => self.column(table, row, column),
        }
    }

    fn row_json(&self, table: &str, uuid: Uuid, columns: &[Arc<str>]) -> Value {
        let row = self.row(table, uuid).cloned().unwrap_or_default();
        let member = |column: &Arc<str>| (column.to_string(), self.value(table, uuid, &row, column).to_json());
        Value::Object(columns.iter().map(member).collect())
    }

    /// Sets or removes a row, and remembers how it was.
    pub(super) fn put(&mut self, table: &Arc<str>, uuid: Uuid, row: Option<Row>, touched: &mut Touched) {
        let rows = self.tables.entry(table.clone()).or_default();
        let row = row.map(|mut row| {
            row.retain(|column, value| *value != self.schema.default(table, column));
            row
        });
        let old = match row {
            Some(row) => rows.insert(uuid, row),
            None => rows.remove(&uuid),
        };
        touched.entry((table.clone(), uuid)).or_insert(old);
    }

    fn undo(&mut self, touched: Touched) {
        for ((table, uuid), old) in touched {
            let rows = self.tables.entry(table).or_default();
            match old {
                Some(row) => drop(rows.insert(uuid, row)),
                None => drop(rows.remove(&uuid)),
            }
        }
    }
}

fn text<'a>(members: &'a Members, name: &str) -> Result<&'a str, Failure> {
    members.get(name).and_then(Value::as_str).ok_or_else(|| Failure::syntax(format!("{name} is no text")))
}

/// Puts identities in place of names.
fn resolve(value: &mut Value, names: &BTreeMap<String, Uuid>) {
    match value {
        Value::Array(items) => {
            if let [Value::String(tag), Value::String(name)] = items.as_mut_slice()
                && tag == "named-uuid"
                && let Some(uuid) = names.get(name.as_str())
            {
                *tag = "uuid".to_owned();
                *name = uuid.to_string();
                return;
            }
            items.iter_mut().for_each(|item| resolve(item, names));
        }
        Value::Object(members) => members.values_mut().for_each(|member| resolve(member, names)),
        _ => {}
    }
}
