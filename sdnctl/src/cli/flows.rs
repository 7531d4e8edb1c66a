//! `sdnctl flows|groups`

use api::Name;
use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};

#[derive(Subcommand)]
pub enum Flows {
    /// Reads and prints them.
    Dump(FlowQuery),
}

#[derive(Args)]
pub struct FlowQuery {
    /// The node; all of them when there is none.
    pub node: Option<Name>,
    /// Only this table, by name or number.
    #[arg(long)]
    pub table: Option<String>,
    /// Only flows of this object, like service/web.
    #[arg(long, value_name = "KIND/NAME")]
    pub owner: Option<String>,
    /// Only flows that are not as they are to be: missing, changed, foreign.
    #[arg(long)]
    pub diff: bool,
    /// What there was to be at a time, like 2026-01-31T12:00:00Z, or so long ago, like 5m.
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with = "diff")]
    pub at: Option<Timestamp>,
}

#[derive(Subcommand)]
pub enum Groups {
    /// Reads and prints them.
    Dump {
        /// The node; all of them when there is none.
        node: Option<Name>,
    },
}

fn time(text: &str) -> Result<Timestamp, String> {
    let wrong = || "write a time like 2026-01-31T12:00:00Z, or how long ago, like 5m".to_owned();
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let ago: SignedDuration = text.parse().map_err(|_| wrong())?;
    Timestamp::now().checked_sub(ago).map_err(|_| wrong())
}
