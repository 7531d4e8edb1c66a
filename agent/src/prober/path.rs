use std::{net::IpAddr, time::Duration};

use tokio::time::Instant;

/// How long a probe waits for its answer: without one by then it is lost.
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
/// How many rounds without an answer follow each other at once; then a silent path waits its turn again.
const INSISTENT: u32 = 10;
/// How long nothing may come from a peer that is probed each second before it counts as not heard.
const HEARD: Duration = Duration::from_millis(2500);

/// One way to one peer: a round in its turn, and retries in the first ones until the first answer ever.
#[derive(Debug)]
pub(super) struct Path {
    /// Where probes go.
    pub(super) to: IpAddr,
    /// How long it is from round to round while it answers, and by how much the second is off the first.
    every: Duration,
    phase: Duration,
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
    /// Rounds without an answer since the last that had one.
    silent: u32,
    /// When something last came from there; since when it was listened for.
    heard: Option<Instant>,
    since: Instant,
    next: Instant,
}

impl Path {
    pub(super) fn new(to: IpAddr, now: Instant) -> Self {
        Self {
            to,
            every: ROUND,
            phase: ROUND,
            began: None,
            tries: Vec::new(),
            answered: false,
            proven: false,
            up: false,
            rtt: None,
            sent: 0,
            lost: 0,
            silent: 0,
            heard: None,
            since: now,
            next: now,
        }
    }

    /// Sets how long it is from round to round; the second of peers that come together is off the first by `phase`.
    pub(super) fn set_pace(&mut self, every: Duration, phase: Duration) {
        if std::mem::replace(&mut self.every, every) > every
            && let Some(began) = self.began
        {
            self.next = self.next.min(began + every);
        }
        self.phase = phase.max(ROUND);
    }

    /// When there is something to send.
    pub(super) fn due(&self) -> Instant {
        self.next
    }

    /// Has the path tried at once, if it never answered or does not now.
    pub(super) fn hurry(&mut self, now: Instant) {
        if !self.proven {
            self.next = self.next.min(now);
        }
    }

    /// Something came from there.
    pub(super) fn hear(&mut self, now: Instant) {
        self.heard = Some(now);
    }

    /// Whether something came from there lately; none while it has not been listened for long enough.
    pub(super) fn is_heard(&self, now: Instant) -> Option<bool> {
        let window = HEARD.max(self.every.mul_f64(2.5));
        match self.heard {
            Some(at) => Some(now.duration_since(at) < window),
            None if now.duration_since(self.since) < window => None,
            None => Some(false),
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
        let insistent = self.silent < INSISTENT;
        let retry = RETRIES.iter().find(|after| began + **after > now).filter(|_| !self.proven && insistent);
        self.next = began + *retry.unwrap_or(if insistent { &ROUND } else { &self.every });
    }

    /// Takes the answer to the probe numbered `sequence`; false when that was not sent in this round.
    pub(super) fn answer(&mut self, sequence: u64, now: Instant) -> bool {
        let Some((_, at)) = self.tries.iter().find(|(s, _)| *s == sequence) else { return false };
        self.rtt = Some(now.duration_since(*at));
        let began = self.began.unwrap_or(now);
        self.next = began + self.every;
        if !self.proven {
            // What was lost before the path was made is no loss of the path.
            (self.sent, self.lost) = (0, 0);
            self.proven = true;
            self.next = began + self.phase;
        }
        self.up = true;
        self.silent = 0;
        if !self.answered {
            self.answered = true;
            self.sent = self.sent.saturating_add(1);
        }
        true
    }

    /// Ends the round: a probe without an answer is lost now.
    fn close(&mut self) {
        if self.began.is_some() && !self.answered {
            self.sent = self.sent.saturating_add(1);
            self.lost = self.lost.saturating_add(1);
            self.silent = self.silent.saturating_add(1);
            self.rtt = None;
            self.up = false;
        }
        self.answered = false;
        self.tries.clear();
    }
}
