//! Probing every peer over the underlay and through the tunnel, there small and at full size: a state machine without
//! sockets and clock.
//!
//! ```text
//!             due                    answered
//!   ┌──────┐ ─────► ┌────────────┐ ───────────► ┌────────┐
//!   │ idle │        │ waiting    │              │ proven │ ─┐ a probe each second
//!   └──────┘        │ retry soon │              └────────┘ ◄┘
//!                   └────────────┘
//! ```
//!
//! The underlay is probed first: the answer has Open vSwitch learn the
//! peer's Ethernet address before the first tunnel packet needs it. A request
//! from a peer whose path never answered has that path tried again at once.
//! Among many peers each is probed in its turn ([`Pace`]).
//!
//! Among a few, all are probed together, and the answers wait for the peers' own probes, which carry them: a switch wakes
//! once a second for each peer, instead of five times. Only a path that does not answer is asked for an answer at once.

mod known;
mod pace;
mod path;
mod size;
mod wire;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::IpAddr,
    time::Duration,
};

use api::{AgentReport, Name, Peer};
use tokio::time::Instant;

use known::Known;
pub use pace::Pace;
use path::{Path, ROUND};
use size::Sizes;
use wire::MOST_CARRIED;
pub use wire::{Datagram, Kind, LENGTH};

/// How often there is a report.
const REPORT: Duration = Duration::from_secs(1);
/// How long the first report after a change of peers waits for their answers.
const FIRST_REPORT: Duration = Duration::from_millis(200);
/// How often a report tells of all of many peers; others tell of those that were probed.
const COMPLETE: Duration = Duration::from_secs(30);
/// How many requests of one peer are answered within a second, by each way.
const MAX_ANSWERS: u32 = 96;
/// The bytes of an IPv4 and a UDP header.
const HEADERS: u16 = 28;

/// By which way a datagram goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// Between the hosts' own addresses.
    Underlay,
    /// Between the gateways of their subnets: through the data plane.
    Tunnel,
    /// Between the same, but by way of the underlay without a tunnel.
    Direct,
}

/// A datagram to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// By which way.
    pub way: Way,
    /// To which address, at the probe port.
    pub to: IpAddr,
    /// The beginning of the payload; zeros follow.
    pub payload: Vec<u8>,
    /// How long the payload is, in bytes.
    pub length: usize,
}

impl Transmit {
    fn new(way: Way, to: IpAddr, datagram: &Datagram) -> Self {
        Self { way, to, payload: datagram.encode(), length: datagram.length.into() }
    }
}

/// A path that began or ceased to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The peer.
    pub peer: Name,
    /// The way to it.
    pub way: Way,
    /// The round-trip time of the first answer; none when a second passed without one.
    pub rtt: Option<Duration>,
}

/// The state machine.
#[derive(Debug)]
pub struct Prober {
    cookie: u64,
    sequence: u64,
    peers: BTreeMap<Name, Known>,
    names: BTreeMap<(Way, IpAddr), Name>,
    tunnel_up: bool,
    /// How large full-size probes are as packets.
    full: u16,
    outbox: VecDeque<Transmit>,
    events: VecDeque<Event>,
    report_due: Instant,
    /// Whether a report is due as soon as every peer has answered.
    eager: bool,
    /// When a report that tells of all peers is due.
    complete_due: Instant,
}

impl Prober {
    /// A prober without peers; `cookie` is what tells its own probes from those of others, hard to guess.
    pub fn new(cookie: u64, now: Instant) -> Self {
        Self {
            cookie,
            sequence: 0,
            peers: BTreeMap::new(),
            names: BTreeMap::new(),
            tunnel_up: false,
            full: 0,
            outbox: VecDeque::new(),
            events: VecDeque::new(),
            report_due: now + FIRST_REPORT,
            eager: true,
            complete_due: now,
        }
    }

