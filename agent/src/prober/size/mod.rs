//! The largest packet that gets through to a peer.
//!
//! ```text
//!               full size lost             lo and hi meet            once more
//!   ┌───────┐ ─────────────────► ┌────────┐ ───────────► ┌─────────┐ ───────────► ┌──────┐
//!   │ whole │                    │ search │              │ confirm │              │ less │ ─┐ that size, one more
//!   └───────┘                    └────────┘ ◄─────────── └─────────┘              └──────┘ ◄┘ byte, and the full one
//!       ▲                          ▲    │   one more byte     │                    │    │
//!       │                          └────│─────────────────────│────────────────────┘    │
//!       └───────────────────────────────┴─────────────────────┴─────────────────────────┘ full size answered
//! ```
//!
//! Sizes are tried in waves: several at once, and those without an answer once
//! more; the full one is always among them. A size counts as too large when both of its probes were lost while a
//! smaller one of the same wave came back. That may be chance, on a busy host or a lossy path: the size that a search ends
//! with is known only when another wave says the same.
//!
//! While all is well, a full-size probe goes with each small one, and their answers come together. A wave is for when a
//! small one comes back alone.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use tokio::time::Instant;

use super::path::{ROUND, SLACK};

/// The size of the smallest probe as a packet: what a path that answers at all lets through.
const SMALLEST: u16 = 52;
/// How often a size without an answer is tried in a wave, and how long after another.
const COPIES: u8 = 2;
const GAP: Duration = Duration::from_millis(150);
/// How long the last copies of a wave may take.
const WAIT: Duration = Duration::from_millis(250);
/// How many sizes a wave of a search has.
const STEPS: u16 = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Whole,
    /// `lo` gets through, `hi` does not.
    Search {
        lo: u16,
        hi: u16,
    },
    /// A search ended with this size.
    Confirm(u16),
    Less(u16),
}

/// Sizes that are tried at once.
#[derive(Debug, Default)]
struct Wave {
    /// Each size, and whether it was answered.
    sizes: Vec<(u16, bool)>,
    flying: Vec<(u64, u16)>,
    copies: u8,
}

impl Wave {
    fn of(sizes: impl IntoIterator<Item = u16>) -> Self {
        Self { sizes: sizes.into_iter().map(|size| (size, false)).collect(), ..Self::default() }
    }

    fn answered(&self) -> Option<u16> {
        self.sizes.iter().filter(|(_, answered)| *answered).map(|(size, _)| *size).max()
    }
}

/// What is known of the sizes that get through to one peer.
#[derive(Debug)]
pub(super) struct Sizes {
    full: u16,
    every: Duration,
    phase: Duration,
    stage: Stage,
    wave: Option<Wave>,
    /// Full-size probes that went with small ones, and when.
    beside: VecDeque<(u64, Instant)>,
    next: Instant,
    /// The largest size that got through; none while that is not known.
    pub(super) mtu: Option<u16>,
    /// Rounds at full size, and those of them without an answer.
    pub(super) sent: u32,
    pub(super) lost: u32,
}

