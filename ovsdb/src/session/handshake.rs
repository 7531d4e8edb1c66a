//! The start of a session: schema, monitors, first copy.

use serde_json::{Map, Value, json};

use super::server_db::ServerDb;
use super::{Event, Pending, Phase, Session, where_clause};
use crate::atom::Uuid;
use crate::error::{CloseReason, ErrorKind, OvsdbError, ProtocolError};
use crate::options::MonitorMethod;
use crate::replica::Replica;
use crate::schema::DatabaseSchema;
use crate::update::{RowPicker, Rows, UpdateForm};

/// The id of the monitor of the database.
pub(super) const MONITOR: &str = "main";
/// The id of the monitor of `_Server`.
pub(super) const SERVER_MONITOR: &str = "server";

impl MonitorMethod {
    fn name(self) -> &'static str {
        match self {
            MonitorMethod::Since => "monitor_cond_since",
            MonitorMethod::Cond => "monitor_cond",
            MonitorMethod::Plain => "monitor",
        }
    }

    fn form(self) -> UpdateForm {
        match self {
            MonitorMethod::Since | MonitorMethod::Cond => UpdateForm::Differences,
            MonitorMethod::Plain => UpdateForm::Rows,
        }
    }

    fn older(self) -> Option<MonitorMethod> {
        match self {
            MonitorMethod::Since => Some(MonitorMethod::Cond),
            MonitorMethod::Cond => Some(MonitorMethod::Plain),
            MonitorMethod::Plain => None,
        }
    }
}

impl Session {
    pub(super) fn start(&mut self) {
        // Without it the server ends the session whenever any of its databases changes.
        self.request("set_db_change_aware", vec![json!(true)], Pending::Ignored);
        if self.options.leader_only {
            let params = ServerDb::monitor_params(SERVER_MONITOR);
            self.request("monitor_cond", params, Pending::ServerDb);
        }
        let database = json!(self.options.database);
        self.request("get_schema", vec![database], Pending::Schema);
    }

    pub(super) fn server_db_reply(&mut self, reply: Result<Value, Value>) -> Result<(), CloseReason> {
        // A server without `_Server` has no clusters.
        let Ok(updates) = reply else { return Ok(()) };
        let mut server_db = ServerDb::new(&self.options.database)?;
        server_db.apply(&updates)?;
        let usable = server_db.usable();
        self.server_db = Some(server_db);
        usable
    }

    pub(super) fn schema_reply(&mut self, reply: Result<Value, Value>) -> Result<(), CloseReason> {
        let value = reply.map_err(|error| refused("get_schema", &error))?;
        let schema = DatabaseSchema::from_json(&value)?;
        if schema.name != self.options.database {
            let problem = "schema of another database";
            return Err(ProtocolError::new("get_schema reply", problem).into());
        }
        let specs = self.options.tables.iter().map(|(name, table)| (name.as_str(), &table.spec));
        let fresh = Replica::new(self.options.schemas.share(schema), specs);
        if !fresh.same_shape(&self.replica) {
            // Of another schema nothing can be resumed, but its equal rows are still shared.
            self.replica.forget_last_txn();
        }
        self.fresh = Some(fresh);
        self.phase = Phase::Copying;
        self.monitor()
    }

    fn monitor(&mut self) -> Result<(), CloseReason> {
        let Some(fresh) = &self.fresh else { return Ok(()) };
        let mut requests = Map::new();
        for (name, table) in fresh.tables() {
            let columns: Vec<&str> = table.columns().collect();
            let mut request = json!({ "columns": columns });
            let rows = self.options.tables.get(name).and_then(|table| table.rows.as_ref());
            if let (Some(rows), true) = (rows, self.method != MonitorMethod::Plain) {
                request["where"] = where_clause(fresh, name, rows)?;
            }
            requests.insert(name.to_owned(), json!([request]));
        }
        let mut params = vec![json!(self.options.database), json!(MONITOR), requests.into()];
        if self.method == MonitorMethod::Since {
            let last = self.replica.last_txn().unwrap_or(Uuid::ZERO);
            params.push(json!(last.to_string()));
        }
        let wanted = fresh.tables().map(|(_, table)| table.columns.clone());
        *self.framer.picker() = RowPicker::new(self.method.form(), wanted);
        self.request(self.method.name(), params, Pending::Monitor(self.method));
        Ok(())
    }

    pub(super) fn monitor_reply(
        &mut self,
        method: MonitorMethod,
        reply: Result<Value, Value>,
        rows: Rows,
    ) -> Result<(), CloseReason> {
        *self.framer.picker() = RowPicker::idle();
        let value = match reply {
            Ok(value) => value,
            Err(error) => {
                let unknown = OvsdbError::from_json(&error).kind == ErrorKind::UnknownMethod;
                let older = method.older().filter(|_| unknown);
                self.method = older.ok_or_else(|| refused(method.name(), &error))?;
                return self.monitor();
            }
        };
        let Some(mut fresh) = self.fresh.take() else { return Ok(()) };
        let (updates, since) = match (method, value) {
            (MonitorMethod::Since, Value::Array(mut parts)) => {
                let [Value::Bool(found), Value::String(txn), updates] = parts.as_mut_slice() else {
                    return Err(bad_reply());
                };
                let txn: Uuid = txn.parse().map_err(|_| bad_reply())?;
                (updates.take(), Some((*found, txn)))
            }
            (MonitorMethod::Since, _) => return Err(bad_reply()),
            (MonitorMethod::Cond | MonitorMethod::Plain, updates) => (updates, None),
        };
        // Those rows that could be read are in `rows`: what is left is refused here.
        fresh.apply(method.form(), &updates)?;
        match since {
            Some((true, _)) if self.replica.last_txn().is_some() => {
                fresh = self.replica.clone();
                fresh.fill(rows, None)?;
            }
            _ => fresh.fill(rows, Some(&self.replica))?,
        }
        if let Some((_, txn)) = since {
            fresh.set_last_txn(txn);
        }
        self.replica = fresh;
        self.monitoring = true;
        self.was_ready = true;
        self.phase = Phase::Ready;
        self.events.push_back(Event::Ready);
        self.check_size()
    }
}

fn bad_reply() -> CloseReason {
    ProtocolError::new("monitor_cond_since reply", "not [found, last transaction, updates]").into()
}

fn refused(method: &'static str, error: &Value) -> CloseReason {
    CloseReason::Refused { method, error: OvsdbError::from_json(error) }
}
