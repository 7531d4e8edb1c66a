//! `sdnctl node|token|gossip`

use api::Name;
use clap::Subcommand;
use jiff::SignedDuration;

#[derive(Subcommand)]
pub enum NodeVerb {
    /// Lists them: alive, suspect or down, since when, and seen by how many others.
    Ls,
    /// Shows all of one.
    Inspect { name: Name },
    /// Leaves one: new connections to services and new endpoints go elsewhere, what is established goes on.
    Drain {
        name: Name,
        /// It takes what is new again.
        #[arg(long)]
        undo: bool,
    },
    /// Removes one that has no endpoint.
    Rm {
        name: Name,
        /// Removes its endpoints, too: of a host that is gone for good.
        #[arg(long)]
        force: bool,
    },
}

#[derive(Subcommand)]
pub enum TokenVerb {
    /// Makes one, and prints it: sdn-agent join CONTROLLER --token TOKEN.
    Create {
        /// For how long it is good, like 30m or 12h.
        #[arg(long, default_value = "1h", value_name = "TIME", value_parser = span)]
        ttl: SignedDuration,
    },
    /// Lists them.
    Ls,
    /// Revokes one; hosts that joined with it stay.
    Rm { name: Name },
}

#[derive(Subcommand)]
pub enum GossipVerb {
    /// Gives agents another key, step by step; that happens by itself once a day.
    Rotate,
}

fn span(text: &str) -> Result<SignedDuration, String> {
    let span: SignedDuration = text.parse().map_err(|_| "write it like 30m or 12h")?;
    if span.is_positive() { Ok(span) } else { Err("it must be longer than nothing".into()) }
}
