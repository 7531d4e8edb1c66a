//! `sdnctl openflow …`: see the command-line contract.

mod decode;
mod encode;
mod lines;
mod parse_flow;
mod print;

use std::io;
use std::process::ExitCode;

use clap::Subcommand;

/// The verbs of `sdnctl openflow`. Each answers every line of standard input with one line.
#[derive(Subcommand)]
pub enum Verb {
    /// Messages in hexadecimal to JSON.
    Decode,
    /// JSON to messages in hexadecimal.
    Encode,
    /// Messages in hexadecimal to the text of ovs-ofctl.
    Print {
        /// One line of JSON for each message.
        #[arg(long)]
        json: bool,
    },
    /// Texts of flows to the messages that add them, in hexadecimal.
    ParseFlow,
}

/// Runs one verb over standard input.
pub fn run(verb: &Verb) -> ExitCode {
    let done = match verb {
        Verb::Decode => lines::answer_each(decode::answer),
        Verb::Encode => lines::answer_each(encode::answer),
        Verb::ParseFlow => lines::answer_each(parse_flow::answer),
        Verb::Print { json: true } => lines::answer_each(print::json),
        Verb::Print { json: false } => lines::answer_each(print::text),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sdnctl: {error}");
            ExitCode::FAILURE
        }
    }
}
