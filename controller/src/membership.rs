//! Which hosts are there: what their agents say of each other, and what the controller hears itself.
//!
//! ```text
//!                most doubt it, and no word from it since
//!    ┌───────┐ ─────────────────────────────────────────► ┌─────────┐
//!    │ alive │                                            │ suspect │
//!    └───────┘ ◄───────────────────────────────────────── └─────────┘
//!        ▲               seen, or a word from it               │
//!        │                                                     │ all have lost it, and no word for a second,
//!        │   there without a break for 1 s, 2 s, 4 s …         ▼ and most of the others are heard
//!        └──────────────────────────────────────────────── ┌──────┐
//!                    (twice as long each time)             │ down │
//!                                                          └──────┘
//! ```
//!
//! A host that its peers see stays, reachable from here or not; one whose
//! switch answers stays, whatever the peers say of its agent. While most
//! agents are not heard, the controller itself is cut off, and nobody is
//! declared down. Pure: time is passed in, events and challenges are polled.

mod node;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::{Duration, Instant},
};

use api::{MemberState, MemberView, Name};

use node::{Node, Tally};

/// How long there must be no word from a host, that was asked for one, before it can be down.
const SILENCE: Duration = Duration::from_secs(1);
/// The same where one other host is there to say something about it.
const SILENCE_OF_TWO: Duration = Duration::from_secs(2);
/// The same where there is none that says anything.
const SILENCE_ALONE: Duration = Duration::from_secs(5);
/// How often all is looked at, when something is open and when not.
const TICKS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));
/// How often a doubted host is asked for a word.
const CHALLENGE: Duration = Duration::from_millis(250);

/// What the controller makes of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It is there.
    Alive,
    /// It may be lost.
    Suspect,
    /// It is lost, or has not been back for long enough.
    Down,
}

impl Standing {
    /// The standing in one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Suspect => "suspect",
            Self::Down => "down",
        }
    }
}

/// A session that a host keeps with the controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Session {
    /// Its switch's.
    OpenFlow,
    /// Its database's.
    Ovsdb,
}

/// A host whose standing changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The host.
    pub node: Name,
    /// What it was.
    pub from: Standing,
    /// What it is.
    pub to: Standing,
}

/// What there is to show of a host.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// The host.
    pub node: Name,
    /// Its standing.
    pub standing: Standing,
    /// For how long it has had it, in seconds.
    pub since_seconds: f64,
    /// How many agents see it alive.
    pub seen_by: usize,
    /// How many agents have an opinion of it.
    pub of: usize,
    /// How long ago there was a word from it, in seconds: a report, or anything on a session.
    pub silent_seconds: f64,
}

/// All hosts, and what is known of each.
pub struct Membership {
    nodes: BTreeMap<Name, Node>,
    events: VecDeque<Event>,
    challenges: VecDeque<Name>,
    looked: Instant,
}

impl Membership {
    /// No hosts yet.
    pub fn new(now: Instant) -> Self {
        Self { nodes: BTreeMap::new(), events: VecDeque::new(), challenges: VecDeque::new(), looked: now }
    }

    /// A host is listed; `down` when it was when the controller last ran. One that is listed already is left alone.
    pub fn add(&mut self, node: &Name, down: bool, now: Instant) {
        let standing = if down { Standing::Down } else { Standing::Alive };
        self.nodes.entry(node.clone()).or_insert_with(|| Node::new(standing, now));
    }

    /// Whoever decides has decided otherwise than what was made of the host here: that holds.
    pub fn follow(&mut self, node: &Name, down: bool, now: Instant) {
        let Some(found) = self.nodes.get_mut(node) else { return };
        let from = found.standing;
        found.follow(down, now);
        self.changed(node.clone(), from, now);
    }

    /// The hosts and whether each is down.
    pub fn downs(&self) -> impl Iterator<Item = (&Name, bool)> {
        self.nodes.iter().map(|(name, node)| (name, node.standing == Standing::Down))
    }

    /// A host is no longer listed.
    pub fn remove(&mut self, node: &Name) {
        self.nodes.remove(node);
        for other in self.nodes.values_mut() {
            other.against.remove(node);
        }
    }

    /// An agent reported: [`api::AgentReport::members`] and [`api::AgentReport::all_members`].
    pub fn handle_report(&mut self, reporter: &Name, members: &[MemberView], all: bool, now: Instant) {
        let Some(node) = self.nodes.get_mut(reporter) else { return };
        node.reported = Some(now);
        node.heard = now;
        if all {
            node.votes = !members.is_empty();
        }
        let votes = node.votes;
        let mut touched = BTreeSet::from([reporter.clone()]);
        if all {
            for (_, other) in self.nodes.iter_mut().filter(|(name, _)| *name != reporter) {
                if votes {
                    other.against.insert(reporter.clone(), None);
                } else {
                    other.against.remove(reporter);
                }
            }
        }
        for view in members.iter().filter(|view| votes && view.name != *reporter) {
            let Some(other) = self.nodes.get_mut(&view.name) else { continue };
            match view.state {
                MemberState::Alive => {
                    other.against.remove(reporter);
                }
                MemberState::Suspect | MemberState::Dead => {
                    other.against.insert(reporter.clone(), Some(view.state));
                }
            }
            if !other.is_calm() || view.state != MemberState::Alive {
                touched.insert(view.name.clone());
            }
        }
        self.look(touched, now);
    }

