//! What agents' probes say of each direction between two hosts: a state machine without clock.
//!
//! Whether a direction works is said by the host at its end, which hears the other one's probes and answers or does not;
//! the sender alone cannot tell whether its requests or their answers are lost.

mod change;

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use api::{AgentReport, Name, Probe, Way, status::Link};

pub use change::{Change, What};

/// How old a report may be for its host to count as there.
pub const FRESH: Duration = Duration::from_secs(4);
/// Who said nothing for longer may be gone itself: then it is not the way from there that is broken.
const PRESENT: Duration = Duration::from_millis(2200);
/// How long the smallest path must have been larger before endpoints may send larger packets again.
const SETTLED: Duration = Duration::from_secs(10);
/// What endpoints may send whatever is measured: every IPv4 host takes packets of this size.
const LEAST: u32 = 576;

/// What one host last said of the way to another.
#[derive(Default)]
struct Seen {
    rtt: Option<f64>,
    loss: f64,
    full_loss: f64,
    mtu: Option<u32>,
    /// What was told of the largest packet; nothing while all get through.
    told: Option<u32>,
    heard: Option<bool>,
    direct: Option<bool>,
    /// Whether it was told that plain packets take the tunnel.
    detoured: bool,
    /// Since when nothing has come from there, though it is there.
    deaf: Option<Instant>,
}

/// What one host last said.
struct Sender {
    at: Instant,
    every: f64,
    full_every: f64,
    to: BTreeMap<Name, Seen>,
    smallest: Option<u32>,
}

/// All that is known of directions between hosts.
#[derive(Default)]
pub struct Links {
    senders: BTreeMap<Name, Sender>,
    changes: VecDeque<Change>,
    floor: Option<u32>,
    /// Since when the smallest path has been larger than the floor.
    larger: Option<Instant>,
}

impl Links {
    /// An agent reported; `there` says which nodes are, and are not down.
    pub fn report(&mut self, node: &Name, report: &AgentReport, there: impl Fn(&Name) -> bool, now: Instant) {
        if !there(node) {
            self.forget(node);
            return;
        }
        let present: Vec<bool> =
            report.probes.iter().map(|probe| there(&probe.peer) && self.probes(&probe.peer, node, now)).collect();
        let sender = self.senders.entry(node.clone()).or_insert_with(|| Sender::new(now));
        (sender.at, sender.every, sender.full_every) = (now, report.every_seconds, report.full_every_seconds);
        let mut old = std::mem::take(&mut sender.to);
        let mut new = if report.some_probes { std::mem::take(&mut old) } else { BTreeMap::new() };
        for (probe, present) in report.probes.iter().zip(present) {
            let was = new.remove(&probe.peer).or_else(|| old.remove(&probe.peer)).unwrap_or_default();
            if there(&probe.peer) {
                let mut seen = Seen { rtt: probe.rtt_seconds, mtu: probe.mtu, heard: probe.heard, ..was };
                seen.count(probe);
                self.changes.extend(seen.go(node, probe));
                self.changes.extend(seen.listen(node, &probe.peer, present, now));
                self.changes.extend(seen.measure(node, &probe.peer, report.full_size));
                new.insert(probe.peer.clone(), seen);
            }
        }
        new.retain(|peer, _| there(peer));
        sender.smallest = new.values().filter_map(|seen| seen.mtu).min();
        sender.to = new;
        self.settle(now);
    }

    /// A node is no more, or down.
    pub fn forget(&mut self, node: &Name) {
        self.senders.remove(node);
    }

    /// The next direction that is not as it was.
    pub fn poll_change(&mut self) -> Option<Change> {
        self.changes.pop_front()
    }

    /// The largest packet that gets through between all hosts, as far as known; larger again only after a while.
    pub fn floor(&self) -> Option<u32> {
        self.floor
    }

    /// How long it takes until every pair has been probed once, and once at full size, in seconds.
    pub fn pace(&self) -> (f64, f64) {
        let most = |of: fn(&Sender) -> f64| self.senders.values().map(of).fold(0.0, f64::max);
        (most(|sender| sender.every), most(|sender| sender.full_every))
    }

    /// Whether the last probe of every directed pair of `nodes` was answered.
    pub fn all_up(&self, nodes: &[Name], now: Instant) -> bool {
        nodes.iter().all(|from| {
            let sender = self.fresh(from, now);
            let up = |to: &Name| sender.and_then(|s| s.to.get(to)).is_some_and(|seen| seen.rtt.is_some());
            nodes.iter().all(|to| to == from || up(to))
        })
    }

