//! Waiting for the mesh: asks the controller until every switch has what it should have.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde::Deserialize;

use crate::control;
use crate::plan::Place;
use crate::testbed::Testbed;

/// How long `up` waits for the mesh.
pub const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(100);

/// What `sdnctl status -o json` prints, as far as it is needed here.
#[derive(Debug, Deserialize)]
struct Status {
    converged: bool,
    mesh_ready: bool,
    switches: Vec<Switch>,
}

#[derive(Debug, Deserialize)]
struct Switch {
    node: String,
    connected: bool,
    ready: bool,
}

/// Waits until all hosts are connected and ready, the controller has converged and every tunnel
/// passes packets. `progress` is told whenever what is missing changes.
///
/// # Errors
/// When `limit` is over or a daemon has ended, naming what is missing and the log to read.
pub fn wait(testbed: &Testbed, limit: Duration, progress: &mut dyn FnMut(&str)) -> Result<()> {
    let deadline = Instant::now() + limit;
    let mut told = String::new();
    loop {
        let Some(missing) = missing(testbed) else {
            return Ok(());
        };
        check_daemons(testbed)?;
        if missing != told {
            progress(&missing);
            told = missing;
        }
        if Instant::now() > deadline {
            let logs = testbed.state().path().display();
            bail!("not ready after {} s: {told}; the logs are in {logs}", limit.as_secs());
        }
        std::thread::sleep(POLL);
    }
}

/// One line on what is not there yet.
fn missing(testbed: &Testbed) -> Option<String> {
    let status = testbed.run(&Place::Controller, &["sdnctl", "status", "-o", "json"]);
    let status: Status = match status.and_then(|text| Ok(serde_json::from_str(&text)?)) {
        Ok(status) => status,
        Err(error) => return Some(format!("no status from the controller ({error})")),
    };
    let expected: BTreeSet<_> = testbed.config().host_ids().map(|h| h.to_string()).collect();
    let having = |wanted: fn(&Switch) -> bool| -> BTreeSet<String> {
        let with = status.switches.iter().filter(|switch| wanted(switch));
        with.map(|switch| switch.node.clone()).collect()
    };
    let lacking = |have: BTreeSet<String>| -> Option<String> {
        let names: Vec<_> = expected.difference(&have).cloned().collect();
        (!names.is_empty()).then(|| names.join(" "))
    };
    if let Some(names) = lacking(having(|switch| switch.connected)) {
        return Some(format!("not connected: {names}"));
    }
    if let Some(names) = lacking(having(|switch| switch.ready)) {
        return Some(format!("not ready: {names}"));
    }
    match (status.converged, status.mesh_ready) {
        (false, _) => Some("not converged".to_owned()),
        (true, false) => Some("tunnels do not all pass packets yet".to_owned()),
        (true, true) => None,
    }
}

fn check_daemons(testbed: &Testbed) -> Result<()> {
    let (config, state) = (testbed.config(), testbed.state());
    let agents = config.host_ids().map(|host| control::agent(config, state, host));
    for daemon in std::iter::once(control::controller(config, state)).chain(agents) {
        if !daemon.is_alive() {
            bail!("{} ended: {}", daemon.log.display(), daemon.last_words());
        }
    }
    Ok(())
}
