//! Which hosts are there, and whose they are: [`Membership`](crate::membership::Membership) fed, and what it finds acted on.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use api::{MemberView, Name};

use super::{Action, Core, NodeState, settle};
use crate::{
    intent::{Key, Txn, Value},
    membership::{Session, Status},
};

/// How long to wait for a proposal to come true before it is made again.
const PATIENCE: Duration = Duration::from_secs(1);

impl Core {
    /// An agent said which other hosts it sees: all of them, or those that changed.
    pub fn reported(&mut self, node: &Name, members: &[MemberView], all: bool, now: Instant) -> Vec<Action> {
        self.membership.handle_report(node, members, all, now);
        self.judge(now)
    }

    /// A session with a host came, or the last one of its kind went.
    pub fn session(&mut self, node: &Name, session: Session, up: bool, now: Instant) -> Vec<Action> {
        self.membership.handle_session(node, session, up, now);
        self.judge(now)
    }

    /// Something came in from a host's switch.
    pub fn word(&mut self, node: &Name, now: Instant) -> Vec<Action> {
        self.membership.handle_word(node, now);
        self.judge(now)
    }

    /// What is made of each host, in order of names.
    pub fn standings(&self, now: Instant) -> Vec<Status> {
        self.membership.status(now)
    }

    pub(super) fn look_at_hosts(&mut self, now: Instant) -> Vec<Action> {
        self.membership.handle_timeout(now);
        let mut actions = self.judge(now);
        // What was proposed may not have been written.
        actions.extend(self.propose(now));
        actions
    }

    fn judge(&mut self, now: Instant) -> Vec<Action> {
        let mut actions = Vec::new();
        while let Some(node) = self.membership.poll_challenge() {
            actions.push(Action::Challenge(node));
        }
        let before = actions.len();
        while let Some(event) = self.membership.poll_event() {
            actions.push(Action::Standing(event));
        }
        if actions.len() > before {
            actions.extend(self.propose(now));
        }
        actions
    }

    /// What is made of a node is written down by its master only: one decides, and the others follow.
    fn propose(&mut self, now: Instant) -> Vec<Action> {
        let Self { membership, proposed, compiler, mine, .. } = self;
        let nodes = &compiler.intent().nodes;
        let differs = |(name, down): &(&Name, bool)| nodes.get(*name).is_some_and(|node| node.down != *down);
        let differing: Vec<(&Name, bool)> = membership.downs().filter(differs).collect();
        proposed.retain(|name, _| differing.iter().any(|(other, _)| *other == name));
        let mut actions = Vec::new();
        for (name, down) in differing.into_iter().filter(|(name, _)| is_mine(mine.as_ref(), name)) {
            if proposed.get(name).is_none_or(|at| now.saturating_duration_since(*at) >= PATIENCE) {
                proposed.insert(name.clone(), now);
                actions.push(Action::SetDown(name.clone(), down));
            }
        }
        actions
    }

    /// Takes over which nodes a transaction lists, and which of them are down.
    pub(super) fn follow(&mut self, txn: &Txn, now: Instant) -> Vec<Action> {
        let nodes = txn.writes.iter().filter_map(|write| match (&write.key, &write.value) {
            (Key::Node(name), Some(Value::Node(node))) => Some((name, Some(node.down))),
            (Key::Node(name), _) => Some((name, None)),
            _ => None,
        });
        let mut any = false;
        for (name, down) in nodes {
            any = true;
            let Some(down) = down else {
                self.membership.remove(name);
                continue;
            };
            self.membership.add(name, down, now);
            if let Some(state) = self.nodes.get_mut(name)
                && std::mem::replace(&mut state.down, down) != down
            {
                self.membership.follow(name, down, now);
            }
        }
        if any {
            self.reassign();
        }
        self.judge(now)
    }

    /// This controller is to be master of these nodes; others bring the others where they are to be.
    pub fn assign(&mut self, mine: BTreeSet<Name>) -> Vec<Action> {
        self.mine = Some(mine);
        self.reassign();
        self.resolve()
    }

    /// For whom somebody may wait here has changed.
    fn reassign(&mut self) {
        for (name, state) in &mut self.nodes {
            let elsewhere = state.down || !is_mine(self.mine.as_ref(), name);
            if std::mem::replace(&mut state.elsewhere, elsewhere) == elsewhere {
                continue;
            }
            for revision in state.pending() {
                match elsewhere {
                    true => settle(&mut self.pending, revision),
                    false => *self.pending.entry(revision).or_default() += 1,
                }
            }
        }
    }

    /// What is known of a node that was not there before.
    pub(super) fn new_node(&self, name: &Name) -> NodeState {
        let down = self.compiler.intent().nodes.get(name).is_some_and(|node| node.down);
        NodeState { elsewhere: down || !is_mine(self.mine.as_ref(), name), down, ..NodeState::default() }
    }
}

fn is_mine(mine: Option<&BTreeSet<Name>>, name: &Name) -> bool {
    mine.is_none_or(|mine| mine.contains(name))
}
