//! Connections that are forgotten more than once.
//!
//! What Open vSwitch's datapath has cached of a group or a flow outlives it until the revalidators have been there, and nobody
//! says when that is. A client that never pauses is sent to a backend that left until then, and conntrack, which has just
//! forgotten it, would know it again for as long as it never pauses.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use super::{CtFlush, batch::Moves};

/// How long after a change.
const AGAIN: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(1)];

/// What is to be forgotten again.
#[derive(Debug, Default)]
pub(super) struct Again {
    /// When, and how often it was.
    waiting: BTreeMap<CtFlush, (Instant, usize)>,
    due: Vec<CtFlush>,
}

impl Again {
    /// These backends left, and their connections have been forgotten once.
    pub fn add(&mut self, flushes: Vec<CtFlush>, now: Instant) {
        self.waiting.extend(flushes.into_iter().map(|flush| (flush, (now + AGAIN[0], 0))));
    }

    /// The switch may not have forgotten these: it is to do so as soon as it can be told.
    pub fn owe(&mut self, flushes: Vec<CtFlush>) {
        self.due.extend(flushes);
    }

    /// Drops what concerns backends that are to stay.
    pub fn spare(&mut self, stays: impl Fn(&CtFlush) -> bool) {
        self.waiting.retain(|flush, _| !stays(flush));
        self.due.retain(|flush| !stays(flush));
    }

    /// What is due now, but for backends that are back.
    pub fn take_due(&mut self, moves: &Moves) -> Vec<CtFlush> {
        self.waiting.retain(|flush, _| !moves.has(flush));
        let due: BTreeSet<CtFlush> = std::mem::take(&mut self.due).into_iter().collect();
        due.into_iter().filter(|flush| !moves.has(flush)).collect()
    }

    /// When something is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.waiting.values().map(|(at, _)| *at).min()
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        let Self { waiting, due } = self;
        waiting.retain(|flush, (at, times)| {
            if *at > now {
                return true;
            }
            due.push(*flush);
            *times += 1;
            let next = AGAIN.get(*times);
            next.into_iter().for_each(|next| *at = now + (*next - AGAIN[*times - 1]));
            next.is_some()
        });
    }
}
