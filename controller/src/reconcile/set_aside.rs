//! Objects of which a switch refused something: they wait by themselves, so that the others go on.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use super::backoff;
use crate::pipeline::{FlowBody, group};

/// Kind and number of an object: the upper half of its flows' cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OwnerId(u32);

impl OwnerId {
    /// The owner of a flow.
    pub fn of_flow(body: &FlowBody) -> Self {
        Self((body.cookie >> 32) as u32)
    }

    /// The owner of a group: groups are services' or the pipeline's.
    pub fn of_group(id: u32) -> Self {
        Self((group::owner(id).to_u64() >> 32) as u32)
    }
}

/// A batch that a switch refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Whose flow or group it refused, if that is known.
    pub owner: Option<OwnerId>,
    /// What it said, and about what.
    pub error: String,
}

#[derive(Debug)]
struct Aside {
    /// When to try again; none while that is under way.
    until: Option<Instant>,
    failures: u32,
    error: String,
}

/// Who is set aside on one switch.
#[derive(Debug, Default)]
pub(super) struct SetAside {
    owners: BTreeMap<OwnerId, Aside>,
}

impl SetAside {
    pub fn holds(&self, owner: OwnerId) -> bool {
        self.owners.get(&owner).is_some_and(|aside| aside.until.is_some())
    }

    /// Something of this owner was refused.
    pub fn add(&mut self, owner: OwnerId, error: String, now: Instant) {
        let failures = self.owners.get(&owner).map_or(0, |aside| aside.failures);
        let until = Some(now + backoff(failures));
        self.owners.insert(owner, Aside { until, failures: failures.saturating_add(1), error });
    }

    /// These owners changed: what was refused may be right now.
    pub fn lift(&mut self, owners: &BTreeSet<OwnerId>) {
        for (_, aside) in self.owners.iter_mut().filter(|(owner, _)| owners.contains(owner)) {
            aside.until = None;
        }
    }

    /// Only these have anything left to send; of the others nothing is wanted any more.
    pub fn keep_only(&mut self, owners: &BTreeSet<OwnerId>) {
        self.owners.retain(|owner, aside| aside.until.is_none() || owners.contains(owner));
    }

    /// A batch with all that was lifted was accepted.
    pub fn forget_lifted(&mut self) {
        self.owners.retain(|_, aside| aside.until.is_some());
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.owners.values().filter_map(|aside| aside.until).min()
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        for aside in self.owners.values_mut().filter(|aside| aside.until.is_some_and(|until| until <= now)) {
            aside.until = None;
        }
    }

    pub fn error(&self) -> Option<&str> {
        self.owners.values().find(|aside| aside.until.is_some()).map(|aside| aside.error.as_str())
    }
}
