//! `sdnctl ovsdb …`: see the command-line contract.

use std::process::ExitCode;

use clap::Subcommand;

/// The verbs of `sdnctl ovsdb`.
#[derive(Subcommand)]
pub enum Verb {}

/// Runs one verb over standard input.
pub fn run(verb: &Verb) -> ExitCode {
    match *verb {}
}
