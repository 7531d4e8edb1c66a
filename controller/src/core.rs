//! The whole controller without sockets or clock: transactions and what switches say go in, what to send comes out.
//!
//! ```text
//!  Txn ──────► Compiler ──► Delta per node ──► Switch (reconcile) ──► Action::Send
//!  Observed ─────────────────────────────────►     │                  Action::SetHost
//!  BatchDone, HostDone ──────────────────────►     └── acknowledged ► Action::Resolve
//! ```

mod fronts;
mod hosts;
mod node;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Instant,
};

use api::{Name, Protocol, Reach, Service};

use crate::{
    compile::{Compiler, Host, Settings, State, Tally, View, host},
    intent::{Intent, Key, Txn, is_host},
    membership::{self, Membership},
    pipeline::{FlowBody, FlowKey},
    reconcile::{Audit, Batch, Drift, Refusal, Switch},
};

use fronts::Fronts;
use node::NodeState;
pub use node::{Broken, NodeProgress};

/// Tells sessions to one switch apart: what an old one still says is not heard.
pub type SessionId = u64;

/// What the shell is to do.
#[derive(Debug)]
pub enum Action {
    /// Send a batch to a switch.
    Send(Name, SessionId, Batch),
    /// Read a switch back, and say [`Core::observed`].
    ReadBack(Name, SessionId),
    /// Make a host's OVSDB hold this, and say [`Core::host_done`] with the revision.
    SetHost(Name, Arc<Host>, u64),
    /// A node is no more.
    RemoveHost(Name),
    /// What this node's agent is to make true has changed.
    AgentChanged(Name),
    /// Someone else changed a switch; it is being put right.
    Report(Name, Vec<Drift>),
    /// All switches concerned have acknowledged what this waiter waits for.
    Resolve(u64),
    /// A host's standing changed.
    Standing(membership::Event),
    /// Ask this node's switch for a word, and say [`Core::word`] if there comes one.
    Challenge(Name),
    /// Propose that this node is down, or that it is not.
    SetDown(Name, bool),
}

/// The controller's core.
pub struct Core {
    compiler: Compiler,
    nodes: BTreeMap<Name, NodeState>,
    /// How many acknowledgements each revision waits for.
    pending: BTreeMap<u64, usize>,
    waiters: BTreeMap<u64, Vec<u64>>,
    /// The nodes that this controller is to be master of; none while it is the only one: all of them.
    mine: Option<BTreeSet<Name>>,
    membership: Membership,
    /// Which nodes were proposed to be down or back, and when.
    proposed: BTreeMap<Name, Instant>,
    fronts: Fronts,
}

impl Core {
    /// A core that starts from `intent`.
    pub fn new(settings: Settings, intent: Intent, now: Instant) -> Self {
        let compiler = Compiler::new(settings, intent);
        let (mut nodes, mut membership) = (BTreeMap::new(), Membership::new(now));
        for (name, node) in &compiler.intent().nodes {
            let down = node.down;
            nodes.insert(name.clone(), NodeState { elsewhere: down, down, ..NodeState::default() });
            membership.add(name, node.down, now);
        }
        let (pending, waiters, proposed) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut fronts = Fronts::default();
        compiler.intent().services.values().for_each(|service| fronts.note(service));
        Self { compiler, nodes, pending, waiters, mine: None, membership, proposed, fronts }
    }

    /// The compiler, to look at what is desired.
    pub fn compiler(&self) -> &Compiler {
        &self.compiler
    }

    /// What every host is to hold, for the start.
    pub fn hosts(&self) -> Vec<Action> {
        self.nodes.keys().filter_map(|name| self.set_host(name)).collect()
    }

