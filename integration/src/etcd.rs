//! The etcd that several controllers share: a member beside each of them.

use std::process::Command;

use anyhow::Result;

use crate::plan::{Config, Place, controller_ip};
use crate::process::Daemon;
use crate::state::StateDir;

const CLIENT_PORT: u16 = 2379;
const PEER_PORT: u16 = 2380;

/// The member beside controller number `number`.
#[must_use]
pub fn member(config: &Config, state: &StateDir, number: u16) -> Daemon {
    Daemon::new(config.netns(&Place::controller(number)), state.path(), &name(number))
}

/// The store's URL for controller number `number`: the member beside it comes first.
#[must_use]
pub fn url(config: &Config, number: u16) -> String {
    let others = (1..=config.controllers).filter(|other| *other != number);
    let members =
        std::iter::once(number).chain(others).map(|member| format!("{}:{CLIENT_PORT}", controller_ip(member)));
    format!("etcd://{}/sdn", members.collect::<Vec<_>>().join(","))
}

/// Starts the member beside controller number `number` on the data it has.
///
/// # Errors
/// When it runs already or cannot be started.
pub fn start(config: &Config, state: &StateDir, number: u16) -> Result<()> {
    let peer = |member| format!("http://{}:{PEER_PORT}", controller_ip(member));
    let client = format!("http://{}:{CLIENT_PORT}", controller_ip(number));
    let all = (1..=config.controllers).map(|member| format!("{}={}", name(member), peer(member)));
    let mut command = Command::new("etcd");
    command
        .args(["--name", &name(number)])
        .arg("--data-dir")
        .arg(state.path().join(format!("{}.data", name(number))))
        .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
        .args(["--listen-peer-urls", &peer(number), "--initial-advertise-peer-urls", &peer(number)])
        .args(["--initial-cluster", &all.collect::<Vec<_>>().join(",")])
        .args(["--auto-compaction-mode", "revision", "--auto-compaction-retention", "10000"])
        // So that leases of 1 second are granted: half as much again as an election takes is the least.
        .args(["--heartbeat-interval", "100", "--election-timeout", "600"])
        .args(["--log-level", "warn"]);
    member(config, state, number).start(command)
}

fn name(number: u16) -> String {
    if number == 1 { "etcd".to_owned() } else { format!("etcd{number}") }
}
