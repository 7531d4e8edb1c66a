//! What the controller writes down of itself: which hosts are down, and agents' gossip keys.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use api::{GossipKey, Name};
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::mpsc;

use crate::{agents::Agents, cluster::Cluster, intent::Change, store::Store};

/// How old a gossip key becomes.
const KEY_AGE: Duration = Duration::from_secs(24 * 3600);

/// How often is looked whether a gossip key is to be replaced.
const LOOK: Duration = Duration::from_millis(500);

/// Writes down which nodes are down or back, as the core wants it.
pub async fn record_downs(mut downs: mpsc::UnboundedReceiver<(Name, bool)>, store: Store) {
    let mut batch = Vec::new();
    while downs.recv_many(&mut batch, 1024).await > 0 {
        // Of what piled up meanwhile, the last word on each node counts.
        let last: BTreeMap<Name, bool> = batch.drain(..).collect();
        let write = |(node, down): (Name, bool)| store.propose(vec![Change::SetNodeDown(node, down)]);
        for refused in futures::future::join_all(last.into_iter().map(write)).await.into_iter().filter_map(Result::err)
        {
            tracing::warn!(error = %refused, "cannot write down which hosts are there; trying on");
        }
    }
}

/// Gives agents a gossip key if they have none, and another one when it is old; leaves that to the first of several
/// controllers.
pub async fn keep_gossip_keys(store: Store, cluster: Cluster, agents: Arc<Agents>) {
    loop {
        if cluster.leads()
            && let Some(after) = due(&store, &agents)
            && let Err(error) = step_gossip(&store, after).await
        {
            tracing::warn!(%error, "cannot step on to another gossip key");
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The step after which the next one is due now.
fn due(store: &Store, agents: &Agents) -> Option<Option<u64>> {
    let intent = store.read();
    let Some(gossip) = &intent.gossip else { return Some(None) };
    let unix = jiff::Timestamp::now().as_second().unsigned_abs();
    let due = match gossip.is_under_way() {
        true => agents.all_follow(gossip.revision, Instant::now()),
        false => unix.saturating_sub(gossip.at) >= KEY_AGE.as_secs(),
    };
    due.then_some(Some(gossip.step))
}

/// Takes the next step of replacing the gossip key, unless somebody else did.
///
/// # Errors
/// When there is no randomness, or the store cannot write.
pub async fn step_gossip(store: &Store, after: Option<u64>) -> anyhow::Result<()> {
    let mut bytes = [0; GossipKey::LEN];
    SystemRandom::new().fill(&mut bytes).map_err(|_| anyhow::anyhow!("the random number generator failed"))?;
    store.propose(vec![Change::StepGossip(after, GossipKey::new(bytes))]).await?;
    Ok(())
}
