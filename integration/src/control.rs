//! The product's own daemons in a testbed: the controller and one agent per host.

use std::env;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::etcd;
use crate::ovs::Ovs;
use crate::plan::{Config, EXTERNAL_IP, EXTERNAL_IP6, HostId, Place};
use crate::process::Daemon;
use crate::state::StateDir;
use crate::{clock, netns, tool};

/// Port of the controller's HTTP API.
pub const HTTP_PORT: u16 = 6680;

/// The pods' addresses where they have both families.
const DUAL_PODS: &str = "10.244.0.0/16,fd00:10:244::/48";
/// The virtual addresses there.
const DUAL_SERVICES: &str = "10.96.0.0/12,fd00:10:96::/112";

/// How long the first controller may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// The controller, as seen from its own namespace.
#[must_use]
pub fn local_server(config: &Config) -> String {
    format!("{}://127.0.0.1:{HTTP_PORT}", scheme(config))
}

fn scheme(config: &Config) -> &'static str {
    if config.secure { "https" } else { "http" }
}

/// The administrator's credential, written by controller number `number` when hosts join with tokens.
#[must_use]
pub fn credential(state: &StateDir, number: u16) -> PathBuf {
    state.path().join(Place::controller(number).to_string()).join("admin.pem")
}

/// Where the token lies that hosts join with.
fn token(state: &StateDir) -> PathBuf {
    state.path().join("token")
}

/// Makes the token that hosts join with, as soon as the controller answers.
///
/// # Errors
/// When it does not.
pub fn make_token(config: &Config, state: &StateDir) -> Result<()> {
    let sdnctl = program("sdnctl")?;
    let mut made = Err(anyhow::anyhow!("not asked"));
    let create = || {
        let mut command = Command::new(&sdnctl);
        command.args(["token", "create", "--ttl", "24h"]).env("SDN_SERVER", local_server(config));
        command.env("SDN_CREDENTIAL", credential(state, 1));
        made = netns::within(&config.netns(&Place::Controller), || tool::run(&mut command));
        made.is_ok()
    };
    tool::wait_until("a token", PATIENCE, create)?;
    fs::write(token(state), made?.trim()).context("cannot keep the token")
}

/// The controllers, as seen from the underlay.
#[must_use]
pub fn servers(config: &Config) -> String {
    let server = |number| format!("{}://{}", scheme(config), SocketAddr::new(config.controller_ip(number), HTTP_PORT));
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
    (1..=config.controllers).try_for_each(|number| start_controller(config, state, number))?;
    if config.secure { make_token(config, state) } else { Ok(()) }
}

/// Starts controller number `number` on the data it has.
///
/// # Errors
/// When it runs already or cannot be started.
pub fn start_controller(config: &Config, state: &StateDir, number: u16) -> Result<()> {
    let name = Place::controller(number).to_string();
    let data = state.path().join(&name);
    let any = if config.underlay6 { "[::]" } else { "0.0.0.0" };
    fs::create_dir_all(&data)?;
    let mut command = Command::new(program("sdn-controller")?);
    command
        .arg("--data-dir")
        .arg(data)
        .args(["--listen-openflow", &format!("{any}:6653")])
        .args(["--listen-ovsdb", &format!("{any}:6640")])
        .args(["--listen-http", &format!("{any}:{HTTP_PORT}")])
        .args(["--tunnel", &config.tunnel.to_string()])
        .args(["--mesh", &config.mesh.to_string()]);
    if !config.secure {
        command.arg("--insecure");
    }
    if let Some(seconds) = config.cert_lifetime {
        command.args(["--cert-lifetime", &format!("{seconds}s")]);
    }
    if let Some(limit) = config.conntrack_limit {
        command.args(["--conntrack-limit", &limit.to_string()]);
    }
    if config.ipv6 {
        command.args(["--pod-cidr", DUAL_PODS, "--service-cidr", DUAL_SERVICES]);
    }
    if config.controllers > 1 {
        let ip = config.controller_ip(number).to_string();
        command.args(["--store", &etcd::url(config, number), "--id", &name, "--advertise", &ip]);
    }
    clock::prepare(config, state, &Place::controller(number), &mut command)?;
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

/// The host's `resolv.conf`: its name server would be the machine outside.
fn resolv_conf(config: &Config, state: &StateDir, host: HostId) -> Result<PathBuf> {
    let path = state.host(host).join("resolv.conf");
    let server: IpAddr = if config.underlay6 { EXTERNAL_IP6.into() } else { EXTERNAL_IP.into() };
    fs::write(&path, format!("nameserver {server}\n")).context("cannot write the host's resolv.conf")?;
    Ok(path)
}

/// Starts a host's agent.
///
/// # Errors
/// When it runs already or cannot be started.
pub fn start_agent(config: &Config, state: &StateDir, host: HostId) -> Result<()> {
    let mut command = Command::new(program("sdn-agent")?);
    match config.secure {
        true => command.arg("join").arg(servers(config)).env("SDN_TOKEN", fs::read_to_string(token(state))?),
        false => command.arg("run").args(["--controller", &servers(config)]),
    };
    command
        .args(["--node", &host.to_string()])
        .args(["--underlay-ip", &config.host_ip(host).to_string()])
        .args(["--ovs-db", &Ovs::new(config, state, host).database()])
        .arg("--socket")
        .arg(agent_socket(state, host))
        .arg("--state-dir")
        .arg(state.host(host).join("agent"))
        .arg("--resolv-conf")
        .arg(resolv_conf(config, state, host)?);
    if config.ipv6 && !config.underlay6 {
        command.args(["--underlay-ip6", &host.ip6().to_string()]);
    }
    if let Some((_, zone)) = config.host_ids().zip(&config.zones).find(|(of, _)| *of == host) {
        command.args(["--zone", zone]);
    }
    clock::prepare(config, state, &Place::from(host), &mut command)?;
    agent(config, state, host).start(command)
}