    /// A transaction was committed, and made the intent what it is now. Those of before the core began are in the
    /// intent it began with.
    pub fn apply(&mut self, txn: &Txn, intent: Intent, now: Instant) -> Vec<Action> {
        if txn.revision <= self.compiler.intent().revision() {
            return Vec::new();
        }
        let mut actions = Vec::new();
        for write in &txn.writes {
            if let Key::Service(name) = &write.key {
                intent.services.get(name).into_iter().for_each(|service| self.fronts.note(service));
            }
        }
        let published = publishes(&self.compiler, txn);
        let deltas = self.compiler.follow(txn, intent);
        let published = published || publishes(&self.compiler, txn);
        let gone: Vec<Name> = self.nodes.keys().filter(|name| !self.compiler.has(name)).cloned().collect();
        for name in gone {
            if let Some(state) = self.nodes.remove(&name) {
                let revisions: Vec<u64> = state.pending().collect();
                self.settle(state.elsewhere, revisions, &mut actions);
            }
            actions.push(Action::RemoveHost(name));
        }
        actions.extend(self.follow(txn, now));
        let agents_too =
            |key: &Key| matches!(key, Key::Node(_) | Key::Subnet(..) | Key::Network(_) | Key::Gossip | Key::Mesh);
        let all_agents = published || txn.writes.iter().any(|write| agents_too(&write.key));
        if all_agents {
            actions.extend(self.compiler.tallies().map(|(name, _)| Action::AgentChanged(name.clone())));
        }
        for (name, delta) in deltas {
            if !delta.ports.is_empty() && !all_agents {
                actions.push(Action::AgentChanged(name.clone()));
            }
            let new = self.new_node(&name);
            let state = self.nodes.entry(name.clone()).or_insert(new);
            if !(delta.flows.is_empty() && delta.groups.is_empty()) {
                state.switch.changed(&delta, txn.revision);
                if !state.elsewhere {
                    *self.pending.entry(txn.revision).or_default() += 1;
                }
                state.remember_last();
            }
            if !delta.ports.is_empty() {
                state.host_waiting.insert(txn.revision, delta.ports.into_iter().collect());
                if !state.elsewhere {
                    *self.pending.entry(txn.revision).or_default() += 1;
                }
                state.remember_last();
                actions.extend(self.set_host(&name));
            }
            self.advance(&name, &mut actions);
        }
        actions.extend(self.resolve());
        actions
    }

    /// A session to a node's switch is up.
    pub fn switch_up(&mut self, name: &Name, session: SessionId) -> Vec<Action> {
        let Some(state) = self.nodes.get_mut(name) else { return Vec::new() };
        state.switch.lost();
        state.session = Some(session);
        vec![Action::ReadBack(name.clone(), session)]
    }

    /// A session to a node's switch ended.
    pub fn switch_down(&mut self, name: &Name, session: SessionId) {
        if let Some(state) = self.nodes.get_mut(name).filter(|state| state.session == Some(session)) {
            state.session = None;
            state.switch.lost();
        }
    }

    /// A switch was read back.
    pub fn observed(&mut self, name: &Name, session: SessionId, read: &State) -> Vec<Action> {
        let mut actions = Vec::new();
        if let Some(state) = self.nodes.get_mut(name).filter(|state| state.session == Some(session)) {
            state.switch.observed(read, &self.compiler.state(name));
            self.advance(name, &mut actions);
        }
        actions
    }

    /// A switch said that someone else changed flows; none as a body: removed.
    pub fn foreign(
        &mut self,
        name: &Name,
        session: SessionId,
        changes: Vec<(Arc<FlowKey>, Option<Arc<FlowBody>>)>,
    ) -> Vec<Action> {
        let desired = |compiler: &Compiler| compiler.state(name);
        self.drifted(name, session, desired, |switch, desired| switch.foreign(changes, desired))
    }

    /// A switch was read again.
    pub fn audit(&mut self, name: &Name, session: SessionId, audit: Audit) -> Vec<Action> {
        // Mostly only groups were read: to put together all flows for these would keep the core from its work.
        let flows_too = audit.flows.is_some();
        let desired = |compiler: &Compiler| if flows_too { compiler.state(name) } else { compiler.groups(name) };
        self.drifted(name, session, desired, |switch, desired| switch.audit(audit, desired))
    }

