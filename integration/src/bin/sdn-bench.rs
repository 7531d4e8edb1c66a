//! The figures of `make bench`, for 3 and 20 hosts.

use std::process::ExitCode;

use integration::bench::{Figures, measure};

fn main() -> ExitCode {
    println!("hosts  up to ready  pod add, median  pod add, worst  flows per host  controller  agent");
    for hosts in [3, 20] {
        match measure(hosts) {
            Ok(figures) => print(&figures),
            Err(error) => {
                eprintln!("sdn-bench: {hosts} hosts: {error:#}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

fn print(figures: &Figures) {
    println!(
        "{:5}  {:9.1} s  {:12.1} ms  {:11.1} ms  {:14}  {:7.1} MB  {:2.1} MB",
        figures.hosts,
        figures.ready.as_secs_f64(),
        figures.pod_added.as_secs_f64() * 1000.0,
        figures.pod_added_worst.as_secs_f64() * 1000.0,
        figures.flows,
        megabytes(figures.controller_kb),
        megabytes(figures.agent_kb),
    );
}

fn megabytes(kib: u64) -> f64 {
    kib as f64 / 1024.0
}
