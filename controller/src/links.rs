//! What agents' probes say of each direction between two hosts: a state machine without clock.
//!
//! Whether a direction works is said by the host at its end, which hears the other one's probes and answers or does not;
//! the sender alone cannot tell whether its requests or their answers are lost.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use api::{AgentReport, Name, Probe, Way, status::Link};

/// How old a report may be for its host to count as there.
pub const FRESH: Duration = Duration::from_secs(4);
/// Who said nothing for longer may be gone itself: then it is not the way from there that is broken.
const PRESENT: Duration = Duration::from_millis(2200);
/// How long the smallest path must have been larger before endpoints may send larger packets again.
const SETTLED: Duration = Duration::from_secs(10);
/// What endpoints may send whatever is measured: every IPv4 host takes packets of this size.
const LEAST: u32 = 576;

/// A direction that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Who sends.
    pub from: Name,
    /// Who receives.
    pub to: Name,
    /// What happened.
    pub what: What,
}

/// What happened to a direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Nothing arrives any more.
    Broken,
    /// Something arrives again, after so long.
    Works(Duration),
    /// Packets of `fails` bytes do not get through any more, those of `passes` do.
    Shrunk {
        /// The size that was tried and failed.
        fails: u32,
        /// The largest that gets through.
        passes: u32,
    },
    /// Plain packets do not get through without the tunnel any more, and take it.
    Detoured,
    /// They go as they are to.
    Direct,
    /// Larger packets get through again.
    Grown {
        /// The largest that gets through.
        passes: u32,
    },
}

impl Change {
    /// What happened, in words.
    pub fn message(&self) -> String {
        let Self { from, to, what } = self;
        match what {
            What::Broken => format!("nothing from {from} arrives at {to}"),
            What::Works(after) => format!("{to} hears {from} again, after {:.0} s", after.as_secs_f64()),
            What::Shrunk { fails, passes } => {
                format!("packets of {fails} bytes from {from} do not reach {to}; the largest that do have {passes}")
            }
            What::Detoured => format!("plain packets from {from} do not reach {to}, and take the tunnel"),
            What::Direct => format!("plain packets from {from} to {to} go as they are to again"),
            What::Grown { passes } => format!("packets of up to {passes} bytes from {from} reach {to} again"),
        }
    }
}

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
mod tests {
    use super::*;

    const FULL: u32 = 1450;

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    fn probe(peer: &str) -> Probe {
        Probe {
            peer: name(peer),
            rtt_seconds: Some(0.001),
            sent: 4,
            lost: 1,
            mtu: Some(FULL),
            full_sent: 1,
            full_lost: 0,
            heard: Some(true),
            direct: None,
        }
    }

    fn report(probes: &[Probe]) -> AgentReport {
        AgentReport { probes: probes.to_vec(), full_size: FULL, every_seconds: 1.0, ..AgentReport::default() }
    }

    fn tell(links: &mut Links, from: &str, probes: &[Probe], now: Instant) -> Vec<Change> {
        links.report(&name(from), &report(probes), |_| true, now);
        std::iter::from_fn(|| links.poll_change()).collect()
    }

    #[test]
    fn a_pair_is_up_while_its_last_probe_was_answered_lately() {
        let (mut links, start) = (Links::default(), Instant::now());
        let nodes = [name("h1"), name("h2")];
        tell(&mut links, "h1", &[probe("h2")], start);
        assert!(links.all_up(&nodes[..1], start) && !links.all_up(&nodes, start));
        let link = links.link(&nodes[0], &nodes[1], start);
        assert_eq!((link.up, link.loss, link.mtu, link.arrives), (true, 0.25, Some(FULL), None));
        assert_eq!(links.link(&nodes[1], &nodes[0], start).arrives, Some(true));
        assert!(!links.link(&nodes[0], &nodes[1], start + FRESH).up);
        tell(&mut links, "h2", &[probe("h1")], start);
        assert!(links.all_up(&nodes, start));
    }

