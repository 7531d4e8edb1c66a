//! The show of `make run`; `--keep` leaves the testbed up.

use std::process::ExitCode;

use clap::Parser;

/// Shows a mesh of three hosts at work.
#[derive(Parser)]
#[command(name = "sdn-demo", version)]
struct Args {
    /// Leave the testbed up, and say what to try.
    #[arg(long)]
    keep: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match integration::demo::play(args.keep) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sdn-demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}
