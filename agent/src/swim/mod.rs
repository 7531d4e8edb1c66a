//! Membership by gossip: SWIM (Das, Gupta, Motivala, DSN 2002), with what Lifeguard adds about suspects.
//!
//! ```text
//!                datagram                              ┌─ not answered in 40 ms: again, twice
//!                   │                                  ├─ not in 120 ms: three others are asked to probe
//!   ┌───────┐  ┌────▼───┐  ┌────────┐  ┌──────┐ ping   │
//!   │ seal  ├─►│ replay ├─►│ roster ├─►│ foca ├────────┴─ not in 300 ms ──► suspect ──► dead
//!   └───────┘  └────────┘  └────────┘  └──────┘                              │   ▲
//!   forged?     again?      listed?        ▲      told so every 80 ms ◄──────┘   └─ no objection
//!                                          └── objects: a higher incarnation
//! ```
//!
//! Everything here is pure: time is passed in, datagrams and events are
//! polled. A member that is missing gets a hello, which says nothing; whoever
//! gets one announces itself to the sender's present life, so that only what
//! was sent in answer to this life of ours is believed.

mod identity;
mod payload;
mod replay;
mod roster;
mod seal;
mod timers;
pub mod tuning;
mod views;

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    time::Instant,
};

use api::{GossipCounts, GossipKeys, MemberState, MemberView, Name, Peer, Rejection};
use foca::{AccumulatingRuntime, Foca, Member, Message, NoCustomBroadcast, OwnedNotification, PostcardCodec, State};
use rand::{SeedableRng, rngs::SmallRng};

pub use identity::{Identity, Life};
pub use payload::Payload;
pub use seal::{Header, Keyring, OVERHEAD, To};

use replay::Window;
use roster::Roster;
use timers::Timers;
use tuning::{ASK, HELLO, MAX_DATAGRAM, REPEAT, STALL};
use views::Views;

/// A datagram to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Where to.
    pub to: SocketAddr,
    /// Its bytes.
    pub payload: Vec<u8>,
}

/// Something the shell has to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A member is no longer what it was; nothing when it was not known.
    Member(Name, Option<MemberState>, MemberState),
    /// This agent came back from the dead: its life has this number now, and the next must have a higher one.
    Life(u32),
}

enum Job {
    Foca(foca::Timer<Identity>),
    /// Say hello to some who are missing, once or from now on.
    Hello {
        again: bool,
    },
    /// Send a probe again, so often.
    Repeat {
        to: Identity,
        number: u8,
        tries: u8,
    },
    /// Tell a suspect that it is one.
    Ask {
        suspect: Identity,
        incarnation: u16,
        until: Instant,
    },
}

/// Membership as one agent sees it.
pub struct Swim {
    me: Identity,
    port: u16,
    keys: Option<Keyring>,
    roster: Roster,
    views: Views,
    foca: Foca<Identity, PostcardCodec, SmallRng, NoCustomBroadcast>,
    runtime: AccumulatingRuntime<Identity>,
    timers: Timers<Job>,
    windows: BTreeMap<u32, Window>,
    outbox: VecDeque<Transmit>,
    events: VecDeque<Event>,
    counts: GossipCounts,
    counter: u32,
    incarnation: u16,
    // Whether anyone addressed this life of ours.
    heard_of: bool,
    greeted: u32,
    awaited: Option<(Identity, u8)>,
    asked: BTreeMap<u32, (Identity, u16)>,
}

impl Swim {
    /// The agent of node `me.node`, which gossips at `port` like all others; `seed` is for random choices.
    pub fn new(me: Identity, port: u16, seed: u64, now: Instant) -> Self {
        let foca = Foca::new(me, tuning::config(1), SmallRng::seed_from_u64(seed), PostcardCodec);
        let mut timers = Timers::default();
        timers.set(now, Job::Hello { again: true });
        Self {
            me,
            port,
            keys: None,
            roster: Roster::default(),
            views: Views::default(),
            foca,
            runtime: AccumulatingRuntime::new(),
            timers,
            windows: BTreeMap::new(),
            outbox: VecDeque::new(),
            events: VecDeque::new(),
            counts: GossipCounts::default(),
            counter: 0,
            incarnation: 0,
            heard_of: false,
            greeted: 0,
            awaited: None,
            asked: BTreeMap::new(),
        }
    }

    /// The keys changed; without any, nothing is sent and nothing accepted.
    pub fn set_keys(&mut self, keys: Option<&GossipKeys>) {
        self.keys = keys.map(Keyring::new);
    }

