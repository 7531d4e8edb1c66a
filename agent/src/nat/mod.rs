//! Between this host's kernel and the outside: masquerade, published services, refusals, and packets from elsewhere that
//! carry an address of the cluster as source, which are dropped and counted. One nftables table of the
//! agent's own, `ip sdn`, written anew or left alone; and `ip6 sdn`, where there are IPv6 addresses to masquerade. What
//! its counters have counted stays when it is written anew.

mod listing;
mod table;

use std::{net::IpAddr, process::Stdio, time::Duration};

use tokio::{
    io::AsyncWriteExt,
    process::Command,
    sync::watch,
    time::{sleep, timeout},
};

use crate::{conntrack, direct::Direct, follow::Configs, trouble::Trouble};
use listing::Listing;
pub use table::Want;

/// How often the table is looked at when nothing has changed.
const INTERVAL: Duration = Duration::from_secs(10);
/// How long `nft` may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Which of the two tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// `ip sdn`.
    V4,
    /// `ip6 sdn`.
    V6,
}

impl Family {
    fn has(self, ip: IpAddr) -> bool {
        ip.is_ipv4() == (self == Self::V4)
    }

    /// The name nftables has for it.
    fn name(self) -> &'static str {
        if self == Self::V4 { "ip" } else { "ip6" }
    }

    /// The type nftables has for its addresses.
    fn address(self) -> &'static str {
        if self == Self::V4 { "ipv4_addr" } else { "ipv6_addr" }
    }
}

/// Keeps the table right for ever.
pub async fn keep(mut configs: Configs, mut direct: watch::Receiver<Option<Direct>>) {
    let mut trouble = Trouble::new("write the table of masquerade and published services");
    loop {
        let current = configs.borrow_and_update().clone();
        let taken = direct.borrow_and_update().clone();
        // What was taken in before this agent started goes on to be.
        let wants = |family| Want::of(&current.as_ref()?.config, family, taken.as_ref()?);
        for want in [Family::V4, Family::V6].into_iter().filter_map(wants) {
            match ensure(&want).await {
                Ok(written) => {
                    trouble.over();
                    if written {
                        forget(want).await;
                    }
                }
                Err(e) => {
                    trouble.note(e);
                    break;
                }
            }
        }
        tokio::select! {
            changed = configs.changed() => if changed.is_err() { return },
            changed = direct.changed() => if changed.is_err() { return },
            () = sleep(INTERVAL) => {}
        }
    }
}

/// Has the kernel forget the connections that the new table would translate in another way.
async fn forget(want: Want) {
    let forget = move || conntrack::forget(want.family, &want.published, want.services.as_ref());
    match tokio::task::spawn_blocking(forget).await {
        Ok(Ok(count)) => tracing::debug!(count, "connections forgotten"),
        Ok(Err(error)) => tracing::warn!(%error, "UDP connections that never pause may not notice published services"),
        Err(error) => tracing::warn!(%error, "conntrack"),
    }
}

/// Makes the table right and answers whether anything had to be written.
///
/// # Errors
/// What `nft` said.
pub async fn ensure(want: &Want) -> anyhow::Result<bool> {
    // A table that is missing is printed as an error.
    let listed = nft(&["-j", "list", "table", want.family.name(), "sdn"], "").await;
    let listing = listed.ok().and_then(|listed| Listing::parse(&listed));
    if let Some(listing) = listing {
        if want.is_installed(&listing) {
            return Ok(false);
        }
        match nft(&["-f", "-"], &want.update(&listing)).await {
            Ok(_) => return Ok(true),
            Err(error) => tracing::warn!(%error, "the nftables table is replaced; its counters begin anew"),
        }
    }
    nft(&["-f", "-"], &want.ruleset()).await?;
    Ok(true)
}

async fn nft(arguments: &[&str], input: &str) -> anyhow::Result<String> {
    let mut child = Command::new("nft")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| anyhow::anyhow!("cannot run nft: {e}; is nftables installed?"))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).await?;
    }
    let output = timeout(PATIENCE, child.wait_with_output()).await??;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr);
        anyhow::bail!("nft: {}", reason.lines().next().unwrap_or("failed without a word"));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests;
