//! Keeps every switch's desired state, and says what a transaction changes in it.

use std::collections::{BTreeMap, BTreeSet};

use api::{Kind, Name};

use super::{Fragment, Host, Settings, Source, View, render};
use crate::{
    intent::{Intent, Key, Txn, Value, Write},
    pipeline::{BRIDGE, FlowBody, FlowKey, Group},
};

/// What changes in one switch's desired state; none as a value removes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    /// Flows.
    pub flows: BTreeMap<FlowKey, Option<FlowBody>>,
    /// Groups by id.
    pub groups: BTreeMap<u32, Option<Group>>,
    /// Ports that come, go or change, by name; the bridge itself by its own.
    pub ports: BTreeSet<String>,
}

impl Delta {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.flows.is_empty() && self.groups.is_empty() && self.ports.is_empty()
    }
}

/// The desired state of one switch: the union of its sources' fragments.
///
/// Where two sources ask for the same flow (two services with one backend), the lower one has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SwitchState {
    fragments: BTreeMap<Source, Fragment>,
    flows: BTreeMap<FlowKey, BTreeMap<Source, FlowBody>>,
    groups: BTreeMap<u32, Group>,
}

impl SwitchState {
    /// All flows.
    pub fn flows(&self) -> impl Iterator<Item = (&FlowKey, &FlowBody)> {
        self.flows.iter().filter_map(|(key, bodies)| Some((key, bodies.values().next()?)))
    }

    /// The flow with this key.
    pub fn flow(&self, key: &FlowKey) -> Option<&FlowBody> {
        self.flows.get(key)?.values().next()
    }

    /// All groups by id.
    pub fn groups(&self) -> &BTreeMap<u32, Group> {
        &self.groups
    }

    /// What the host's OVSDB is to hold.
    pub fn host(&self) -> Host {
        let mut host = Host::default();
        for fragment in self.fragments.values() {
            host.bridge = host.bridge.or_else(|| fragment.bridge.clone());
            host.ports.extend(fragment.ports.iter().map(|port| (port.name.clone(), port.clone())));
        }
        host
    }

    /// Puts what a source contributes in the place of what it did.
    pub(crate) fn replace(&mut self, source: &Source, new: Fragment, delta: &mut Delta) {
        let old = self.fragments.remove(source).unwrap_or_default();
        if old == new {
            if new != Fragment::default() {
                self.fragments.insert(source.clone(), new);
            }
            return;
        }
        self.replace_flows(source, &old, &new, delta);
        let gone = old.groups.iter().filter(|group| new.groups.iter().all(|g| g.id != group.id));
        for group in gone {
            self.groups.remove(&group.id);
            delta.groups.insert(group.id, None);
        }
        for group in new.groups.iter().filter(|group| !old.groups.contains(group)) {
            self.groups.insert(group.id, group.clone());
            delta.groups.insert(group.id, Some(group.clone()));
        }
        let differs = |a: &Fragment, b: &Fragment| -> Vec<String> {
            a.ports.iter().filter(|port| !b.ports.contains(port)).map(|port| port.name.clone()).collect()
        };
        delta.ports.extend(differs(&old, &new).into_iter().chain(differs(&new, &old)));
        if old.bridge != new.bridge {
            delta.ports.insert(BRIDGE.into());
        }
        if new != Fragment::default() {
            self.fragments.insert(source.clone(), new);
        }
    }

    fn replace_flows(&mut self, source: &Source, old: &Fragment, new: &Fragment, delta: &mut Delta) {
        let new_flows: BTreeMap<&FlowKey, &FlowBody> = new.flows.iter().map(|flow| (&flow.key, &flow.body)).collect();
        let gone = old.flows.iter().map(|flow| &flow.key).filter(|key| !new_flows.contains_key(key));
        let changed = new_flows.iter().map(|(key, body)| (*key, Some(*body)));
        for (key, body) in gone.map(|key| (key, None)).chain(changed) {
            let owners = self.flows.entry(key.clone()).or_default();
            let before = owners.values().next().cloned();
            match body {
                Some(body) => drop(owners.insert(source.clone(), body.clone())),
                None => drop(owners.remove(source)),
            }
            let after = owners.values().next().cloned();
            if owners.is_empty() {
                self.flows.remove(key);
            }
            if before != after {
                delta.flows.insert(key.clone(), after);
            }
        }
    }
}

/// Every switch's desired state, kept up with intent.
pub struct Compiler {
    settings: Settings,
    intent: Intent,
    switches: BTreeMap<Name, SwitchState>,
}

