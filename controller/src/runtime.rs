//! The one task that owns the [`Core`]: events from sockets and store go in, actions go out to sessions.
//!
//! ```text
//!  store ── Txn ──┐                     ┌── Command ──► switch session (one task per switch)
//!  sessions ──────┼─► events ► Core ►───┼── watch<HostTarget> ──► host session (one task per host)
//!  http ── Wait ──┘                     └── oneshot ──► http
//! ```

mod handle;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Instant,
};

use api::{MemberView, Name};
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    agents::Agents,
    compile::{Compiler, Host, State},
    core::{Action, Broken, Core, NodeProgress, SessionId},
    dump::{self, Owners},
    events::{EventKind, Events},
    history::{History, TooOld},
    intent::{Intent, Txn},
    membership::{Session, Status},
    pipeline::{FlowBody, FlowKey},
    reconcile::{Audit, Batch, Refusal},
};

pub use handle::CoreHandle;

/// How many events are heard between two looks at the clock, at the most.
const AT_ONCE: usize = 64;

/// The right to hold all of a switch's flows in memory: only so many switches do at a time.
pub type Slot = tokio::sync::OwnedSemaphorePermit;

/// What a switch's session is to do.
#[derive(Debug)]
pub enum Command {
    /// Read flows and groups, and say [`Event::Observed`].
    ReadBack,
    /// Send a batch, and say [`Event::BatchDone`]. The slot is that of the reading that led to it.
    Send(Box<Batch>, Option<Slot>),
}

/// What a host's OVSDB is to hold, as of a revision.
pub type HostTarget = (Arc<Host>, u64);

/// What the core hears.
#[derive(Debug)]
pub enum Event {
    /// A transaction was committed; what the intent is with it.
    Txn(Arc<Txn>, Box<Intent>),
    /// A session to a node's switch is up.
    SwitchUp(Name, SessionId, mpsc::UnboundedSender<Command>),
    /// A session to a node's switch ended.
    SwitchDown(Name, SessionId),
    /// A switch was read back.
    Observed(Name, SessionId, State, Slot),
    /// A switch committed or refused a batch.
    BatchDone(Name, SessionId, u64, Result<(), Refusal>),
    /// A switch said that someone else changed flows; none as a body: removed.
    Foreign(Name, SessionId, Vec<(Arc<FlowKey>, Option<Arc<FlowBody>>)>),
    /// A switch was read again.
    Audited(Name, SessionId, Audit),
    /// A session to a host's OVSDB is up and wants to know what it is to hold.
    HostUp(Name, oneshot::Sender<watch::Receiver<HostTarget>>),
    /// A host's OVSDB holds what it was to hold as of this revision, but for some ports.
    HostDone(Name, u64, Broken),
    /// Tell me when every switch concerned has acknowledged this revision.
    Wait(u64, oneshot::Sender<()>),
    /// Whom does this revision concern who has not acknowledged it?
    Pending(u64, oneshot::Sender<Vec<String>>),
    /// Has this node not acknowledged all up to this revision?
    Awaits(Name, u64, oneshot::Sender<bool>),
    /// What are switches to have?
    Compiled(oneshot::Sender<Compiler>),
    /// What were switches to have at this time?
    CompiledAt(Timestamp, oneshot::Sender<Result<Compiler, TooOld>>),
    /// When did this revision come?
    When(u64, oneshot::Sender<Option<Timestamp>>),
    /// This controller is to be master of these nodes only.
    Mine(BTreeSet<Name>),
    /// How far is everyone?
    Progress(oneshot::Sender<BTreeMap<Name, NodeProgress>>),
    /// An agent said which other hosts it sees: all of them, or those that changed.
    Reported(Name, Vec<MemberView>, bool),
    /// A session with a host is up, or none of its kind is any more.
    Session(Name, Session, bool),
    /// A host's switch said something.
    Word(Name),
    /// What is made of each host?
    Standings(oneshot::Sender<Vec<Status>>),
}

impl Event {
    /// The host of which this is a sign of life.
    fn word(&self) -> Option<&Name> {
        match self {
            Self::Observed(node, ..)
            | Self::BatchDone(node, ..)
            | Self::Foreign(node, ..)
            | Self::Audited(node, ..)
            | Self::Word(node) => Some(node),
            _ => None,
        }
    }
}

/// What the core has done by others.
pub struct Outlets {
    /// Told when there is something new for an agent.
    pub agents: Arc<Agents>,
    /// Told what happened.
    pub log: Arc<Events>,
    /// Whose switches are to be asked for a word.
    pub challenges: mpsc::UnboundedSender<Name>,
    /// Which nodes are to be written down as down, or back.
    pub downs: mpsc::UnboundedSender<(Name, bool)>,
}

/// Runs the core until all handles are gone.
pub async fn run(core: Core, outlets: Outlets, events: mpsc::UnboundedReceiver<Event>) {
    let mut shell = Shell {
        core,
        outlets,
        history: History::default(),
        slot: None,
        sessions: BTreeMap::new(),
        hosts: BTreeMap::new(),
        waiters: BTreeMap::new(),
        next_waiter: 0,
    };
    shell.history.record(Timestamp::now(), shell.core.compiler().clone(), 0);
    let start = shell.core.hosts();
    shell.act(start);
    shell.run(events).await;
}

struct Shell {
    core: Core,
    outlets: Outlets,
    history: History,
    /// Of the switch whose reading is at hand.
    slot: Option<(Name, Slot)>,
    sessions: BTreeMap<Name, (SessionId, mpsc::UnboundedSender<Command>)>,
    hosts: BTreeMap<Name, watch::Sender<HostTarget>>,
    waiters: BTreeMap<u64, oneshot::Sender<()>>,
    next_waiter: u64,
}

