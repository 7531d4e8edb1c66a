//! The names that the last transactions touched, for hosts that follow some of them.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use api::NameKeys;
use tokio::sync::watch;

use super::touched::{Touched, touched};
use crate::intent::{Intent, Txn};

/// How many names that transactions touched are remembered.
const KEPT: usize = 16_384;

#[derive(Default)]
struct Inner {
    /// The intent as of the last transaction.
    intent: Intent,
    /// All that was touched after this revision is in `recent`.
    since: u64,
    recent: VecDeque<(u64, Touched)>,
    /// How many names those are.
    names: usize,
}

impl Inner {
    fn remember(&mut self, revision: u64, touched: Touched) {
        self.names += touched.len();
        self.recent.push_back((revision, touched));
        while self.names > KEPT
            && let Some((revision, oldest)) = self.recent.pop_front()
        {
            self.names -= oldest.len();
            self.since = revision;
        }
    }
}

/// Follows transactions, and remembers which names they touch.
#[derive(Default)]
pub struct NameLog {
    inner: Mutex<Inner>,
    revision: watch::Sender<u64>,
}

/// What has become of names that somebody follows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Those that may stand for something else now.
    pub keys: NameKeys,
    /// The revision of the last change among them.
    pub last: u64,
}

impl NameLog {
    /// Begins with this intent, unless a later one is known already.
    pub fn start(&self, intent: &Intent) {
        let mut inner = self.lock();
        if inner.intent.revision() < intent.revision() {
            *inner = Inner { intent: intent.clone(), since: intent.revision(), ..Inner::default() };
            self.revision.send_replace(intent.revision());
        }
    }

    /// A transaction was committed, and made the intent what it is now.
    pub fn follow(&self, txn: &Txn, intent: &Intent) {
        let mut inner = self.lock();
        if intent.revision() <= inner.intent.revision() {
            return;
        }
        let touched = touched(&inner.intent, intent, txn);
        inner.intent = intent.clone();
        if !touched.is_empty() {
            inner.remember(txn.revision, touched);
        }
        drop(inner);
        self.revision.send_replace(txn.revision);
    }

    /// The intent that all is told of.
    pub fn intent(&self) -> Intent {
        self.lock().intent.clone()
    }

    /// Tells of every transaction.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    /// Which of `known` may have changed after revision `after`. If that is not remembered: all of them.
    pub fn changes(&self, known: &NameKeys, after: u64) -> Changes {
        let inner = self.lock();
        let now = inner.intent.revision();
        if after < inner.since || after > now {
            return Changes { keys: known.clone(), last: 0 };
        }
        let first = inner.recent.partition_point(|(revision, _)| *revision <= after);
        let mut changes = Changes::default();
        for (revision, touched) in inner.recent.range(first..) {
            for (network, key) in touched.of(known) {
                changes.keys.entry(network.clone()).or_default().insert(key.clone());
                changes.last = *revision;
            }
        }
        changes
    }

    /// The last revision within what is remembered that touched one of `keys`; 0 if none did.
    pub fn last_touch(&self, keys: &NameKeys) -> u64 {
        let inner = self.lock();
        let recent = inner.recent.iter().rev();
        // Switches are seldom more than a few transactions behind.
        let mut touching = recent.take(64).filter(|(_, touched)| touched.of(keys).next().is_some());
        touching.next().map_or(0, |(revision, _)| *revision)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
