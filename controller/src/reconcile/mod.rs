//! Per switch: desired minus observed is the smallest change, sent as one atomic batch.
//!
//! ```text
//!            observed()              next_batch()              done(Ok)
//!  unknown ────────────► known ─────────────────► in flight ────────────► known
//!     ▲                    ▲      dirty keys only     │
//!     └──────── lost() ────┴──────────────────────────┤ done(Err), of no object: back off, then read back
//!                          └──────────────────────────┘ done(Err), of an object: set it aside, go on with the others
//! ```

mod batch;
mod drift;
mod set_aside;
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
pub use set_aside::{OwnerId, Refusal};

use set_aside::SetAside;

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
    in_flight: Option<(Batch, Revisions)>,
    waiting: Revisions,
    set_aside: SetAside,
    failures: u32,
    retry_at: Option<Instant>,
    error: Option<String>,
    batches: u64,
}

/// Revisions, and whose flows and groups each of them changed.
type Revisions = BTreeMap<u64, BTreeSet<OwnerId>>;

impl Switch {
    /// Intent changed what this switch is to have.
    pub fn changed(&mut self, delta: &Delta, revision: u64) {
        let flows = delta.flows.values().flatten().map(OwnerId::of_flow);
        let owners: BTreeSet<OwnerId> = flows.chain(delta.groups.keys().map(|id| OwnerId::of_group(*id))).collect();
        self.set_aside.lift(&owners);
        self.dirty_flows.extend(delta.flows.keys().cloned());
        self.dirty_groups.extend(delta.groups.keys());
        self.waiting.insert(revision, owners);
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
        let owner = |key: &FlowKey| desired.flow(key).map(OwnerId::of_flow);
        let group_owner = |id: &u32| desired.groups().get(id).map(|group| OwnerId::of_group(group.id));
        let aside = |owner: Option<OwnerId>| owner.is_some_and(|owner| self.set_aside.holds(owner));
        let (later, flows): (BTreeSet<FlowKey>, BTreeSet<FlowKey>) =
            std::mem::take(&mut self.dirty_flows).into_iter().partition(|key| aside(owner(key)));
        let (later_groups, groups): (BTreeSet<u32>, BTreeSet<u32>) =
            std::mem::take(&mut self.dirty_groups).into_iter().partition(|id| aside(group_owner(id)));
        let held = later.iter().filter_map(owner).chain(later_groups.iter().filter_map(group_owner)).collect();
        self.set_aside.keep_only(&held);
        self.dirty_flows = later;
        self.dirty_groups = later_groups;
        self.batches += 1;
        let batch = Batch::difference(self.batches, desired, installed, &flows, &groups);
        if batch.is_empty() {
            return None;
        }
        self.in_flight = Some((batch.clone(), std::mem::take(&mut self.waiting)));
        Some(batch)
    }

    /// What became of a batch: the revisions it made real, or nothing.
    ///
    /// A refused batch changed nothing in the switch. If it is known whose flow or group was refused, that object is
    /// set aside for a while and the others go on; else the switch is read back and all tried again after a while.
    pub fn done(&mut self, id: u64, result: Result<(), Refusal>, now: Instant) -> BTreeSet<u64> {
        let Some((batch, revisions)) = self.in_flight.take_if(|(batch, _)| batch.id == id) else {
            return BTreeSet::new();
        };
        self.waiting.extend(revisions);
        match result {
            Ok(()) => {
                if let Some(installed) = &mut self.installed {
                    batch.apply_to(installed);
                }
                self.failures = 0;
                self.error = None;
                self.set_aside.forget_lifted();
                return self.take_settled();
            }
            Err(Refusal { owner: Some(owner), error }) => {
                self.dirty_flows.extend(batch.flows_set.into_iter().map(|flow| flow.key).chain(batch.flows_removed));
                let groups = batch.groups_added.iter().chain(&batch.groups_changed).map(|group| group.id);
                self.dirty_groups.extend(groups.chain(batch.groups_removed));
                self.set_aside.add(owner, error, now);
            }
            Err(Refusal { owner: None, error }) => {
                self.installed = None;
                self.retry_at = Some(now + backoff(self.failures));
                self.failures = self.failures.saturating_add(1);
                self.error = Some(error);
            }
        }
        BTreeSet::new()
    }

    /// The revisions that turned out to need nothing: call after [`Switch::next_batch`] had nothing to send.
    pub fn acknowledged(&mut self) -> BTreeSet<u64> {
        let settled = self.installed.is_some() && self.in_flight.is_none() && self.retry_at.is_none();
        if settled { self.take_settled() } else { BTreeSet::new() }
    }

    /// Takes out the revisions that concern nobody who is set aside.
    fn take_settled(&mut self) -> BTreeSet<u64> {
        let settled = |owners: &BTreeSet<OwnerId>| !owners.iter().any(|owner| self.set_aside.holds(*owner));
        let (done, waiting) = std::mem::take(&mut self.waiting).into_iter().partition(|(_, owners)| settled(owners));
        self.waiting = waiting;
        let done: Revisions = done;
        done.into_keys().collect()
    }

    /// When to try again what was refused: see [`Switch::handle_timeout`].
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.retry_at.into_iter().chain(self.set_aside.poll_timeout()).min()
    }

    /// Time has passed. True asks for the switch to be read back; either way there may be a batch to send.
    pub fn handle_timeout(&mut self, now: Instant) -> bool {
        self.set_aside.handle_timeout(now);
        let read_back = self.retry_at.is_some_and(|at| at <= now);
        if read_back {
            self.lost();
        }
        read_back
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
        self.waiting.keys().chain(self.in_flight.iter().flat_map(|(_, revisions)| revisions.keys())).copied()
    }

    /// Why something was refused last.
    pub fn error(&self) -> Option<&str> {
        self.error.as_deref().or_else(|| self.set_aside.error())
    }
}

/// How long to wait after the nth refusal in a row.
fn backoff(failures: u32) -> Duration {
    let (first, most) = BACKOFF;
    first.saturating_mul(1 << failures.min(10)).min(most)
}
