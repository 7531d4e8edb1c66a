//! Waiting for the mesh: asks the controller until every switch has what it should have.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use api::status::{Status, SwitchStatus};

use crate::plan::{HostId, Place};
use crate::testbed::Testbed;
use crate::{client, control, tool};

/// How long `up` waits for the mesh.
pub const PATIENCE: Duration = Duration::from_secs(60);
const JOIN_PATIENCE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(100);

/// What the controller says of itself.
///
/// # Errors
/// When it does not answer.
pub fn status(testbed: &Testbed) -> Result<Status> {
    status_at(testbed, &Place::Controller)
}

/// What the controller at `place` says.
///
/// # Errors
/// When it does not answer.
pub fn status_at(testbed: &Testbed, place: &Place) -> Result<Status> {
    let text = testbed.run(place, &["sdnctl", "status", "-o", "json"])?;
    serde_json::from_str(&text).context("cannot read what sdnctl status printed")
}

/// Waits until `host` has joined. Hosts that join one after the other get their subnets in order: h1 the first.
///
/// # Errors
/// When it does not within some seconds.
pub fn wait_joined(testbed: &Testbed, host: HostId) -> Result<()> {
    let joined = || client::sdnctl(testbed, &format!("node inspect {host}")).is_ok();
    let agent = control::agent(testbed.config(), testbed.state(), host);
    tool::wait_until(&format!("{host} to join"), JOIN_PATIENCE, joined)
        .with_context(|| format!("{}: {}", agent.name(), agent.last_words()))
}

/// Waits until all hosts are connected and ready, the controller has converged and every tunnel
/// passes packets. `progress` is told whenever what is missing changes.
///
/// # Errors
/// When `limit` is over or a daemon has ended, naming what is missing and the log to read.
pub fn wait(testbed: &Testbed, limit: Duration, progress: &mut dyn FnMut(&str)) -> Result<()> {
    let deadline = Instant::now() + limit;
    let mut told = String::new();
    while let Some(missing) = missing(testbed) {
        check_daemons(testbed)?;
        if missing != told {
            progress(&format!("waiting: {missing}"));
            told = missing;
        }
        if Instant::now() > deadline {
            let logs = testbed.state().path().display();
            bail!("not ready after {} s: {told}; the logs are in {logs}", limit.as_secs());
        }
        thread::sleep(POLL);
    }
    Ok(())
}

/// One line on what is not there yet.
fn missing(testbed: &Testbed) -> Option<String> {
    let Ok(status) = status(testbed) else {
        return Some("the controller does not answer".to_owned());
    };
    let lacks = |host: String| {
        let switch = status.switches.iter().find(|switch| switch.node.as_str() == host);
        lacks(switch).map(|what| (what, host))
    };
    let lacking: Vec<_> = testbed.config().host_ids().filter_map(|host| lacks(host.to_string())).collect();
    if let Some((what, first)) = lacking.first() {
        let others = match lacking.len() - 1 {
            0 => String::new(),
            more => format!(" (and {more} more hosts)"),
        };
        return Some(format!("{first} {what}{others}"));
    }
    match (status.converged, status.mesh_ready) {
        (false, _) => Some("not converged".to_owned()),
        (true, false) => Some("tunnels do not all pass packets yet".to_owned()),
        (true, true) => None,
    }
}

fn lacks(switch: Option<&SwitchStatus>) -> Option<String> {
    let Some(switch) = switch else {
        return Some("has not joined".to_owned());
    };
    if let Some(error) = &switch.error {
        return Some(format!("says: {error}"));
    }
    let what = match switch {
        SwitchStatus { down: true, .. } => "is down",
        SwitchStatus { agent: false, .. } => "has no agent reporting",
        SwitchStatus { ovsdb: false, .. } => "has no OVSDB session",
        SwitchStatus { openflow: false, .. } => "has no OpenFlow session",
        SwitchStatus { ready: false, .. } => "has not acknowledged its flows",
        _ => return None,
    };
    Some(what.to_owned())
}

fn check_daemons(testbed: &Testbed) -> Result<()> {
    let (config, state) = (testbed.config(), testbed.state());
    let agents = config.host_ids().map(|host| control::agent(config, state, host));
    let controllers = (1..=config.controllers).map(|number| control::controller(config, state, number));
    for daemon in controllers.chain(agents) {
        if !daemon.is_alive() {
            bail!("{} ended: {}", daemon.name(), daemon.last_words());
        }
    }
    Ok(())
}
