//! `make bench`: our figures beside those of others. With the name of a part, only that.

use std::process::ExitCode;

use anyhow::{Result, bail};
use integration::bench::{pods, scale, services, simulated, switch, table};

/// Measures a part, and says what it is at.
type Measure = fn(&mut dyn FnMut(&str)) -> Result<Vec<table::Row>>;

fn main() -> ExitCode {
    match run(std::env::args().nth(1).as_deref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sdn-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(part: Option<&str>) -> Result<()> {
    let parts: [(&str, Measure); 6] = [
        ("pods", pods::measure),
        ("scale", scale::measure),
        ("switch", switch::measure),
        ("services", services::measure),
        ("simulated", simulated::measure),
        ("trouble", simulated::trouble),
    ];
    let chosen: Vec<_> = parts.iter().filter(|(name, _)| part.is_none_or(|part| part == *name)).collect();
    if chosen.is_empty() {
        bail!(
            "no part {}: name pods, scale, switch, services, simulated or trouble, or none for all",
            part.unwrap_or_default()
        );
    }
    println!("{}", table::heading());
    for (_, measure) in chosen {
        for row in measure(&mut |step| eprintln!("... {step}"))? {
            println!("{row}");
        }
    }
    Ok(())
}
