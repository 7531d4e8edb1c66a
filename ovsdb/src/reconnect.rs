//! When to connect again, and where: takes the time, tells what is due. It opens no socket.
//!
//! ```text
//!              poll: Connect(remote)               connected
//!   Waiting ───────────────────────► Connecting ───────────► Connected
//!      ▲                                 │ failed, too late      │ disconnected
//!      └─────────────────────────────────┴───────────────────────┘
//!        the next remote at once; once all have failed, after a pause that doubles
//! ```

use std::time::{Duration, Instant};

/// How connecting goes on after a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backoff {
    /// The first pause.
    pub min: Duration,
    /// The longest pause.
    pub max: Duration,
    /// How long one attempt may take.
    pub connect_timeout: Duration,
    /// How many attempts may fail in a row; without end, if `None`.
    pub max_tries: Option<u32>,
    /// Where the jitter of the pauses comes from: each is between a half and the whole of what
    /// the doubling says.
    pub seed: u64,
}

impl Default for Backoff {
    /// As Open vSwitch: 1 s, doubling up to 8 s, without end.
    fn default() -> Backoff {
        Backoff {
            min: Duration::from_secs(1),
            max: Duration::from_secs(8),
            connect_timeout: Duration::from_secs(10),
            max_tries: None,
            seed: 0x9e37_79b9_7f4a_7c15,
        }
    }
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Connect to the remote of this number.
    Connect(usize),
    /// The attempt took too long: drop it. [`Reconnect::failed`] was done already.
    Abandon,
    /// All attempts failed: stop.
    GiveUp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting { until: Instant },
    Connecting { until: Instant },
    Connected,
    Over,
}

/// See the module.
#[derive(Debug)]
pub struct Reconnect {
    backoff: Backoff,
    remotes: usize,
    next: usize,
    failed_in_round: usize,
    tries: u32,
    pause: Duration,
    random: u64,
    state: State,
}

impl Reconnect {
    /// A machine for so many remotes that connects to the first at once.
    pub fn new(backoff: Backoff, remotes: usize, now: Instant) -> Reconnect {
        Reconnect {
            remotes: remotes.max(1),
            next: 0,
            failed_in_round: 0,
            tries: 0,
            pause: backoff.min,
            random: backoff.seed | 1,
            state: State::Waiting { until: now },
            backoff,
        }
    }

    /// What is due now, if anything.
    pub fn poll(&mut self, now: Instant) -> Option<Action> {
        match self.state {
            State::Waiting { until } if now >= until => {
                self.state = State::Connecting { until: now + self.backoff.connect_timeout };
                Some(Action::Connect(self.next))
            }
            State::Connecting { until } if now >= until => {
                self.failed(now);
                Some(Action::Abandon)
            }
            State::Over => Some(Action::GiveUp),
            _ => None,
        }
    }

    /// When to poll next, and why.
    pub fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        match self.state {
            State::Waiting { until } => Some((until, "pause before connecting")),
            State::Connecting { until } => Some((until, "connecting")),
            State::Connected | State::Over => None,
        }
    }

    /// The attempt succeeded. It counts as a failure still until [`Reconnect::healthy`].
    pub fn connected(&mut self) {
        self.state = State::Connected;
    }

    /// The session proved of use: pauses begin anew.
    pub fn healthy(&mut self) {
        self.tries = 0;
        self.failed_in_round = 0;
        self.pause = self.backoff.min;
    }

    /// The attempt failed, or the session ended.
    pub fn failed(&mut self, now: Instant) {
        self.tries = self.tries.saturating_add(1);
        self.failed_in_round += 1;
        self.next = (self.next + 1) % self.remotes;
        if self.backoff.max_tries.is_some_and(|max| self.tries >= max) {
            self.state = State::Over;
            return;
        }
        let mut until = now;
        if self.failed_in_round >= self.remotes {
            self.failed_in_round = 0;
            until += self.jittered(self.pause);
            self.pause = self.pause.saturating_mul(2).min(self.backoff.max);
        }
        self.state = State::Waiting { until };
    }

    /// Between a half and the whole of a pause.
    fn jittered(&mut self, pause: Duration) -> Duration {
        // xorshift64: the pauses of many clients shall differ, no more.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let share = (self.random >> 32) as u32;
        pause / 2 + pause.mul_f64(f64::from(share) / f64::from(u32::MAX) / 2.0)
    }
}

#[cfg(test)]
mod tests;
