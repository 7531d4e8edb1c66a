//! The store that several controllers share in etcd.
//!
//! ```text
//!  PREFIX/log/00…42    a transaction, whole: it is made exactly if this key is; made only where 41 is and 42 is not
//!  PREFIX/obj/KEY      the objects as of transaction number `compacted`, some perhaps later
//!  PREFIX/compacted    how far the objects go; the log after it leads to now
//! ```
//!
//! A transaction that finds its number taken was planned on what is no longer so: it is planned anew on what the others
//! wrote. An answer that got lost is asked for again, with the same number and name: it is made once or not at all.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::{mpsc, watch},
    time::{MissedTickBehavior, interval, sleep, timeout, timeout_at},
};

use super::{
    Accepted, Proposal, ProposeError, Published, StoreError, Subscriber, accepted,
    compact::{self, MAX_BYTES, compact, log_end},
    record::Record,
    unix_now,
};
use crate::{
    etcd::{Client, Compare, EtcdError, KeyValue, Op, RangeRequest, Txn as EtcdTxn, nudge},
    intent::{Intent, Txn, Unreadable, Value, VirtualRange},
};

/// How long a proposal waits for etcd.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long a controller that starts waits for etcd.
const START: Duration = Duration::from_secs(30);

/// How long to wait before etcd is asked again.
const PAUSE: Duration = Duration::from_millis(100);

/// How often to look for others' transactions though nobody told of any.
const POLL: Duration = Duration::from_secs(1);

/// How many proposals share one commit at the most; etcd takes 128 operations.
const MAX_BATCH: usize = 64;

/// After how many transactions the log is compacted.
const COMPACT_EVERY: u64 = 512;

/// How many transactions of others are read at once.
const PAGE: u64 = 64;

/// Where things stand in etcd.
pub struct Keys<'a>(pub &'a Client);

impl Keys<'_> {
    pub fn log_prefix(&self) -> String {
        self.0.key("log/")
    }

    pub fn log(&self, number: u64) -> String {
        format!("{}{number:020}", self.log_prefix())
    }

    /// The number of a transaction, by its key.
    pub fn number(&self, key: &str) -> Option<u64> {
        key.strip_prefix(&self.log_prefix())?.parse().ok()
    }

    pub fn object(&self, key: &str) -> String {
        format!("{}{key}", self.0.key("obj/"))
    }

    pub fn compacted(&self) -> String {
        self.0.key("compacted")
    }

    pub fn compacting(&self) -> String {
        self.0.key("compacting")
    }
}

/// The one task that writes and follows.
pub struct Task {
    client: Client,
    /// This controller, and this start of it.
    writer: String,
    commits: u64,
    /// The number of the last transaction taken in.
    number: u64,
    published: Arc<Published>,
    services: VirtualRange,
    /// etcd's revision up to which all was read.
    seen: watch::Sender<u64>,
}

/// Why a proposal of several was planned no further, or what it is answered.
struct Planned {
    txns: Vec<Arc<Txn>>,
    records: Vec<Vec<u8>>,
    outcomes: Vec<Result<Accepted, ProposeError>>,
}

impl Task {
    /// Reads all that is there; an etcd that is not up yet is waited for.
    pub async fn load(
        client: Client,
        writer: &str,
        services: VirtualRange,
        subscriber: Subscriber,
    ) -> Result<(Self, Arc<Published>, watch::Receiver<u64>), StoreError> {
        let patience = Instant::now() + START;
        while let Err(error @ EtcdError::Unreachable(_)) = client.range(&RangeRequest::key(client.key(""))).await {
            if Instant::now() > patience {
                return Err(StoreError { path: client.url().to_string(), reason: error.to_string() });
            }
            tracing::info!(%error, "waiting for the store");
            sleep(POLL).await;
        }
        let (intent, number) = load(&client).await?;
        let published = Arc::new(Published::new(intent, subscriber));
        let started = jiff::Timestamp::now().as_nanosecond();
        let writer = format!("{writer}/{started}");
        let (seen, told) = watch::channel(0);
        let task = Self { client, writer, commits: 0, number, published: published.clone(), services, seen };
        Ok((task, published, told))
    }

    /// Writes what is proposed and follows what others write, until nobody can propose any more.
    pub async fn run(
        mut self,
        mut queue: mpsc::Receiver<Proposal>,
        told: mpsc::Sender<()>,
        nudges: mpsc::Receiver<()>,
    ) {
        let mut nudges = nudges;
        tokio::spawn(nudge(self.client.clone(), Keys(&self.client).log_prefix(), told));
        let mut polls = interval(POLL);
        polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Vec::new();
        let mut failed = false;
        loop {
            tokio::select! {
                biased;
                count = queue.recv_many(&mut batch, MAX_BATCH) => match count {
                    0 => return,
                    _ => self.write(&mut batch).await,
                },
                _ = nudges.recv() => failed = self.follow(failed).await,
                _ = polls.tick() => failed = self.follow(failed).await,
            }
        }
    }

