//! What is durable: the intent as it is now, and the last transactions for those who follow.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use crate::intent::{Intent, Key, Txn, Value, Write};

/// How many writes the transactions may hold that are kept for those who follow.
pub(super) const KEPT: usize = 16_384;

/// Who is told of every transaction, and what the intent is with it.
pub type Subscriber = Box<dyn Fn(Arc<Txn>, Intent) + Send + Sync>;

struct Current {
    intent: Intent,
    /// The last transactions; the newest is the intent's revision.
    recent: VecDeque<Arc<Txn>>,
    /// How many writes those hold.
    writes: usize,
}

impl Current {
    fn remember(&mut self, txn: &Arc<Txn>) {
        self.recent.push_back(txn.clone());
        self.writes += txn.writes.len();
        while self.writes > KEPT && self.recent.len() > 1 {
            self.writes -= self.recent.pop_front().map_or(0, |oldest| oldest.writes.len());
        }
    }

    fn forget(&mut self) {
        self.recent.clear();
        self.writes = 0;
    }
}

/// What is durable.
pub struct Published {
    current: Mutex<Current>,
    revision: watch::Sender<u64>,
    subscriber: Subscriber,
}

impl Published {
    /// What was loaded.
    pub fn new(intent: Intent, subscriber: Subscriber) -> Self {
        let revision = watch::Sender::new(intent.revision());
        Self { current: Mutex::new(Current { intent, recent: VecDeque::new(), writes: 0 }), revision, subscriber }
    }

    /// The intent as it is now.
    pub fn read(&self) -> Intent {
        self.lock().intent.clone()
    }

    /// Takes transactions in and tells of them.
    pub fn publish(&self, txns: &[Arc<Txn>]) {
        let mut current = self.lock();
        let mut steps = Vec::with_capacity(txns.len());
        for txn in txns {
            current.intent.apply(txn);
            current.remember(txn);
            steps.push((txn.clone(), current.intent.clone()));
        }
        let revision = current.intent.revision();
        drop(current);
        steps.into_iter().for_each(|(txn, intent)| (self.subscriber)(txn, intent));
        self.revision.send_replace(revision);
    }

    /// Becomes `intent`, though some transactions on the way there are not known: tells of the difference as one.
    pub fn replace(&self, intent: Intent) {
        let mut current = self.lock();
        let txn = Arc::new(difference(&current.intent, &intent));
        current.intent = intent.clone();
        current.forget();
        drop(current);
        let revision = txn.revision;
        (self.subscriber)(txn, intent);
        self.revision.send_replace(revision);
    }

    /// The transactions after `revision`, if all of them are still kept.
    fn after(&self, revision: u64) -> Result<Vec<Arc<Txn>>, TooOld> {
        let current = self.lock();
        let oldest = current.recent.front().map_or(current.intent.revision(), |txn| txn.revision - 1);
        if revision < oldest {
            return Err(TooOld { oldest });
        }
        Ok(current.recent.iter().filter(|txn| txn.revision > revision).cloned().collect())
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One transaction that leads from `old` to `new`.
fn difference(old: &Intent, new: &Intent) -> Txn {
    let keyed =
        |intent: &Intent| -> BTreeMap<Key, Value> { intent.values().map(|value| (value.key(), value)).collect() };
    let (old, values) = (keyed(old), keyed(new));
    let gone = old.keys().filter(|key| !values.contains_key(key)).map(|key| Write { key: key.clone(), value: None });
    let mut writes: Vec<Write> = gone.collect();
    let changed = values.into_iter().filter(|(key, value)| old.get(key) != Some(value));
    writes.extend(changed.map(|(key, value)| Write { key, value: Some(value) }));
    Txn { revision: new.revision(), writes }
}

/// What someone asks for who follows too slowly is no longer kept: they must read all anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("changes are kept from revision {oldest} on; list again and watch from the list's revision")]
pub struct TooOld {
    /// The revision from which on changes are kept.
    pub oldest: u64,
}

/// Follows transactions without a gap.
pub struct Watch {
    published: Arc<Published>,
    changed: watch::Receiver<u64>,
    revision: u64,
}

impl Watch {
    pub(super) fn new(published: Arc<Published>, revision: u64) -> Self {
        let changed = published.revision.subscribe();
        Self { published, changed, revision }
    }

    /// All up to this revision was told.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The next transactions, at least one; empty if the store has ended.
    ///
    /// # Errors
    /// When some of them are no longer kept.
    pub async fn next(&mut self) -> Result<Vec<Arc<Txn>>, TooOld> {
        loop {
            self.changed.borrow_and_update();
            let txns = self.published.after(self.revision)?;
            if let Some(last) = txns.last() {
                self.revision = last.revision;
                return Ok(txns);
            }
            if self.changed.changed().await.is_err() {
                return Ok(Vec::new());
            }
        }
    }
}
