//! `sdnctl ovsdb dump`.

use std::cmp::Ordering;

use clap::Args;
use ovsdb::schema::ColumnType;
use ovsdb::{Atom, AtomType, Datum, Row, Table};

use super::grid::{Cell, Grid};
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
        let texts: Vec<String> = replica.tables().map(|(name, table)| print(name, table, output)).collect();
        super::print(&texts.join(if output == Output::Json { "" } else { "\n" }))
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

fn print(name: &str, table: &Table, output: Output) -> String {
    let columns: Vec<&str> = table.columns().collect();
    let mut rows: Vec<Row> = table.rows().collect();
    rows.sort_by(|a, b| order(a, b, &columns));
    let id = ColumnType::scalar(AtomType::Uuid);
    let rows = rows.iter().map(|row| {
        let identity = Cell::Value(&id, Datum::One(Atom::Uuid(row.uuid())));
        let cell = |column: &&str| match (row.column_type(column), row.get(column)) {
            (Some(ty), Some(datum)) => Cell::Value(ty, datum.clone()),
            _ => Cell::Empty,
        };
        std::iter::once(identity).chain(columns.iter().map(cell)).collect()
    });
    let headings = std::iter::once("_uuid").chain(columns.iter().copied()).collect();
    Grid { caption: Some(format!("{name} table")), time: None, headings, rows: rows.collect() }.print(output)
}
