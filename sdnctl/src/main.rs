//! `sdnctl`: the command line of the controller, and of the two protocol libraries.

mod openflow_cmd;
mod ovsdb_cmd;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "sdnctl", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Decode, encode, print and parse OpenFlow messages, a line each.
    #[command(subcommand)]
    Openflow(openflow_cmd::Verb),
    /// Speak OVSDB, and check its messages and values.
    #[command(subcommand)]
    Ovsdb(ovsdb_cmd::Verb),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Openflow(verb) => openflow_cmd::run(&verb),
        Command::Ovsdb(verb) => ovsdb_cmd::run(&verb),
    }
}
