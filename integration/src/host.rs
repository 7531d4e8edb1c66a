//! Hosts: the namespace's own settings, Open vSwitch, and bringing many up at once.

use std::fs;
use std::process::Command;
use std::sync::Mutex;
use std::thread;

use anyhow::{Context, Result};

use crate::ovs::Ovs;
use crate::plan::{Config, HostId, Place, UPLINK};
use crate::state::StateDir;
use crate::{netns, tool};

const WORKERS: usize = 16;

/// Brings every host up to a running Open vSwitch with the underlay address on `br-phy`.
///
/// # Errors
/// The first host's error; the others are left as far as they got.
pub fn up_all(config: &Config, state: &StateDir) -> Result<()> {
    let empty = empty_database(state);
    netns::within(&config.underlay_netns(), || tool::run(Command::new("ovsdb-tool").arg("create").arg(&empty)))?;
    each(config, |host| up(config, state, host).with_context(|| format!("host {host}")))
}

/// The empty database that new hosts start with.
#[must_use]
pub fn empty_database(state: &StateDir) -> std::path::PathBuf {
    state.path().join("empty.db")
}

/// Does `work` for every host, several at a time.
///
/// # Errors
/// The first error met; hosts not begun by then are left out.
pub fn each(config: &Config, work: impl Fn(HostId) -> Result<()> + Sync) -> Result<()> {
    let hosts = Mutex::new(config.host_ids());
    let failure = Mutex::new(None);
    let next = || hosts.lock().expect("no worker panics here").next();
    let worker = || {
        while failure.lock().expect("nor here").is_none()
            && let Some(host) = next()
        {
            if let Err(error) = work(host) {
                failure.lock().expect("nor here").get_or_insert(error);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..WORKERS.min(usize::from(config.hosts)) {
            scope.spawn(worker);
        }
    });
    match failure.into_inner().expect("nor here") {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

fn up(config: &Config, state: &StateDir, host: HostId) -> Result<()> {
    fs::create_dir(state.host(host))?;
    netns::within(&config.netns(&Place::from(host)), prepare)?;
    Ovs::new(config, state, host).start(&empty_database(state))
}

/// The host forwards between its devices, and its kernel leaves the uplink's ARP and IPv6 alone: the
/// userspace datapath and the kernel both see every frame there, and only the former may answer.
fn prepare() -> Result<()> {
    tool::sysctl("ipv4/ip_forward", "1")?;
    tool::sysctl("ipv4/conf/all/rp_filter", "0")?;
    tool::sysctl("ipv4/conf/default/rp_filter", "0")?;
    tool::sysctl(&format!("ipv4/conf/{UPLINK}/arp_ignore"), "8")?;
    tool::sysctl(&format!("ipv6/conf/{UPLINK}/disable_ipv6"), "1")?;
    tool::tx_offload_off(UPLINK)?;
    tool::ip_batch(&["link set lo up".to_owned(), format!("link set {UPLINK} up")])
}
