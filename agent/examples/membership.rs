//! Prints how fast, how sure and how cheap gossip is, among simulated agents under virtual time:
//! `cargo run --release -p agent --example membership`.

#![expect(clippy::print_stdout, reason = "a table for people")]

#[path = "../tests/swim/figures.rs"]
mod figures;
#[allow(dead_code, reason = "shared with the tests, which use more of it")]
#[path = "../tests/swim/lab.rs"]
mod lab;

use std::time::Duration;

fn main() {
    println!("hosts  lost by all after (s)      false deaths, 10 min    busiest host, kbit/s sent + received");
    println!("       median     99 %    worst    10 % loss on all links  no loss        10 % loss");
    for (size, runs) in [(2, 1000), (5, 1000), (20, 500), (100, 60)] {
        let mut times: Vec<Duration> = (0..runs).map(|seed| figures::detection(size, seed)).collect();
        times.sort();
        let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize].as_secs_f64();
        let (_, deaths) = figures::false_alarms(size, 1, 0.1, Duration::from_secs(600));
        let rates = |loss| figures::traffic(size, 1, loss, Duration::from_secs(60));
        let ((s0, r0), (s1, r1)) = (rates(0.0), rates(0.1));
        let (median, most, worst) = (at(0.5), at(0.99), at(1.0));
        println!(
            "{size:5}  {median:6.2}   {most:6.2}   {worst:6.2}    {deaths:22}  {s0:4.1} + {r0:4.1}    {s1:4.1} + {r1:4.1}"
        );
    }
}
