//! Tables as ovsdb-client prints them.

use ovsdb::Datum;
use ovsdb::schema::ColumnType;
use serde_json::{Map, Value, json};

use crate::cli::Output;

/// What stands in one place of a table.
pub enum Cell<'a> {
    /// Nothing.
    Empty,
    /// A text as it is.
    Text(String),
    /// A value of a column.
    Value(&'a ColumnType, Datum),
}

impl Cell<'_> {
    fn text(&self) -> String {
        match self {
            Cell::Empty => String::new(),
            Cell::Text(text) => text.clone(),
            Cell::Value(ty, datum) => datum.to_text(ty),
        }
    }

    fn json(&self) -> Value {
        match self {
            Cell::Empty => Value::Null,
            Cell::Text(text) => json!(text),
            Cell::Value(_, datum) => datum.to_json(),
        }
    }
}

/// A table with its headings.
pub struct Grid<'a> {
    /// What stands above it.
    pub caption: Option<String>,
    /// When it was made.
    pub time: Option<String>,
    /// The names of its columns.
    pub headings: Vec<&'a str>,
    /// As many cells each as there are headings.
    pub rows: Vec<Vec<Cell<'a>>>,
}

impl Grid<'_> {
    /// The table as text, or as one line of JSON.
    pub fn print(&self, output: Output) -> String {
        match output {
            Output::Json => format!("{}\n", self.json()),
            Output::Table | Output::Ofctl => self.text(),
        }
    }

    fn json(&self) -> Value {
        let mut members = Map::new();
        for (name, text) in [("caption", &self.caption), ("time", &self.time)] {
            members.extend(text.iter().map(|text| (name.to_owned(), json!(text))));
        }
        let rows = self.rows.iter().map(|row| row.iter().map(Cell::json).collect());
        members.insert("data".to_owned(), Value::Array(rows.collect()));
        members.insert("headings".to_owned(), json!(self.headings));
        Value::Object(members)
    }

    /// Headings, a rule, the rows; columns as wide as their widest cell, the last one not filled
    /// up. Widths are in bytes, as ovsdb-client counts.
    fn text(&self) -> String {
        let rows: Vec<Vec<String>> = self.rows.iter().map(|row| row.iter().map(Cell::text).collect()).collect();
        let width = |(number, heading): (usize, &&str)| {
            let cells = rows.iter().filter_map(|row| row.get(number));
            cells.map(String::len).max().unwrap_or_default().max(heading.len())
        };
        let widths: Vec<usize> = self.headings.iter().enumerate().map(width).collect();
        let headings: Vec<String> = self.headings.iter().map(|heading| (*heading).to_owned()).collect();
        let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
        let mut out = String::new();
        for above in self.time.iter().chain(&self.caption) {
            out.push_str(above);
            out.push('\n');
        }
        for row in [headings, rule].iter().chain(&rows) {
            line(&mut out, &widths, row);
        }
        out
    }
}

fn line(out: &mut String, widths: &[usize], cells: &[String]) {
    for (number, (cell, width)) in cells.iter().zip(widths).enumerate() {
        out.push_str(cell);
        if number + 1 < widths.len() {
            out.push_str(&" ".repeat(width - cell.len() + 1));
        }
    }
    out.push('\n');
}
