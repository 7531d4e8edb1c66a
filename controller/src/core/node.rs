//! What the core knows of one node.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::SessionId;
use crate::{compile::Tally, reconcile::Switch};

/// Ports by name, and why they do not work.
pub type Broken = BTreeMap<String, String>;

/// How many revisions are remembered for a node that another controller is master of, to know when it takes over
/// for which of them somebody may still wait.
const ELSEWHERE: usize = 256;

/// What is known of one node.
#[derive(Default)]
pub(super) struct NodeState {
    /// Whether another controller is to be its switch's master, or the host is down: nobody waits for it here.
    pub elsewhere: bool,
    /// Whether the host is down, as it is written.
    pub down: bool,
    pub session: Option<SessionId>,
    pub switch: Switch,
    /// Ports that each revision changed and the host's OVSDB has not acknowledged.
    pub host_waiting: BTreeMap<u64, Vec<String>>,
    /// Ports that the host cannot make, and why.
    pub broken: Broken,
    pub flow_mods_sent: u64,
}

impl NodeState {
    /// The revisions it has not acknowledged.
    pub fn pending(&self) -> impl Iterator<Item = u64> {
        self.switch.pending().chain(self.host_waiting.keys().copied())
    }

    /// Forgets the oldest revisions of a node that is not ours to bring there.
    pub fn remember_last(&mut self) {
        if self.elsewhere {
            self.switch.remember_last(ELSEWHERE);
            while self.host_waiting.len() > ELSEWHERE {
                self.host_waiting.pop_first();
            }
        }
    }

    /// What is wrong with the node, if anything.
    pub fn error(&self) -> Option<String> {
        let port = || self.broken.iter().next().map(|(port, why)| format!("port {port}: {why}"));
        self.switch.error().map(str::to_owned).or_else(port)
    }
}

/// One node's progress, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct NodeProgress {
    /// Whether its switch has acknowledged everything.
    pub converged: bool,
    /// How much it is to have.
    pub desired: Tally,
    /// The first revision it has not acknowledged.
    pub first_pending: Option<u64>,
    /// Flow-mods sent to it.
    pub flow_mods_sent: u64,
    /// What is wrong with it: a refused batch, a port that does not work.
    pub error: Option<String>,
}
