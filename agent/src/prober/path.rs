use std::{net::IpAddr, time::Duration};

use tokio::time::Instant;

/// How long a round is; a probe without an answer by its end is lost.
const ROUND: Duration = Duration::from_secs(1);
/// When a path that never answered is tried again within a round, after its begin.
const RETRIES: [Duration; 6] = [
    Duration::from_millis(20),
    Duration::from_millis(70),
    Duration::from_millis(170),
    Duration::from_millis(270),
    Duration::from_millis(470),
    Duration::from_millis(720),
];

/// One way to one peer: a round each second, and retries in it until the first answer ever.
#[derive(Debug)]
pub(super) struct Path {
    /// Where probes go.
    pub(super) to: IpAddr,
    /// When this round began, and what was sent in it.
    began: Option<Instant>,
    tries: Vec<(u64, Instant)>,
    /// Whether this round has its answer.
    answered: bool,
    /// Whether there ever was an answer.
    pub(super) proven: bool,
    /// Whether the last round that ended, or this one already, had an answer.
    pub(super) up: bool,
    pub(super) rtt: Option<Duration>,
    pub(super) sent: u32,
    pub(super) lost: u32,
    next: Instant,
}

impl Path {
    pub(super) fn new(to: IpAddr, now: Instant) -> Self {
        Self {
            to,
            began: None,
            tries: Vec::new(),
            answered: false,
            proven: false,
            up: false,
            rtt: None,
            sent: 0,
            lost: 0,
            next: now,
        }
    }

    /// When there is something to send.
    pub(super) fn due(&self) -> Instant {
        self.next
    }

    /// Has the path tried at once, if it never answered.
    pub(super) fn hurry(&mut self, now: Instant) {
        if !self.proven {
            self.next = self.next.min(now);
        }
    }

    /// Notes that the probe numbered `sequence` is sent now, because it is due.
    pub(super) fn send(&mut self, sequence: u64, now: Instant) {
        let round_over = self.began.is_none_or(|began| now.duration_since(began) >= ROUND);
        if round_over {
            self.close();
            self.began = Some(now);
        }
        self.tries.push((sequence, now));
        let began = self.began.unwrap_or(now);
        let retry = RETRIES.iter().find(|after| began + **after > now).filter(|_| !self.proven);
        self.next = began + *retry.unwrap_or(&ROUND);
    }

    /// Takes the answer to the probe numbered `sequence`; false when that was not sent in this round.
    pub(super) fn answer(&mut self, sequence: u64, now: Instant) -> bool {
        let Some((_, at)) = self.tries.iter().find(|(s, _)| *s == sequence) else { return false };
        self.rtt = Some(now.duration_since(*at));
        if !self.proven {
            // What was lost before the path was made is no loss of the path.
            (self.sent, self.lost) = (0, 0);
            self.proven = true;
        }
        self.up = true;
        if !self.answered {
            self.answered = true;
            self.sent = self.sent.saturating_add(1);
        }
        self.next = self.began.unwrap_or(now) + ROUND;
        true
    }

    /// Ends the round: a probe without an answer is lost now.
    fn close(&mut self) {
        if self.began.is_some() && !self.answered {
            self.sent = self.sent.saturating_add(1);
            self.lost = self.lost.saturating_add(1);
            self.rtt = None;
            self.up = false;
        }
        self.answered = false;
        self.tries.clear();
    }
}
