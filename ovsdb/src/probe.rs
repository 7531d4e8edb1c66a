//! The inactivity probe: takes the time, says when to ask and when to give up.
//!
//! ```text
//!            any byte            interval passed: ask          interval passed: give up
//!   Active ◄─────────── Idle ◄──────────────────────── Active ·····► Idle ────────────► dead
//! ```

use std::time::{Duration, Instant};

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// Ask the peer for a sign of life.
    Ask,
    /// The peer did not answer.
    Dead,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Probe {
    interval: Option<Duration>,
    since: Instant,
    idle: bool,
}

impl Probe {
    pub(crate) fn new(interval: Option<Duration>, now: Instant) -> Probe {
        Probe { interval, since: now, idle: false }
    }

    pub(crate) fn interval(&self) -> Duration {
        self.interval.unwrap_or_default()
    }

    /// Bytes came in.
    pub(crate) fn activity(&mut self, now: Instant) {
        self.since = now;
        self.idle = false;
    }

    pub(crate) fn deadline(&self) -> Option<(Instant, &'static str)> {
        let reason = if self.idle { "probe answer" } else { "inactivity probe" };
        Some((self.since.checked_add(self.interval?)?, reason))
    }

    pub(crate) fn poll(&mut self, now: Instant) -> Option<Due> {
        let (deadline, _) = self.deadline()?;
        if now < deadline {
            return None;
        }
        if self.idle {
            return Some(Due::Dead);
        }
        self.idle = true;
        self.since = now;
        Some(Due::Ask)
    }
}
