//! What the end-to-end tests share.
#![allow(dead_code, missing_docs)]

use std::fmt::Display;
use std::time::Duration;

use integration::{Config, HostId, Place, Scoped, Testbed, tool};
use serde_json::Value;

/// Host number `n`.
pub fn host(n: u16) -> HostId {
    format!("h{n}").parse().expect("n is at least 1")
}

/// Host number `n` as a place to run things.
pub fn at(n: u16) -> Place {
    Place::from(host(n))
}

/// Hosts with Open vSwitch and nothing of the product.
pub fn bare(name: &str, hosts: u16) -> Scoped {
    let mut config = Config::new(name);
    config.hosts = hosts;
    Scoped::up_hosts(&config, &mut quiet).expect("hosts come up")
}

pub fn quiet(_: &str) {}

/// Runs `command` (words split at blanks) and returns what it printed; panics with its error.
pub fn sh(testbed: &Testbed, place: &Place, command: &str) -> String {
    try_sh(testbed, place, command).unwrap_or_else(|error| panic!("{place}: {command}: {error:#}"))
}

pub fn try_sh(testbed: &Testbed, place: &Place, command: &str) -> anyhow::Result<String> {
    let words: Vec<_> = command.split_whitespace().collect();
    testbed.run(place, &words)
}

/// Whether one of three pings comes back.
pub fn pings(testbed: &Testbed, from: &Place, to: impl Display) -> bool {
    try_sh(testbed, from, &format!("ping -c 3 -i 0.2 -W 1 {to}")).is_ok()
}

/// Bytes that arrive at `to` of one iperf3 run from `from` with `options`.
pub fn iperf(testbed: &Testbed, from: &Place, to: &Place, ip: impl Display, options: &str) -> u64 {
    let mut server = testbed.spawn(to, &["iperf3", "-s", "-1"]).expect("iperf3 is there");
    let listens = || try_sh(testbed, to, "ss -Hltn").is_ok_and(|ports| ports.contains(":5201"));
    tool::wait_until("iperf3 server", Duration::from_secs(5), listens).expect("it listens");
    let client = format!("iperf3 -J -c {ip} --connect-timeout 3000 {options}");
    let printed = try_sh(testbed, from, &client);
    if printed.is_err() {
        let _ = server.kill();
    }
    server.wait().expect("the server is ours");
    let printed = printed.unwrap_or_else(|error| panic!("{from}: {client}: {error:#}"));
    let report: Value = serde_json::from_str(&printed).expect("iperf3 prints JSON");
    report["end"]["sum_received"]["bytes"].as_u64().expect("a number of bytes")
}
