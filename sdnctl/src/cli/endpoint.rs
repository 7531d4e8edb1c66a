//! `sdnctl endpoint`

use api::Name;
use clap::Subcommand;

#[derive(Subcommand)]
pub enum EndpointVerb {
    /// Lists them.
    Ls,
    /// Shows all of one.
    Inspect { name: Name },
    /// Sends it no new connections of services, before it ends; those that it has go on.
    Terminate {
        name: Name,
        /// It goes on as before.
        #[arg(long)]
        undo: bool,
    },
    /// Removes one.
    Rm { name: Name },
}