    #[test]
    fn the_direction_is_broken_in_which_nothing_is_heard() {
        let (mut links, start) = (Links::default(), Instant::now());
        tell(&mut links, "h1", &[probe("h2")], start);
        tell(&mut links, "h2", &[probe("h1")], start);
        let now = start + Duration::from_secs(1);
        let silent = Probe { rtt_seconds: None, lost: 4, ..probe("h2") };
        assert_eq!(tell(&mut links, "h1", &[silent], now), []);
        let deaf = Probe { rtt_seconds: None, heard: Some(false), ..probe("h1") };
        let change = |what| vec![Change { from: name("h1"), to: name("h2"), what }];
        assert_eq!(tell(&mut links, "h2", std::slice::from_ref(&deaf), now), change(What::Broken));
        assert_eq!(tell(&mut links, "h2", &[deaf], now), []);
        let arrives = |links: &Links| {
            let at = |from, to| links.link(&name(from), &name(to), now).arrives;
            [at("h1", "h2"), at("h2", "h1")]
        };
        assert_eq!(arrives(&links), [Some(false), Some(true)]);
        let later = now + Duration::from_secs(3);
        assert_eq!(tell(&mut links, "h2", &[probe("h1")], later), change(What::Works(Duration::from_secs(3))));
    }

    #[test]
    fn who_ceases_to_be_reached_directly_is_told() {
        let (mut links, start) = (Links::default(), Instant::now());
        let direct = |direct| Probe { direct, ..probe("h2") };
        let change = |what| vec![Change { from: name("h1"), to: name("h2"), what }];
        for (is, told) in [
            (Some(false), vec![]),
            (Some(true), vec![]),
            (Some(false), change(What::Detoured)),
            (Some(false), vec![]),
            (Some(true), change(What::Direct)),
            (None, vec![]),
        ] {
            assert_eq!(tell(&mut links, "h1", &[direct(is)], start), told, "{is:?}");
            assert_eq!(links.link(&name("h1"), &name("h2"), start).direct, is);
        }
    }

    #[test]
    fn a_host_that_is_gone_breaks_no_direction() {
        let (mut links, start) = (Links::default(), Instant::now());
        tell(&mut links, "h1", &[probe("h2")], start);
        tell(&mut links, "h2", &[probe("h1")], start);
        let deaf = Probe { rtt_seconds: None, heard: Some(false), ..probe("h1") };
        assert_eq!(tell(&mut links, "h2", std::slice::from_ref(&deaf), start + PRESENT), []);
        links.report(&name("h2"), &report(&[deaf]), |node| node.as_str() != "h1", start);
        assert_eq!(links.poll_change(), None);
    }

    #[test]
    fn what_gets_through_is_told_when_it_changes_and_the_floor_follows() {
        let (mut links, start) = (Links::default(), Instant::now());
        assert_eq!(links.floor(), None);
        assert_eq!(tell(&mut links, "h1", &[probe("h2"), probe("h3")], start), []);
        assert_eq!(links.floor(), Some(FULL));
        let small = Probe { mtu: Some(1350), ..probe("h2") };
        let change = |what| vec![Change { from: name("h1"), to: name("h2"), what }];
        let shrunk = change(What::Shrunk { fails: FULL, passes: 1350 });
        assert_eq!(tell(&mut links, "h1", &[small.clone(), probe("h3")], start), shrunk);
        assert_eq!(links.floor(), Some(1350));
        assert_eq!(tell(&mut links, "h1", &[small, probe("h3")], start), []);
        assert_eq!(tell(&mut links, "h1", &[probe("h2")], start), change(What::Grown { passes: FULL }));
        assert_eq!(links.floor(), Some(1350), "not yet");
        tell(&mut links, "h1", &[probe("h2")], start + SETTLED);
        assert_eq!(links.floor(), Some(FULL));
        links.forget(&name("h1"));
        assert_eq!(links.floor(), Some(FULL));
    }

    #[test]
    fn some_probes_add_to_what_is_known() {
        let (mut links, start) = (Links::default(), Instant::now());
        tell(&mut links, "h1", &[probe("h2"), probe("h3")], start);
        let some = AgentReport { some_probes: true, ..report(&[Probe { rtt_seconds: None, ..probe("h3") }]) };
        links.report(&name("h1"), &some, |_| true, start);
        let up = |links: &Links, to| links.link(&name("h1"), &name(to), start).up;
        assert!(up(&links, "h2") && !up(&links, "h3"));
        tell(&mut links, "h1", &[probe("h3")], start);
        assert!(!up(&links, "h2") && up(&links, "h3"));
    }
}
