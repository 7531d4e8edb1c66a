//! The host's certificate in time: another one is asked for over the session there is, before it ends.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use api::{Client, Credential, JoinAnswer, Live, Name, RenewRequest, Validity, WriteOptions};
use tokio::time::sleep;
use tracing::info;

use crate::{
    identity::{Files, make_key},
    trouble::Trouble,
};

/// How often is looked whether it is due, as a part of its lifetime, and the shortest and longest pause.
const LOOKS: u64 = 50;
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(60));

/// Has another certificate made in time, for ever; Open vSwitch reads the file again when it has changed.
pub async fn keep(files: &Files, live: &Live, client: &Client, node: &Name) {
    let mut trouble = Trouble::new("renew this host's certificate");
    loop {
        let validity = live.validity();
        if validity.is_due(unix_now()) {
            match renew(files, live, client, node).await {
                Ok(()) => {
                    trouble.over();
                    info!("this host's certificate is renewed");
                }
                Err(_) if validity.has_ended(unix_now()) => {
                    trouble.note("it has ended; join again: sdn-agent join CONTROLLER --token TOKEN");
                }
                Err(error) => trouble.note(format!("{error:#}")),
            }
        }
        let Validity { from, until } = live.validity();
        let part = Duration::from_secs(until.saturating_sub(from).unsigned_abs() / LOOKS);
        sleep(part.clamp(PAUSES.0, PAUSES.1)).await;
    }
}

async fn renew(files: &Files, live: &Live, client: &Client, node: &Name) -> anyhow::Result<()> {
    let (key, public_key) = make_key()?;
    let path = format!("/v1/nodes/{node}/certificate");
    let JoinAnswer { certificate, authority } =
        client.post(&path, &RenewRequest { public_key }, WriteOptions::default()).await?;
    anyhow::ensure!(authority == live.credential().authority, "the controller has another authority than before");
    let credential = Credential { certificate, key, authority };
    files.keep(&credential).with_context(|| format!("cannot write {}", files.credential.display()))?;
    Ok(live.replace(credential)?)
}

/// What time it is, as a Unix second.
pub fn unix_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
