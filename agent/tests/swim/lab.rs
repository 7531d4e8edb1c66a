//! Simulated agents: the real state machines under virtual time, on a network that drops and delays by a seed.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use agent::swim::{Event, Identity, Life, Swim};
use api::{GossipKey, GossipKeys, MemberState, MemberView, Name, Peer};
use rand::{RngExt, SeedableRng, rngs::SmallRng};

/// The bytes of an IPv4 and a UDP header.
const HEADERS: u64 = 28;
pub const PORT: u16 = 6681;

/// What a link does to datagrams in one direction.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    pub loss: f64,
    pub delay: (Duration, Duration),
}

impl Default for Link {
    fn default() -> Self {
        Self { loss: 0.0, delay: (Duration::from_micros(100), Duration::from_micros(900)) }
    }
}

pub struct Host {
    pub swim: Swim,
    pub up: bool,
    pub life: u32,
    pub sent: u64,
    pub received: u64,
}

/// One member's change of opinion about another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opinion {
    pub at: Instant,
    pub of: u32,
    pub about: u32,
    pub from: Option<MemberState>,
    pub to: MemberState,
}

pub struct Lab {
    pub start: Instant,
    pub now: Instant,
    pub hosts: BTreeMap<u32, Host>,
    pub link: Link,
    /// Links that are not as the others are.
    pub links: BTreeMap<(u32, u32), Link>,
    pub opinions: Vec<Opinion>,
    /// Every datagram that was sent is also kept here, when there is such a place.
    pub tap: Option<Vec<(SocketAddr, SocketAddr, Vec<u8>)>>,
    rng: SmallRng,
    flying: BTreeMap<(Instant, u64), (u32, SocketAddr, Vec<u8>)>,
    count: u64,
}

pub fn name(node: u32) -> Name {
    Name::new(format!("h{node}")).unwrap()
}

pub fn address(node: u32) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + node)), PORT)
}

pub fn keys(byte: u8) -> GossipKeys {
    GossipKeys { send: GossipKey::new([byte; 32]), accept: None }
}

impl Lab {
    /// `size` hosts that list each other; all start at once.
    pub fn new(size: u32, seed: u64) -> Self {
        let start = Instant::now();
        let mut lab = Self {
            start,
            now: start,
            hosts: BTreeMap::new(),
            link: Link::default(),
            links: BTreeMap::new(),
            opinions: Vec::new(),
            tap: None,
            rng: SmallRng::seed_from_u64(seed),
            flying: BTreeMap::new(),
            count: 0,
        };
        for node in 1..=size {
            lab.boot(node, 1);
        }
        lab.list();
        lab
    }

    /// As `new`, and run until all know all.
    pub fn settled(size: u32, seed: u64) -> Self {
        let mut lab = Self::new(size, seed);
        let limit = lab.now + Duration::from_secs(30);
        while !lab.agree(&BTreeSet::new()) {
            assert!(lab.now < limit, "{size} hosts do not find each other");
            lab.run(Duration::from_millis(100));
        }
        lab.opinions.clear();
        lab
    }

    fn boot(&mut self, node: u32, life: u32) {
        let me = Identity { node, life: Life::new(life, self.rng.random()) };
        let swim = Swim::new(me, PORT, self.rng.random(), self.now);
        let (sent, received) = self.hosts.get(&node).map_or((0, 0), |host| (host.sent, host.received));
        self.hosts.insert(node, Host { swim, up: true, life, sent, received });
    }

    fn list(&mut self) {
        let peers: Vec<Peer> = self.hosts.keys().map(|node| peer(*node)).collect();
        let now = self.now;
        for (node, host) in &mut self.hosts {
            let others: Vec<Peer> = peers.iter().filter(|peer| peer.id != *node).cloned().collect();
            host.swim.set_keys(Some(&keys(7)));
            host.swim.set_peers(&others, now);
        }
    }

    /// The agent is killed, or its host switched off.
    pub fn kill(&mut self, node: u32) {
        self.hosts.get_mut(&node).unwrap().up = false;
    }

    /// The agent starts again, with the life after that which it kept on disk.
    pub fn start(&mut self, node: u32) {
        let life = self.hosts[&node].life + 1;
        self.boot(node, life);
        self.list();
    }

