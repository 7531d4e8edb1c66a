//! `sdnctl ovsdb …`: see the command-line contract, part 2.

mod decode;
mod dump;
mod frame;
mod grid;
mod lines;
mod monitor;
mod remote;
mod replica;
mod transact;
mod value;
mod wire;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Subcommand;

use crate::cli::Output;

/// Nesting of arrays and objects, as Open vSwitch limits it.
const DEPTH: usize = 1000;
/// The longest message, in bytes.
const MAX_MESSAGE: usize = (64 << 20) + 4096;

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
    /// Prints tables of a server as ovsdb-client does.
    Dump(dump::Dump),
    /// Prints tables of a server, and then each change.
    Monitor(monitor::Monitor),
    /// Sends a transaction and prints the answer.
    Transact(transact::Transact),
}

/// Runs one verb.
pub fn run(verb: &Verb, output: Output) -> ExitCode {
    let done = match verb {
        Verb::Decode => lines::answer_each(decode::answer),
        Verb::Frame => frame::run(),
        Verb::Value => lines::answer_each(|line| value::answer(&line)),
        Verb::Replica => {
            let mut copy = replica::Copy::default();
            lines::answer_each(move |line| copy.answer(line))
        }
        Verb::Dump(verb) => return with_server(verb.run(output)),
        Verb::Monitor(verb) => return with_server(verb.run(output)),
        Verb::Transact(verb) => return with_server(verb.run()),
    };
    // Only a reader that went away is left, and that is no failure.
    if let Err(error) = done
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        eprintln!("sdnctl: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn with_server(work: impl Future<Output = anyhow::Result<()>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let done = runtime.map_err(anyhow::Error::from).and_then(|runtime| runtime.block_on(work));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sdnctl: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<io::Error>();
    io.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Prints at once, and fails where `print!` would panic.
fn print(text: &str) -> anyhow::Result<()> {
    let mut output = io::stdout().lock();
    output.write_all(text.as_bytes())?;
    Ok(output.flush()?)
}