    /// The controller lists these other hosts.
    pub fn set_peers(&mut self, peers: &[Peer], now: Instant) {
        let gone = self.roster.set(peers, self.port, now);
        // It is refused only when a period changes, and those never do.
        let _ = self.foca.set_config(tuning::config(self.roster.len() + 1));
        let members = self.foca.iter_membership_state();
        let dead: Vec<_> = members.map(|m| *m.id()).filter(|id| gone.contains(&id.node)).map(Member::down).collect();
        let _ = self.foca.apply_many(dead.into_iter(), false, &mut self.runtime);
        for node in gone {
            self.windows.remove(&node);
            self.views.remove(node);
        }
        self.settle(now);
    }

    /// A datagram came in.
    pub fn handle_input(&mut self, from: SocketAddr, datagram: &[u8], now: Instant) {
        self.counts.received += 1;
        if let Err(why) = self.receive(from, datagram, now) {
            *self.counts.rejected.entry(why).or_default() += 1;
        }
        self.flush(now);
    }

    fn receive(&mut self, from: SocketAddr, datagram: &[u8], now: Instant) -> Result<(), Rejection> {
        if datagram.len() > MAX_DATAGRAM {
            return Err(Rejection::Malformed);
        }
        let (header, sealed) = Header::parse(datagram)?;
        let keys = self.keys.as_ref().ok_or(Rejection::UnknownKey)?;
        let sender = header.sender;
        self.roster.get(sender.node).ok_or(Rejection::NonMember)?;
        if !self.roster.is_at(sender.node, from) {
            return Err(Rejection::WrongSource);
        }
        let content = keys.open(&header, sealed, self.me)?;
        let mut new = false;
        let window = self.windows.entry(sender.node).or_insert_with(|| {
            new = true;
            Window::new(sender.life, header.counter)
        });
        if !new && !window.accept(sender.life, header.counter) {
            return Err(Rejection::Replayed);
        }
        if header.hello {
            let _ = self.foca.announce(sender, &mut self.runtime);
            return Ok(());
        }
        let mut payload = Payload::decode(&content, sender, self.me)?;
        let known = |node| node == self.me.node || self.roster.get(node).is_some();
        if payload.subject().is_some_and(|node| !known(node)) {
            return Err(Rejection::NonMember);
        }
        // Who is not listed yet will be, or is no longer.
        payload.updates.retain(|update| known(update.id().node));
        self.hear(&payload, now)
    }

    fn hear(&mut self, payload: &Payload, now: Instant) -> Result<(), Rejection> {
        let (sender, incarnation) = (payload.header.src, payload.header.src_incarnation);
        if let Message::Ack(number) = payload.header.message
            && self.awaited == Some((sender, number))
        {
            self.awaited = None;
        }
        let heard = self.foca.handle_data(&payload.to_foca(), &mut self.runtime);
        let view = self.views.get(sender.node).map(|view| (view.state, view.incarnation));
        if !payload.updates.is_empty() || view != Some((MemberState::Alive, incarnation)) {
            self.settle(now);
        }
        heard.map_err(|_| Rejection::Malformed)
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        if let Some((due, _)) = self.timers.first() {
            let late = now.saturating_duration_since(due);
            if late > STALL {
                self.timers.delay(late);
            }
        }
        while let Some(job) = self.timers.pop(now) {
            self.work(job, now);
            self.settle(now);
        }
    }

    fn work(&mut self, job: Job, now: Instant) {
        match job {
            Job::Foca(timer) => {
                // What fails is a probe that was not finished; the next one is set up all the same.
                let _ = self.foca.handle_timer(timer, &mut self.runtime);
            }
            Job::Hello { again } => {
                self.greet();
                if again {
                    self.timers.set(now + HELLO.0, Job::Hello { again });
                }
            }
            Job::Repeat { to, number, tries } => {
                if tries > 0 && self.awaited == Some((to, number)) {
                    self.ping(to, number, Vec::new());
                    self.timers.set(now + REPEAT.0, Job::Repeat { to, number, tries: tries - 1 });
                }
            }
            Job::Ask { suspect, incarnation, until } => self.ask(suspect, incarnation, until, now),
        }
    }

    /// Says hello to some of those that are missing; in a new life, to some who may not know of it yet.
    fn greet(&mut self) {
        let there = |node| self.heard_of && self.views.get(node).is_some_and(|view| view.state != MemberState::Dead);
        let missing: Vec<u32> = self.roster.after(self.greeted).filter(|node| !there(*node)).take(HELLO.1).collect();
        for node in missing {
            self.greeted = node;
            self.send(To::Node(node), &[]);
        }
    }