    /// Takes in what others wrote; says whether that failed, and the log says so once.
    async fn follow(&mut self, failed_before: bool) -> bool {
        // Proposals wait meanwhile: not for long.
        let late = Err(self.reason("no etcd member answers in time"));
        match timeout(POLL, self.catch_up()).await.unwrap_or(late) {
            Ok(()) => {
                if failed_before {
                    tracing::info!("the store can be read again");
                }
                false
            }
            Err(error) => {
                if !failed_before {
                    tracing::warn!(%error, "the store cannot be read; switches go on as they are");
                }
                true
            }
        }
    }

    async fn catch_up(&mut self) -> Result<(), StoreError> {
        loop {
            let keys = Keys(&self.client);
            let newer = RangeRequest::between(keys.log(self.number + 1), log_end(&keys)).limit(PAGE);
            let page = self.client.range(&newer).await.map_err(|error| self.error(&error))?;
            self.take(&page.kvs).await?;
            if !page.more {
                self.seen.send_replace(page.header.revision);
                return Ok(());
            }
        }
    }

    /// Takes in transactions that follow those that are known; if some between are missing, all is read anew.
    async fn take(&mut self, kvs: &[KeyValue]) -> Result<(), StoreError> {
        let mut txns = Vec::new();
        for kv in kvs {
            match Keys(&self.client).number(&kv.key) {
                Some(number) if number <= self.number => continue,
                Some(number) if number == self.number + 1 => {
                    let txn = Record::decode(&kv.key, &kv.value).and_then(|record| record.txn());
                    txns.push(Arc::new(txn.map_err(|unreadable| self.unreadable(&unreadable))?));
                    self.number = number;
                }
                _ => {
                    self.published.publish(&txns);
                    return self.reload().await;
                }
            }
        }
        if !txns.is_empty() {
            self.published.publish(&txns);
        }
        Ok(())
    }

    async fn reload(&mut self) -> Result<(), StoreError> {
        let (intent, number) = load(&self.client).await?;
        let before = self.published.read().revision();
        if intent.revision() < before {
            let now = intent.revision();
            let reason = format!("it is at revision {now} and was at {before}: restart every controller");
            return Err(StoreError { path: self.client.url().to_string(), reason });
        }
        tracing::info!(revision = intent.revision(), "fell behind the store's log; all was read anew");
        self.number = number;
        self.published.replace(intent);
        Ok(())
    }

    async fn write(&mut self, batch: &mut Vec<Proposal>) {
        let deadline = Instant::now() + PATIENCE;
        while !batch.is_empty() {
            let planned = self.plan(batch);
            let count = planned.outcomes.len();
            let error = match self.commit(&planned, deadline).await {
                Ok(true) => None,
                Ok(false) if Instant::now() < deadline => continue,
                Ok(false) => {
                    Some(self.reason("other controllers write so much that this change found no place; try again"))
                }
                Err(error) => Some(error),
            };
            for (proposal, outcome) in batch.drain(..count).zip(planned.outcomes) {
                let outcome = match (&error, outcome) {
                    (Some(error), Ok(accepted)) if accepted.changed() => Err(ProposeError::Store(error.clone())),
                    (_, outcome) => outcome,
                };
                // Whoever asked may have gone; the change stands all the same.
                let _ = proposal.answer.send(outcome);
            }
        }
    }

    /// Plans as many proposals, one after the other, as fit into one commit; at least one.
    fn plan(&mut self, batch: &[Proposal]) -> Planned {
        self.commits += 1;
        let (by, now) = (self.by(), unix_now());
        let mut draft = self.published.read();
        let mut planned = Planned { txns: Vec::new(), records: Vec::new(), outcomes: Vec::new() };
        let mut bytes = 0;
        for proposal in batch {
            let plan = match proposal.plan(&draft, &self.services, now) {
                Ok(plan) => plan,
                Err(rejected) => {
                    planned.outcomes.push(Err(ProposeError::Rejected(rejected)));
                    continue;
                }
            };
            let accepted = accepted(&plan);
            if let Some(txn) = plan.txn {
                let record = Record::encode(&by, &txn);
                if record.len() > MAX_BYTES {
                    planned.outcomes.push(Err(ProposeError::Store(self.too_large(record.len()))));
                    continue;
                }
                bytes += record.len();
                if bytes > MAX_BYTES {
                    break;
                }
                draft.apply(&txn);
                planned.txns.push(Arc::new(txn));
                planned.records.push(record);
            }
            planned.outcomes.push(Ok(accepted));
        }
        planned
    }

