//! `sdnctl ovsdb …`: see the command-line contract, part 2.

mod decode;
mod frame;
mod lines;
mod replica;
mod value;

use std::process::ExitCode;

use clap::Subcommand;

/// Nesting of arrays and objects, as Open vSwitch limits it.
const DEPTH: usize = 1000;

/// The verbs of `sdnctl ovsdb`.
#[derive(Subcommand)]
pub enum Verb {
    /// Reads JSON-RPC messages, a line each, and tells what they are.
    Decode,
    /// Cuts a byte stream into JSON-RPC messages.
    Frame,
    /// Checks values against column types, a line each.
    Value,
    /// Follows a database by schema, replies and notifications, a line each.
    Replica,
}

/// Runs one verb.
pub fn run(verb: &Verb) -> ExitCode {
    let done = match verb {
        Verb::Decode => lines::answer_each(|line| decode::answer(&line)),
        Verb::Frame => frame::run(),
        Verb::Value => lines::answer_each(|line| value::answer(&line)),
        Verb::Replica => {
            let mut copy = replica::Copy::default();
            lines::answer_each(move |line| copy.answer(line))
        }
    };
    // Only a reader that went away is left, and that is no failure.
    if let Err(error) = done
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        eprintln!("sdnctl: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
