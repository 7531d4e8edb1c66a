//! Per switch: desired minus observed is the smallest change, sent as one atomic batch.
//!
//! ```text
//!            observed()              next_batch()              done(Ok)
//!  unknown ────────────► known ─────────────────► in flight ────────────► known
//!     ▲                    ▲      dirty keys only     │
//!     └──────── lost() ────┴──────────────────────────┤ done(Err), of no object: back off, then read back
//!                          └──────────────────────────┘ done(Err), of an object: set it aside, go on with the others
//! ```

mod again;
mod batch;
mod differences;
mod drift;
mod set_aside;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    compile::{Delta, State},
    pipeline::{FlowBody, FlowKey, Group},
};

pub use batch::{Batch, CtFlush, Front};
pub use drift::{Audit, Drift};
pub use set_aside::{OwnerId, Refusal};

use again::Again;
use batch::Moves;
use differences::Differences;
use set_aside::SetAside;

/// How long to wait after a refused batch, at first and at the most.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// Where a switch that was read back differs from what it is to be.
#[derive(Debug, Default)]
struct Known {
    flows: Differences<Arc<FlowKey>, FlowBody>,
    groups: Differences<u32, Group>,
}

/// What is known of one switch, and what is on its way there.
#[derive(Debug, Default)]
pub struct Switch {
    known: Option<Known>,
    in_flight: Option<InFlight>,
    waiting: Revisions,
    again: Again,
    set_aside: SetAside,
    failures: u32,
    retry_at: Option<Instant>,
    error: Option<String>,
    batches: u64,
}

/// What is on its way.
#[derive(Debug)]
struct InFlight {
    batch: u64,
    revisions: Revisions,
    /// Whether it changes the switch: else it only has connections forgotten again.
    changes: bool,
    /// The backends that leave by it.
    left: Vec<CtFlush>,
    /// Those that left before, and whose connections are forgotten again.
    again: Vec<CtFlush>,
}

/// Revisions, and whose flows and groups each of them changed.
type Revisions = BTreeMap<u64, Vec<OwnerId>>;

impl Switch {
    /// Intent changed what this switch is to have.
    pub fn changed(&mut self, delta: &Delta, revision: u64) {
        let flows = delta.flows.values().filter_map(|edit| edit.after.as_deref()).map(OwnerId::of_flow);
        let owners: BTreeSet<OwnerId> = flows.chain(delta.groups.keys().map(|id| OwnerId::of_group(*id))).collect();
        self.set_aside.lift(&owners);
        if let Some(known) = &mut self.known {
            delta.flows.iter().for_each(|(key, edit)| known.flows.wanted(key, edit));
            delta.groups.iter().for_each(|(id, edit)| known.groups.wanted(id, edit));
        }
        self.waiting.insert(revision, owners.into_iter().collect());
    }

    /// The switch was read back.
    pub fn observed(&mut self, read: &State, desired: &State) {
        let flows = Differences::between(&read.flows, &desired.flows);
        self.known = Some(Known { flows, groups: Differences::between(&read.groups, &desired.groups) });
        self.again.spare(|flush| batch::serves(desired, flush));
        self.in_flight = None;
        self.retry_at = None;
    }

    /// The session to the switch ended: nothing is known of it any more.
    pub fn lost(&mut self) {
        self.known = None;
        self.retry_at = None;
        if let Some(InFlight { revisions, left, again, .. }) = self.in_flight.take() {
            self.waiting.extend(revisions);
            self.again.owe([left, again].concat());
        }
    }

    /// What to send now, if anything. An empty difference acknowledges what waited: see [`Switch::acknowledged`].
    pub fn next_batch(&mut self) -> Option<Batch> {
        let known = self.known.as_mut()?;
        if self.in_flight.is_some() || self.retry_at.is_some() {
            return None;
        }
        let mut batch = Batch { id: self.batches + 1, ..Batch::default() };
        let (mut held, mut moves) = (BTreeSet::new(), Moves::default());
        let mut aside = |owner: Option<OwnerId>| {
            let aside = owner.filter(|owner| self.set_aside.holds(*owner));
            held.extend(aside);
            aside.is_some()
        };
        for (key, difference) in known.flows.iter() {
            if !aside(difference.want.as_deref().map(OwnerId::of_flow)) {
                batch.flow(key, difference, &mut moves);
            }
        }
        for (id, difference) in known.groups.iter() {
            if !aside(difference.want.as_ref().map(|_| OwnerId::of_group(*id))) {
                batch.group(*id, difference, &mut moves);
            }
        }
        let (left, again) = (moves.left(), self.again.take_due(&moves));
        batch.flushes = [&left[..], &again].concat();
        self.set_aside.keep_only(&held);
        if batch.is_empty() {
            return None;
        }
        let keys = batch.flows_set.iter().map(|flow| &flow.key).chain(&batch.flows_removed);
        keys.for_each(|key| known.flows.send(key));
        let groups = batch.groups_added.iter().chain(&batch.groups_changed).map(|group| &group.id);
        groups.chain(&batch.groups_removed).for_each(|id| known.groups.send(id));
        self.batches += 1;
        let (revisions, changes) = (std::mem::take(&mut self.waiting), batch.flow_mods() + batch.group_mods() > 0);
        self.in_flight = Some(InFlight { batch: batch.id, revisions, changes, left, again });
        Some(batch)
    }

