//! Per switch: desired minus observed is the smallest change, sent as one atomic batch.
//!
//! ```text
//!            observed()              next_batch()              done(Ok)
//!  unknown ────────────► known ─────────────────► in flight ────────────► known
//!     ▲                    ▲      dirty keys only     │ done(Err): back off, then read back
//!     └──────── lost() ────┴──────────────────────────┘
//! ```

mod batch;
mod drift;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use crate::{
    compile::{Delta, SwitchState},
    pipeline::{FlowBody, FlowKey, Group},
};

pub use batch::{Batch, CtFlush};
pub use drift::{Audit, Drift};

/// How long to wait after a refused batch, at first and at the most.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// What a switch has, as read back or as it acknowledged since.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Installed {
    /// Flows.
    pub flows: BTreeMap<FlowKey, FlowBody>,
    /// Groups by id.
    pub groups: BTreeMap<u32, Group>,
}

/// What is known of one switch, and what is on its way there.
#[derive(Debug, Default)]
pub struct Switch {
    installed: Option<Installed>,
    dirty_flows: BTreeSet<FlowKey>,
    dirty_groups: BTreeSet<u32>,
    in_flight: Option<(Batch, BTreeSet<u64>)>,
    waiting: BTreeSet<u64>,
    failures: u32,
    retry_at: Option<Instant>,
    error: Option<String>,
    batches: u64,
}

impl Switch {
    /// Intent changed what this switch is to have.
    pub fn changed(&mut self, delta: &Delta, revision: u64) {
        self.dirty_flows.extend(delta.flows.keys().cloned());
        self.dirty_groups.extend(delta.groups.keys());
        self.waiting.insert(revision);
    }

    /// The switch was read back.
    pub fn observed(&mut self, installed: Installed, desired: &SwitchState) {
        self.dirty_flows = desired.flows().map(|(key, _)| key).chain(installed.flows.keys()).cloned().collect();
        self.dirty_groups = desired.groups().keys().chain(installed.groups.keys()).copied().collect();
        self.installed = Some(installed);
        self.in_flight = None;
        self.retry_at = None;
    }

    /// The session to the switch ended: nothing is known of it any more.
    pub fn lost(&mut self) {
        self.installed = None;
        self.retry_at = None;
        if let Some((_, revisions)) = self.in_flight.take() {
            self.waiting.extend(revisions);
        }
    }

    /// What to send now, if anything. An empty difference acknowledges what waited: see [`Switch::acknowledged`].
    pub fn next_batch(&mut self, desired: &SwitchState) -> Option<Batch> {
        let installed = self.installed.as_ref()?;
        if self.in_flight.is_some() || self.retry_at.is_some() {
            return None;
        }
        self.batches += 1;
        let batch = Batch::difference(
            self.batches,
            desired,
            installed,
            &std::mem::take(&mut self.dirty_flows),
            &std::mem::take(&mut self.dirty_groups),
        );
        if batch.is_empty() {
            return None;
        }
        self.in_flight = Some((batch.clone(), std::mem::take(&mut self.waiting)));
        Some(batch)
    }

    /// What became of a batch: the revisions it made real, or nothing.
    ///
    /// A refused batch changed nothing in the switch; it is read back and tried again after a while.
    pub fn done(&mut self, id: u64, result: Result<(), String>, now: Instant) -> BTreeSet<u64> {
        let Some((batch, revisions)) = self.in_flight.take_if(|(batch, _)| batch.id == id) else {
            return BTreeSet::new();
        };
        match result {
            Ok(()) => {
                if let Some(installed) = &mut self.installed {
                    batch.apply_to(installed);
                }
                self.failures = 0;
                self.error = None;
                revisions
            }
            Err(error) => {
                self.waiting.extend(revisions);
                self.installed = None;
                let (first, most) = BACKOFF;
                self.retry_at = Some(now + first.saturating_mul(1 << self.failures.min(10)).min(most));
                self.failures = self.failures.saturating_add(1);
                self.error = Some(error);
                BTreeSet::new()
            }
        }
    }

    /// The revisions that turned out to need nothing: call after [`Switch::next_batch`] had nothing to send.
    pub fn acknowledged(&mut self) -> BTreeSet<u64> {
        let settled = self.installed.is_some() && self.in_flight.is_none() && self.retry_at.is_none();
        if settled { std::mem::take(&mut self.waiting) } else { BTreeSet::new() }
    }

    /// When to read the switch back after a refused batch.
    pub fn retry_at(&self) -> Option<Instant> {
        self.retry_at
    }

    /// Whether all the switch is to have is acknowledged.
    pub fn converged(&self) -> bool {
        self.installed.is_some()
            && self.in_flight.is_none()
            && self.waiting.is_empty()
            && self.dirty_flows.is_empty()
            && self.dirty_groups.is_empty()
    }

    /// The revisions not yet acknowledged.
    pub fn pending(&self) -> impl Iterator<Item = u64> {
        self.waiting.iter().chain(self.in_flight.iter().flat_map(|(_, revisions)| revisions)).copied()
    }

    /// Why the last batch was refused.
    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }
}
