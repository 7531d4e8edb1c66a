//! Everything: users, the store, the core, switches, and the time.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use api::Name;
use controller::{
    compile::{Compiler, Mesh, Settings},
    core::{Action, Broken, Core},
    intent::{Change, Intent},
    membership::Session,
};

use crate::{
    changes,
    random::Random,
    switch::{Answer, Order, Switch},
};

pub struct World {
    pub(super) random: Random,
    aloud: bool,
    trace: Vec<String>,
    epoch: Instant,
    /// Virtual milliseconds.
    pub(super) now: u64,
    calm: bool,
    /// What is durable.
    pub(super) intent: Intent,
    pub(super) core: Core,
    pub(super) switches: BTreeMap<Name, Switch>,
    /// What the controller itself wants written down.
    proposals: Vec<Change>,
    /// Hosts' OVSDB acknowledgements on their way: when, who, which revision.
    hosts: Vec<(u64, Name, u64)>,
    pub(super) waiting: BTreeSet<u64>,
    next_session: u64,
    flow_mods: usize,
}

fn settings() -> Settings {
    Settings::new(Mesh::Flow, "10.96.0.0/12".parse().expect("a subnet"))
}

impl World {
    pub fn new(seed: u64, aloud: bool) -> Self {
        let epoch = Instant::now();
        let mut world = Self {
            random: Random::new(seed),
            aloud,
            trace: Vec::new(),
            epoch,
            now: 0,
            calm: false,
            intent: Intent::default(),
            core: Core::new(settings(), Intent::default(), epoch),
            switches: BTreeMap::new(),
            proposals: Vec::new(),
            hosts: Vec::new(),
            waiting: BTreeSet::new(),
            next_session: 1,
            flow_mods: 0,
        };
        changes::first().into_iter().for_each(|change| world.change(change));
        world
    }

    pub fn trace(&self) -> &[String] {
        &self.trace
    }

    pub fn sent_since_restart(&self) -> usize {
        self.flow_mods
    }

    /// Lets things happen for so many milliseconds.
    pub fn live(&mut self, milliseconds: u64) {
        let end = self.now + milliseconds;
        while self.now < end {
            self.now += 1 + self.random.below(40);
            self.trouble();
            self.deliver();
        }
    }

    /// No more trouble, until nothing is on its way any more.
    pub fn heal(&mut self) {
        self.calm = true;
        self.switch_all_on();
        for _ in 0..20_000 {
            self.wait(10);
            if self.is_quiet() {
                return;
            }
        }
        panic!("it does not come to rest");
    }

    /// Lets time pass without trouble.
    pub fn wait(&mut self, milliseconds: u64) {
        self.calm = true;
        for _ in 0..milliseconds.div_ceil(10) {
            self.now += 10;
            self.connect_all();
            self.deliver();
        }
        self.calm = false;
    }

    /// Nothing is on its way, and nothing will be tried again.
    fn is_quiet(&self) -> bool {
        let idle = |switch: &Switch| switch.session != 0 && switch.orders.is_empty() && switch.answers.is_empty();
        self.switches.len() == self.intent.nodes.len()
            && self.switches.values().all(idle)
            && self.hosts.is_empty()
            && self.core.poll_retry().is_none()
            && self.down().is_empty()
            && self.proposals.is_empty()
    }

    /// What must hold in the end.
    pub fn check(&self) {
        let scratch = Compiler::new(settings(), self.intent.clone());
        for (node, progress) in self.core.progress() {
            assert!(progress.converged && progress.error.is_none(), "{node}: {progress:?}");
            let wanted = scratch.state(&node);
            let switch = &self.switches[&node];
            assert_eq!(switch.has.groups, wanted.groups, "groups of {node}");
            let differs = |key: &&_| switch.has.flows.get(*key) != wanted.flows.get(*key);
            let differing: Vec<_> = switch.has.flows.keys().chain(wanted.flows.keys()).filter(differs).collect();
            assert!(differing.is_empty(), "{node}: {differing:?}");
        }
        assert!(self.core.progress().keys().eq(self.intent.nodes.keys()));
        assert!(self.waiting.is_empty(), "never acknowledged: {:?}", self.waiting);
    }

