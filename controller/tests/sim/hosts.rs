//! Hosts that are switched off and on, and what their agents say of each other.

use api::{MemberState, MemberView, Name};
use controller::membership::Session;

use crate::{changes, switch::Switch, world::World};

/// How often an agent reports, in milliseconds.
const REPORT: u64 = 300;

/// After how many milliseconds gossip suspects a host that is off, and after how many it is dead.
const LOST: (u64, u64) = (500, 1300);

/// After how many milliseconds a session that brings nothing is given up.
const SILENT: u64 = 10_000;

impl World {
    /// All hosts there may be, and something on them.
    pub fn grow(&mut self) {
        for change in changes::all_nodes() {
            self.change(change);
        }
        for _ in 0..20 {
            let change = changes::endpoint(&mut self.random);
            self.change(change);
        }
    }

    /// A host loses power: nothing comes from it any more, and nobody is told.
    pub fn switch_off(&mut self, node: &str) {
        let (now, name) = (self.now, changes::name(node.into()));
        if let Some(switch) = self.switches.get_mut(&name).filter(|switch| switch.off.is_none()) {
            switch.off = Some(now);
            self.say(format!("{node} is switched off"));
        }
    }

    /// It is back, with the flows it had.
    pub fn switch_on(&mut self, node: &Name) {
        if self.switches.get_mut(node).is_some_and(|switch| switch.off.take().is_some()) {
            self.say(format!("{node} is switched on"));
            self.hang_up(node);
        }
    }

    pub fn switch_all_on(&mut self) {
        for node in self.switches.keys().cloned().collect::<Vec<_>>() {
            self.switch_on(&node);
        }
    }

    /// The nodes that are written down as down.
    pub fn down(&self) -> Vec<&str> {
        self.intent.nodes.values().filter(|node| node.down).map(|node| node.name.as_str()).collect()
    }

    pub fn is_waited_for(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Agents that are due say whom they see; sessions that bring nothing are given up.
    pub(super) fn report(&mut self) {
        let now = self.now;
        for node in self.switches.keys().cloned().collect::<Vec<_>>() {
            let Some(switch) = self.switches.get_mut(&node) else { continue };
            if switch.off.is_some_and(|at| now > at + SILENT) && switch.session != 0 {
                self.hang_up(&node);
                continue;
            }
            if switch.off.is_some() || now < switch.reported + REPORT {
                continue;
            }
            switch.reported = now;
            let others = self.switches.iter().filter(|(other, _)| **other != node);
            let members: Vec<MemberView> = others.map(|(name, other)| view(name, other, now)).collect();
            let actions = self.core.reported(&node, &members, true, self.at(now));
            self.act(actions);
        }
    }

    pub(super) fn hang_up(&mut self, node: &Name) {
        let Some(switch) = self.switches.get_mut(node) else { return };
        let session = switch.session;
        switch.disconnect();
        self.core.switch_down(node, session);
        let actions = self.core.session(node, Session::OpenFlow, false, self.at(self.now));
        self.act(actions);
    }
}

fn view(name: &Name, other: &Switch, now: u64) -> MemberView {
    let state = match other.off.map(|at| now - at) {
        Some(off) if off > LOST.1 => MemberState::Dead,
        Some(off) if off > LOST.0 => MemberState::Suspect,
        _ => MemberState::Alive,
    };
    MemberView { name: name.clone(), state, incarnation: 0, since_seconds: 0.0 }
}