    /// Nothing passes between the two groups.
    pub fn part(&mut self, one: impl IntoIterator<Item = u32> + Clone, other: impl IntoIterator<Item = u32> + Clone) {
        let cut = Link { loss: 1.0, ..self.link };
        for a in one {
            for b in other.clone() {
                self.links.insert((a, b), cut);
                self.links.insert((b, a), cut);
            }
        }
    }

    /// A datagram arrives as if `from` had sent it.
    pub fn inject(&mut self, to: u32, from: SocketAddr, datagram: &[u8]) {
        let now = self.now;
        self.hosts.get_mut(&to).unwrap().swim.handle_input(from, datagram, now);
        self.collect(to);
    }

    pub fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.step(end) {}
        self.now = end;
    }

    /// Runs until `done`, at most for `limit`; how long that was.
    pub fn run_until(&mut self, limit: Duration, mut done: impl FnMut(&Self) -> bool) -> Duration {
        let begun = self.now;
        while !done(self) {
            assert!(self.step(begun + limit), "not within {limit:?}");
        }
        self.now - begun
    }

    fn step(&mut self, end: Instant) -> bool {
        let due = |(node, host): (&u32, &Host)| Some((host.swim.poll_timeout().filter(|_| host.up)?.0, *node));
        let timer = self.hosts.iter().filter_map(due).min();
        let arrival = self.flying.first_key_value().map(|((at, _), _)| *at);
        let next = timer.map(|(at, _)| at).into_iter().chain(arrival).min();
        let Some(next) = next.filter(|next| *next <= end) else { return false };
        self.now = self.now.max(next);
        if arrival.is_some_and(|at| at <= next) {
            let (_, (to, from, datagram)) = self.flying.pop_first().unwrap();
            let host = self.hosts.get_mut(&to).unwrap();
            if host.up {
                host.received += HEADERS + datagram.len() as u64;
                host.swim.handle_input(from, &datagram, self.now);
                self.collect(to);
            }
        } else if let Some((_, node)) = timer {
            self.hosts.get_mut(&node).unwrap().swim.handle_timeout(self.now);
            self.collect(node);
        }
        true
    }

    fn collect(&mut self, node: u32) {
        let host = self.hosts.get_mut(&node).unwrap();
        while let Some(event) = host.swim.poll_event() {
            match event {
                Event::Life(life) => host.life = life,
                Event::Member(about, from, to) => {
                    let about = about.as_str()[1..].parse().unwrap();
                    self.opinions.push(Opinion { at: self.now, of: node, about, from, to });
                }
            }
        }
        while let Some(transmit) = host.swim.poll_transmit() {
            host.sent += HEADERS + transmit.payload.len() as u64;
            let IpAddr::V4(ip) = transmit.to.ip() else { continue };
            let to = u32::from(ip) - 0x0a00_0000;
            if let Some(tap) = &mut self.tap {
                tap.push((address(node), transmit.to, transmit.payload.clone()));
            }
            let link = self.links.get(&(node, to)).copied().unwrap_or(self.link);
            if !self.rng.random_bool(link.loss) {
                let at = self.now + self.rng.random_range(link.delay.0..=link.delay.1);
                self.count += 1;
                self.flying.insert((at, self.count), (to, address(node), transmit.payload));
            }
        }
    }

    pub fn view(&self, of: u32, about: u32) -> Option<MemberView> {
        self.hosts[&of].swim.members(self.now).into_iter().find(|view| view.name == name(about))
    }

    /// Whether all that run hold `dead` for dead and all others for alive.
    pub fn agree(&self, dead: &BTreeSet<u32>) -> bool {
        let expected = |node: &u32| if dead.contains(node) { MemberState::Dead } else { MemberState::Alive };
        let running = || self.hosts.iter().filter(|(node, host)| host.up && !dead.contains(node));
        running().all(|(of, host)| {
            let views = host.swim.members(self.now);
            let right = |node: &u32| views.iter().any(|v| v.name == name(*node) && v.state == expected(node));
            self.hosts.keys().filter(|node| *node != of).all(right)
        })
    }

    /// The opinions that changed to `state`, since the last `clear`.
    pub fn became(&self, state: MemberState) -> impl Iterator<Item = &Opinion> {
        self.opinions.iter().filter(move |opinion| opinion.to == state)
    }
}

fn peer(node: u32) -> Peer {
    Peer { name: name(node), id: node, address: address(node).ip(), gateway: [10, 244, 0, 1].into(), direct: None }
}
