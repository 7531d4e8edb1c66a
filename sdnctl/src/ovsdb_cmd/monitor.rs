//! `sdnctl ovsdb monitor`.

use std::collections::BTreeMap;

use clap::Args;
use ovsdb::json::Message;
use ovsdb::schema::ColumnType;
use ovsdb::{AtomType, DatabaseSchema, Datum};
use serde_json::{Map, Value, json};

use super::grid::{Cell, Grid};
use super::remote::Target;
use super::wire::Wire;
use crate::cli::Output;

/// Prints tables, and then each change to them, until it is interrupted.
#[derive(Args)]
pub struct Monitor {
    #[command(flatten)]
    target: Target,
    /// Only these tables.
    tables: Vec<String>,
    /// Prints before each table when it came.
    #[arg(long)]
    timestamp: bool,
}

/// The columns of each table that is monitored, in the order they are printed.
type Columns = BTreeMap<String, Vec<(String, ColumnType)>>;

impl Monitor {
    /// Does it.
    pub async fn run(&self, output: Output) -> anyhow::Result<()> {
        let mut wire = Wire::new(self.target.stream().await?);
        let schema = wire.schema(&self.target.database).await?;
        self.target.check(&schema, &self.tables)?;
        let columns = columns(&schema, &self.tables);
        let requests: Map<String, Value> = columns.iter().map(|(table, list)| (table.clone(), request(list))).collect();
        let params = vec![json!(self.target.database), Value::Null, requests.into()];
        let mut updates = wire.call("monitor", params).await?;
        let (mut initial, mut any) = (true, false);
        loop {
            for (table, list) in &columns {
                let Some(rows) = updates.get(table).and_then(Value::as_object) else { continue };
                let mut grid = grid(list, rows, initial)?;
                grid.caption = (columns.len() > 1).then(|| table.clone());
                grid.time = self.timestamp.then(now);
                let gap = if std::mem::replace(&mut any, true) && output != Output::Json { "\n" } else { "" };
                super::print(&format!("{gap}{}", grid.print(output)))?;
            }
            initial = false;
            updates = next(&mut wire).await?;
        }
    }
}

/// All columns by name, and after them the version of the row.
fn columns(schema: &DatabaseSchema, wanted: &[String]) -> Columns {
    let tables = schema.tables.iter().filter(|(name, _)| wanted.is_empty() || wanted.contains(name));
    let list = |table: &ovsdb::schema::TableSchema| {
        let columns = table.columns.iter().map(|(name, column)| (name.to_string(), column.ty.as_ref().clone()));
        columns.chain([("_version".to_owned(), ColumnType::scalar(AtomType::Uuid))]).collect()
    };
    tables.map(|(name, table)| (name.clone(), list(table))).collect()
}

fn request(columns: &[(String, ColumnType)]) -> Value {
    let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    json!([{ "columns": names }])
}

/// The changes that the server tells next.
async fn next(wire: &mut Wire) -> anyhow::Result<Value> {
    loop {
        if let Message::Notification { method, mut params } = wire.next().await?
            && method == "update"
            && let Some(updates) = params.pop()
        {
            return Ok(updates);
        }
    }
}

/// UTC, to the millisecond.
fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S%.3f").to_string()
}

/// The changes of one table; of a row that was modified first what was otherwise, then the row.
fn grid<'a>(columns: &'a [(String, ColumnType)], rows: &Map<String, Value>, initial: bool) -> anyhow::Result<Grid<'a>> {
    let mut lines = Vec::new();
    for (uuid, row) in rows {
        let mut add = |uuid: &str, action: &str, part: &Value| -> anyhow::Result<()> {
            let mut line = vec![Cell::Text(uuid.to_owned()), Cell::Text(action.to_owned())];
            for (name, ty) in columns {
                line.push(match part.get(name) {
                    Some(value) => Cell::Value(ty, Datum::from_json(ty, value)?),
                    None => Cell::Empty,
                });
            }
            lines.push(line);
            Ok(())
        };
        match (row.get("old"), row.get("new")) {
            (Some(old), Some(new)) => {
                add(uuid, "old", old)?;
                add("", "new", new)?;
            }
            (None, Some(new)) => add(uuid, if initial { "initial" } else { "insert" }, new)?,
            (Some(old), None) => add(uuid, "delete", old)?,
            (None, None) => {}
        }
    }
    let headings = ["row", "action"].into_iter().chain(columns.iter().map(|(name, _)| name.as_str())).collect();
    Ok(Grid { caption: None, time: None, headings, rows: lines })
}
