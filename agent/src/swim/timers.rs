//! What is due when.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// Things to do, in the order they are due, and of those due at once in the order they were set.
#[derive(Debug)]
pub struct Timers<T> {
    due: BTreeMap<(Instant, u64), T>,
    next: u64,
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Self { due: BTreeMap::new(), next: 0 }
    }
}

impl<T> Timers<T> {
    /// Sets a timer.
    pub fn set(&mut self, at: Instant, what: T) {
        self.due.insert((at, self.next), what);
        self.next += 1;
    }

    /// When the first is due, and what it is.
    pub fn first(&self) -> Option<(Instant, &T)> {
        self.due.first_key_value().map(|((at, _), what)| (*at, what))
    }

    /// The first, if it is due.
    pub fn pop(&mut self, now: Instant) -> Option<T> {
        let entry = self.due.first_entry()?;
        (entry.key().0 <= now).then(|| entry.remove())
    }

    /// Puts all off until later.
    pub fn delay(&mut self, by: Duration) {
        self.due = std::mem::take(&mut self.due).into_iter().map(|((at, n), what)| ((at + by, n), what)).collect();
    }
}
