//! Probing every peer over the underlay and through the tunnel: a state machine without sockets and clock.
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

mod path;
mod wire;

use std::{
    collections::{BTreeMap, VecDeque},
    net::IpAddr,
    time::Duration,
};

use api::{AgentReport, Name, Peer, Probe};
use tokio::time::Instant;

use path::Path;
pub use wire::{Datagram, Kind, LENGTH};

/// How often there is a report.
const REPORT: Duration = Duration::from_secs(1);
/// How long the first report after a change of peers waits for their answers.
const FIRST_REPORT: Duration = Duration::from_millis(200);
/// How many requests of one peer are answered within a second, by each way.
const MAX_ANSWERS: u32 = 64;

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
    /// The payload.
    pub payload: [u8; LENGTH],
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
}

/// The state machine.
#[derive(Debug)]
pub struct Prober {
    cookie: u64,
    sequence: u64,
    peers: BTreeMap<Name, Known>,
    names: BTreeMap<(Way, IpAddr), Name>,
    tunnel_up: bool,
    outbox: VecDeque<Transmit>,
    events: VecDeque<Event>,
    report_due: Instant,
    /// Whether a report is due as soon as every peer has answered.
    eager: bool,
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
            outbox: VecDeque::new(),
            events: VecDeque::new(),
            report_due: now + FIRST_REPORT,
            eager: true,
        }
    }

    /// Sets whom to probe; what is known of peers that stay is kept.
    pub fn set_peers(&mut self, peers: &[Peer], now: Instant) {
        let mut old = std::mem::take(&mut self.peers);
        self.names.clear();
        for peer in peers {
            let same = |k: &Known| k.underlay.to == peer.address && k.tunnel.to == peer.gateway;
            let known = old.remove(&peer.name).filter(same).unwrap_or_else(|| {
                self.eager = true;
                self.report_due = self.report_due.min(now + FIRST_REPORT);
                let (underlay, tunnel) = (Path::new(peer.address, now), Path::new(peer.gateway, now));
                Known { underlay, tunnel, answers: (now, 0) }
            });
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
                let payload = Datagram { kind: Kind::Reply, ..datagram }.encode();
                self.outbox.push_back(Transmit { way, to: from, payload });
            }
            Kind::Reply if datagram.cookie == self.cookie => {
                let path = known.path(way);
                let (was_proven, was_up) = (path.proven, path.up);
                let answered = path.answer(datagram.sequence, now);
                if answered && !was_up {
                    self.events.push_back(Event { peer: name.clone(), way, rtt: path.rtt });
                }
                if answered && !was_proven && way == Way::Underlay {
                    known.tunnel.hurry(now);
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
                let probe = Datagram { kind: Kind::Request, sequence: self.sequence, cookie: self.cookie };
                self.outbox.push_back(Transmit { way, to: path.to, payload: probe.encode() });
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
        let probes = self.peers.iter_mut().map(|(name, known)| {
            let path = &mut known.tunnel;
            Probe {
                peer: name.clone(),
                rtt_seconds: path.rtt.map(|rtt| rtt.as_secs_f64()),
                sent: std::mem::take(&mut path.sent),
                lost: std::mem::take(&mut path.lost),
                mtu: None,
            }
        });
        Some(AgentReport { probes: probes.collect(), ..AgentReport::default() })
    }

    /// When something is due next, and why.
    pub fn poll_timeout(&self) -> (Instant, &'static str) {
        let tunnels = self.peers.values().filter(|_| self.tunnel_up).map(|k| (k.tunnel.due(), "tunnel probe"));
        let underlays = self.peers.values().map(|k| (k.underlay.due(), "underlay probe"));
        underlays
            .chain(tunnels)
            .min()
            .map_or((self.report_due, "report"), |probe| probe.min((self.report_due, "report")))
    }
}

#[cfg(test)]
mod tests;