    /// Tells a suspect that it is one, as long as it is, so that it can object; its answer carries the objection.
    fn ask(&mut self, suspect: Identity, incarnation: u16, until: Instant, now: Instant) {
        let doubt = Member::new(suspect, incarnation, State::Suspect);
        if now >= until || !self.foca.iter_members().any(|member| *member == doubt) {
            self.asked.remove(&suspect.node);
            return;
        }
        self.ping(suspect, 0, vec![doubt]);
        self.timers.set(now + ASK, Job::Ask { suspect, incarnation, until });
    }

    fn ping(&mut self, to: Identity, number: u8, updates: Vec<Member<Identity>>) {
        let message = Message::Ping(number);
        let header = foca::Header { src: self.me, src_incarnation: self.incarnation, dst: to, message };
        let payload = Payload { header, updates };
        self.send(To::Life(to), &payload.encode());
    }

    /// Takes over what foca decided, and what follows from it.
    fn settle(&mut self, now: Instant) {
        self.flush(now);
        for change in self.views.refresh(self.foca.iter_membership_state(), &self.roster, now) {
            if let Some(listed) = self.roster.get(change.node) {
                self.events.push_back(Event::Member(listed.name.clone(), change.from, change.to));
            }
            if change.from.is_some() {
                // News travel at once, not with the next probe.
                let _ = self.foca.gossip(&mut self.runtime);
            }
        }
        self.flush(now);
    }

    fn flush(&mut self, now: Instant) {
        while let Some(notification) = self.runtime.to_notify() {
            match notification {
                OwnedNotification::Rejoin(me) => {
                    self.me = me;
                    self.heard_of = false;
                    self.timers.set(now, Job::Hello { again: false });
                    self.events.push_back(Event::Life(me.life.number()));
                }
                OwnedNotification::Active => self.heard_of = true,
                _ => {}
            }
        }
        while let Some((after, timer)) = self.runtime.to_schedule() {
            if let foca::Timer::ChangeSuspectToDown { member_id: suspect, incarnation, .. } = timer
                && self.asked.insert(suspect.node, (suspect, incarnation)) != Some((suspect, incarnation))
            {
                self.timers.set(now, Job::Ask { suspect, incarnation, until: now + after });
            }
            self.timers.set(now + after, Job::Foca(timer));
        }
        while let Some((to, data)) = self.runtime.to_send() {
            let Some(payload) = Payload::from_foca(&data) else { continue };
            // Foca says so also to a suspect that objected in time; see its `Timer::ChangeSuspectToDown`.
            if payload.header.message == Message::TurnUndead && self.foca.iter_members().any(|m| *m.id() == to) {
                continue;
            }
            self.incarnation = payload.header.src_incarnation;
            if let Message::Ping(number) = payload.header.message {
                self.awaited = Some((to, number));
                self.timers.set(now + REPEAT.0, Job::Repeat { to, number, tries: REPEAT.1 });
            }
            self.send(To::Life(to), &payload.encode());
        }
    }

    fn send(&mut self, to: To, content: &[u8]) {
        let node = match to {
            To::Life(identity) => identity.node,
            To::Node(node) => node,
        };
        let (Some(keys), Some(listed)) = (&self.keys, self.roster.get(node)) else { return };
        // A life ends after as many datagrams as there are nonces: more than ten years of gossip.
        let Some(next) = self.counter.checked_add(1) else { return };
        let payload = keys.seal(self.me, to, self.counter, content);
        self.counter = next;
        self.counts.sent += 1;
        self.outbox.push_back(Transmit { to: listed.address, payload });
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.outbox.pop_front()
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When something is due next, and why.
    pub fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        let why = |job: &Job| match job {
            Job::Foca(_) => "probe",
            Job::Hello { .. } => "hello",
            Job::Repeat { .. } => "probe again",
            Job::Ask { .. } => "ask a suspect",
        };
        self.timers.first().map(|(at, job)| (at, why(job)))
    }

    /// All listed members that are known, in order of their numbers.
    pub fn members(&self, now: Instant) -> Vec<MemberView> {
        self.views.all(&self.roster, now)
    }

    /// Who this agent is at present.
    pub fn identity(&self) -> Identity {
        self.me
    }

    /// What became of datagrams so far.
    pub fn counts(&self) -> &GossipCounts {
        &self.counts
    }
}
