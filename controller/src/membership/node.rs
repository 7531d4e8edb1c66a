//! One host: what is known of it, and what follows.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use api::{MemberState, Name};

use super::{Session, Standing};

/// How old an agent's report may be for what it says to count.
const FRESH: Duration = Duration::from_millis(2500);
/// No word for so long makes a host that most doubt a suspect again.
const HUSH: Duration = Duration::from_millis(500);
/// How long a host is suspect at the least.
const SUSPENSE: Duration = Duration::from_millis(100);
/// A word this old still says that a host is there.
const WORD: Duration = Duration::from_millis(1500);
/// How long a host that was down must be there before it counts, the first time; then twice as long each time.
const HOLD: Duration = Duration::from_secs(1);
/// How often that doubles.
const MAX_DOUBLINGS: u32 = 6;
/// A host that was alive for this long is forgiven one time it was down.
const FORGIVE: Duration = Duration::from_secs(60);

/// What is known of a host.
pub struct Node {
    pub standing: Standing,
    pub since: Instant,
    pub heard: Instant,
    pub reported: Option<Instant>,
    // Whether it said whom it sees: then whoever is not in `against` of others is alive to it.
    pub votes: bool,
    // Who does not see this host alive: suspect, dead, or not known.
    pub against: BTreeMap<Name, Option<MemberState>>,
    pub sessions: BTreeSet<Session>,
    pub doubted: Option<Instant>,
    pub challenged: Option<Instant>,
    pub stable: Option<Instant>,
    pub downs: u32,
    pub forgiven: Instant,
}

/// What other agents make of one host.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub alive: usize,
    pub suspect: usize,
    pub dead: usize,
}

impl Tally {
    pub fn opinions(self) -> usize {
        self.alive + self.suspect + self.dead
    }

    pub fn doubts(self) -> bool {
        self.alive < self.suspect + self.dead
    }

    pub fn lost(self) -> bool {
        self.dead > 0 && self.dead == self.opinions()
    }

    pub fn sees(self) -> bool {
        self.alive * 2 > self.opinions()
    }
}

impl Node {
    /// A host that was just listed.
    pub fn new(standing: Standing, now: Instant) -> Self {
        Self {
            standing,
            since: now,
            heard: now,
            reported: None,
            votes: false,
            against: BTreeMap::new(),
            sessions: BTreeSet::new(),
            doubted: None,
            challenged: None,
            stable: None,
            downs: u32::from(standing == Standing::Down),
            forgiven: now,
        }
    }

    /// Whether its last report is a recent one.
    pub fn is_fresh(&self, now: Instant) -> bool {
        self.reported.is_some_and(|at| now.saturating_duration_since(at) < FRESH)
    }

    /// Whether its opinions count: those of a host that may itself be lost do not.
    pub fn is_voter(&self, now: Instant) -> bool {
        self.votes && self.standing == Standing::Alive && self.is_fresh(now)
    }

    /// Whether there is nothing to look at.
    pub fn is_well(&self, now: Instant) -> bool {
        self.is_calm() && self.downs == 0 && now.saturating_duration_since(self.heard) < FRESH
    }

    /// Whether nobody says anything against it.
    pub fn is_calm(&self) -> bool {
        self.standing == Standing::Alive && self.against.is_empty() && self.doubted.is_none()
    }

    /// For how long there was no word from it; with a session that may be idle, since it was first asked for one.
    pub fn silent(&self, now: Instant) -> Duration {
        let asked = if self.sessions.is_empty() { Some(self.heard) } else { self.doubted };
        asked.map_or(Duration::ZERO, |asked| now.saturating_duration_since(asked.max(self.heard)))
    }

    /// Takes the standing that follows from what is known.
    pub fn judge(&mut self, tally: Tally, lost: bool, now: Instant) {
        let silence = now.saturating_duration_since(self.heard);
        let doubtful = tally.doubts() || (tally.opinions() == 0 && silence >= FRESH);
        self.doubted = doubtful.then(|| self.doubted.unwrap_or(now));
        if self.doubted.is_none() {
            self.challenged = None;
        }
        let suspect = self.doubted.is_some_and(|at| self.heard <= at || silence >= HUSH);
        match self.standing {
            Standing::Alive if suspect => self.standing = Standing::Suspect,
            Standing::Alive => self.forgive(now),
            Standing::Suspect if !suspect => self.standing = Standing::Alive,
            Standing::Suspect if lost && now.saturating_duration_since(self.since) >= SUSPENSE => {
                self.follow(true, now);
            }
            Standing::Suspect => {}
            Standing::Down => {
                let there = silence < WORD || tally.sees();
                self.stable = there.then(|| self.stable.unwrap_or(now));
                if self.stable.is_some_and(|at| now.saturating_duration_since(at) >= self.hold()) {
                    self.follow(false, now);
                }
            }
        }
    }

    /// Is down from now on, or back.
    pub fn follow(&mut self, down: bool, now: Instant) {
        match (self.standing, down) {
            (Standing::Alive | Standing::Suspect, true) => {
                self.standing = Standing::Down;
                self.downs += 1;
                self.stable = None;
            }
            (Standing::Down, false) => {
                self.standing = Standing::Alive;
                self.forgiven = now;
            }
            _ => {}
        }
    }

    fn hold(&self) -> Duration {
        HOLD * (1 << self.downs.saturating_sub(1).min(MAX_DOUBLINGS))
    }

    fn forgive(&mut self, now: Instant) {
        if self.downs > 0 && now.saturating_duration_since(self.forgiven) >= FORGIVE {
            self.downs -= 1;
            self.forgiven = now;
        }
    }
}