impl Shell {
    async fn run(&mut self, mut events: mpsc::UnboundedReceiver<Event>) {
        let mut at_once = Vec::new();
        loop {
            let timeout = self.core.poll_timeout();
            // To find out when something is due takes a look at every node: once for many events.
            let count = tokio::select! {
                count = events.recv_many(&mut at_once, AT_ONCE) => count,
                () = sleep_until(timeout) => {
                    let actions = self.core.handle_timeout(Instant::now());
                    self.act(actions);
                    continue;
                }
            };
            if count == 0 {
                return;
            }
            at_once.drain(..).for_each(|event| self.take(event));
        }
    }

    fn take(&mut self, event: Event) {
        if let Some(node) = event.word() {
            let actions = self.core.word(node, Instant::now());
            self.act(actions);
        }
        let actions = self.hear(event);
        self.act(actions);
        self.slot = None;
    }

    fn hear(&mut self, event: Event) -> Vec<Action> {
        match event {
            Event::Txn(txn, intent) => {
                let actions = self.core.apply(&txn, *intent, Instant::now());
                self.history.record(Timestamp::now(), self.core.compiler().clone(), txn.writes.len());
                return actions;
            }
            Event::SwitchUp(node, session, commands) => {
                let actions = self.core.switch_up(&node, session);
                self.sessions.insert(node, (session, commands));
                return actions;
            }
            Event::SwitchDown(node, session) => {
                self.core.switch_down(&node, session);
                if self.sessions.get(&node).is_some_and(|(current, _)| *current == session) {
                    self.sessions.remove(&node);
                }
            }
            Event::Observed(node, session, read, slot) => {
                let actions = self.core.observed(&node, session, &read);
                self.slot = Some((node, slot));
                return actions;
            }
            Event::BatchDone(node, session, id, result) => {
                return self.core.batch_done(&node, session, id, result, Instant::now());
            }
            Event::Foreign(node, session, changes) => return self.core.foreign(&node, session, changes),
            Event::Audited(node, session, audit) => return self.core.audit(&node, session, audit),
            Event::HostUp(node, answer) => {
                if let Some(host) = self.hosts.get(&node) {
                    let _ = answer.send(host.subscribe());
                }
            }
            Event::HostDone(node, revision, broken) => return self.core.host_done(&node, revision, broken),
            Event::Wait(revision, answer) => {
                self.next_waiter += 1;
                self.waiters.retain(|_, waiter| !waiter.is_closed());
                self.waiters.insert(self.next_waiter, answer);
                return self.core.wait(self.next_waiter, revision);
            }
            Event::Mine(mine) => return self.core.assign(mine),
            Event::Pending(revision, answer) => drop(answer.send(self.core.pending(revision))),
            Event::Awaits(node, revision, answer) => drop(answer.send(self.core.awaits(&node, revision))),
            Event::CompiledAt(time, answer) => drop(answer.send(self.history.at(time))),
            Event::When(revision, answer) => drop(answer.send(self.history.when(revision))),
            Event::Compiled(answer) => drop(answer.send(self.core.compiler().clone())),
            Event::Progress(answer) => drop(answer.send(self.core.progress())),
            Event::Reported(node, members, all) => return self.core.reported(&node, &members, all, Instant::now()),
            Event::Session(node, session, up) => return self.core.session(&node, session, up, Instant::now()),
            // Heard already.
            Event::Word(_) => {}
            Event::Standings(answer) => drop(answer.send(self.core.standings(Instant::now()))),
        }
        Vec::new()
    }

    fn act(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Send(node, session, batch) => {
                    let slot = self.slot.take_if(|(read, _)| *read == node).map(|(_, slot)| slot);
                    self.command(&node, session, Command::Send(Box::new(batch), slot));
                }
                Action::ReadBack(node, session) => self.command(&node, session, Command::ReadBack),
                Action::SetHost(node, host, revision) => {
                    let target = (host, revision);
                    match self.hosts.get(&node) {
                        Some(sender) => drop(sender.send_replace(target)),
                        None => drop(self.hosts.insert(node, watch::Sender::new(target))),
                    }
                }
                Action::RemoveHost(node) => {
                    self.hosts.remove(&node);
                    self.sessions.remove(&node);
                    self.outlets.agents.forget(&node);
                }
                Action::AgentChanged(node) => {
                    self.outlets.agents.changed(&node, self.core.compiler().intent().revision());
                }
                Action::Report(node, drifts) => {
                    let owners = Owners::new(&[self.core.compiler().intent()]);
                    for drift in &drifts {
                        let (owner, message) = dump::drift(drift, &owners);
                        self.outlets.log.record(EventKind::Drift, Some(&node), owner, message);
                    }
                }
                Action::Resolve(waiter) => {
                    if let Some(answer) = self.waiters.remove(&waiter) {
                        let _ = answer.send(());
                    }
                }
                Action::Standing(event) => {
                    let message = format!("{}, was {}", event.to.as_str(), event.from.as_str());
                    self.outlets.log.record(EventKind::Member, Some(&event.node), None, message);
                }
                // Whoever takes these lives as long as the process.
                Action::Challenge(node) => drop(self.outlets.challenges.send(node)),
                Action::SetDown(node, down) => drop(self.outlets.downs.send((node, down))),
            }
        }
    }

    /// A session that is gone says so itself; what it does not get is sent to the next one.
    fn command(&self, node: &Name, session: SessionId, command: Command) {
        if let Some((current, commands)) = self.sessions.get(node)
            && *current == session
        {
            let _ = commands.send(command);
        }
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