    fn drifted(
        &mut self,
        name: &Name,
        session: SessionId,
        desired: impl FnOnce(&Compiler) -> State,
        note: impl FnOnce(&mut Switch, &State) -> Vec<Drift>,
    ) -> Vec<Action> {
        let mut actions = Vec::new();
        if let Some(state) = self.nodes.get_mut(name).filter(|state| state.session == Some(session)) {
            let drifts = note(&mut state.switch, &desired(&self.compiler));
            if !drifts.is_empty() {
                actions.push(Action::Report(name.clone(), drifts));
            }
            self.advance(name, &mut actions);
        }
        actions
    }

    /// A switch committed a batch or refused it.
    pub fn batch_done(
        &mut self,
        name: &Name,
        session: SessionId,
        id: u64,
        result: Result<(), Refusal>,
        now: Instant,
    ) -> Vec<Action> {
        let mut actions = Vec::new();
        if let Some(state) = self.nodes.get_mut(name).filter(|state| state.session == Some(session)) {
            let revisions = state.switch.done(id, result, now);
            let elsewhere = state.elsewhere;
            self.settle(elsewhere, revisions, &mut actions);
            self.advance(name, &mut actions);
        }
        actions
    }

    /// A host's OVSDB holds what it was to hold as of `revision`, but for the `broken` ports.
    pub fn host_done(&mut self, name: &Name, revision: u64, broken: Broken) -> Vec<Action> {
        let mut actions = Vec::new();
        if let Some(state) = self.nodes.get_mut(name) {
            let works = |ports: &[String]| ports.iter().all(|port| !broken.contains_key(port));
            let done: Vec<u64> = state
                .host_waiting
                .range(..=revision)
                .filter(|(_, ports)| works(ports))
                .map(|(revision, _)| *revision)
                .collect();
            state.host_waiting.retain(|revision, _| !done.contains(revision));
            state.broken = broken;
            let elsewhere = state.elsewhere;
            self.settle(elsewhere, done, &mut actions);
        }
        actions
    }

    /// Time has passed: what was refused is tried again, and hosts are looked at.
    pub fn handle_timeout(&mut self, now: Instant) -> Vec<Action> {
        let due = |state: &NodeState| state.switch.poll_timeout().is_some_and(|at| at <= now);
        let nodes: Vec<Name> =
            self.nodes.iter().filter(|(_, state)| due(state)).map(|(name, _)| name.clone()).collect();
        let mut actions = Vec::new();
        for name in nodes {
            let Some(state) = self.nodes.get_mut(&name) else { continue };
            match (state.switch.handle_timeout(now), state.session) {
                (true, Some(session)) => actions.push(Action::ReadBack(name, session)),
                _ => self.advance(&name, &mut actions),
            }
        }
        actions.extend(self.look_at_hosts(now));
        actions
    }