    /// Sets whom to probe, and the size of the largest packets that are to get through, in bytes; what is known of
    /// peers that stay is kept.
    pub fn set_peers(&mut self, peers: &[Peer], full: u32, now: Instant) {
        let mut old = std::mem::take(&mut self.peers);
        let full = u16::try_from(full).unwrap_or(u16::MAX);
        self.full = full;
        let (pace, count) = (Pace::among(peers.len()), peers.len().max(1) as f64);
        self.names.clear();
        for (index, peer) in peers.iter().enumerate() {
            let same = |k: &Known| k.underlay.to == peer.address && k.tunnel.to == peer.gateway;
            let mut known = old.remove(&peer.name).filter(same).unwrap_or_else(|| {
                self.eager = true;
                self.complete_due = now;
                self.report_due = self.report_due.min(now + FIRST_REPORT);
                let (underlay, tunnel) = (Path::new(peer.address, now), Path::new(peer.gateway, now));
                Known { underlay, tunnel, direct: None, sizes: Sizes::new(now), owed: Vec::new(), answers: (now, 0) }
            });
            known.direct = peer.direct.map(|_| known.direct.take().unwrap_or_else(|| Path::new(peer.gateway, now)));
            let share = if Pace::is_each(peers.len()) { 0.0 } else { index as f64 / count };
            known.underlay.set_pace(pace.underlay, pace.underlay.mul_f64(share));
            known.tunnel.set_pace(pace.tunnel, pace.tunnel.mul_f64(share));
            known.direct.iter_mut().for_each(|direct| direct.set_pace(pace.tunnel, pace.tunnel.mul_f64(share)));
            known.sizes.set(full, pace.full, pace.full.mul_f64(share), now);
            self.names.insert((Way::Underlay, peer.address), peer.name.clone());
            self.names.insert((Way::Tunnel, peer.gateway), peer.name.clone());
            self.names.extend(peer.direct.map(|_| ((Way::Direct, peer.gateway), peer.name.clone())));
            self.peers.insert(peer.name.clone(), known);
        }
        self.handle_timeout(now);
    }

    /// Says whether the gateway is there to probe from; nothing goes through the tunnel before.
    pub fn set_tunnel(&mut self, up: bool, now: Instant) {
        if up && !self.tunnel_up {
            self.peers.values_mut().for_each(|known| known.tunnel.hurry(now));
        }
        self.tunnel_up = up;
        self.handle_timeout(now);
    }

    /// Takes a datagram that came by `way` from the address `from`.
    pub fn handle_input(&mut self, way: Way, from: IpAddr, payload: &[u8], now: Instant) {
        let Some(datagram) = Datagram::decode(payload) else { return };
        let Some(name) = self.names.get(&(way, from)) else { return };
        let Some(known) = self.peers.get_mut(name) else { return };
        let Some(path) = known.path(way) else { return };
        path.hear(now);
        let was_up = path.up;
        let waits = matches!(datagram.kind, Kind::Patient(_)) && way == Way::Tunnel && known.tunnel.is_patient();
        match datagram.kind {
            Kind::Patient(ref answers) => {
                let mine = answers.iter().filter(|answer| answer.cookie == self.cookie);
                let times = mine.filter_map(|answer| known.answered(way, answer.sequence, answer.held, now));
                if let Some(until) = times.max() {
                    known.sizes.miss(until, now);
                }
            }
            Kind::Reply if datagram.cookie == self.cookie => {
                // The answer at full size follows.
                if let Some(sent) = known.answered(way, datagram.sequence, Duration::ZERO, now)
                    && way == Way::Tunnel
                {
                    known.sizes.miss(sent - ROUND / 2, now);
                }
            }
            Kind::Request | Kind::Reply => {}
        }
        match datagram.kind {
            Kind::Reply => {}
            Kind::Patient(_) if waits && known.owed.len() < MOST_CARRIED => known.owed.push((datagram, now)),
            Kind::Request | Kind::Patient(_) if known.may_answer(now) => {
                known.path(way).into_iter().for_each(|path| path.hurry(now));
                self.outbox.push_back(Transmit::new(way, from, &datagram.answer()));
            }
            Kind::Request | Kind::Patient(_) => return,
        }
        if let Some(path) = known.path(way).filter(|path| path.up && !was_up) {
            self.events.push_back(Event { peer: name.clone(), way, rtt: path.rtt });
        }
        self.handle_timeout(now);
    }

