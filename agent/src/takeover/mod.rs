//! `sdn-agent takeover`: containers of plain `docker run` get addresses of this host's subnet, and reach every endpoint.
//!
//! Docker's default bridge must be a Linux bridge, so it stays `docker0`. It gets a part of the host's subnet, the rest
//! of which stays the endpoints'; the controller keeps the part free and leads it to this host's kernel, which routes
//! between `docker0` and `kbr0`:
//!
//! ```text
//!  container ── docker0 ── kernel ── kbr0 (OVS) ── tunnel ── kbr0 ── endpoint, or docker0 of another host
//! ```
//!
//! Nothing but the configuration of Docker is changed, key by key, and what each key was is kept: `--undo` puts these
//! back and leaves what was edited since.

mod docker;
mod plan;
mod record;
mod settings;

use std::{io::Write, net::IpAddr};

use anyhow::{Context, bail, ensure};
use api::AgentConfig;
use ipnet::IpNet;

use crate::{args::TakeoverArgs, call, state::State};
use docker::Docker;
use plan::Plan;
use record::Record;

pub use docker::keep;

/// Shows what would be done, does it, or takes it back.
///
/// # Errors
/// What stands in the way, or what failed; whatever was done until then is undone.
pub async fn run(args: TakeoverArgs) -> anyhow::Result<()> {
    let docker = Docker::new(&args);
    let there = Record::read(&args.state_dir)?;
    if args.undo {
        let record = there.context("Docker was not taken over; there is nothing to undo")?;
        undo(&args, &docker, &record).await?;
        return say("Docker is as it was before");
    }
    if let Some(record) = &there {
        return say(&format!("Docker has {} already; sdn-agent takeover --undo takes it back", record.range));
    }
    let config = State::open(&args.state_dir)?.config().context("this host has not joined yet: no configuration")?;
    let plan = plan(&args, &docker, &config).await?;
    say(&plan.to_string())?;
    if !args.yes {
        return say("nothing was changed; --yes does it");
    }
    let record = plan.record();
    record.write(&args.state_dir)?;
    if let Err(error) = carry_out(&args, &docker, &plan).await {
        let undone = undo(&args, &docker, &record).await;
        return Err(match undone {
            Ok(()) => error.context("Docker was not taken over, and is as it was"),
            Err(second) => error.context(format!("not taken over, and not all could be undone ({second:#})")),
        });
    }
    say(&format!("containers get addresses of {} now; sdn-agent takeover --undo takes it back", record.range))
}

async fn plan(args: &TakeoverArgs, docker: &Docker, config: &AgentConfig) -> anyhow::Result<Plan> {
    let share = config.gateway.trunc();
    let range = match args.range {
        Some(range) => range.trunc(),
        None => upper_half(&share)?,
    };
    ensure!(share.contains(&range) && range != share, "{range} is no part of {share}, this host's subnet");
    ensure!(!range.contains(&config.gateway.addr()), "{range} holds the gateway; take the upper part of {share}");
    let before = settings::read(&args.daemon_json)?;
    let seen = docker.look().await?;
    if seen.live_restore && !seen.running.is_empty() {
        bail!("live-restore keeps running containers at their old addresses; stop them first, or turn it off");
    }
    Plan::new(config, range, seen, before, &args.daemon_json)
}

/// The part of a subnet that endpoints are given last.
fn upper_half(share: &IpNet) -> anyhow::Result<IpNet> {
    let halves = share.subnets(share.prefix_len() + 1).ok().and_then(|mut halves| halves.nth(1));
    halves.filter(|half| half.prefix_len() < 30).with_context(|| format!("{share} is too small to be shared"))
}

async fn carry_out(args: &TakeoverArgs, docker: &Docker, plan: &Plan) -> anyhow::Result<()> {
    call::reserve(&args.socket, plan.range).await.context("the controller")?;
    settings::write(&args.daemon_json, &plan.after)?;
    docker.restart().await?;
    let subnet = docker.subnet().await?;
    ensure!(subnet == plan.range, "Docker gives its bridge {subnet}, not {}; see its log", plan.range);
    docker::allow_forwarding().await
}

async fn undo(args: &TakeoverArgs, docker: &Docker, record: &Record) -> anyhow::Result<()> {
    let now = settings::read(&record.daemon_json)?;
    let restored = record.restore(now.as_deref())?;
    if restored != now {
        // Docker keeps the addresses that its bridge has, unless it is told others.
        settings::write(&record.daemon_json, &settings::with_bridge(restored.as_deref(), &record.bridge)?)?;
        docker.restart().await?;
        match &restored {
            Some(text) => settings::write(&record.daemon_json, text)?,
            None => std::fs::remove_file(&record.daemon_json)?,
        }
    }
    docker::forbid_forwarding().await;
    call::release(&args.socket).await.context("the controller still keeps the addresses free; try --undo again")?;
    Record::remove(&args.state_dir)
}

/// The bridge's own address: the first of its range.
fn first(range: &IpNet) -> anyhow::Result<IpAddr> {
    range.hosts().next().context("an empty range")
}

fn say(line: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}