    /// One direction, as last probed.
    pub fn link(&self, from: &Name, to: &Name, now: Instant) -> Link {
        let seen = self.fresh(from, now).and_then(|sender| sender.to.get(to));
        let back = self.fresh(to, now).and_then(|sender| sender.to.get(from));
        Link {
            from: from.clone(),
            to: to.clone(),
            way: Way::default(),
            direct: seen.and_then(|seen| seen.direct),
            up: seen.is_some_and(|seen| seen.rtt.is_some()),
            arrives: back.and_then(|back| back.heard.filter(|heard| *heard || back.deaf.is_some())),
            rtt_seconds: seen.and_then(|seen| seen.rtt),
            loss: seen.map_or(1.0, |seen| seen.loss),
            full_loss: seen.map_or(1.0, |seen| seen.full_loss),
            mtu: seen.and_then(|seen| seen.mtu),
            bfd: None,
        }
    }

    /// Whether `from` is there and probes `to`.
    fn probes(&self, from: &Name, to: &Name, now: Instant) -> bool {
        let sender = self.senders.get(from);
        sender.is_some_and(|s| now.saturating_duration_since(s.at) < PRESENT && s.to.contains_key(to))
    }

    fn fresh(&self, node: &Name, now: Instant) -> Option<&Sender> {
        self.senders.get(node).filter(|sender| now.saturating_duration_since(sender.at) < FRESH)
    }

    /// Brings the floor to the smallest path: down at once, up when that has lasted.
    fn settle(&mut self, now: Instant) {
        let Some(smallest) = self.senders.values().filter_map(|sender| sender.smallest).min() else { return };
        let smallest = smallest.max(LEAST);
        match self.floor {
            Some(floor) if smallest == floor => self.larger = None,
            Some(floor) if smallest > floor => {
                let since = *self.larger.get_or_insert(now);
                if now.saturating_duration_since(since) >= SETTLED {
                    (self.floor, self.larger) = (Some(smallest), None);
                }
            }
            _ => (self.floor, self.larger) = (Some(smallest), None),
        }
    }
}

impl Sender {
    fn new(now: Instant) -> Self {
        Self { at: now, every: 0.0, full_every: 0.0, to: BTreeMap::new(), smallest: None }
    }
}

impl Seen {
    fn count(&mut self, probe: &Probe) {
        let share = |lost: u32, sent: u32| f64::from(lost.min(sent)) / f64::from(sent);
        if probe.sent > 0 {
            self.loss = share(probe.lost, probe.sent);
        }
        if probe.full_sent > 0 {
            self.full_loss = share(probe.full_lost, probe.full_sent);
        }
    }

    /// Whether the way from `peer` to `node` works; `present`: the peer is there and probes.
    fn listen(&mut self, node: &Name, peer: &Name, present: bool, now: Instant) -> Option<Change> {
        let what = match (self.heard, self.deaf) {
            (Some(false), None) if present => {
                self.deaf = Some(now);
                What::Broken
            }
            (Some(true), Some(since)) => {
                self.deaf = None;
                What::Works(now.saturating_duration_since(since))
            }
            _ => return None,
        };
        Some(Change { from: peer.clone(), to: node.clone(), what })
    }

    /// Whether plain packets from `node` go without a tunnel, where they are to and did before.
    fn go(&mut self, node: &Name, probe: &Probe) -> Option<Change> {
        let what = match (std::mem::replace(&mut self.direct, probe.direct), probe.direct) {
            (Some(true), Some(false)) => What::Detoured,
            (_, Some(true) | None) if self.detoured => What::Direct,
            _ => return None,
        };
        self.detoured = what == What::Detoured;
        Some(Change { from: node.clone(), to: probe.peer.clone(), what })
    }

    /// Whether packets of `full` bytes get through from `node` to `peer`.
    fn measure(&mut self, node: &Name, peer: &Name, full: u32) -> Option<Change> {
        let passes = self.mtu?;
        let before = self.told.unwrap_or(full);
        self.told = Some(passes).filter(|passes| *passes < full);
        let what = match passes {
            _ if passes < before => What::Shrunk { fails: before, passes },
            _ if passes > before => What::Grown { passes },
            _ => return None,
        };
        Some(Change { from: node.clone(), to: peer.clone(), what })
    }
}

#[cfg(test)]
mod tests;
