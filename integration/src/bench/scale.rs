//! One change on 20 real hosts with 50 endpoints each, ours and OVN's.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use api::{DEFAULT_NETWORK, Name};

use super::ovn;
use super::table::{Figure, Row};
use crate::alone::Alone;
use crate::load::figures::Times;
use crate::load::intent::{self, Intent};
use crate::load::mesh;
use crate::ovs::Ovs;
use crate::plan::{Config, HostId, Place};
use crate::testbed::{Scoped, Testbed};
use crate::{control, host, netns, process, tool};

/// Hosts.
pub const HOSTS: u16 = 20;
/// Endpoints of each.
pub const EACH: usize = 50;
/// How often one endpoint more is measured.
pub const ROUNDS: usize = 11;
/// How long is waited before each.
pub const SETTLED: Duration = Duration::from_millis(200);
/// How often a service is measured.
pub const SERVICES: u32 = 5;
/// Backends of each.
pub const BACKENDS: usize = 50;

/// What was measured, of either.
#[derive(Debug)]
pub struct Scale {
    /// All endpoints in one step.
    pub bulk: Duration,
    /// One endpoint more, its port in Open vSwitch included.
    pub one_more: Times,
    /// One service more.
    pub service: Times,
    /// Flows on the first host.
    pub flows: u64,
    /// Resident memory of what runs in the centre, in KiB.
    pub central_kb: u64,
    /// Resident memory of what runs on the first host beside Open vSwitch, in KiB.
    pub host_kb: u64,
}

/// What ours can do beside that.
#[derive(Debug)]
struct Ours {
    scale: Scale,
    /// One endpoint more whose port is there already.
    without_port: Times,
    /// `ovs-vsctl add-port` alone.
    add_port: Times,
    /// How long cores ran all hosts' ovs-vswitchd, probes included, while a service was made.
    service_cpu: Times,
}

/// What of it is the controller's: the same in front of simulated hosts, whose switches do next to nothing.
#[derive(Debug)]
struct Share {
    one_more: f64,
    service: f64,
}

/// Measures both, one after the other.
///
/// # Errors
/// When a step fails.
pub fn measure(say: &mut dyn FnMut(&str)) -> Result<Vec<Row>> {
    say("20 hosts with Open vSwitch and OVN");
    let theirs = ovn::measure()?;
    say("20 hosts with Open vSwitch and this controller");
    let ours = ours()?;
    let share = share()?;
    let whose = format!("OVN {}", ovn::version()?);
    let time = |times: &Times| Figure::seconds(times.median);
    let row = |what: &str, ours, peer: Option<Figure>, must: &str| Row {
        what: format!("20 hosts × 50: {what}"),
        ours,
        peer: peer.map(|peer| (peer, whose.clone())),
        must: must.into(),
    };
    let Ours { scale, without_port, add_port, service_cpu } = &ours;
    let mut rows = vec![
        row("one endpoint more", time(&scale.one_more), Some(time(&theirs.one_more)), "25 ms"),
        row("one endpoint more, its port there already", time(without_port), Some(time(&theirs.one_more)), "8 ms"),
        row("1,000 endpoints in one step", Figure::Time(scale.bulk), Some(Figure::Time(theirs.bulk)), "1.2 s"),
        row("a service with 50 backends", time(&scale.service), Some(time(&theirs.service)), "30 ms"),
        row("flows on a host", Figure::Count(scale.flows), Some(Figure::Count(theirs.flows)), "400"),
    ];
    let kib = |kib: u64| Figure::Bytes(kib * 1024);
    rows.push(row("memory in the centre", kib(scale.central_kb), Some(kib(theirs.central_kb)), ""));
    rows.push(row("memory on a host", kib(scale.host_kb), Some(kib(theirs.host_kb)), "20 MB"));
    rows[0].what += &format!(" (its port alone: {:.1} ms)", add_port.median * 1000.0);
    rows[1].what += &format!(" (the controller's share: {:.1} ms)", share.one_more * 1000.0);
    let cores = thread::available_parallelism()?;
    let (share, cpu) = (share.service * 1000.0, service_cpu.median * 1000.0);
    rows[3].what +=
        &format!(" (the controller's share: {share:.1} ms; on {cores} cores, all ovs-vswitchd: {cpu:.1} ms)");
    Ok(rows)
}

/// How long cores have run all hosts' ovs-vswitchd.
pub fn switches_cpu(testbed: &Testbed) -> Duration {
    let config = testbed.config();
    config.host_ids().filter_map(|host| Ovs::new(config, testbed.state(), host).switch_cpu()).sum()
}

fn share() -> Result<Share> {
    let controller = Alone::start()?;
    let nodes = usize::from(HOSTS);
    let service_rounds = usize::try_from(SERVICES)?;
    let config =
        mesh::Config { endpoints: EACH, backends: BACKENDS, rounds: ROUNDS, service_rounds, ..controller.mesh(nodes) };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let report = runtime.block_on(mesh::run(&config, &mut |_| {})).context("simulated hosts")?;
    Ok(Share { one_more: report.endpoint_seconds.median, service: report.service_seconds.median })
}