    /// The controller dies and another starts on what is durable. Who waited is gone, too.
    pub fn restart_controller(&mut self) {
        self.say("controller restarts".into());
        self.core = Core::new(settings(), self.intent.clone(), self.at(self.now));
        self.switches.values_mut().for_each(Switch::disconnect);
        self.hosts.clear();
        self.waiting.clear();
        self.flow_mods = 0;
        let actions = self.core.hosts();
        self.act(actions);
    }

    pub(super) fn say(&mut self, what: String) {
        let line = format!("{:6} {what}", self.now);
        if self.aloud {
            println!("{line}");
        }
        self.trace.push(line);
    }

    pub(super) fn at(&self, milliseconds: u64) -> Instant {
        self.epoch + Duration::from_millis(milliseconds)
    }

    fn trouble(&mut self) {
        if self.random.chance(20) {
            let change = changes::any(&mut self.random);
            self.change(change);
        }
        if self.random.chance(30) {
            self.connect_all();
        }
        let nodes: Vec<Name> = self.switches.keys().cloned().collect();
        for node in nodes {
            let Some(switch) = self.switches.get_mut(&node) else { continue };
            let session = switch.session;
            match self.random.below(1000) {
                0..10 if session != 0 => {
                    self.say(format!("{node} loses its session"));
                    self.hang_up(&node);
                }
                10..15 => {
                    switch.has = Default::default();
                    self.say(format!("{node} restarts with nothing"));
                    self.hang_up(&node);
                }
                15..40 => {
                    let edited = switch.edit(&mut self.random);
                    let told = edited.filter(|_| session != 0).map(|edit| Answer::Foreign(vec![edit]));
                    self.say(format!("someone edits {node}"));
                    told.into_iter().for_each(|answer| self.answer(&node, answer));
                }
                40..60 if session != 0 => self.order(&node, Order::Audit),
                60..66 => self.switch_off(node.as_str()),
                66..76 => self.switch_on(&node),
                _ => {}
            }
        }
        if self.random.below(1000) < 2 {
            self.restart_controller();
        }
    }

    pub(super) fn change(&mut self, change: Change) {
        let unix = 1_000 + self.now / 1000;
        let plan = self.intent.plan(std::slice::from_ref(&change), &settings().services, unix);
        let Ok(Some(txn)) = plan.map(|plan| plan.txn) else { return };
        self.say(format!("{} {change:?}", txn.revision));
        self.intent.apply(&txn);
        let mut actions = self.core.apply(&txn, self.intent.clone(), self.at(self.now));
        self.waiting.insert(txn.revision);
        actions.extend(self.core.wait(txn.revision, txn.revision));
        self.act(actions);
    }

    fn connect_all(&mut self) {
        for node in self.intent.nodes.keys().cloned().collect::<Vec<_>>() {
            let switch = self.switches.entry(node.clone()).or_default();
            if switch.session == 0 && switch.off.is_none() {
                switch.session = self.next_session;
                self.next_session += 1;
                self.answer(&node, Answer::Up);
            }
        }
        self.switches.retain(|node, _| self.intent.nodes.contains_key(node));
    }

    fn order(&mut self, node: &Name, order: Order) {
        let arrives = self.now + self.random.below(60);
        let Some(switch) = self.switches.get_mut(node) else { return };
        let after = switch.orders.back().map_or(0, |(at, _)| *at);
        switch.orders.push_back((arrives.max(after), order));
    }

    fn answer(&mut self, node: &Name, answer: Answer) {
        let arrives = self.now + self.random.below(60);
        let Some(switch) = self.switches.get_mut(node) else { return };
        let after = switch.answers.back().map_or(0, |(at, _)| *at);
        switch.answers.push_back((arrives.max(after), answer));
    }

