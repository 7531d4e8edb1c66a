//! What no controller can beat on this machine: an empty barrier to all switches at once, over local sockets.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use futures::future;
use openflow::conn::{Config, Event};
use openflow::net::{self, Events, Handle};

use super::scale::SETTLED;
use crate::testbed::Testbed;

/// How long it takes until all have answered, `rounds` times. One round of each ovs-vswitchd's main loop is in it.
///
/// # Errors
/// When a switch cannot be asked.
pub async fn barriers(testbed: &Testbed, rounds: usize) -> Result<Vec<Duration>> {
    let sockets = testbed.config().host_ids().map(|host| testbed.state().host(host).join("kbr0.mgmt"));
    let sessions = future::try_join_all(sockets.map(async |socket| {
        let stream =
            net::connect_unix(&socket).await.with_context(|| format!("cannot connect to {}", socket.display()))?;
        up(net::spawn(stream, Config::default())).await
    }))
    .await?;
    let mut times = Vec::new();
    for _ in 0..rounds {
        tokio::time::sleep(SETTLED).await;
        let since = Instant::now();
        future::try_join_all(sessions.iter().map(|(handle, _)| handle.barrier())).await?;
        times.push(since.elapsed());
    }
    Ok(times)
}

/// Once the versions are agreed.
async fn up((handle, mut events): (Handle, Events)) -> Result<(Handle, Events)> {
    match events.recv().await {
        Some(Event::Up { .. }) => Ok((handle, events)),
        other => bail!("no OpenFlow session: {other:?}"),
    }
}