impl Compiler {
    /// A compiler that starts from `intent` and renders all of it.
    pub fn new(settings: Settings, intent: Intent) -> Self {
        let mut compiler = Self { settings, intent, switches: BTreeMap::new() };
        for name in compiler.intent.nodes.keys().cloned().collect::<Vec<_>>() {
            compiler.render_node(&name, &mut Delta::default());
        }
        compiler
    }

    /// The intent that the states follow from.
    pub fn intent(&self) -> &Intent {
        &self.intent
    }

    /// What the cluster has in common.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The desired state of a node's switch.
    pub fn switch(&self, node: &Name) -> Option<&SwitchState> {
        self.switches.get(node)
    }

    /// The nodes that have a switch.
    pub fn nodes(&self) -> impl Iterator<Item = &Name> {
        self.switches.keys()
    }

    /// Takes a transaction in, and says what it changes on which nodes. Nodes that left are not among them.
    pub fn apply(&mut self, txn: &Txn) -> BTreeMap<Name, Delta> {
        let mut touched = Touched::default();
        for write in &txn.writes {
            touched.add(&self.intent, write);
        }
        self.intent.apply(txn);
        for write in &txn.writes {
            touched.add(&self.intent, write);
        }
        self.switches.retain(|name, _| self.intent.nodes.contains_key(name));
        let mut deltas = BTreeMap::new();
        for name in self.intent.nodes.keys().cloned().collect::<Vec<_>>() {
            let mut delta = Delta::default();
            if touched.everything || !self.switches.contains_key(&name) {
                self.render_node(&name, &mut delta);
            } else {
                self.render_sources(&name, touched.sources_on(&name), &mut delta);
            }
            if !delta.is_empty() {
                deltas.insert(name, delta);
            }
        }
        deltas
    }

    fn render_node(&mut self, name: &Name, delta: &mut Delta) {
        let Some(node) = self.intent.nodes.get(name) else { return };
        let mut sources = render::sources(&View { intent: &self.intent, settings: &self.settings, node });
        sources.extend(self.switches.entry(name.clone()).or_default().fragments.keys().cloned());
        self.render_sources(name, sources, delta);
    }

    fn render_sources(&mut self, name: &Name, sources: impl IntoIterator<Item = Source>, delta: &mut Delta) {
        let (Some(node), Some(switch)) = (self.intent.nodes.get(name), self.switches.get_mut(name)) else { return };
        let view = View { intent: &self.intent, settings: &self.settings, node };
        for source in sources {
            switch.replace(&source, Fragment::render(&view, &source), delta);
        }
    }
}

/// Which sources a transaction may have changed, and where.
#[derive(Default)]
struct Touched {
    everything: bool,
    everywhere: BTreeSet<Source>,
    on_node: BTreeMap<Name, BTreeSet<Source>>,
    nodes: bool,
}

impl Touched {
    /// Adds what depends on the written key, as `intent` knows it: asked before and after the write.
    fn add(&mut self, intent: &Intent, write: &Write) {
        match &write.key {
            Key::Counters | Key::Resting(..) => {}
            Key::Network(_) => self.everything = true,
            Key::Node(name) | Key::Subnet(_, name) => {
                self.nodes = true;
                self.everywhere.insert(Source::object(Kind::Node, name));
                self.everywhere.extend(intent.networks.keys().map(|network| Source::object(Kind::Network, network)));
            }
            Key::Service(name) => drop(self.everywhere.insert(Source::object(Kind::Service, name))),
            Key::Endpoint(name) => {
                let there = intent.endpoints.get(name);
                let written = match &write.value {
                    Some(Value::Endpoint(endpoint)) => Some(endpoint),
                    _ => None,
                };
                for endpoint in there.into_iter().chain(written) {
                    let source = Source::object(Kind::Endpoint, name);
                    self.on_node.entry(endpoint.node.clone()).or_default().insert(source);
                    let of = intent.services.values().filter(|service| service.has(endpoint));
                    self.everywhere.extend(of.map(|service| Source::object(Kind::Service, &service.name)));
                }
            }
        }
    }

    fn sources_on(&self, node: &Name) -> BTreeSet<Source> {
        let own = self.on_node.get(node).into_iter().flatten();
        // A node's bridge has the MTU of the smallest underlay of all.
        let bridge = self.nodes.then(|| Source::object(Kind::Node, node));
        self.everywhere.iter().chain(own).cloned().chain(bridge).collect()
    }
}
