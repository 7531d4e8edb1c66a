//! Keeps what switches are to have up with intent, and says what a transaction changes in it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use api::{Mode, Name};
use imbl::OrdMap;

use super::{
    Delta, Fragment, Part, Place, Settings, State, Tally, View, host,
    part::{local, of_network, peers, shared, uneven},
    touched::Touched,
};
use crate::intent::{Intent, Txn};

/// A part that goes to several nodes, rendered once for all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rendered {
    place: Place,
    fragment: Fragment,
    tally: Tally,
}

impl Rendered {
    fn new(settings: &Settings, intent: &Intent, part: &Part) -> Self {
        let view = View { intent, settings };
        let place = part.place(&view);
        let fragment = match place {
            Place::Nowhere => Fragment::default(),
            _ => Fragment::render(&view, part),
        };
        Self { place, tally: Tally::from(&fragment), fragment }
    }
}

/// What every switch is to have. A clone costs nothing and shares what is the same: what would be, and what was, are
/// compilers, too.
#[derive(Clone, Debug)]
pub struct Compiler {
    settings: Arc<Settings>,
    intent: Intent,
    /// Parts that go to several nodes. Those of one node only are rendered when they are asked for.
    shared: OrdMap<Part, Arc<Rendered>>,
    /// Those of them that go everywhere, or everywhere but to one node, put together.
    base: State,
    tallies: OrdMap<Name, Tally>,
}

impl Compiler {
    /// A compiler that starts from `intent`.
    pub fn new(settings: Settings, intent: Intent) -> Self {
        let render = |part: Part| (part.clone(), Arc::new(Rendered::new(&settings, &intent, &part)));
        let placed = |(_, rendered): &(Part, Arc<Rendered>)| rendered.place != Place::Nowhere;
        let shared: OrdMap<Part, Arc<Rendered>> = shared(&intent).map(render).filter(placed).collect();
        let mut base = State::default();
        shared.values().filter(|rendered| rendered.place.is_wide()).for_each(|wide| base.add(&wide.fragment));
        let mut compiler = Self { settings: Arc::new(settings), intent, shared, base, tallies: OrdMap::new() };
        compiler.tallies = compiler.intent.nodes.keys().map(|node| (node.clone(), compiler.count(node))).collect();
        compiler
    }