    /// Whether it was made; if not, others were first, and what they wrote is taken in.
    async fn commit(&mut self, planned: &Planned, deadline: Instant) -> Result<bool, StoreError> {
        if planned.records.is_empty() {
            return Ok(true);
        }
        let txn = self.commit_txn(&planned.records);
        let answer = loop {
            let late = || EtcdError::Unreachable(format!("not within {} s", PATIENCE.as_secs()));
            match timeout_at(deadline.into(), self.client.txn(&txn)).await.unwrap_or_else(|_| Err(late())) {
                Ok(answer) => break answer,
                Err(EtcdError::Unreachable(_)) if Instant::now() < deadline => sleep(PAUSE).await,
                Err(error @ EtcdError::Unreachable(_)) => {
                    return Err(self
                        .reason(&format!("{error}; whether the change was made is not known: look, then try again")));
                }
                Err(error) => return Err(self.error(&error)),
            }
        };
        let there = answer.responses.into_iter().find_map(|response| response.response_range);
        let there = there.map(|range| range.kvs).unwrap_or_default();
        if answer.succeeded || self.is_ours(&there) {
            let before = self.number;
            self.number += planned.records.len() as u64;
            self.published.publish(&planned.txns);
            self.compact_now_and_then(before);
            return Ok(true);
        }
        let before = self.number;
        self.take(&there).await?;
        if self.number == before {
            self.reload().await?;
        }
        Ok(false)
    }

    fn commit_txn(&self, records: &[Vec<u8>]) -> EtcdTxn {
        let keys = Keys(&self.client);
        let mut compare = vec![Compare::absent(keys.log(self.number + 1))];
        if self.number > 0 {
            compare.push(Compare::present(keys.log(self.number)));
        }
        let numbered = (self.number + 1..).zip(records);
        let success = numbered.map(|(number, record)| Op::put(keys.log(number), record.as_slice())).collect();
        let newer = RangeRequest::between(keys.log(self.number + 1), log_end(&keys)).limit(PAGE);
        EtcdTxn { compare, success, failure: vec![Op::Range(newer)] }
    }

    /// Whether the transaction that has the number we wanted is the one we sent before the answer got lost.
    fn is_ours(&self, there: &[KeyValue]) -> bool {
        let Some(kv) = there.first().filter(|kv| kv.key == Keys(&self.client).log(self.number + 1)) else {
            return false;
        };
        Record::decode(&kv.key, &kv.value).is_ok_and(|record| record.by == self.by())
    }

    fn by(&self) -> String {
        format!("{}/{}", self.writer, self.commits)
    }

    fn compact_now_and_then(&self, before: u64) {
        let upto = self.number - self.number % COMPACT_EVERY;
        if upto > before {
            let (client, writer) = (self.client.clone(), self.by());
            tokio::spawn(async move {
                if let Err(error) = compact(&client, &writer, upto).await {
                    tracing::warn!(%error, "the store's log could not be compacted; it is tried again later");
                }
            });
        }
    }

    fn too_large(&self, bytes: usize) -> StoreError {
        self.reason(&format!("the changes make {bytes} bytes at once, etcd takes {MAX_BYTES}; apply them in parts"))
    }

    fn error(&self, error: &EtcdError) -> StoreError {
        self.reason(&error.to_string())
    }

    fn unreadable(&self, unreadable: &Unreadable) -> StoreError {
        self.reason(&unreadable.to_string())
    }

    fn reason(&self, reason: &str) -> StoreError {
        StoreError { path: self.client.url().to_string(), reason: reason.into() }
    }
}

/// The intent as of one revision of etcd's, and the number of the last transaction in it.
async fn load(client: &Client) -> Result<(Intent, u64), StoreError> {
    let failed = |reason: String| StoreError { path: client.url().to_string(), reason };
    let keys = Keys(client);
    let unreadable = |unreadable: Unreadable| failed(unreadable.to_string());
    let log = client.all(&keys.log_prefix(), 0).await.map_err(|error| failed(error.to_string()))?;
    let revision = log.header.revision;
    let object_prefix = keys.object("");
    let objects = client.all(&object_prefix, revision).await.map_err(|error| failed(error.to_string()))?;
    let marker = client.range(&RangeRequest::key(keys.compacted()).at(revision)).await;
    let marker = marker.map_err(|error| failed(error.to_string()))?.kvs.pop();
    let value = |kv: &KeyValue| Value::decode(kv.key.strip_prefix(&object_prefix).unwrap_or_default(), &kv.value);
    let values = objects.kvs.iter().map(value).collect::<Result<Vec<Value>, _>>().map_err(unreadable)?;
    let mut intent = Intent::load(values);
    let mut number = marker.map_or(0, |kv| compact::number(&kv.value));
    for kv in &log.kvs {
        let this = keys.number(&kv.key).ok_or_else(|| failed(format!("{}: no number", kv.key)))?;
        if this <= number {
            continue;
        }
        if this != number + 1 {
            return Err(failed(format!("transaction {} is missing from the log; restore a backup", number + 1)));
        }
        intent.apply(&Record::decode(&kv.key, &kv.value).and_then(|record| record.txn()).map_err(unreadable)?);
        number = this;
    }
    Ok((intent, number))
}
