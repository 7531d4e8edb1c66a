//! The task that keeps this controller announced and sees who else is.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use api::Name;
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout},
};

use super::{Cluster, Duties, Known, Member};
use crate::{
    etcd::{Client, Compare, EtcdError, Op, RangeRequest, Txn, nudge},
    intent::Key,
    runtime::CoreHandle,
    store::Store,
};

/// How long the sign of life lasts, in seconds, if etcd grants so little: with its default timing it grants 2.
const ALIVE: u64 = 1;

/// How long a controller that ended is remembered, in seconds.
const REMEMBERED: u64 = 600;

/// Why a controller cannot join the others.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// etcd does not do as asked.
    #[error(transparent)]
    Etcd(#[from] EtcdError),
    /// Another one has the name.
    #[error("another controller called {0} is alive; give this one another --id")]
    Taken(String),
}

/// Announces this controller, called `me`, and keeps doing so until the process ends.
///
/// # Errors
/// When etcd does not answer or another one with this name is alive.
pub async fn join(
    client: Client,
    me: &str,
    member: Member,
    store: Store,
    core: CoreHandle,
) -> Result<Cluster, JoinError> {
    let mut announced = Announced {
        epoch: epoch(&client).await?,
        client,
        core,
        me: me.to_owned(),
        member,
        alive: 0,
        ttl: Duration::ZERO,
        remembered: 0,
        renewed: Instant::now(),
        until: Instant::now(),
    };
    announced.announce().await?;
    let (duties, told) = watch::channel(Arc::new(Duties::default()));
    announced.look(&store, &duties).await?;
    let cluster = Cluster::shared(me, told);
    tokio::spawn(announced.run(store, duties));
    Ok(cluster)
}

/// When the store was begun, in Unix seconds, as its first controller wrote it.
async fn epoch(client: &Client) -> Result<u64, EtcdError> {
    let (key, now) = (client.key("epoch"), jiff::Timestamp::now().as_second().to_string());
    let begin = Txn {
        compare: vec![Compare::absent(key.as_str())],
        success: vec![Op::put(key.as_str(), now.as_str())],
        failure: vec![Op::Range(RangeRequest::key(key.as_str()))],
    };
    let there = client.txn(&begin).await?.responses.into_iter().find_map(|response| response.response_range);
    let there = there.and_then(|range| range.kvs.into_iter().next()).map_or(now.into_bytes(), |kv| kv.value);
    let seconds = String::from_utf8(there).ok().and_then(|text| text.parse().ok());
    seconds.ok_or_else(|| EtcdError::Refused(format!("{key} is no number of seconds")))
}

struct Announced {
    client: Client,
    core: CoreHandle,
    /// A store that was lost and begun anew has lower revisions, and a later epoch: switches remember the highest
    /// generation they saw.
    epoch: u64,
    me: String,
    member: Member,
    alive: u64,
    ttl: Duration,
    remembered: u64,
    /// When the memory of this controller was last renewed.
    renewed: Instant,
    /// Until when the lease holds for sure: counted from before it was last asked for.
    until: Instant,
}

impl Announced {
    /// Gets leases and puts the keys that go with them. A name whose last holder just crashed is waited for.
    async fn announce(&mut self) -> Result<(), JoinError> {
        let asked = Instant::now();
        let (alive, ttl) = self.client.grant(ALIVE).await?;
        let (remembered, _) = self.client.grant(REMEMBERED).await?;
        let ttl = Duration::from_secs(ttl);
        let value = serde_json::to_vec(&self.member).expect("a plain struct");
        let put = |name: String, value: Vec<u8>, lease| Op::Put { key: self.client.key(&name), value, lease };
        let sign = format!("alive/{}", self.me);
        let txn = Txn {
            compare: vec![Compare::absent(self.client.key(&sign))],
            success: vec![put(sign, Vec::new(), alive), put(format!("controllers/{}", self.me), value, remembered)],
            failure: Vec::new(),
        };
        let patience = Instant::now() + ttl * 2;
        let mut last = asked;
        while !self.client.txn(&txn).await?.succeeded {
            if Instant::now() > patience {
                return Err(JoinError::Taken(self.me.clone()));
            }
            sleep(ttl / 10).await;
            // The lease would run out while its key is waited for.
            last = Instant::now();
            self.client.keep_alive(alive).await?;
        }
        (self.alive, self.remembered, self.ttl) = (alive, remembered, ttl);
        (self.until, self.renewed) = (asked.max(last) + ttl, Instant::now());
        Ok(())
    }

