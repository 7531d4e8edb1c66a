//! `sdnctl ovsdb replica`.

use std::collections::BTreeMap;
use std::sync::Arc;

use ovsdb::json::Message;
use ovsdb::{DatabaseSchema, Replica, TableSpec, UpdateForm};
use serde_json::{Map, Value, json};

/// A copy of a database that is driven by hand.
#[derive(Default)]
pub struct Copy {
    schema: Option<Arc<DatabaseSchema>>,
    replica: Option<Replica>,
}

impl Copy {
    /// Does what a line says.
    pub fn answer(&mut self, line: Value) -> Result<Value, String> {
        if let Some(schema) = line.get("schema") {
            let schema = DatabaseSchema::from_json(schema).map_err(|error| error.to_string())?;
            *self = Copy { schema: Some(Arc::new(schema)), replica: None };
        } else if let (Some(request), Some(reply)) = (line.get("request"), line.get("reply")) {
            self.replica = Some(self.monitored(request, reply)?);
        } else if let Some(notification) = line.get("notification") {
            self.replica = Some(self.updated(notification)?);
        } else if line.get("dump").is_some() {
            return Ok(json!({ "ok": true, "tables": self.dump() }));
        } else {
            return Err("neither schema, request with reply, notification nor dump".to_owned());
        }
        Ok(json!({ "ok": true }))
    }

    fn monitored(&self, request: &Value, reply: &Value) -> Result<Replica, String> {
        let schema = self.schema.as_ref().ok_or("no schema yet")?;
        let read = |value: &Value| Message::from_json(value.clone()).map_err(|e| e.to_string());
        let Message::Request { method, params, .. } = read(request)? else {
            return Err("request: not a request".to_owned());
        };
        let Message::Reply { result, .. } = read(reply)? else {
            return Err("reply: not a reply".to_owned());
        };
        let result = result.map_err(|error| format!("the reply is an error: {error}"))?;
        let specs = specs(schema, params.get(2).ok_or("request: no tables")?)?;
        let fresh = || Replica::new(schema.clone(), specs.iter().map(|(n, s)| (n.as_str(), s)));
        let (mut replica, form, updates) = match (method.as_str(), &result) {
            ("monitor", updates) => (fresh(), UpdateForm::Rows, updates),
            ("monitor_cond", updates) => (fresh(), UpdateForm::Differences, updates),
            ("monitor_cond_since", Value::Array(parts)) => match parts.as_slice() {
                [Value::Bool(found), Value::String(_), updates] => {
                    let kept = self.replica.as_ref().filter(|_| *found).cloned();
                    (kept.unwrap_or_else(fresh), UpdateForm::Differences, updates)
                }
                _ => return Err("reply: not [found, last transaction, updates]".to_owned()),
            },
            _ => return Err(format!("request: {method} is not a monitor request")),
        };
        replica.apply(form, updates).map_err(|error| error.to_string())?;
        Ok(replica)
    }

    fn updated(&self, notification: &Value) -> Result<Replica, String> {
        let message = Message::from_json(notification.clone()).map_err(|e| e.to_string())?;
        let Message::Notification { method, params } = message else {
            return Err("notification: not a notification".to_owned());
        };
        let (form, updates) = match (method.as_str(), params.as_slice()) {
            ("update", [_, updates]) => (UpdateForm::Rows, updates),
            ("update2", [_, updates]) => (UpdateForm::Differences, updates),
            ("update3", [_, Value::String(_), updates]) => (UpdateForm::Differences, updates),
            _ => return Err(format!("notification: {method} is not an update")),
        };
        let mut replica = self.replica.clone().ok_or("nothing is monitored yet")?;
        replica.apply(form, updates).map_err(|error| error.to_string())?;
        Ok(replica)
    }

    fn dump(&self) -> Value {
        let tables = self.replica.iter().flat_map(Replica::tables);
        let rows = |table: &ovsdb::Table| -> Map<String, Value> {
            let row = |row: ovsdb::Row| {
                let columns = row.columns().map(|(name, datum)| (name.to_owned(), datum.to_json()));
                (row.uuid().to_string(), columns.collect())
            };
            table.rows().map(row).collect()
        };
        Value::Object(tables.map(|(name, table)| (name.to_owned(), rows(table).into())).collect())
    }
}

/// The columns that a monitor request asks for, by table.
fn specs(schema: &DatabaseSchema, requests: &Value) -> Result<BTreeMap<String, TableSpec>, String> {
    let mut specs = BTreeMap::new();
    for (name, request) in requests.as_object().ok_or("request: tables are not an object")? {
        let table = schema.table(name).ok_or_else(|| format!("request: no table {name}"))?;
        let parts = request.as_array().map_or(std::slice::from_ref(request), Vec::as_slice);
        let mut columns = Vec::new();
        for part in parts {
            let Some(list) = part.get("columns") else {
                columns.extend(table.columns.keys().map(|column| column.to_string()));
                continue;
            };
            for column in list.as_array().ok_or("request: columns are not an array")? {
                let column = column.as_str().filter(|column| table.column(column).is_some());
                columns.push(column.ok_or_else(|| format!("request: no such column in {name}"))?.to_owned());
            }
        }
        specs.insert(name.clone(), TableSpec { columns: Some(columns), indexes: Vec::new() });
    }
    Ok(specs)
}
