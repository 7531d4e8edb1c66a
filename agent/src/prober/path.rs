use std::{collections::VecDeque, net::IpAddr, time::Duration};

use tokio::time::Instant;

/// How long a probe waits for its answer: without one by then it is lost. One whose answer may wait for the peer's own
/// next probe waits as long once more.
pub(super) const ROUND: Duration = Duration::from_secs(1);
/// How much earlier than due a probe may go, to go together with others.
pub(super) const SLACK: Duration = Duration::from_millis(200);
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

/// A probe and its retries.
#[derive(Debug)]
struct Round {
    began: Instant,
    /// When it is over.
    ends: Instant,
    tries: Vec<(u64, Instant)>,
    answered: bool,
}

/// One way to one peer: a round in its turn, and retries in the first ones until the first answer ever.
#[derive(Debug)]
pub(super) struct Path {
    /// Where probes go.
    pub(super) to: IpAddr,
    /// How long it is from round to round while it answers, and by how much the second is off the first.
    every: Duration,
    phase: Duration,
    /// The newest last; the others still wait for their answers.
    rounds: VecDeque<Round>,
    /// Whether there ever was an answer.
    pub(super) proven: bool,
    /// Whether the last round that ended, or a later one already, had an answer.
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
            rounds: VecDeque::new(),
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
            && let Some(round) = self.rounds.back()
        {
            self.next = self.next.min(round.began + every);
        }
        self.phase = phase.max(ROUND);
    }

    /// When there is something to send.
    pub(super) fn due(&self) -> Instant {
        self.next
    }

    /// Whether there is something to send.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.next <= if self.up { now + SLACK } else { now }
    }

    /// Whether an answer may wait for the peer's own next probe.
    pub(super) fn is_patient(&self) -> bool {
        self.up && self.every <= ROUND
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

    /// Has the path tried at once, whatever its pace.
    pub(super) fn check(&mut self, now: Instant) {
        self.next = self.next.min(now);
    }

    /// Notes that the probe numbered `sequence` is sent now, because it is due.
    pub(super) fn send(&mut self, sequence: u64, now: Instant) {
        let is_over = |round: &Round| now + SLACK >= round.began + ROUND;
        if self.rounds.back().is_none_or(is_over) {
            self.close(now);
            let ends = now + if self.is_patient() { ROUND * 2 } else { ROUND };
            self.rounds.push_back(Round { began: now, ends, tries: Vec::new(), answered: false });
        }
        let Some(round) = self.rounds.back_mut() else { return };
        round.tries.push((sequence, now));
        let insistent = self.silent < INSISTENT;
        let retry = RETRIES.iter().find(|after| round.began + **after > now).filter(|_| !self.proven && insistent);
        self.next = round.began + *retry.unwrap_or(if insistent { &ROUND } else { &self.every });
    }

    /// Takes the answer to the probe numbered `sequence`, that the peer held back for `held`; when that was sent, or
    /// none when it is not awaited.
    pub(super) fn answer(&mut self, sequence: u64, held: Duration, now: Instant) -> Option<Instant> {
        let find = |round: &Round| Some(round.tries.iter().find(|(s, _)| *s == sequence)?.1);
        let (round, at) = self.rounds.iter_mut().find_map(|round| find(round).map(|at| (round, at)))?;
        self.rtt = Some(now.duration_since(at).saturating_sub(held));
        if !self.proven {
            // What was lost before the path was made is no loss of the path.
            (self.sent, self.lost) = (0, 0);
        }
        if !std::mem::replace(&mut round.answered, true) {
            self.sent = self.sent.saturating_add(1);
        }
        let began = self.rounds.back().map_or(now, |round| round.began);
        self.next = began + if self.proven { self.every } else { self.phase };
        (self.proven, self.up, self.silent) = (true, true, 0);
        Some(at)
    }

    /// Ends the rounds that are over: a probe without an answer is lost now.
    fn close(&mut self, now: Instant) {
        while let Some(round) = self.rounds.pop_front_if(|round| now + SLACK >= round.ends) {
            if round.answered {
                continue;
            }
            self.sent = self.sent.saturating_add(1);
            self.lost = self.lost.saturating_add(1);
            if !self.rounds.iter().any(|round| round.answered) {
                self.silent = self.silent.saturating_add(1);
                self.rtt = None;
                self.up = false;
            }
        }
    }
}
