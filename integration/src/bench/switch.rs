//! 50,000 flows of one real switch, ours and those of `ovs-ofctl`.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use api::Name;

use super::table::{Figure, Row};
use crate::load::figures::Times;
use crate::load::intent::{self, Intent};
use crate::plan::{Config, Place, Target};
use crate::testbed::{Scoped, Testbed};
use crate::{client, control, netns, tool};

/// Nodes without a host, which have the endpoints that flows lead to.
const FAR: usize = 25;
/// Endpoints of each: a switch that has an endpoint of their network has two flows for each of them.
const EACH: usize = 1000;
const ROUNDS: usize = 3;
const PATIENCE: Duration = Duration::from_secs(60);
/// The bridge that `ovs-ofctl` fills.
const OTHER: &str = "br-other";

/// Measures both on the same host.
///
/// # Errors
/// When a step fails.
pub fn measure(say: &mut dyn FnMut(&str)) -> Result<Vec<Row>> {
    say("one host with 50,000 flows");
    let config = Config { hosts: 1, ..Config::new("bench-flows") };
    let testbed = Scoped::up(&config, &mut |_| {})?;
    let near = Place::Host(config.host_ids().next().context("a host")?);
    testbed.run(&near, &["ip", "link", "add", "near", "type", "veth", "peer", "name", "pod"])?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let controller = config.netns(&Place::Controller);
    let (ours, flows) = netns::within(&controller, || runtime.block_on(install(&testbed)))?;
    let theirs = fill(&testbed, &near)?;

    let kept = testbed.run(&near, &["ovs-ofctl", "-O", "OpenFlow13", "dump-aggregate", "kbr0"])?;
    let mut dumps = Vec::new();
    for _ in 0..ROUNDS {
        let since = Instant::now();
        testbed.run(&near, &["ovs-ofctl", "-O", "OpenFlow13", "dump-flows", "kbr0"])?;
        dumps.push(since.elapsed());
    }
    let (mut audits, mut starts) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (start, audit) = netns::within(&controller, || runtime.block_on(restart(&testbed)))?;
        starts.push(start);
        audits.push(audit);
        ensure!(client::flow_mods(&testbed)? == 0, "flow-mods were sent after a restart");
    }
    let still = testbed.run(&near, &["ovs-ofctl", "-O", "OpenFlow13", "dump-aggregate", "kbr0"])?;
    ensure!(count(&kept)? == count(&still)?, "{kept} became {still}");

    let time = |times: Vec<Duration>| Figure::seconds(Times::of(times).median);
    let dump = time(dumps);
    let row = |what: String, ours, peer, must: &str| Row { what, ours, peer: Some(peer), must: must.into() };
    Ok(vec![
        row(
            format!("one real switch: {flows} flows more"),
            time(ours),
            (time(theirs), "ovs-ofctl --bundle".into()),
            "1.1 times theirs",
        ),
        row(
            format!("one real switch: {flows} flows read back, 0 flow-mods"),
            time(audits),
            (dump, "ovs-ofctl dump-flows".into()),
            "2 times theirs",
        ),
        row(
            "the same, from the start of the controller".into(),
            time(starts),
            (dump, "ovs-ofctl dump-flows".into()),
            "",
        ),
    ])
}

/// Has all flows come by one endpoint that joins their network, several times; the times, and how many they are.
async fn install(testbed: &Testbed) -> Result<(Vec<Duration>, u64)> {
    let api = Intent::new(&control::local_server(testbed.config()))?;
    let network = Name::new("flat")?;
    let names = (0..FAR).map(|n| Name::new(format!("far{n}"))).collect::<Result<Vec<_>, _>>()?;
    api.join(&names).await?;
    api.flat_network(&network).await?;
    for (n, node) in names.iter().enumerate() {
        let object = |k| intent::endpoint(Name::new(format!("e{n}-{k}"))?, node, &format!("v{n}-{k}"), &network);
        api.apply_at_once((0..EACH).map(object).collect::<Result<_>>()?).await?;
    }
    let before = settled(&api).await?;
    let mut times = Vec::new();
    let mut flows = 0;
    let (name, node) = (Name::new("near")?, Name::new("h1")?);
    for round in 0..ROUNDS {
        if round > 0 {
            api.remove_endpoint_at_once("near").await?;
            settled(&api).await?;
        }
        let near = intent::endpoint(name.clone(), &node, "near", &network)?;
        let since = Instant::now();
        api.apply_at_once(vec![near]).await?;
        flows = settled(&api).await? - before;
        times.push(since.elapsed());
    }
    Ok((times, flows))
}

/// Waits until the host's switch has all of the store's revision; how many flows it has then.
async fn settled(api: &Intent) -> Result<u64> {
    let since = Instant::now();
    while since.elapsed() < PATIENCE {
        let status = api.status().await?;
        let near = status.switches.iter().find(|switch| switch.node.as_str() == "h1").context("no h1")?;
        if near.openflow && near.revision >= status.revision {
            return Ok(near.flows);
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    anyhow::bail!("h1 is not in sync after {} s", PATIENCE.as_secs())
}

/// The same flows on another bridge of the same host, by `ovs-ofctl`.
fn fill(testbed: &Testbed, near: &Place) -> Result<Vec<Duration>> {
    let flows = client::sdnctl(testbed, "flows dump h1 -o ofctl")?;
    // Groups are not there.
    let flows: String = flows.lines().filter(|line| !line.contains("group:")).map(|line| format!("{line}\n")).collect();
    let file = testbed.state().path().join("flows");
    fs::write(&file, flows)?;
    let add = ["ovs-vsctl", "add-br", OTHER, "--", "set", "Bridge", OTHER, "datapath_type=netdev", "fail_mode=secure"];
    testbed.run(near, &add)?;
    (0..ROUNDS).map(|_| add_flows(testbed, near, &file)).collect()
}

fn add_flows(testbed: &Testbed, near: &Place, file: &Path) -> Result<Duration> {
    let protocol = ["-O", "OpenFlow13"];
    testbed.run(near, &[&["ovs-ofctl"], &protocol[..], &["del-flows", OTHER]].concat())?;
    let file = file.to_str().context("a path")?;
    let since = Instant::now();
    testbed.run(near, &[&["ovs-ofctl"], &protocol[..], &["--bundle", "add-flows", OTHER, file]].concat())?;
    Ok(since.elapsed())
}

/// Kills the controller and starts it: how long until the switch is known to be right, from its start and from its
/// session with the switch.
async fn restart(testbed: &Testbed) -> Result<(Duration, Duration)> {
    testbed.kill(Target::Controller)?;
    let since = Instant::now();
    testbed.start(Target::Controller)?;
    let api = Intent::new(&control::local_server(testbed.config()))?;
    tool::wait_until("the controller", PATIENCE, || client::http(testbed, "GET", "/readyz", b"").is_ok())?;
    // When it was last known to have no session: the time from there is no shorter than from the session's begin.
    let mut alone = since;
    while since.elapsed() < PATIENCE {
        let status = api.status().await?;
        let near = status.switches.iter().find(|switch| switch.node.as_str() == "h1").context("no h1")?;
        if !near.openflow {
            alone = Instant::now();
        } else if near.revision >= status.revision {
            return Ok((since.elapsed(), alone.elapsed()));
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    anyhow::bail!("h1 is not in sync after {} s", PATIENCE.as_secs())
}

fn count(aggregate: &str) -> Result<&str> {
    aggregate.split("flow_count=").nth(1).context("no number of flows")
}