impl Sizes {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            full: 0,
            every: GAP,
            phase: Duration::ZERO,
            stage: Stage::Whole,
            wave: None,
            beside: VecDeque::new(),
            next: now,
            mtu: None,
            sent: 0,
            lost: 0,
        }
    }

    /// Sets the full size, how long it is from round to round, and how long the first waits.
    pub(super) fn set(&mut self, full: u16, every: Duration, phase: Duration, now: Instant) {
        (self.every, self.phase) = (every, phase);
        self.next = self.next.min(now + every);
        if std::mem::replace(&mut self.full, full) != full {
            (self.stage, self.wave, self.mtu) = (Stage::Whole, None, None);
            self.beside.clear();
        }
    }

    /// The path answered for the first time.
    pub(super) fn begin(&mut self, now: Instant) {
        (self.wave, self.next) = (None, now + self.phase);
    }

    /// When there is something to send, but for what goes with small probes.
    pub(super) fn due(&self) -> Option<Instant> {
        (!self.is_calm()).then_some(self.next)
    }

    /// Whether full-size probes go with small ones.
    pub(super) fn is_calm(&self) -> bool {
        self.stage == Stage::Whole && self.mtu == Some(self.full) && self.wave.is_none() && self.every <= ROUND
    }

    /// A full-size probe goes with a small one; earlier ones that had time enough are lost.
    pub(super) fn send_beside(&mut self, sequence: u64, now: Instant) -> u16 {
        while self.beside.pop_front_if(|(_, at)| now + SLACK >= *at + ROUND * 2).is_some() {
            self.count(true);
        }
        self.beside.push_back((sequence, now));
        self.full
    }

    /// All answers have come to what was sent until then: a full-size probe without one needs a closer look.
    pub(super) fn miss(&mut self, until: Instant, now: Instant) {
        if self.is_calm() && self.beside.front().is_some_and(|(_, at)| *at <= until) {
            self.beside.clear();
            self.next = now;
            self.wave = Some(self.begin_wave());
        }
    }

    /// What there is to send: sizes of packets. `up`: small probes are answered.
    pub(super) fn poll(&mut self, up: bool, now: Instant) -> Vec<u16> {
        if self.is_calm() || self.next > now || self.full <= SMALLEST {
            return Vec::new();
        }
        match self.wave.take() {
            Some(wave) if wave.copies >= COPIES || wave.sizes.iter().all(|(_, answered)| *answered) => {
                self.judge(&wave, up, now);
                if self.next > now {
                    return Vec::new();
                }
                self.wave = Some(self.begin_wave());
            }
            Some(wave) => self.wave = Some(wave),
            None => self.wave = Some(self.begin_wave()),
        }
        let Some(wave) = &mut self.wave else { return Vec::new() };
        wave.copies += 1;
        self.next = now + if wave.copies < COPIES { GAP } else { WAIT };
        wave.sizes.iter().filter(|(_, answered)| !answered).map(|(size, _)| *size).collect()
    }

    /// A probe of this size was sent.
    pub(super) fn note(&mut self, sequence: u64, size: u16) {
        if let Some(wave) = &mut self.wave {
            wave.flying.push((sequence, size));
        }
    }

    /// Takes the answer to the probe numbered `sequence`, if it is one of these.
    pub(super) fn answer(&mut self, sequence: u64, now: Instant) {
        if let Some(at) = self.beside.iter().position(|(s, _)| *s == sequence) {
            self.beside.remove(at);
            self.count(false);
            return;
        }
        let Some(wave) = &mut self.wave else { return };
        let Some((_, size)) = wave.flying.iter().find(|(s, _)| *s == sequence).copied() else { return };
        wave.sizes.iter_mut().filter(|(s, _)| *s == size).for_each(|(_, answered)| *answered = true);
        if wave.sizes.iter().all(|(_, answered)| *answered) {
            self.next = now;
        }
    }

    fn begin_wave(&self) -> Wave {
        match self.stage {
            Stage::Whole => Wave::of([self.full]),
            Stage::Confirm(size) | Stage::Less(size) => {
                Wave::of(BTreeSet::from([size, size.saturating_add(1), self.full]))
            }
            Stage::Search { lo, hi } => {
                let step = ((hi - lo) / (STEPS + 1)).max(1);
                // The smallest of them is known to get through: without its answer the path is dead, for all sizes.
                Wave::of(
                    (0..=STEPS)
                        .map(|n| lo.saturating_add(step.saturating_mul(n)))
                        .filter(|size| *size < hi)
                        .chain([self.full]),
                )
            }
        }
    }

    /// What the wave says; sets when the next one is due.
    fn judge(&mut self, wave: &Wave, up: bool, now: Instant) {
        let largest = wave.answered();
        match self.stage {
            _ if largest == Some(self.full) => {
                (self.stage, self.mtu) = (Stage::Whole, Some(self.full));
                self.count(false);
            }
            Stage::Search { .. } | Stage::Confirm(_) if largest.is_none() => {
                self.stage = self.mtu.filter(|mtu| *mtu < self.full).map_or(Stage::Whole, Stage::Less);
            }
            Stage::Search { lo, hi } => {
                let lo = largest.unwrap_or(lo);
                let too_large = wave.sizes.iter().filter(|(size, _)| *size > lo).map(|(size, _)| *size).min();
                self.search(lo, too_large.unwrap_or(hi).min(hi));
            }
            Stage::Confirm(size) if largest > Some(size) => self.search(size.saturating_add(1), self.full),
            Stage::Confirm(size) => (self.stage, self.mtu) = (Stage::Less(size), Some(size)),
            // Nothing gets through, large or small: that says nothing about sizes.
            Stage::Whole | Stage::Less(_) if !up && largest.is_none() => self.count(true),
            Stage::Whole => {
                self.count(true);
                self.stage = Stage::Search { lo: SMALLEST, hi: self.full };
            }
            Stage::Less(size) => {
                self.count(true);
                match largest {
                    None => self.stage = Stage::Search { lo: SMALLEST, hi: size },
                    Some(more) if more > size => self.search(more, self.full),
                    Some(_) => {}
                }
            }
        }
        let settled = matches!(self.stage, Stage::Whole | Stage::Less(_));
        self.next = now + if settled { self.every } else { Duration::ZERO };
    }

    fn search(&mut self, lo: u16, hi: u16) {
        self.stage = if hi - lo <= 1 { Stage::Confirm(lo) } else { Stage::Search { lo, hi } };
    }

    fn count(&mut self, lost: bool) {
        self.sent = self.sent.saturating_add(1);
        self.lost = self.lost.saturating_add(u32::from(lost));
    }
}

#[cfg(test)]
mod tests;
