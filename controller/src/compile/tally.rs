//! How much there is, and a digest of it, kept up by adding and taking away.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Serialize};

use super::{Fragment, State};
use crate::pipeline::{Flows, Groups};

/// How much a switch is to have, and a digest that two replicas can compare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Tally {
    /// Flows.
    pub flows: usize,
    /// Groups.
    pub groups: usize,
    /// The sum of the hashes of all flows and groups: the same for the same state, in whichever order it came about.
    pub digest: u64,
}

impl Tally {
    /// Adds what a part consists of.
    pub fn add(&mut self, other: Self) {
        self.flows += other.flows;
        self.groups += other.groups;
        self.digest = self.digest.wrapping_add(other.digest);
    }

    /// Takes away what was added before.
    pub fn remove(&mut self, other: Self) {
        self.flows -= other.flows;
        self.groups -= other.groups;
        self.digest = self.digest.wrapping_sub(other.digest);
    }

    fn of(flows: &Flows, groups: &Groups) -> Self {
        let hashes = flows.iter().map(hash).chain(groups.iter().map(hash));
        Self { flows: flows.len(), groups: groups.len(), digest: hashes.fold(0, u64::wrapping_add) }
    }
}

impl From<&Fragment> for Tally {
    fn from(fragment: &Fragment) -> Self {
        Self::of(&fragment.flows, &fragment.groups)
    }
}

impl From<&State> for Tally {
    fn from(state: &State) -> Self {
        Self::of(&state.flows, &state.groups)
    }
}

fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