    fn view(&self) -> View<'_> {
        self.view_of(&self.intent)
    }

    fn view_of<'a>(&'a self, intent: &'a Intent) -> View<'a> {
        View { intent, settings: &self.settings }
    }

    /// The intent that all follows from.
    pub fn intent(&self) -> &Intent {
        &self.intent
    }

    /// What the cluster has in common.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// How much each node's switch is to have.
    pub fn tallies(&self) -> impl Iterator<Item = (&Name, &Tally)> {
        self.tallies.iter()
    }

    /// Whether there is such a node.
    pub fn has(&self, node: &Name) -> bool {
        self.tallies.contains_key(node)
    }

    /// All that a node's switch is to have.
    pub fn state(&self, node: &Name) -> State {
        let mut state = self.base.clone();
        self.as_peer(node).for_each(|own| state.remove(&own.fragment));
        self.selected(node).for_each(|rendered| state.add(&rendered.fragment));
        self.local_on(node).for_each(|fragment| state.add(&fragment));
        state
    }

    /// The groups that a node's switch is to have; no flows.
    pub fn groups(&self, node: &Name) -> State {
        let mut state = State { groups: self.base.groups.clone(), ..State::default() };
        // Groups are services'.
        let groups = self.selected(node).flat_map(|rendered| rendered.fragment.groups.clone());
        state.groups.extend(groups);
        let view = self.view();
        uneven(&view, node).for_each(|part| state.groups.extend(Fragment::render(&view, &part).groups));
        state
    }

    /// Takes a transaction in, and says what it changes on which nodes. Nodes that left are not among them.
    pub fn apply(&mut self, txn: &Txn) -> BTreeMap<Name, Delta> {
        let mut intent = self.intent.clone();
        intent.apply(txn);
        self.follow(txn, intent)
    }

    /// The same, where the intent with it is at hand.
    pub fn follow(&mut self, txn: &Txn, intent: Intent) -> BTreeMap<Name, Delta> {
        let old = std::mem::replace(&mut self.intent, intent);
        let touched = Touched::new(&old, &self.intent, txn);
        let mut deltas = BTreeMap::new();
        let of_members = self.parts_of_members(&old, &touched);
        for part in &touched.parts {
            self.replace(part, &old, &mut deltas);
        }
        for (node, part) in of_members {
            self.enter_or_leave(&node, &part, &old, &mut deltas);
        }
        self.hosts(&old, &touched, &mut deltas);
        self.new_nodes(&old, &mut deltas);
        deltas.retain(|_, delta| !delta.is_empty());
        deltas
    }

    /// Renders a part again and adds what that changes on the nodes that are there before and after.
    fn replace(&mut self, part: &Part, old: &Intent, deltas: &mut BTreeMap<Name, Delta>) {
        let after = Arc::new(Rendered::new(&self.settings, &self.intent, part));
        let before = match after.place {
            Place::On(_) | Place::Nowhere => self.shared.remove(part),
            _ => self.shared.insert(part.clone(), after.clone()),
        };
        let before = before.unwrap_or_else(|| Arc::new(Rendered::new(&self.settings, old, part)));
        if before.place.is_wide() {
            self.base.remove(&before.fragment);
        }
        if after.place.is_wide() {
            self.base.add(&after.fragment);
        }
        if before == after && !after.place.moves() {
            return;
        }
        let mut nodes: Vec<Name> = match (&before.place, &after.place) {
            (Place::Nowhere, Place::Nowhere) => Vec::new(),
            (Place::On(a), Place::On(b)) if a != b => vec![a.clone(), b.clone()],
            (Place::On(node), Place::On(_) | Place::Nowhere) | (Place::Nowhere, Place::On(node)) => vec![node.clone()],
            _ => self.intent.nodes.keys().cloned().collect(),
        };
        nodes.retain(|node| old.nodes.contains_key(node) && self.intent.nodes.contains_key(node));
        for node in &nodes {
            let was = before.place.has(node, &self.view_of(old)).then_some(&*before);
            let is = after.place.has(node, &self.view()).then_some(&*after);
            self.edit(node, was, is, deltas);
        }
    }

    /// Adds what it means for one node that it began or ceased to be a member.
    fn enter_or_leave(&mut self, node: &Name, part: &Part, old: &Intent, deltas: &mut BTreeMap<Name, Delta>) {
        let Some(rendered) = self.shared.get(part).cloned() else { return };
        let was = rendered.place.has(node, &self.view_of(old)).then_some(&*rendered);
        let is = rendered.place.has(node, &self.view()).then_some(&*rendered);
        self.edit(node, was, is, deltas);
    }

    fn edit<'a>(
        &mut self,
        node: &Name,
        was: Option<&'a Rendered>,
        is: Option<&'a Rendered>,
        deltas: &mut BTreeMap<Name, Delta>,
    ) {
        let Some(tally) = self.tallies.get_mut(node) else { return };
        was.iter().for_each(|was| tally.remove(was.tally));
        is.iter().for_each(|is| tally.add(is.tally));
        let nothing = Fragment::default();
        let fragment = |rendered: Option<&'a Rendered>| rendered.map(|rendered| &rendered.fragment);
        let (was, is) = (fragment(was).unwrap_or(&nothing), fragment(is).unwrap_or(&nothing));
        deltas.entry(node.clone()).or_default().replace(was, is);
    }

    /// What else is of networks and policies that nodes of both intents began or ceased to have to do with.
    fn parts_of_members(&self, old: &Intent, touched: &Touched) -> BTreeSet<(Name, Part)> {
        let mut found = BTreeSet::new();
        let stays = |node: &Name| old.nodes.contains_key(node) && self.intent.nodes.contains_key(node);
        for (network, node) in touched.members.iter().filter(|(_, node)| stays(node)) {
            let parts = of_network(&self.intent, network).filter(|part| !touched.parts.contains(part));
            found.extend(parts.map(|part| (node.clone(), part)));
        }
        let subjects = touched.subjects.iter().filter(|(_, node)| stays(node));
        let rules = subjects.map(|(policy, node)| (node.clone(), Part::Policy(policy.clone())));
        found.extend(rules.filter(|(_, part)| !touched.parts.contains(part)));
        found
    }

    fn hosts(&self, old: &Intent, touched: &Touched, deltas: &mut BTreeMap<Name, Delta>) {
        for (node, device) in touched.ports.iter().filter(|(node, _)| self.intent.nodes.contains_key(node)) {
            deltas.entry(node.clone()).or_default().ports.insert(device.clone());
        }
        if touched.bridges {
            for (node, ports) in host::differing(&self.view_of(old), &self.view()) {
                deltas.entry(node).or_default().ports.extend(ports);
            }
        }
    }

    fn new_nodes(&mut self, old: &Intent, deltas: &mut BTreeMap<Name, Delta>) {
        let gone: Vec<Name> = old.nodes.keys().filter(|node| !self.intent.nodes.contains_key(*node)).cloned().collect();
        for node in gone {
            self.tallies.remove(&node);
        }
        let new: Vec<Name> =
            self.intent.nodes.keys().filter(|node| !self.tallies.contains_key(*node)).cloned().collect();
        for node in new {
            let all = Delta::between(&State::default(), &self.state(&node));
            let ports = deltas.remove(&node).unwrap_or_default().ports;
            deltas.insert(node.clone(), Delta { ports, ..all });
            self.tallies.insert(node.clone(), self.count(&node));
        }
    }

    fn count(&self, node: &Name) -> Tally {
        let mut tally = Tally::default();
        let wide = self.shared.values().filter(|rendered| rendered.place.is_wide());
        wide.for_each(|rendered| tally.add(rendered.tally));
        self.as_peer(node).for_each(|own| tally.remove(own.tally));
        self.selected(node).for_each(|rendered| tally.add(rendered.tally));
        self.local_on(node).for_each(|fragment| tally.add(Tally::from(&fragment)));
        tally
    }

    /// A node as all others see it: the only parts that go everywhere but to one node.
    fn as_peer(&self, node: &Name) -> impl Iterator<Item = &Rendered> {
        let parts = peers(node).into_iter().filter_map(|part| self.shared.get(&part));
        parts.map(|rendered| &**rendered).filter(|rendered| rendered.place.is_wide())
    }

    /// What goes to a node because it is a member of a network, has an endpoint that a policy is about, or reaches
    /// others in its own way.
    fn selected<'a>(&'a self, node: &'a Name) -> impl Iterator<Item = &'a Rendered> {
        let flat = self.intent.networks.values().filter(|network| network.spec.mode == Mode::Flat);
        let networks = flat.map(|network| &network.name).filter(|network| self.intent.is_member(network, node));
        let parts = networks.flat_map(|network| of_network(&self.intent, network));
        let policies = self.intent.policies.keys().map(|policy| Part::Policy(policy.clone()));
        let others = self.view().ways_differ().then(|| self.intent.nodes.keys().flat_map(peers)).into_iter().flatten();
        let all = parts.chain(policies).chain(others);
        let rendered = all.filter_map(|part| self.shared.get(&part)).map(|rendered| &**rendered);
        rendered.filter(|rendered| !rendered.place.is_wide() && rendered.place.has(node, &self.view()))
    }

    fn local_on<'a>(&'a self, node: &'a Name) -> impl Iterator<Item = Fragment> {
        let view = self.view();
        local(&view, node).map(move |part| Fragment::render(&view, &part))
    }
}