    async fn run(mut self, store: Store, duties: watch::Sender<Arc<Duties>>) {
        let (told, mut nudges) = mpsc::channel(1);
        tokio::spawn(nudge(self.client.clone(), self.client.key("alive/"), told));
        let mut nodes = store.watch(store.read().revision());
        let mut beat = interval(self.ttl / 4);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = sleep_until(self.until), if duties.borrow().holds => {
                    tracing::warn!("the store was not reached in time: this controller is master of nothing");
                    duties.send_modify(|duties| *duties = Arc::new(duties.without_lease()));
                }
                _ = beat.tick() => self.beat(&store, &duties).await,
                _ = nudges.recv() => self.look_within(&store, &duties).await,
                txns = nodes.next() => match txns {
                    Ok(txns) if txns.is_empty() => return,
                    Ok(txns) => {
                        let node = |key: &Key| matches!(key, Key::Node(_));
                        if txns.iter().flat_map(|txn| &txn.writes).any(|write| node(&write.key)) {
                            self.look_within(&store, &duties).await;
                        }
                    }
                    Err(_) => nodes = store.watch(store.read().revision()),
                },
            }
        }
    }

    /// Keeps the leases alive; if they are gone, announces itself anew.
    async fn beat(&mut self, store: &Store, duties: &watch::Sender<Arc<Duties>>) {
        let asked = Instant::now();
        // Not so long that the lease's end would pass unnoticed.
        let kept = timeout(self.ttl / 2, self.client.keep_alive(self.alive)).await;
        match kept {
            Ok(Ok(true)) => self.until = asked + self.ttl,
            Ok(Ok(false)) => {
                duties.send_modify(|duties| *duties = Arc::new(duties.without_lease()));
                match timeout(self.ttl * 3, self.announce()).await {
                    Ok(Ok(())) => tracing::info!("the store is reached again"),
                    Ok(Err(error)) => tracing::warn!(%error, "cannot announce this controller; trying on"),
                    Err(_) => {}
                }
            }
            Ok(Err(error)) => tracing::debug!(%error, "no sign of life"),
            Err(_) => self.client.try_another(),
        }
        if self.renewed.elapsed() > Duration::from_secs(REMEMBERED / 10)
            && let Ok(Ok(true)) = timeout(self.ttl / 4, self.client.keep_alive(self.remembered)).await
        {
            self.renewed = Instant::now();
        }
        self.look_within(store, duties).await;
    }

    async fn look_within(&self, store: &Store, duties: &watch::Sender<Arc<Duties>>) {
        match timeout(self.ttl / 2, self.look(store, duties)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "cannot see who is alive"),
            Err(_) => self.client.try_another(),
        }
    }

    /// Reads who is alive, and tells what follows from it.
    async fn look(&self, store: &Store, duties: &watch::Sender<Arc<Duties>>) -> Result<(), EtcdError> {
        let [alive_prefix, known_prefix] = ["alive/", "controllers/"].map(|name| self.client.key(name));
        let ranges = [&alive_prefix, &known_prefix].map(|prefix| Op::Range(RangeRequest::prefix(prefix.as_str())));
        let txn = Txn { success: ranges.to_vec(), ..Txn::default() };
        let mut answer = self.client.txn(&txn).await?;
        let generation = (self.epoch << 32).saturating_add(answer.header.revision);
        let mut ranges = answer.responses.iter_mut().map(|response| response.response_range.take().unwrap_or_default());
        let (alive, known) = (ranges.next().unwrap_or_default(), ranges.next().unwrap_or_default());
        let ours = |id: &str, lease| id != self.me || lease == self.alive;
        let alive = alive.kvs.iter().filter_map(|kv| Some((kv.key.strip_prefix(&alive_prefix)?, kv.lease)));
        let alive: BTreeSet<&str> = alive.filter(|(id, lease)| ours(id, *lease)).map(|(id, _)| id).collect();
        let member = |id: &str, bytes: &[u8]| {
            let member = serde_json::from_slice::<Member>(bytes).ok()?;
            Some((id.to_owned(), Known { member, alive: alive.contains(id) }))
        };
        let known = known.kvs.iter();
        let members: BTreeMap<String, Known> =
            known.filter_map(|kv| member(kv.key.strip_prefix(&known_prefix)?, &kv.value)).collect();
        let nodes: Vec<Name> = store.read().nodes.keys().cloned().collect();
        let before = duties.borrow().clone();
        let mut next = before.next(&self.me, members, &nodes, generation);
        if next.mine.keys().any(|node| !before.mine.contains_key(node)) {
            // What the last master knew is known here before its switches are taken over: else it would be undone.
            store.caught_up(answer.header.revision).await;
            self.core.heard().await;
        }
        if Instant::now() >= self.until {
            next = next.without_lease();
        }
        if *before != next {
            tell(&before, &next);
            duties.send_replace(Arc::new(next));
        }
        Ok(())
    }
}

fn tell(before: &Duties, after: &Duties) {
    let alive = |duties: &Duties| -> Vec<String> {
        duties.members.iter().filter(|(_, known)| known.alive).map(|(id, _)| id.clone()).collect()
    };
    if alive(before) != alive(after) {
        tracing::info!(alive = alive(after).join(","), switches = after.mine.len(), "controllers");
    }
}
