//! Where the host's firewall forwards nothing it does not know (Docker has it do so), endpoints' packets are let through.

use std::{io, process::Stdio, time::Duration};

use api::AgentConfig;
use ipnet::IpNet;
use tokio::{
    process::Command,
    time::{Instant, timeout},
};

use crate::Error;

/// How often it is looked whether the rule is still there.
const INTERVAL: Duration = Duration::from_secs(10);
/// How long iptables may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The rule of iptables, which is there while it is needed.
#[derive(Debug, Default)]
pub(super) struct Firewall {
    /// Whether the rule may be there.
    pub was_open: bool,
    looked: Option<(IpNet, Instant)>,
}

impl Firewall {
    /// Lets through what endpoints of the default network send each other.
    ///
    /// # Errors
    /// What iptables said.
    pub async fn open(&mut self, config: &AgentConfig) -> Result<(), Error> {
        let Some(pool) = pool(config) else { return Ok(()) };
        if self.looked.is_some_and(|(of, at)| of == pool && at.elapsed() < INTERVAL) {
            return Ok(());
        }
        if !iptables("-C", pool).await? && !iptables("-I", pool).await? {
            return Err(Error::kernel("iptables", format!("cannot let through what is from and to {pool}")));
        }
        (self.looked, self.was_open) = (Some((pool, Instant::now())), true);
        Ok(())
    }

    /// Takes the rule back, if it was there.
    ///
    /// # Errors
    /// What iptables said.
    pub async fn close(&mut self, config: &AgentConfig) -> Result<(), Error> {
        if let Some(pool) = pool(config).filter(|_| self.was_open) {
            while iptables("-D", pool).await? {}
        }
        *self = Self::default();
        Ok(())
    }
}

/// The subnet of the default network.
fn pool(config: &AgentConfig) -> Option<IpNet> {
    config.masquerade.iter().find(|pool| pool.contains(&config.gateway)).map(IpNet::trunc)
}

/// Whether iptables could do it; a host without iptables has no rules of it, and none is needed.
async fn iptables(what: &str, pool: IpNet) -> Result<bool, Error> {
    let pool = pool.to_string();
    let rule = ["-w", what, "FORWARD", "-s", &pool, "-d", &pool, "-m", "comment", "--comment", "sdn direct"];
    let mut command = Command::new("iptables");
    command.args(rule).args(["-j", "ACCEPT"]).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    match timeout(PATIENCE, command.status()).await {
        Ok(Ok(status)) => Ok(status.success()),
        Ok(Err(e)) if e.kind() == io::ErrorKind::NotFound => Ok(what != "-D"),
        Ok(Err(e)) => Err(Error::kernel("iptables", e)),
        Err(_) => Err(Error::kernel("iptables", "takes too long")),
    }
}
