//! Monitors: what clients are told of changes (RFC 7047 sections 4.1.5 and 4.1.6, ovsdb-server(7) 4.1.12 to 4.1.15).

use std::collections::BTreeMap;
use std::sync::Arc;

use ovsdb::{Atom, Datum, Uuid};
use serde_json::{Map, Value, json};

use super::transact::Failure;
use super::value::difference;
use super::{Database, Row, SessionId, Touched};

/// Which of the three methods a monitor was made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Plain,
    Cond,
    Since,
}

/// What a client follows.
#[derive(Debug)]
pub(super) struct Monitor {
    method: Method,
    tables: BTreeMap<Arc<str>, Vec<Arc<str>>>,
}

impl Database {
    /// Begins a monitor; the answer holds what there is.
    pub(super) fn monitor(&mut self, by: SessionId, method: Method, params: &[Value]) -> Result<Value, Failure> {
        let [_, id, Value::Object(requests), ..] = params else {
            return Err(Failure::syntax("a monitor needs database, id and tables"));
        };
        let mut tables = BTreeMap::new();
        for (table, request) in requests {
            let (name, _) = self.schema.table(table).ok_or_else(|| Failure::syntax(format!("no table {table:?}")))?;
            tables.insert(name.clone(), self.monitored(&name, request)?);
        }
        let monitor = Monitor { method, tables };
        let mut updates = Map::new();
        for table in monitor.tables.keys() {
            let rows = self.tables.get(table).into_iter().flatten();
            let rows = rows.filter_map(|(uuid, row)| {
                let change = self.change(&monitor, table, None, Some(row), "initial")?;
                Some((uuid.to_string(), change))
            });
            insert_rows(&mut updates, table, rows.collect());
        }
        if let Some(session) = self.sessions.get_mut(&by) {
            session.monitors.insert(id.to_string(), (id.clone(), monitor));
        }
        Ok(match method {
            Method::Since => json!([false, Uuid::ZERO.to_string(), updates]),
            _ => updates.into(),
        })
    }

    /// The columns of a table that a request, or a list of requests, asks for.
    fn monitored(&self, table: &str, request: &Value) -> Result<Vec<Arc<str>>, Failure> {
        let requests = request.as_array().map_or(std::slice::from_ref(request), Vec::as_slice);
        let mut columns = Vec::new();
        for request in requests {
            let everything = |condition: &Value| matches!(condition, Value::Bool(true));
            let conditions = request.get("where").and_then(Value::as_array);
            if conditions.is_some_and(|all| !all.iter().all(everything)) {
                return Err(Failure::new("not supported", "a simulated database has no conditional monitors"));
            }
            let all = || self.schema.table(table).into_iter().flat_map(|(_, schema)| schema.columns.keys().cloned());
            match request.get("columns").and_then(Value::as_array) {
                None => columns.extend(all()),
                Some(named) => {
                    for name in named.iter().filter_map(Value::as_str).filter(|name| !name.starts_with('_')) {
                        let found = self.schema.column(table, name);
                        columns.push(found.ok_or_else(|| Failure::syntax(format!("no column {name:?}")))?.0);
                    }
                }
            }
        }
        Ok(columns)
    }

    /// Tells every monitor what became of the rows that were touched.
    pub(super) fn publish(&mut self, touched: &Touched) {
        if touched.is_empty() {
            return;
        }
        self.counts.commits += 1;
        let mut sessions = std::mem::take(&mut self.sessions);
        for session in sessions.values_mut() {
            let monitors = std::mem::take(&mut session.monitors);
            for (id, monitor) in monitors.values() {
                let updates = self.updates(monitor, touched);
                if !updates.is_empty() {
                    session.send(&notification(id, monitor.method, updates), &mut self.counts);
                }
            }
            session.monitors = monitors;
        }
        self.sessions = sessions;
    }

    fn updates(&self, monitor: &Monitor, touched: &Touched) -> Map<String, Value> {
        let mut by_table: BTreeMap<&Arc<str>, Vec<(String, Value)>> = BTreeMap::new();
        for ((table, uuid), old) in touched {
            let new = self.row(table, *uuid);
            if let Some(change) = self.change(monitor, table, old.as_ref(), new, "insert") {
                by_table.entry(table).or_default().push((uuid.to_string(), change));
            }
        }
        let mut updates = Map::new();
        by_table.into_iter().for_each(|(table, rows)| insert_rows(&mut updates, table, rows));
        updates
    }

    /// What a monitor says of a row; nothing if it does not follow what changed. A new row is called `new_is`.
    fn change(
        &self,
        monitor: &Monitor,
        table: &str,
        old: Option<&Row>,
        new: Option<&Row>,
        new_is: &str,
    ) -> Option<Value> {
        let columns = monitor.tables.get(table)?;
        let plain = monitor.method == Method::Plain;
        let all = |row: &Row| -> Value {
            let member = |column: &Arc<str>| (column.to_string(), self.column(table, row, column).to_json());
            columns.iter().map(member).collect::<Map<_, _>>().into()
        };
        match (old, new) {
            (None, None) => None,
            (None, Some(new)) if plain => Some(json!({ "new": all(new) })),
            (Some(old), None) if plain => Some(json!({ "old": all(old) })),
            (None, Some(new)) => {
                let set = columns.iter().filter_map(|column| Some((column.to_string(), new.get(column)?.to_json())));
                Some(json!({ new_is: set.collect::<Map<_, _>>() }))
            }
            (Some(_), None) => Some(json!({ "delete": null })),
            (Some(old), Some(new)) => {
                let mut differ = Map::new();
                for column in columns.iter().filter(|column| old.get(*column) != new.get(*column)) {
                    let (was, is) = (self.column(table, old, column), self.column(table, new, column));
                    let (_, ty) = self.schema.column(table, column)?;
                    let shown = if plain { was } else { difference(ty, &was, &is) };
                    differ.insert(column.to_string(), shown.to_json());
                }
                match (differ.is_empty(), plain) {
                    (true, _) => None,
                    (false, true) => Some(json!({ "old": differ, "new": all(new) })),
                    (false, false) => Some(json!({ "modify": differ })),
                }
            }
        }
    }

    /// Sets columns of a row outside any client's transaction.
    pub(super) fn set(&mut self, table: &Arc<str>, uuid: Uuid, values: &[(&str, Datum)], touched: &mut Touched) {
        let Some(mut row) = self.row(table, uuid).cloned() else { return };
        for (column, value) in values {
            if let Some((name, _)) = self.schema.column(table, column) {
                row.insert(name, value.clone());
            }
        }
        self.put(table, uuid, Some(row), touched);
    }
}

/// The rows that a column names.
pub(super) fn uuids(datum: &Datum) -> impl Iterator<Item = Uuid> {
    datum.atoms().iter().filter_map(|atom| match atom {
        Atom::Uuid(uuid) => Some(*uuid),
        _ => None,
    })
}

fn insert_rows(updates: &mut Map<String, Value>, table: &str, rows: Vec<(String, Value)>) {
    if !rows.is_empty() {
        updates.insert(table.to_owned(), rows.into_iter().collect::<Map<_, _>>().into());
    }
}

fn notification(id: &Value, method: Method, updates: Map<String, Value>) -> Value {
    let (method, params) = match method {
        Method::Plain => ("update", json!([id, updates])),
        Method::Cond => ("update2", json!([id, updates])),
        Method::Since => ("update3", json!([id, Uuid::ZERO.to_string(), updates])),
    };
    json!({ "id": null, "method": method, "params": params })
}