    /// A session came or went.
    pub fn handle_session(&mut self, node: &Name, session: Session, up: bool, now: Instant) {
        let Some(found) = self.nodes.get_mut(node) else { return };
        if up {
            found.sessions.insert(session);
            found.heard = now;
        } else {
            found.sessions.remove(&session);
        }
        self.look(BTreeSet::from([node.clone()]), now);
    }

    /// Something came in on one of the host's sessions: it is there.
    pub fn handle_word(&mut self, node: &Name, now: Instant) {
        if let Some(found) = self.nodes.get_mut(node) {
            found.heard = now;
            if !found.is_calm() {
                self.look(BTreeSet::from([node.clone()]), now);
            }
        }
    }

    /// Looks at all hosts.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.looked = now;
        self.look(self.nodes.keys().cloned().collect(), now);
        for (name, node) in &mut self.nodes {
            let due = node.challenged.is_none_or(|at| now.saturating_duration_since(at) >= CHALLENGE);
            if node.doubted.is_some() && !node.sessions.is_empty() && due {
                node.challenged = Some(now);
                self.challenges.push_back(name.clone());
            }
        }
    }

    /// When all hosts are to be looked at again, and why.
    pub fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        if self.nodes.is_empty() {
            return None;
        }
        let open = self.nodes.values().any(|node| !node.is_calm());
        Some(if open { (self.looked + TICKS.0, "an open case") } else { (self.looked + TICKS.1, "a look at all") })
    }

    /// The next host whose standing changed.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The next host to ask for a word at once: an OpenFlow echo request will do. Its answer is
    /// [`handle_word`](Self::handle_word).
    pub fn poll_challenge(&mut self) -> Option<Name> {
        self.challenges.pop_front()
    }

    /// What there is to show, in order of names.
    pub fn status(&self, now: Instant) -> Vec<Status> {
        let voters = self.voters(now);
        let status = |(name, node): (&Name, &Node)| {
            let tally = self.tally(name, node, voters, now);
            Status {
                node: name.clone(),
                standing: node.standing,
                since_seconds: now.saturating_duration_since(node.since).as_secs_f64(),
                seen_by: tally.alive,
                of: tally.opinions(),
                silent_seconds: now.saturating_duration_since(node.heard).as_secs_f64(),
            }
        };
        self.nodes.iter().map(status).collect()
    }

    fn look(&mut self, names: BTreeSet<Name>, now: Instant) {
        for name in names {
            let Some(node) = self.nodes.get(&name).filter(|node| !node.is_well(now)) else { continue };
            let tally = self.tally(&name, node, self.voters(now), now);
            let lost = self.is_lost(node, tally, now);
            let Some(node) = self.nodes.get_mut(&name) else { continue };
            let from = node.standing;
            node.judge(tally, lost, now);
            self.changed(name, from, now);
        }
    }

    fn changed(&mut self, name: Name, from: Standing, now: Instant) {
        if let Some(node) = self.nodes.get_mut(&name).filter(|node| node.standing != from) {
            node.since = now;
            self.events.push_back(Event { node: name, from, to: node.standing });
        }
    }

    /// How many hosts have opinions that count.
    fn voters(&self, now: Instant) -> usize {
        self.nodes.values().filter(|node| node.is_voter(now)).count()
    }

    /// What all `voters` but the host itself make of it: alive, as long as they do not say otherwise.
    fn tally(&self, name: &Name, node: &Node, voters: usize, now: Instant) -> Tally {
        let mut tally = Tally { alive: voters - usize::from(node.is_voter(now)), ..Tally::default() };
        let counts = |voter: &Name| voter != name && self.nodes.get(voter).is_some_and(|other| other.is_voter(now));
        for (_, view) in node.against.iter().filter(|(voter, _)| counts(voter)) {
            match view {
                Some(MemberState::Alive) => continue,
                Some(MemberState::Suspect) => tally.suspect += 1,
                Some(MemberState::Dead) => tally.dead += 1,
                None => {}
            }
            tally.alive -= 1;
        }
        tally
    }

    fn is_lost(&self, node: &Node, tally: Tally, now: Instant) -> bool {
        let there = || self.nodes.values().filter(|node| node.standing != Standing::Down);
        let heard = there().filter(|node| node.standing == Standing::Alive && node.is_fresh(now)).count();
        let silent = node.silent(now);
        match there().count() {
            0 | 1 => silent >= SILENCE_ALONE,
            2 if tally.opinions() == 0 => heard == 1 && silent >= SILENCE_ALONE,
            2 => tally.lost() && silent >= SILENCE_OF_TWO,
            size => tally.lost() && silent >= SILENCE && heard * 2 > size,
        }
    }
}

#[cfg(test)]
mod tests;
