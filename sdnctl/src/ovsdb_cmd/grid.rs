//! Tables as ovsdb-client prints them.

/// Headings, then rows of cells.
pub struct Grid {
    rows: Vec<Vec<String>>,
}

impl Grid {
    /// A table with its headings.
    pub fn new(headings: Vec<String>) -> Grid {
        Grid { rows: vec![headings] }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// The lines: headings, a rule, the rows; columns as wide as their widest cell, the last one
    /// not filled up. Widths are in bytes, as ovsdb-client counts.
    pub fn print(&self) -> String {
        let columns = self.rows.first().map_or(0, Vec::len);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(String::len).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
        let mut out = String::new();
        for (number, row) in self.rows.iter().enumerate() {
            line(&mut out, &widths, row);
            if number == 0 {
                line(&mut out, &widths, &rule);
            }
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
