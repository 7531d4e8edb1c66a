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

mod pace;
mod path;
mod size;
mod wire;

use std::{
    collections::{BTreeMap, VecDeque},
    net::IpAddr,
    time::Duration,
};

use api::{AgentReport, Name, Peer, Probe};
use tokio::time::Instant;

pub use pace::Pace;
use path::Path;
use size::Sizes;
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
}

/// A datagram to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// By which way.
    pub way: Way,
    /// To which address, at the probe port.
    pub to: IpAddr,
    /// The beginning of the payload; zeros follow.
    pub payload: [u8; LENGTH],
    /// How long the payload is, in bytes.
    pub length: usize,
}

impl Transmit {
    fn new(way: Way, to: IpAddr, datagram: Datagram) -> Self {
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

/// What is known of one peer.
#[derive(Debug)]
struct Known {
    underlay: Path,
    tunnel: Path,
    sizes: Sizes,
    /// Requests answered within the second that began then.
    answers: (Instant, u32),
}

impl Known {
    fn path(&mut self, way: Way) -> &mut Path {
        match way {
            Way::Underlay => &mut self.underlay,
            Way::Tunnel => &mut self.tunnel,
        }
    }

    /// What there is to tell of it since the last time.
    fn told(&mut self, name: &Name, now: Instant) -> Probe {
        let Self { tunnel, sizes, .. } = self;
        Probe {
            peer: name.clone(),
            rtt_seconds: tunnel.rtt.map(|rtt| rtt.as_secs_f64()),
            sent: std::mem::take(&mut tunnel.sent),
            lost: std::mem::take(&mut tunnel.lost),
            mtu: sizes.mtu.map(u32::from),
            full_sent: std::mem::take(&mut sizes.sent),
            full_lost: std::mem::take(&mut sizes.lost),
            heard: tunnel.is_heard(now),
        }
    }
}

fn request(sequence: u64, length: u16, cookie: u64) -> Datagram {
    Datagram { kind: Kind::Request, length, sequence, cookie }
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
                Known { underlay, tunnel, sizes: Sizes::new(now), answers: (now, 0) }
            });
            let share = if Pace::is_each(peers.len()) { 0.0 } else { index as f64 / count };
            known.underlay.set_pace(pace.underlay, pace.underlay.mul_f64(share));
            known.tunnel.set_pace(pace.tunnel, pace.tunnel.mul_f64(share));
            known.sizes.set(full, pace.full, pace.full.mul_f64(share), now);
            self.names.insert((Way::Underlay, peer.address), peer.name.clone());
            self.names.insert((Way::Tunnel, peer.gateway), peer.name.clone());
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
        known.path(way).hear(now);
        match datagram.kind {
            Kind::Request => {
                if now.duration_since(known.answers.0) >= REPORT {
                    known.answers = (now, 0);
                }
                if known.answers.1 >= MAX_ANSWERS {
                    return;
                }
                known.answers.1 += 1;
                known.path(way).hurry(now);
                self.outbox.push_back(Transmit::new(way, from, datagram.answer()));
            }
            Kind::Reply if datagram.cookie == self.cookie => {
                let path = known.path(way);
                let (was_proven, was_up) = (path.proven, path.up);
                let answered = path.answer(datagram.sequence, now);
                if answered && !was_up {
                    self.events.push_back(Event { peer: name.clone(), way, rtt: path.rtt });
                }
                match way {
                    Way::Underlay if answered && !was_proven => known.tunnel.hurry(now),
                    Way::Tunnel if answered && !was_proven => known.sizes.begin(now),
                    Way::Tunnel => known.sizes.answer(datagram.sequence, now),
                    Way::Underlay => {}
                }
            }
            Kind::Reply => {}
        }
        self.handle_timeout(now);
    }

    /// Queues every probe that is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        for (name, known) in &mut self.peers {
            for way in [Way::Underlay, Way::Tunnel] {
                let path = known.path(way);
                if path.due() > now || (way == Way::Tunnel && !self.tunnel_up) {
                    continue;
                }
                self.sequence = self.sequence.wrapping_add(1);
                let was_up = path.up;
                path.send(self.sequence, now);
                if was_up && !path.up {
                    self.events.push_back(Event { peer: name.clone(), way, rtt: None });
                }
                self.outbox.push_back(Transmit::new(way, path.to, request(self.sequence, LENGTH as u16, self.cookie)));
            }
            let Known { tunnel, sizes, .. } = known;
            if !self.tunnel_up || !tunnel.proven {
                continue;
            }
            for size in sizes.poll(tunnel.up, now) {
                self.sequence = self.sequence.wrapping_add(1);
                sizes.note(self.sequence, size);
                let probe = request(self.sequence, size.saturating_sub(HEADERS), self.cookie);
                self.outbox.push_back(Transmit::new(Way::Tunnel, tunnel.to, probe));
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
        let through = || self.peers.values().filter(|_| self.tunnel_up);
        let sizes = through().filter(|k| k.tunnel.proven).map(|k| (k.sizes.due(), "full-size probe"));
        let tunnels = through().map(|k| (k.tunnel.due(), "tunnel probe")).chain(sizes);
        let underlays = self.peers.values().map(|k| (k.underlay.due(), "underlay probe"));
        underlays
            .chain(tunnels)
            .min()
            .map_or((self.report_due, "report"), |probe| probe.min((self.report_due, "report")))
    }
}

#[cfg(test)]
mod tests;
