//! What this agent makes of the others, and since when.

use std::{collections::BTreeMap, time::Instant};

use api::{MemberState, MemberView};
use foca::{Member, State};

use super::{identity::Identity, roster::Roster, tuning::ARRIVAL};

/// What is made of one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// Alive, suspect or dead.
    pub state: MemberState,
    /// How often it objected to suspicion in this life.
    pub incarnation: u16,
    /// Since when it is in this state.
    pub since: Instant,
}

/// A member that is no longer what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The node.
    pub node: u32,
    /// What it was; none when it was not known.
    pub from: Option<MemberState>,
    /// What it is now.
    pub to: MemberState,
}

/// What is made of each listed member that is known.
#[derive(Debug, Default)]
pub struct Views {
    views: BTreeMap<u32, View>,
}

impl Views {
    /// Takes over what foca knows, and gives up on those that never came; says what changed.
    pub fn refresh<'a>(
        &mut self,
        members: impl Iterator<Item = &'a Member<Identity>>,
        roster: &Roster,
        now: Instant,
    ) -> Vec<Change> {
        let mut changes = Vec::new();
        for member in members.filter(|member| roster.get(member.id().node).is_some()) {
            let state = match member.state() {
                State::Alive => MemberState::Alive,
                State::Suspect => MemberState::Suspect,
                State::Down => MemberState::Dead,
            };
            changes.extend(self.set(member.id().node, state, member.incarnation(), now));
        }
        let late = |(node, listed): (u32, &super::roster::Listed)| {
            (now.saturating_duration_since(listed.since) >= ARRIVAL && !self.views.contains_key(&node)).then_some(node)
        };
        let late: Vec<u32> = roster.iter().filter_map(late).collect();
        changes.extend(late.into_iter().filter_map(|node| self.set(node, MemberState::Dead, 0, now)));
        changes
    }

    fn set(&mut self, node: u32, state: MemberState, incarnation: u16, now: Instant) -> Option<Change> {
        let before = self.views.get(&node).copied();
        let since = before.filter(|before| before.state == state).map_or(now, |before| before.since);
        let view = View { state, incarnation, since };
        if before == Some(view) {
            return None;
        }
        self.views.insert(node, view);
        let from = before.map(|before| before.state);
        (from != Some(state)).then_some(Change { node, from, to: state })
    }

    /// Forgets a member.
    pub fn remove(&mut self, node: u32) {
        self.views.remove(&node);
    }

    /// What is made of a member.
    pub fn get(&self, node: u32) -> Option<View> {
        self.views.get(&node).copied()
    }

    /// All for the controller and for people, in order of their numbers.
    pub fn all(&self, roster: &Roster, now: Instant) -> Vec<MemberView> {
        let view = |(node, view): (&u32, &View)| {
            Some(MemberView {
                name: roster.get(*node)?.name.clone(),
                state: view.state,
                incarnation: view.incarnation,
                since_seconds: now.saturating_duration_since(view.since).as_secs_f64(),
            })
        };
        self.views.iter().filter_map(view).collect()
    }
}