    /// What became of a batch: the revisions it made real, or nothing.
    ///
    /// A refused batch changed nothing in the switch. If it is known whose flow or group was refused, that object is
    /// set aside for a while and the others go on; else the switch is read back and all tried again after a while.
    pub fn done(&mut self, id: u64, result: Result<(), Refusal>, now: Instant) -> BTreeSet<u64> {
        let Some(InFlight { revisions, left, again, .. }) = self.in_flight.take_if(|sent| sent.batch == id) else {
            return BTreeSet::new();
        };
        self.waiting.extend(revisions);
        if let Some(known) = &mut self.known {
            known.flows.arrived(result.is_ok());
            known.groups.arrived(result.is_ok());
        }
        if result.is_err() {
            self.again.owe(again);
        }
        match result {
            Ok(()) => {
                self.failures = 0;
                self.error = None;
                self.set_aside.forget_lifted();
                self.again.add(left, now);
                return self.take_settled();
            }
            Err(Refusal { owner: Some(owner), error }) => self.set_aside.add(owner, error, now),
            Err(Refusal { owner: None, error }) => {
                self.known = None;
                self.retry_at = Some(now + backoff(self.failures));
                self.failures = self.failures.saturating_add(1);
                self.error = Some(error);
            }
        }
        BTreeSet::new()
    }

    /// The revisions that turned out to need nothing: call after [`Switch::next_batch`] had nothing to send.
    pub fn acknowledged(&mut self) -> BTreeSet<u64> {
        let settled = self.known.is_some() && self.in_flight.is_none() && self.retry_at.is_none();
        if !settled {
            return BTreeSet::new();
        }
        self.failures = 0;
        self.error = None;
        self.take_settled()
    }

    /// Takes out the revisions that concern nobody who is set aside.
    fn take_settled(&mut self) -> BTreeSet<u64> {
        let settled = |owners: &[OwnerId]| !owners.iter().any(|owner| self.set_aside.holds(*owner));
        let (done, waiting) = std::mem::take(&mut self.waiting).into_iter().partition(|(_, owners)| settled(owners));
        self.waiting = waiting;
        let done: Revisions = done;
        done.into_keys().collect()
    }

    /// When to try again what was refused, or to forget connections again: see [`Switch::handle_timeout`].
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.retry_at, self.set_aside.poll_timeout(), self.again.poll_timeout()].into_iter().flatten().min()
    }

    /// Time has passed. True asks for the switch to be read back; either way there may be a batch to send.
    pub fn handle_timeout(&mut self, now: Instant) -> bool {
        self.set_aside.handle_timeout(now);
        self.again.handle_timeout(now);
        let read_back = self.retry_at.is_some_and(|at| at <= now);
        if read_back {
            self.lost();
        }
        read_back
    }

    /// Whether all the switch is to have is acknowledged.
    pub fn converged(&self) -> bool {
        let equal = |known: &Known| known.flows.is_empty() && known.groups.is_empty();
        let idle = self.in_flight.as_ref().is_none_or(|sent| !sent.changes && sent.revisions.is_empty());
        self.known.as_ref().is_some_and(equal) && idle && self.waiting.is_empty()
    }

    /// Forgets all but the last revisions that are not acknowledged.
    pub fn remember_last(&mut self, count: usize) {
        while self.waiting.len() > count {
            self.waiting.pop_first();
        }
    }

    /// The revisions not yet acknowledged.
    pub fn pending(&self) -> impl Iterator<Item = u64> {
        self.waiting.keys().chain(self.in_flight.iter().flat_map(|sent| sent.revisions.keys())).copied()
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
