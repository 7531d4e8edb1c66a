//! Docker as its command line shows it, and the firewall rule that lets the bridge be reached.

use std::{path::PathBuf, process::Stdio, time::Duration};

use anyhow::{Context, ensure};
use ipnet::IpNet;
use tokio::{
    process::Command,
    time::{Instant, sleep, timeout},
};

use super::record::Record;
use crate::{args::TakeoverArgs, trouble::Trouble};

/// How long a command may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long Docker may take to be there again: it gives each container ten seconds to end.
const RESTART: Duration = Duration::from_secs(90);
/// How often the firewall is looked at.
const INTERVAL: Duration = Duration::from_secs(10);
/// What lets through what the kernel routes from `kbr0` to Docker's bridge.
const RULE: [&str; 7] = ["DOCKER-USER", "-i", "kbr0", "-o", "docker0", "-j", "ACCEPT"];

/// The Docker of this host.
pub struct Docker {
    restart: Vec<String>,
}

/// What it was found to be like.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its version.
    pub version: String,
    /// The first number of that.
    pub major: u32,
    /// The names of containers that run.
    pub running: Vec<String>,
    /// The subnet of its bridge.
    pub subnet: IpNet,
    /// Whether containers survive its restart.
    pub live_restore: bool,
}

impl Docker {
    /// The Docker that these options speak of.
    pub fn new(args: &TakeoverArgs) -> Self {
        Self { restart: args.restart.split_whitespace().map(str::to_owned).collect() }
    }

    /// Looks at it.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn look(&self) -> anyhow::Result<Seen> {
        let version = docker(&["version", "--format", "{{.Server.Version}}"]).await?;
        let major = version.split('.').next().and_then(|number| number.parse().ok());
        let running = docker(&["ps", "--format", "{{.Names}}"]).await?;
        let live_restore = docker(&["info", "--format", "{{.LiveRestoreEnabled}}"]).await?;
        Ok(Seen {
            major: major.with_context(|| format!("cannot read Docker's version {version:?}"))?,
            version,
            running: running.lines().map(str::to_owned).collect(),
            subnet: self.subnet().await?,
            live_restore: live_restore == "true",
        })
    }

    /// The subnet of its bridge.
    ///
    /// # Errors
    /// When it does not answer, or has none.
    pub async fn subnet(&self) -> anyhow::Result<IpNet> {
        let format = "{{(index .IPAM.Config 0).Subnet}}";
        let text = docker(&["network", "inspect", "bridge", "--format", format]).await?;
        text.parse().map(|net: IpNet| net.trunc()).with_context(|| format!("Docker's bridge has {text:?}"))
    }

    /// Restarts it and waits until it answers.
    ///
    /// # Errors
    /// When it cannot be restarted or does not come back.
    pub async fn restart(&self) -> anyhow::Result<()> {
        let (program, arguments) = self.restart.split_first().context("--restart names no command")?;
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        output(program, &arguments, RESTART).await?;
        let until = Instant::now() + RESTART;
        while let Err(error) = docker(&["version", "--format", "{{.Server.Version}}"]).await {
            if Instant::now() >= until {
                return Err(error.context("Docker does not come back"));
            }
            sleep(Duration::from_millis(200)).await;
        }
        Ok(())
    }
}

/// Lets the kernel forward from `kbr0` to Docker's bridge.
///
/// # Errors
/// What iptables said.
pub async fn allow_forwarding() -> anyhow::Result<()> {
    if rule("-C").await.is_ok() {
        return Ok(());
    }
    rule("-I").await.map(|_| ())
}

/// Takes back what [`allow_forwarding`] did; there may be nothing to take back.
pub async fn forbid_forwarding() {
    while rule("-C").await.is_ok() && rule("-D").await.is_ok() {}
}

/// Keeps the rule for ever while Docker is taken over: a restart of the host forgets it.
pub async fn keep(state_dir: PathBuf) {
    let mut trouble = Trouble::new("let kbr0 and docker0 forward to each other");
    loop {
        if matches!(Record::read(&state_dir), Ok(Some(_))) {
            match allow_forwarding().await {
                Ok(()) => trouble.over(),
                Err(e) => trouble.note(format!("{e:#}")),
            }
        }
        sleep(INTERVAL).await;
    }
}

async fn rule(what: &str) -> anyhow::Result<String> {
    let arguments: Vec<&str> = ["-w", what].into_iter().chain(RULE).collect();
    output("iptables", &arguments, PATIENCE).await
}

async fn docker(arguments: &[&str]) -> anyhow::Result<String> {
    output("docker", arguments, PATIENCE).await
}

async fn output(program: &str, arguments: &[&str], patience: Duration) -> anyhow::Result<String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(patience, command.output()).await.with_context(|| format!("{program} takes too long"))?;
    let output = output.with_context(|| format!("cannot run {program}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let reason = said.lines().last().unwrap_or("failed without a word");
    ensure!(output.status.success(), "{program} {}: {reason}", arguments.first().unwrap_or(&""));
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