fn ours() -> Result<Ours> {
    let config = Config { hosts: HOSTS, ..Config::new("bench") };
    let testbed = Scoped::up(&config, &mut |_| {})?;
    host::each(&config, |host| netns::within(&config.netns(&Place::from(host)), make_devices))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    netns::within(&config.netns(&Place::Controller), || runtime.block_on(measure_ours(&testbed)))
}

async fn measure_ours(testbed: &Testbed) -> Result<Ours> {
    let config = testbed.config();
    let hosts: Vec<HostId> = config.host_ids().collect();
    let nodes = hosts.iter().map(|host| Name::new(host.to_string())).collect::<Result<Vec<_>, _>>()?;
    let network = Name::new(DEFAULT_NETWORK)?;
    let intent = Intent::new(&control::local_server(config))?;

    let name = |(n, k): (usize, usize)| Name::new(format!("{}p{k}", hosts[n]));
    let all: Vec<(usize, usize)> = (0..hosts.len()).flat_map(|n| (0..EACH).map(move |k| (n, k))).collect();
    let object = |&(n, k): &(usize, usize)| intent::endpoint(name((n, k))?, &nodes[n], &device(k), &network);
    let objects = all.iter().map(object).collect::<Result<_>>()?;
    let since = Instant::now();
    intent.apply_everywhere(objects).await?;
    let bulk = since.elapsed();

    let (mut with_port, mut without_port, mut add_port) = (Vec::new(), Vec::new(), Vec::new());
    for (round, (host, node)) in hosts.iter().zip(&nodes).cycle().take(ROUNDS).enumerate() {
        // What the round before left to do, in Open vSwitch and agents, is not of this one.
        tokio::time::sleep(SETTLED).await;
        let since = Instant::now();
        let made = intent.endpoint_everywhere(&format!("more{round}"), &device(EACH + round), node, &network).await?;
        with_port.push(since.elapsed());
        // The next endpoint gets the next port: it can be made beforehand. The controller marks it as its own, which is
        // a change of the database; a port that bears the mark already would be taken for one that is not wanted.
        let there = device(EACH + ROUNDS + round);
        let request = format!("ofport_request={}", made.port + 1);
        let since = Instant::now();
        let add = ["ovs-vsctl", "add-port", "kbr0", &there, "--", "set", "Interface", &there, &request];
        testbed.run(&Place::from(*host), &add)?;
        add_port.push(since.elapsed());
        tokio::time::sleep(SETTLED).await;
        let since = Instant::now();
        let next = intent.endpoint_everywhere(&format!("there{round}"), &there, node, &network).await?;
        without_port.push(since.elapsed());
        ensure!(next.port == made.port + 1, "port {} of {there} was made in vain", made.port + 1);
    }

    let spread = (0..EACH).flat_map(|k| (0..hosts.len()).map(move |n| (n, k)));
    let names = spread.take(BACKENDS).map(name).collect::<Result<Vec<_>, _>>()?;
    let backends = intent.addresses(&names).await?;
    let cpu = || switches_cpu(testbed);
    let (mut service, mut service_cpu) = (Vec::new(), Vec::new());
    for number in 0..SERVICES {
        tokio::time::sleep(SETTLED).await;
        let before = cpu();
        let since = Instant::now();
        intent.service(number, &backends, true).await?;
        service.push(since.elapsed());
        service_cpu.push(cpu().saturating_sub(before));
    }
    let status = intent.status().await?;
    let memory = |daemon: process::Daemon| daemon.pid().and_then(process::memory_kb).context("no memory figure");
    let scale = Scale {
        bulk,
        one_more: Times::of(with_port),
        service: Times::of(service),
        flows: status.switches.iter().map(|switch| switch.flows).max().unwrap_or_default(),
        central_kb: memory(control::controller(config, testbed.state(), 1))?,
        host_kb: memory(control::agent(config, testbed.state(), hosts[0]))?,
    };
    let [without_port, add_port, service_cpu] = [without_port, add_port, service_cpu].map(Times::of);
    Ok(Ours { scale, without_port, add_port, service_cpu })
}

/// Devices for endpoints, as an agent makes them: what is measured is what comes after.
pub(super) fn make_devices() -> Result<()> {
    tool::sysctl("ipv6/conf/default/disable_ipv6", "1")?;
    let lines = (0..EACH + 2 * ROUNDS)
        .flat_map(|k| [format!("link add v{k} type veth peer name w{k}"), format!("link set v{k} up")]);
    tool::ip_batch(&lines.collect::<Vec<_>>())
}

pub(super) fn device(k: usize) -> String {
    format!("v{k}")
}
