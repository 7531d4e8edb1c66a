//! The product's own daemons in a testbed: the controller and one agent per host.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::etcd;
use crate::ovs::Ovs;
use crate::plan::{Config, HostId, Place, controller_ip};
use crate::process::Daemon;
use crate::state::StateDir;

/// Port of the controller's HTTP API.
pub const HTTP_PORT: u16 = 6680;

/// The controller, as seen from its own namespace.
#[must_use]
pub fn local_server() -> String {
    format!("http://127.0.0.1:{HTTP_PORT}")
}

/// The controllers, as seen from the underlay.
#[must_use]
pub fn servers(config: &Config) -> String {
    let server = |number| format!("http://{}:{HTTP_PORT}", controller_ip(number));
    (1..=config.controllers).map(server).collect::<Vec<_>>().join(",")
}

/// The directory that holds the product's programs: the one of the running executable.
///
/// # Errors
/// When the system does not tell where that is.
pub fn bin_dir() -> Result<PathBuf> {
    let exe = env::current_exe().context("cannot tell where this program lies")?;
    let mut dir = exe.parent().context("this program lies nowhere")?;
    // Cargo puts test programs one level below the programs they test.
    if dir.ends_with("deps") {
        dir = dir.parent().unwrap_or(dir);
    }
    Ok(dir.to_owned())
}

/// A program of the product.
///
/// # Errors
/// When it has not been built.
pub fn program(name: &str) -> Result<PathBuf> {
    let path = bin_dir()?.join(name);
    ensure!(path.is_file(), "{name} is not in {}: build it there first", bin_dir()?.display());
    Ok(path)
}

/// The daemon of controller number `number`.
#[must_use]
pub fn controller(config: &Config, state: &StateDir, number: u16) -> Daemon {
    let place = Place::controller(number);
    Daemon::new(config.netns(&place), state.path(), &place.to_string())
}

/// Starts all controllers, and before them the etcd they share if they are several.
///
/// # Errors
/// When one runs already or cannot be started.
pub fn start_controllers(config: &Config, state: &StateDir) -> Result<()> {
    for number in (1..=config.controllers).filter(|_| config.controllers > 1) {
        etcd::start(config, state, number)?;
    }
    (1..=config.controllers).try_for_each(|number| start_controller(config, state, number))
}

/// Starts controller number `number` on the data it has.
///
/// # Errors
/// When it runs already or cannot be started.
pub fn start_controller(config: &Config, state: &StateDir, number: u16) -> Result<()> {
    let name = Place::controller(number).to_string();
    let data = state.path().join(&name);
    fs::create_dir_all(&data)?;
    let mut command = Command::new(program("sdn-controller")?);
    command
        .arg("--data-dir")
        .arg(data)
        .args(["--listen-openflow", "0.0.0.0:6653"])
        .args(["--listen-ovsdb", "0.0.0.0:6640"])
        .args(["--listen-http", &format!("0.0.0.0:{HTTP_PORT}")])
        .args(["--tunnel", &config.tunnel.to_string()])
        .args(["--mesh", &config.mesh.to_string()]);
    if config.controllers > 1 {
        let ip = controller_ip(number).to_string();
        command.args(["--store", &etcd::url(config, number), "--id", &name, "--advertise", &ip]);
    }
    controller(config, state, number).start(command)
}

/// A host's agent daemon.
#[must_use]
pub fn agent(config: &Config, state: &StateDir, host: HostId) -> Daemon {
    Daemon::new(config.netns(&Place::from(host)), &state.host(host), "agent")
}

/// Where a host's agent takes commands.
#[must_use]
pub fn agent_socket(state: &StateDir, host: HostId) -> PathBuf {
    state.host(host).join("agent.sock")
}

/// Starts a host's agent.
///
/// # Errors
/// When it runs already or cannot be started.
pub fn start_agent(config: &Config, state: &StateDir, host: HostId) -> Result<()> {
    let mut command = Command::new(program("sdn-agent")?);
    command
        .arg("run")
        .args(["--controller", &servers(config)])
        .args(["--node", &host.to_string()])
        .args(["--underlay-ip", &host.ip().to_string()])
        .args(["--ovs-db", &Ovs::new(config, state, host).database()])
        .arg("--socket")
        .arg(agent_socket(state, host))
        .arg("--state-dir")
        .arg(state.host(host).join("agent"));
    agent(config, state, host).start(command)
}
