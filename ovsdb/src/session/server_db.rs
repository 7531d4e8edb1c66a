//! The `_Server` database: whether this server may be used for a clustered database
//! (ovsdb-server(5), table Database).

use std::sync::Arc;

use serde_json::{Value, json};

use crate::error::{CloseReason, ProtocolError};
use crate::replica::{Replica, TableSpec};
use crate::schema::DatabaseSchema;
use crate::update::UpdateForm;

const TABLE: &str = "Database";
const COLUMNS: [&str; 4] = ["name", "model", "connected", "leader"];

/// What `_Server` says about one database.
#[derive(Debug)]
pub(super) struct ServerDb {
    database: String,
    replica: Replica,
}

impl ServerDb {
    pub(super) fn monitor_params(id: &str) -> Vec<Value> {
        vec![json!("_Server"), json!(id), json!({ TABLE: [{ "columns": COLUMNS }] })]
    }

    pub(super) fn new(database: &str) -> Result<ServerDb, CloseReason> {
        let schema = json!({ "name": "_Server", "tables": { TABLE: { "columns": {
            "name": { "type": "string" },
            "model": { "type": "string" },
            "connected": { "type": "boolean" },
            "leader": { "type": "boolean" },
        } } } });
        let schema = Arc::new(DatabaseSchema::from_json(&schema)?);
        let replica = Replica::new(schema, [(TABLE, &TableSpec::default())]);
        Ok(ServerDb { database: database.to_owned(), replica })
    }

    pub(super) fn apply(&mut self, updates: &Value) -> Result<(), ProtocolError> {
        self.replica.apply(UpdateForm::Differences, updates).map(drop)
    }

    /// An error if another server is to be tried.
    pub(super) fn usable(&self) -> Result<(), CloseReason> {
        let rows = self.replica.find(TABLE, "name", self.database.as_str());
        let row = rows.first().ok_or(CloseReason::NotUsable("it does not have the database"))?;
        if row.read::<String>("model") != "clustered" {
            return Ok(());
        }
        if !row.read::<bool>("connected") {
            return Err(CloseReason::NotUsable("it is not connected to its cluster"));
        }
        match row.read::<bool>("leader") {
            true => Ok(()),
            false => Err(CloseReason::NotUsable("it is not the leader of its cluster")),
        }
    }
}
