//! The measurements.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use api::status::{Status, SwitchStatus};
use api::{DEFAULT_NETWORK, Name};

use super::report::{Memory, Report, Restart, Traffic};
use super::{Cluster, Config};
use crate::load::figures::{Spread, Times};
use crate::load::owner;

/// How long to wait at least before asking once more whether all is in sync.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// How many times the time that an answer took to wait before asking again: asking is not to be the load.
const SHARE: u32 = 4;

/// How long a cluster that is disconnected is left alone.
const PAUSE: Duration = Duration::from_millis(500);

pub(super) async fn all(
    cluster: &Cluster,
    config: &Config,
    addresses: &[IpAddr],
    say: &mut (dyn FnMut(&str) + Send),
) -> Result<Report> {
    let cpu = || cluster.pid.and_then(owner::cpu_seconds);
    let before = cpu();
    let cold_start = sync(cluster, Change::Connect).await.context("cold start")?;
    let cold_start_cpu = cpu().zip(before).map(|(after, before)| after - before);
    say(&format!("in sync after {:.2} s", cold_start.as_secs_f64()));
    let loaded = traffic(cluster);
    let storm = tokio::spawn(super::storm(cluster.storming.clone()));
    let endpoint = endpoints(cluster, config.rounds).await.context("one endpoint more")?;
    let service = services(cluster, config, addresses).await.context("one service more")?;
    let memory = memory(cluster);
    let flows = Spread::of(cluster.healthy().map(|host| host.size().0 as u64));
    let groups = Spread::of(cluster.healthy().map(|host| host.size().1 as u64));
    let flat = flat(cluster, config.flat_rounds).await.context("one endpoint more of a flat network")?;
    storm.abort();
    let restart = match config.reconnect {
        true => Some(restart(cluster).await.context("restart")?),
        false => None,
    };
    Ok(Report {
        nodes: config.nodes,
        endpoints: config.nodes * config.endpoints,
        services: config.services,
        backends: config.backends,
        misbehaving: config.misbehave.map_or(0, |(_, count)| count),
        cold_start_seconds: cold_start.as_secs_f64(),
        cold_start_cpu_seconds: cold_start_cpu,
        endpoint_seconds: endpoint,
        service_seconds: service,
        flat_seconds: flat,
        flows,
        groups,
        memory,
        traffic: loaded,
        restart,
    })
}

/// What begins a wait.
enum Change {
    Connect,
    Reconnect,
}

/// Does it, and waits until all is in sync.
async fn sync(cluster: &Cluster, change: Change) -> Result<Duration> {
    if matches!(change, Change::Reconnect) {
        cluster.set_online(false);
        gone(cluster).await?;
        tokio::time::sleep(PAUSE).await;
    }
    let since = Instant::now();
    cluster.set_online(true);
    loop {
        let asked = Instant::now();
        let status = cluster.intent.status().await?;
        let behind = behind(cluster, &status);
        if behind.is_none() {
            return Ok(since.elapsed());
        }
        if since.elapsed() > cluster.patience {
            bail!("not in sync after {} s: {}", cluster.patience.as_secs(), behind.unwrap_or_default());
        }
        tokio::time::sleep(ASK_AGAIN.max(asked.elapsed() * SHARE)).await;
    }
}