    /// Queues every probe that is due, and those that are due soon with them.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.probe_due().is_none_or(|(due, _)| due > now) {
            return;
        }
        let Self { cookie, ref mut sequence, ref mut outbox, ref mut events, .. } = *self;
        let mut number = || {
            *sequence = sequence.wrapping_add(1);
            *sequence
        };
        for (name, known) in &mut self.peers {
            for way in [Way::Underlay, Way::Tunnel, Way::Direct] {
                let Some(path) = known.path(way) else { continue };
                if !path.is_due(now) || (way == Way::Tunnel && !self.tunnel_up) {
                    continue;
                }
                let (small, was_up, to) = (number(), path.up, path.to);
                path.send(small, now);
                if was_up && !path.up {
                    events.push_back(Event { peer: name.clone(), way, rtt: None });
                    known.underlay.check(now);
                }
                if way != Way::Tunnel {
                    outbox.push_back(Transmit::new(way, to, &Datagram::request(small, LENGTH as u16, cookie)));
                    continue;
                }
                outbox.extend(known.probe(small, cookie, now).map(|datagram| Transmit::new(way, to, &datagram)));
                if known.sizes.is_calm() {
                    let large = known.probe_beside(number(), cookie, now);
                    outbox.push_back(Transmit::new(way, to, &large));
                }
            }
            let Known { tunnel, sizes, .. } = known;
            if !self.tunnel_up || !tunnel.proven {
                continue;
            }
            for size in sizes.poll(tunnel.up, now) {
                let large = number();
                sizes.note(large, size);
                let probe = Datagram::request(large, size.saturating_sub(HEADERS), cookie);
                outbox.push_back(Transmit::new(Way::Tunnel, tunnel.to, &probe));
            }
        }
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.outbox.pop_front()
    }

    /// The next path that began or ceased to answer.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The peers that answer without a tunnel.
    pub fn direct(&self) -> BTreeSet<Name> {
        let answers = |known: &Known| known.direct.as_ref().is_some_and(|path| path.up);
        self.peers.iter().filter(|(_, known)| answers(known)).map(|(name, _)| name.clone()).collect()
    }

    /// Makes the next report due.
    pub fn hurry_report(&mut self, now: Instant) {
        self.report_due = now;
    }

    /// The report, when it is due: each second, and as soon as every peer has answered.
    pub fn poll_report(&mut self, now: Instant) -> Option<AgentReport> {
        let complete = self.eager && self.peers.values().all(|known| known.tunnel.proven);
        if now < self.report_due && !complete {
            return None;
        }
        self.eager = self.eager && !complete;
        self.report_due = now + REPORT;
        let all = now >= self.complete_due || complete || Pace::is_each(self.peers.len());
        if all {
            self.complete_due = now + COMPLETE;
        }
        let news = |known: &Known| known.tunnel.sent > 0 || known.sizes.sent > 0;
        let told = self.peers.iter_mut().filter(|(_, known)| all || news(known));
        let probes = told.map(|(name, known)| known.told(name, now)).collect();
        let pace = Pace::among(self.peers.len());
        Some(AgentReport {
            probes,
            some_probes: !all,
            full_size: self.full.into(),
            every_seconds: pace.tunnel.as_secs_f64(),
            full_every_seconds: pace.full.as_secs_f64(),
            ..AgentReport::default()
        })
    }

    /// When something is due next, and why.
    pub fn poll_timeout(&self) -> (Instant, &'static str) {
        let report = (self.report_due, "report");
        self.probe_due().map_or(report, |probe| probe.min(report))
    }

    fn probe_due(&self) -> Option<(Instant, &'static str)> {
        let through = || self.peers.values().filter(|_| self.tunnel_up);
        let sizes = through().filter(|k| k.tunnel.proven).filter_map(|k| Some((k.sizes.due()?, "full-size probe")));
        let tunnels = through().map(|k| (k.tunnel.due(), "tunnel probe")).chain(sizes);
        let underlays = self.peers.values().map(|k| (k.underlay.due(), "underlay probe"));
        let direct = self.peers.values().filter_map(|k| Some((k.direct.as_ref()?.due(), "direct probe")));
        underlays.chain(tunnels).chain(direct).min()
    }
}

#[cfg(test)]
mod pair_tests;
#[cfg(test)]
mod tests;
