//! `sdnctl ovsdb dump`.

use std::cmp::Ordering;

use clap::Args;
use ovsdb::{Atom, AtomType, Datum, Row, Table};
use serde_json::{Map, Value};

use super::grid::Grid;
use super::remote::Target;
use crate::cli::Output;

/// Prints tables as they are now.
#[derive(Args)]
pub struct Dump {
    #[command(flatten)]
    target: Target,
    /// Only these tables.
    tables: Vec<String>,
}

impl Dump {
    /// Does it.
    pub async fn run(&self, output: Output) -> anyhow::Result<()> {
        let client = self.target.client(&self.tables).await?;
        client.ready().await?;
        let replica = client.replica();
        if output == Output::Json {
            let tables: Map<String, Value> =
                replica.tables().map(|(name, table)| (name.to_owned(), json(table))).collect();
            return super::print(&format!("{}\n", Value::Object(tables)));
        }
        let texts: Vec<String> = replica.tables().map(|(name, table)| text(name, table)).collect();
        super::print(&texts.join("\n"))
    }
}

/// A row as JSON: columns by name.
pub fn row_json(row: &Row) -> Value {
    row.columns().map(|(name, datum)| (name.to_owned(), datum.to_json())).collect()
}

fn json(table: &Table) -> Value {
    table.rows().map(|row| (row.uuid().to_string(), row_json(&row))).collect()
}

/// A column of a row as text; empty if it is not held.
pub fn cell(row: &Row, column: &str) -> String {
    match (row.get(column), row.column_type(column)) {
        (Some(datum), Some(ty)) => datum.to_text(ty),
        _ => String::new(),
    }
}

/// The order of ovsdb-client: UUIDs, which are random, count last.
fn order(a: &Row, b: &Row, columns: &[&str]) -> Ordering {
    let is_uuid = |column: &str| a.column_type(column).is_some_and(|ty| ty.key.ty == AtomType::Uuid);
    let by = |uuids: bool| {
        let mut orders = columns.iter().filter(|c| is_uuid(c) == uuids).map(|c| compare(a.get(c), b.get(c)));
        orders.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    };
    by(false).then_with(|| a.uuid().cmp(&b.uuid())).then_with(|| by(true))
}

/// By size, then keys, then values.
fn compare(a: Option<&Datum>, b: Option<&Datum>) -> Ordering {
    let parts = |datum: &Datum| {
        let (keys, values): (Vec<Atom>, Vec<Atom>) = datum.pairs().iter().cloned().unzip();
        (datum.len(), datum.atoms().to_vec(), keys, values)
    };
    a.map(parts).cmp(&b.map(parts))
}

fn text(name: &str, table: &Table) -> String {
    let columns: Vec<&str> = table.columns().collect();
    let mut headings = vec!["_uuid".to_owned()];
    headings.extend(columns.iter().map(|column| (*column).to_owned()));
    let mut grid = Grid::new(headings);
    let mut rows: Vec<Row> = table.rows().collect();
    rows.sort_by(|a, b| order(a, b, &columns));
    for row in &rows {
        let mut cells = vec![row.uuid().to_string()];
        cells.extend(columns.iter().map(|column| cell(row, column)));
        grid.row(cells);
    }
    format!("{name} table\n{}", grid.print())
}