/// Waits until the controller has noticed that nobody is there.
async fn gone(cluster: &Cluster) -> Result<()> {
    let since = Instant::now();
    while since.elapsed() < cluster.patience {
        let status = cluster.intent.status().await?;
        if !status.switches.iter().any(|switch| switch.openflow || switch.ovsdb) {
            return Ok(());
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
    bail!("the controller does not notice that nobody is connected")
}

/// What is not in sync, if anything: the controller's word is held against what switches hold.
fn behind(cluster: &Cluster, status: &Status) -> Option<String> {
    let all_good = cluster.healthy().count() == cluster.hosts.len();
    let switches: BTreeMap<&str, &SwitchStatus> = status.switches.iter().map(|s| (s.node.as_str(), s)).collect();
    for host in cluster.healthy() {
        let Some(switch) = switches.get(host.name().as_str()) else {
            return Some(format!("{} is unknown", host.name()));
        };
        let (flows, groups) = host.size();
        let said = (switch.flows as usize, switch.groups as usize);
        if !(switch.openflow && switch.ovsdb) || switch.revision < status.revision || (flows, groups) != said {
            let error = switch.error.as_deref().unwrap_or("not there yet");
            let connected = (switch.openflow, switch.ovsdb);
            return Some(format!(
                "{}: has {flows} flows and {groups} groups of {said:?}, OpenFlow and OVSDB {connected:?}: {error}",
                host.name()
            ));
        }
    }
    (all_good && !status.converged).then(|| "the controller does not say so".to_owned())
}

/// One endpoint more, on one healthy host after the other, until acknowledged everywhere.
async fn endpoints(cluster: &Cluster, rounds: usize) -> Result<Times> {
    one_more(cluster, rounds, &Name::new(DEFAULT_NETWORK)?).await
}

/// The same in a flat network that all healthy hosts have an endpoint of: each of their switches is concerned.
async fn flat(cluster: &Cluster, rounds: usize) -> Result<Times> {
    if rounds == 0 {
        return Ok(Times::default());
    }
    let flat = Name::new("flat")?;
    cluster.intent.flat_network(&flat).await?;
    let hosts: Vec<Name> = cluster.healthy().map(|host| host.name().clone()).collect();
    cluster.intent.one_on_each(&hosts, &flat).await?;
    one_more(cluster, rounds, &flat).await
}

async fn one_more(cluster: &Cluster, rounds: usize, network: &Name) -> Result<Times> {
    let hosts: Vec<_> = cluster.healthy().collect();
    let mut times = Vec::with_capacity(rounds);
    // a stride that visits hosts far apart
    for (round, host) in hosts.iter().cycle().step_by(7).take(rounds).enumerate() {
        let name = format!("more-{round}");
        let since = Instant::now();
        cluster.intent.endpoint_everywhere(&name, &format!("m{round}"), host.name(), network).await?;
        times.push(since.elapsed());
        cluster.intent.remove_endpoint(&name).await?;
    }
    Ok(Times::of(times))
}

async fn services(cluster: &Cluster, config: &Config, addresses: &[IpAddr]) -> Result<Times> {
    let mut times = Vec::with_capacity(config.service_rounds);
    let bad = cluster.hosts.len() - cluster.healthy().count();
    // every switch is concerned, and those that misbehave never acknowledge
    let rounds = if bad == 0 && !addresses.is_empty() { config.service_rounds } else { 0 };
    for _ in 0..rounds {
        let since = Instant::now();
        cluster.intent.service(config.services, addresses, true).await?;
        times.push(since.elapsed());
        cluster.intent.remove_service(config.services).await?;
    }
    Ok(Times::of(times))
}

async fn restart(cluster: &Cluster) -> Result<Restart> {
    let before = cluster.switch_counts();
    let databases = cluster.database_counts();
    let took = sync(cluster, Change::Reconnect).await?;
    let mut restart = Restart { seconds: took.as_secs_f64(), ..Restart::default() };
    for (before, after) in before.iter().zip(cluster.switch_counts()) {
        restart.flow_mods += after.flow_mods - before.flow_mods;
        restart.group_mods += after.group_mods - before.group_mods;
        restart.handshakes += after.handshakes - before.handshakes;
    }
    for (before, after) in databases.iter().zip(cluster.database_counts()) {
        // its own word about a connection to the controller that comes and goes
        restart.commits += (after.commits - before.commits).saturating_sub(2);
    }
    Ok(restart)
}

fn traffic(cluster: &Cluster) -> Traffic {
    let switches = cluster.switch_counts();
    let databases = cluster.database_counts();
    Traffic {
        messages_to_switch: Spread::of(switches.iter().map(|counts| counts.messages_in)),
        bytes_to_switch: Spread::of(switches.iter().map(|counts| counts.bytes_in)),
        messages_from_switch: Spread::of(switches.iter().map(|counts| counts.messages_out)),
        bytes_from_switch: Spread::of(switches.iter().map(|counts| counts.bytes_out)),
        flow_mods: Spread::of(switches.iter().map(|counts| counts.flow_mods)),
        group_mods: Spread::of(switches.iter().map(|counts| counts.group_mods)),
        bytes_to_database: Spread::of(databases.iter().map(|counts| counts.bytes_in)),
        bytes_from_database: Spread::of(databases.iter().map(|counts| counts.bytes_out)),
    }
}

fn memory(cluster: &Cluster) -> Memory {
    let own = i32::try_from(std::process::id()).ok();
    Memory { controller_bytes: cluster.pid.and_then(owner::memory), own_bytes: own.and_then(owner::memory) }
}
