//! A pod with all that belongs to it: its namespace, its devices, its port and its flows, on 3 and 20 hosts.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::table::{Figure, Row};
use crate::load::figures::Times;
use crate::plan::Config;
use crate::pod::PodSpec;
use crate::testbed::Scoped;
use crate::{control, process};

const PODS: usize = 50;

/// Measures both sizes.
///
/// # Errors
/// When a step fails.
pub fn measure(say: &mut dyn FnMut(&str)) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for hosts in [3, 20] {
        say(&format!("{hosts} hosts with {PODS} pods"));
        rows.extend(on(hosts)?);
    }
    Ok(rows)
}

/// Brings `hosts` hosts up, adds pods one after the other, and takes everything down.
fn on(hosts: u16) -> Result<Vec<Row>> {
    let config = Config { hosts, ..Config::new("bench") };
    let since = Instant::now();
    let testbed = Scoped::up(&config, &mut |_| {})?;
    let ready = since.elapsed();
    let mut times: Vec<Duration> = Vec::with_capacity(PODS);
    for (index, host) in config.host_ids().cycle().take(PODS).enumerate() {
        let since = Instant::now();
        testbed.pod_add(&PodSpec::new(&format!("p{index}"), host))?;
        times.push(since.elapsed());
    }
    let times = Times::of(times);
    let memory = |daemon: process::Daemon| {
        let pid = daemon.pid().with_context(|| format!("{} ended", daemon.name()))?;
        process::memory_kb(pid).map(|kib| Figure::Bytes(kib * 1024)).context("no memory figure")
    };
    let first = config.host_ids().next().context("a host")?;
    let row = |what: &str, ours, must: &str| Row {
        what: format!("{hosts} hosts: {what}"),
        ours,
        peer: None,
        must: must.into(),
    };
    Ok(vec![
        row("up and ready", Figure::Time(ready), ""),
        row("a pod more, median", Figure::seconds(times.median), ""),
        row("a pod more, the slowest of 50", Figure::seconds(times.max), ""),
        row("memory of the controller", memory(control::controller(&config, testbed.state(), 1))?, ""),
        row("memory of an agent", memory(control::agent(&config, testbed.state(), first))?, "20 MB"),
    ])
}
