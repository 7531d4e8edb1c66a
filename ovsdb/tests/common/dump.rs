//! A replica held against the server's own dump, and changes held against both.

use std::collections::BTreeMap;

use ovsdb::schema::ColumnType;
use ovsdb::{Change, Datum, Replica, Row, Uuid};
use serde_json::Value;

use super::{Server, tool};

/// Rows by table and identity, with the columns by name.
pub type Dump = BTreeMap<(String, Uuid), BTreeMap<String, Datum>>;

fn columns(row: &Row) -> BTreeMap<String, Datum> {
    row.columns().map(|(name, datum)| (name.to_owned(), datum.clone())).collect()
}

pub fn of_replica(replica: &Replica) -> Dump {
    let rows = replica.tables().flat_map(|(_, table)| table.rows());
    rows.map(|row| ((row.table().to_owned(), row.uuid()), columns(&row))).collect()
}

/// What `ovsdb-client dump` prints of the tables and columns that a replica holds.
pub fn of_server(server: &Server, replica: &Replica) -> Dump {
    let mut dump = Dump::new();
    for (table, held) in replica.tables() {
        let schema = replica.schema().table(table).expect("a table");
        let text = tool(&["ovsdb-client", "-f", "json", "dump", &server.remote(), "Open_vSwitch", table]);
        let json: Value = serde_json::from_str(&text).expect("json");
        let names: Vec<&str> =
            json["headings"].as_array().expect("headings").iter().filter_map(Value::as_str).collect();
        for row in json["data"].as_array().expect("rows") {
            let mut columns = BTreeMap::new();
            let mut uuid = Uuid::ZERO;
            for (name, value) in names.iter().zip(row.as_array().expect("a row")) {
                let ty: &ColumnType = &schema.column(name).expect("a column").ty;
                let datum = Datum::from_json(ty, value).expect("a value");
                match *name {
                    "_uuid" => uuid = datum.as_uuid().expect("a uuid"),
                    _ if held.columns().any(|column| column == *name) => {
                        columns.insert((*name).to_owned(), datum);
                    }
                    _ => {}
                }
            }
            dump.insert((table.to_owned(), uuid), columns);
        }
    }
    dump
}

/// Makes changes in a dump; each says rightly what was there and differs from it.
pub fn follow(dump: &mut Dump, changes: &[Change]) {
    for change in changes {
        let key = (change.table().to_owned(), change.uuid);
        let (old, new) = (change.old.as_ref().map(columns), change.new.as_ref().map(columns));
        assert_ne!(old, new, "a change that is none: {change:?}");
        assert_eq!(dump.get(&key), old.as_ref());
        match new {
            Some(row) => drop(dump.insert(key, row)),
            None => drop(dump.remove(&key)),
        }
    }
}
