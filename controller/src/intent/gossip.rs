//! The keys that seal gossip between agents, and how they are replaced.
//!
//! ```text
//!            new key                   all have it                  all have it
//!  ┌────────┐ ──────► ┌──────────────┐ ─────────► ┌───────────────┐ ─────────► ┌────────┐
//!  │ send A │         │ send A,      │            │ send B,       │            │ send B │
//!  └────────┘         │ accept B too │            │ accept A, too │            └────────┘
//!                     └──────────────┘            └───────────────┘
//! ```

use std::sync::Arc;

use api::{GossipKey, GossipKeys};
use serde::{Deserialize, Serialize};

use super::{
    Value,
    change::{Draft, Effect},
};

/// The keys as they are now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gossip {
    /// What agents are to use.
    pub keys: GossipKeys,
    /// How many steps were taken so far; three for each new key.
    pub step: u64,
    /// The revision of the last step.
    pub revision: u64,
    /// The Unix second of the last step.
    pub at: u64,
}

impl Gossip {
    /// Whether a key is being replaced.
    pub fn is_under_way(&self) -> bool {
        self.keys.accept.is_some()
    }

    /// The keys after the next step, which may begin with the `fresh` one.
    fn next(&self, fresh: &GossipKey) -> GossipKeys {
        let GossipKeys { send, accept } = &self.keys;
        match (self.step % 3, accept) {
            (1, Some(new)) => GossipKeys { send: new.clone(), accept: Some(send.clone()) },
            (2, Some(_)) => GossipKeys { send: send.clone(), accept: None },
            _ => GossipKeys { send: send.clone(), accept: Some(fresh.clone()) },
        }
    }
}

impl Draft<'_> {
    pub(super) fn step_gossip(&mut self, after: Option<u64>, fresh: &GossipKey) -> Effect {
        let there = self.intent.gossip.clone();
        if let Some(there) = there.as_ref().filter(|there| after != Some(there.step)) {
            return Effect::Unchanged(there.revision);
        }
        let (keys, step) = match &there {
            Some(there) => (there.next(fresh), there.step + 1),
            None => (GossipKeys { send: fresh.clone(), accept: None }, 0),
        };
        self.put(Value::Gossip(Arc::new(Gossip { keys, step, revision: self.revision(), at: self.now })));
        Effect::Changed
    }
}
