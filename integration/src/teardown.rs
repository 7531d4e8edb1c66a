//! Ends a testbed, whatever state it is in: whole, half-made, after a crash or after a reboot.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{Result, ensure};

use crate::plan::{Config, Place};
use crate::process::{self, Daemon};
use crate::state::{self, StateDir};
use crate::{netns, pod};

const PATIENCE: Duration = Duration::from_secs(20);

/// Ends every process of testbed `name`, removes its namespaces and forgets it. Returns whether there
/// was one.
///
/// Its processes are those that it recorded, and those that live in its namespaces.
///
/// # Errors
/// Everything that could not be done, in one message; what could be done is done.
pub fn down(name: &str) -> Result<bool> {
    Config::new(name).validate()?;
    let state = StateDir::of(name);
    if !state.exists() {
        return Ok(false);
    }
    let namespaces = namespaces(&state);
    let failures: Vec<_> = [end_processes(&state, &namespaces), netns::remove(&namespaces)]
        .into_iter()
        .filter_map(|done| done.err().map(|error| format!("{error:#}")))
        .collect();
    ensure!(failures.is_empty(), "{}", failures.join("; "));
    state.remove()?;
    Ok(true)
}

/// Without a readable plan there are none: it is written before the first one is made.
fn namespaces(state: &StateDir) -> Vec<String> {
    let Ok(config) = state::read::<Config>(&state.config()) else {
        return Vec::new();
    };
    let pods = pod::names(state).unwrap_or_default();
    let mut names: Vec<_> = pods.into_iter().map(|pod| config.netns(&Place::Pod(pod))).collect();
    names.extend(static_namespaces(&config));
    names
}

/// The namespaces that a testbed has without any pod.
#[must_use]
pub fn static_namespaces(config: &Config) -> Vec<String> {
    let hosts = config.host_ids().map(Place::from);
    let places = hosts.chain(config.controller_places()).chain([Place::External]);
    let mut names: Vec<_> = places.map(|place| config.netns(&place)).collect();
    names.push(config.underlay_netns());
    names
}

fn end_processes(state: &StateDir, namespaces: &[String]) -> Result<()> {
    let daemons = recorded(state.path());
    let deadline = Instant::now() + PATIENCE;
    let mut ending = BTreeSet::new();
    loop {
        let mut found: Vec<_> = daemons.iter().filter_map(Daemon::pid).collect();
        found.extend(netns::inhabitants(namespaces)?);
        for pid in &found {
            process::signal_kill(*pid)?;
        }
        ending.extend(found);
        // A process leaves its namespace some time before it is gone.
        ending.retain(|pid| process::exists(*pid));
        if ending.is_empty() {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "processes {ending:?} do not end");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Every daemon with a record below `dir`: the controller's beside the hosts' directories.
fn recorded(dir: &Path) -> Vec<Daemon> {
    let mut daemons = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|ext| ext == "process") {
            daemons.push(Daemon { netns: String::new(), log: path.with_extension("log"), record: path });
        } else if path.is_dir() {
            daemons.extend(recorded(&path));
        }
    }
    daemons
}
