//! Tables for people, JSON for programs.

use std::io::Write;

use api::Written;
use comfy_table::{Table, presets};
use serde::Serialize;

use crate::cli::{Output, Remote};

/// Writes to standard output; a reader that has gone away is no error.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// One JSON value.
pub fn json<T: Serialize>(value: &T) -> anyhow::Result<()> {
    print(&format!("{}\n", serde_json::to_string_pretty(value)?))
}

/// A table with these columns.
pub fn table<const N: usize>(header: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> anyhow::Result<()> {
    let mut table = Table::new();
    table.set_header(header);
    for row in rows {
        table.add_row(row);
    }
    print_table(table)
}

/// Any table, without lines.
pub fn print_table(mut table: Table) -> anyhow::Result<()> {
    table.load_style(presets::NOTHING);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let text: Vec<String> = table.lines().map(|line| line.trim_end().to_owned() + "\n").collect();
    print(&text.concat())
}

/// The value as JSON, or what `table` makes of it.
pub fn show<T: Serialize>(
    remote: &Remote,
    value: &T,
    table: impl FnOnce(&T) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    match remote.output {
        Output::Table => table(value),
        Output::Json => json(value),
        Output::Ofctl => anyhow::bail!("-o ofctl goes with `flows dump` and `groups dump`; use -o table or json here"),
    }
}

/// What became of a write: exit 1 if switches are still to acknowledge it.
pub fn written<T: Serialize>(remote: &Remote, answer: &Written<T>, did: &str) -> anyhow::Result<()> {
    show(remote, answer, |answer| {
        let state =
            if answer.pending.is_empty() { "acknowledged by every switch concerned" } else { "not yet acknowledged" };
        print(&format!("{did} (revision {}, {state})\n", answer.revision))
    })?;
    acknowledged(remote, answer.revision, &answer.pending)
}

/// An error if switches were to acknowledge a write and have not.
pub fn acknowledged(remote: &Remote, revision: u64, pending: &[String]) -> anyhow::Result<()> {
    if remote.write.wait && !pending.is_empty() {
        anyhow::bail!(
            "written as revision {revision}, but {} did not acknowledge it within {} s; `sdnctl status` shows why",
            pending.join(", "),
            remote.write.timeout.as_secs_f64()
        );
    }
    Ok(())
}

/// Addresses and the like, one after the other.
pub fn join<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(",")
}