    /// When [`Core::handle_timeout`] has something to do.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let look = self.membership.poll_timeout().map(|(at, _)| at);
        self.poll_retry().into_iter().chain(look).min()
    }

    /// When something is tried again that was refused.
    pub fn poll_retry(&self) -> Option<Instant> {
        self.nodes.values().filter_map(|state| state.switch.poll_timeout()).min()
    }

    /// Resolves `waiter` as soon as every switch concerned has acknowledged `revision`.
    pub fn wait(&mut self, waiter: u64, revision: u64) -> Vec<Action> {
        self.waiters.entry(revision).or_default().push(waiter);
        self.resolve()
    }

    /// The nodes that `revision` concerns and that have not acknowledged it.
    pub fn pending(&self, revision: u64) -> Vec<String> {
        let waits = |state: &NodeState| !state.elsewhere && state.pending().any(|waiting| waiting == revision);
        self.nodes.iter().filter(|(_, state)| waits(state)).map(|(name, _)| name.to_string()).collect()
    }

    /// Whether `node` has not acknowledged all up to `revision` and somebody has to wait for that.
    pub fn awaits(&self, node: &Name, revision: u64) -> bool {
        let waits = |state: &NodeState| !state.elsewhere && state.pending().any(|pending| pending <= revision);
        revision > self.compiler.intent().revision() || self.nodes.get(node).is_some_and(waits)
    }

    /// How far each node is.
    pub fn progress(&self) -> BTreeMap<Name, NodeProgress> {
        let tallies: BTreeMap<&Name, &Tally> = self.compiler.tallies().collect();
        let progress = |name: &Name, state: &NodeState| NodeProgress {
            converged: state.switch.converged() && state.host_waiting.is_empty(),
            desired: tallies.get(name).map(|tally| **tally).unwrap_or_default(),
            first_pending: state.pending().min(),
            flow_mods_sent: state.flow_mods_sent,
            error: state.error(),
        };
        self.nodes.iter().map(|(name, state)| (name.clone(), progress(name, state))).collect()
    }

    fn set_host(&self, name: &Name) -> Option<Action> {
        self.compiler.has(name).then_some(())?;
        let view = View { intent: self.compiler.intent(), settings: self.compiler.settings() };
        let host = Arc::new(host(&view, name));
        Some(Action::SetHost(name.clone(), host, self.compiler.intent().revision()))
    }

    /// Sends what there is to send to a node, and settles what needs nothing.
    fn advance(&mut self, name: &Name, actions: &mut Vec<Action>) {
        let Some(state) = self.nodes.get_mut(name) else { return };
        let Some(session) = state.session else { return };
        match state.switch.next_batch() {
            Some(mut batch) => {
                batch.flushes.iter_mut().for_each(|flush| flush.front = self.fronts.get(flush.service_port));
                state.flow_mods_sent += batch.flow_mods() as u64;
                actions.push(Action::Send(name.clone(), session, batch));
            }
            None => {
                let (elsewhere, revisions) = (state.elsewhere, state.switch.acknowledged());
                self.settle(elsewhere, revisions, actions);
            }
        }
    }

    /// A node acknowledged revisions; nobody waits for one that is another controller's.
    fn settle(&mut self, elsewhere: bool, revisions: impl IntoIterator<Item = u64>, actions: &mut Vec<Action>) {
        if elsewhere {
            return;
        }
        for revision in revisions {
            settle(&mut self.pending, revision);
        }
        actions.extend(self.resolve());
    }

    fn resolve(&mut self) -> Vec<Action> {
        // A revision whose transaction has not come by yet may still turn out to concern a switch.
        let seen = self.compiler.intent().revision();
        let waits = |revision: &u64| *revision > seen || self.pending.contains_key(revision);
        let (waiting, resolved) =
            std::mem::take(&mut self.waiters).into_iter().partition(|(revision, _)| waits(revision));
        self.waiters = waiting;
        let resolved: BTreeMap<u64, Vec<u64>> = resolved;
        resolved.into_values().flatten().map(Action::Resolve).collect()
    }
}

/// Whether a transaction writes a service of which kernels of hosts know in what the compiler has: one that is published, or
/// has hosts as backends by UDP; or a backend of one, if it matters to the outside on which node it is.
fn publishes(compiler: &Compiler, txn: &Txn) -> bool {
    let intent = compiler.intent();
    let is_local = |service: &Service| service.is_published() && service.traffic.external == Reach::Local;
    let is_udp = |service: &Service| service.ports.iter().any(|port| port.protocol == Protocol::Udp);
    let on_hosts = |service: &Service| is_udp(service) && intent.backends(service).iter().any(|it| is_host(it.0));
    txn.writes.iter().any(|write| match &write.key {
        Key::Service(name) => intent.services.get(name).is_some_and(|service| {
            service.is_published() || service.traffic.health_port.is_some() || on_hosts(service)
        }),
        Key::Endpoint(name) => {
            let endpoint = intent.endpoints.get(name);
            endpoint.is_some_and(|endpoint| intent.services_of(endpoint).into_iter().any(is_local))
        }
        _ => false,
    })
}

/// One acknowledgement less is waited for.
fn settle(pending: &mut BTreeMap<u64, usize>, revision: u64) {
    if let Some(count) = pending.get_mut(&revision) {
        *count -= 1;
        if *count == 0 {
            pending.remove(&revision);
        }
    }
}

#[cfg(test)]
mod tests;
