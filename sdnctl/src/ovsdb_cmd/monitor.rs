//! `sdnctl ovsdb monitor`.

use std::collections::BTreeMap;

use clap::Args;
use ovsdb::{Change, Row};
use serde_json::json;

use super::dump::{cell, row_json};
use super::grid::Grid;
use super::remote::Target;
use crate::cli::Output;

/// Prints tables, and then each change to them, until it is interrupted; as JSON a line for each
/// changed row.
#[derive(Args)]
pub struct Monitor {
    #[command(flatten)]
    target: Target,
    /// Only these tables.
    tables: Vec<String>,
}

impl Monitor {
    /// Does it.
    pub async fn run(&self, output: Output) -> anyhow::Result<()> {
        let client = self.target.client(&self.tables).await?;
        let mut updates = client.updates();
        client.ready().await?;
        let (mut initial, mut first) = (true, true);
        while let Some(update) = updates.next().await {
            let mut tables: BTreeMap<&str, Vec<&Change>> = BTreeMap::new();
            let update = update?;
            for change in update.iter() {
                tables.entry(change.table()).or_default().push(change);
            }
            let mut out = String::new();
            for (name, changes) in tables {
                match output {
                    Output::Json => changes.iter().for_each(|c| out += &line(c, initial)),
                    Output::Table | Output::Ofctl => {
                        if !std::mem::take(&mut first) {
                            out.push('\n');
                        }
                        if self.tables.len() != 1 {
                            out += &format!("{name}\n");
                        }
                        out += &text(&changes, initial);
                    }
                }
            }
            super::print(&out)?;
            initial = false;
        }
        anyhow::bail!("{}", client.closed().await)
    }
}

fn action(change: &Change, initial: bool) -> &'static str {
    match (&change.old, &change.new) {
        (None, _) if initial => "initial",
        (None, _) => "insert",
        (Some(_), None) => "delete",
        (Some(_), Some(_)) => "modify",
    }
}

fn line(change: &Change, initial: bool) -> String {
    let row = |row: &Option<Row>| row.as_ref().map(row_json);
    let line = json!({
        "table": change.table(),
        "row": change.uuid.to_string(),
        "action": action(change, initial),
        "old": row(&change.old),
        "new": row(&change.new),
    });
    format!("{line}\n")
}

/// The changes of one table; of a row that was modified first what differs, then the row.
fn text(changes: &[&Change], initial: bool) -> String {
    let some = changes.iter().find_map(|change| change.new.as_ref().or(change.old.as_ref()));
    let columns: Vec<&str> = some.map_or_else(Vec::new, |row| row.columns().map(|(n, _)| n).collect());
    let mut headings = vec!["row".to_owned(), "action".to_owned()];
    headings.extend(columns.iter().map(|column| (*column).to_owned()));
    let mut grid = Grid::new(headings);
    let mut add = |uuid: String, action: &str, cells: &dyn Fn(&str) -> String| {
        let mut all = vec![uuid, action.to_owned()];
        all.extend(columns.iter().map(|column| cells(column)));
        grid.row(all);
    };
    for change in changes {
        let uuid = change.uuid.to_string();
        match (&change.old, &change.new) {
            (Some(old), Some(new)) => {
                let differs = |column: &str| old.get(column) != new.get(column);
                let before = |column: &str| {
                    if differs(column) { cell(old, column) } else { String::new() }
                };
                add(uuid, "old", &before);
                add(String::new(), "new", &|column| cell(new, column));
            }
            (Some(row), None) | (None, Some(row)) => {
                add(uuid, action(change, initial), &|column| cell(row, column));
            }
            (None, None) => {}
        }
    }
    grid.print()
}
