//! The figures of `make bench`, measured from outside on a fresh testbed.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::plan::Config;
use crate::pod::PodSpec;
use crate::testbed::Scoped;
use crate::{control, process, ready};

const ENDPOINTS: usize = 50;

/// What was measured with one number of hosts.
#[derive(Debug)]
pub struct Figures {
    /// Number of hosts.
    pub hosts: u16,
    /// From `up` to a mesh that is ready.
    pub ready: Duration,
    /// Median from the request to add a pod to its acknowledgement by every switch concerned; its
    /// namespace, its devices and its Open vSwitch port included.
    pub pod_added: Duration,
    /// The slowest of them.
    pub pod_added_worst: Duration,
    /// Most flows on a host, with all pods there.
    pub flows: u64,
    /// Resident memory of the controller, in KiB.
    pub controller_kb: u64,
    /// Most resident memory of an agent, in KiB.
    pub agent_kb: u64,
}

/// Brings `hosts` hosts up, adds pods one after the other, and takes everything down.
///
/// # Errors
/// When a step fails.
pub fn measure(hosts: u16) -> Result<Figures> {
    let config = Config { hosts, ..Config::new("bench") };
    let since = Instant::now();
    let testbed = Scoped::up(&config, &mut |_| {})?;
    let ready = since.elapsed();
    let mut times = Vec::with_capacity(ENDPOINTS);
    for (index, host) in config.host_ids().cycle().take(ENDPOINTS).enumerate() {
        let since = Instant::now();
        testbed.pod_add(&PodSpec::new(&format!("p{index}"), host))?;
        times.push(since.elapsed());
    }
    times.sort_unstable();
    let status = ready::status(&testbed)?;
    let memory = |daemon: process::Daemon| {
        let pid = daemon.pid().with_context(|| format!("{} ended", daemon.name()))?;
        process::memory_kb(pid).context("no memory figure")
    };
    let agents = config.host_ids().map(|host| memory(control::agent(&config, testbed.state(), host)));
    Ok(Figures {
        hosts,
        ready,
        pod_added: times[ENDPOINTS / 2],
        pod_added_worst: times[ENDPOINTS - 1],
        flows: status.switches.iter().map(|switch| switch.flows).max().unwrap_or_default(),
        controller_kb: memory(control::controller(&config, testbed.state(), 1))?,
        agent_kb: agents.collect::<Result<Vec<_>>>()?.into_iter().max().unwrap_or_default(),
    })
}