    /// All that arrives by now.
    fn deliver(&mut self) {
        let now = self.now;
        for change in std::mem::take(&mut self.proposals) {
            self.change(change);
        }
        self.report();
        for node in self.switches.keys().cloned().collect::<Vec<_>>() {
            if self.switches[&node].off.is_some() {
                continue;
            }
            while let Some(order) = self.next_order(&node, now) {
                let Some(switch) = self.switches.get_mut(&node) else { break };
                let answer = match self.calm {
                    true => switch.obey(order, &mut Random::calm()),
                    false => switch.obey(order, &mut self.random),
                };
                self.answer(&node, answer);
            }
            while let Some((session, answer)) = self.next_answer(&node, now) {
                self.hear(&node, session, answer);
            }
        }
        let (due, later) = std::mem::take(&mut self.hosts).into_iter().partition(|(at, ..)| *at <= now);
        self.hosts = later;
        let due: Vec<(u64, Name, u64)> = due;
        for (_, node, revision) in due {
            let actions = self.core.host_done(&node, revision, Broken::new());
            self.act(actions);
        }
        if self.core.poll_timeout().is_some_and(|at| at <= self.at(now)) {
            let actions = self.core.handle_timeout(self.at(now));
            self.act(actions);
        }
    }

    fn next_order(&mut self, node: &Name, now: u64) -> Option<Order> {
        let orders = &mut self.switches.get_mut(node)?.orders;
        orders.front().filter(|(at, _)| *at <= now)?;
        Some(orders.pop_front()?.1)
    }

    fn next_answer(&mut self, node: &Name, now: u64) -> Option<(u64, Answer)> {
        let switch = self.switches.get_mut(node)?;
        switch.answers.front().filter(|(at, _)| *at <= now)?;
        Some((switch.session, switch.answers.pop_front()?.1))
    }

    fn hear(&mut self, node: &Name, session: u64, answer: Answer) {
        let now = self.at(self.now);
        let actions = match answer {
            Answer::Up => {
                let actions = self.core.session(node, Session::OpenFlow, true, now);
                self.act(actions);
                self.core.switch_up(node, session)
            }
            Answer::Word => self.core.word(node, now),
            Answer::Read(state) => self.core.observed(node, session, &state),
            Answer::Audited(audit) => self.core.audit(node, session, audit),
            Answer::Foreign(changes) => self.core.foreign(node, session, changes),
            Answer::Done(id, result) => {
                if let Err(refusal) = &result {
                    self.say(format!("{node} refuses batch {id}: {refusal:?}"));
                }
                self.core.batch_done(node, session, id, result, now)
            }
        };
        self.act(actions);
    }

    pub(super) fn act(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::ReadBack(node, session) => self.hand_to(&node, session, Order::ReadBack),
                Action::Send(node, session, batch) => {
                    self.flow_mods += batch.flow_mods() + batch.group_mods();
                    self.say(format!("to {node}: batch {} of {} flow-mods", batch.id, batch.flow_mods()));
                    self.hand_to(&node, session, Order::Send(batch));
                }
                Action::SetHost(node, _, revision) => {
                    let at = self.now + self.random.below(100);
                    self.hosts.push((at, node, revision));
                }
                Action::Resolve(waiter) => assert!(self.waiting.remove(&waiter), "{waiter} is told twice"),
                Action::RemoveHost(node) => {
                    self.hosts.retain(|(_, host, _)| *host != node);
                    // The session of a node that is removed ends; should the node come again, its switch calls in anew.
                    self.switches.remove(&node);
                }
                Action::Challenge(node) if self.switches.get(&node).is_some_and(|switch| switch.session != 0) => {
                    self.answer(&node, Answer::Word);
                }
                Action::SetDown(node, down) => self.proposals.push(Change::SetNodeDown(node, down)),
                Action::Standing(event) => self.say(format!("{} is {}", event.node, event.to.as_str())),
                Action::Challenge(_) | Action::AgentChanged(_) | Action::Report(..) => {}
            }
        }
    }

    fn hand_to(&mut self, node: &Name, session: u64, order: Order) {
        if self.switches.get(node).is_some_and(|switch| switch.session == session) {
            self.order(node, order);
        }
    }
}
