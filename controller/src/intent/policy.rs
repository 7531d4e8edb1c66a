//! Policies: which endpoints they are about, whom they name, and on which nodes they have a say.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use api::{Endpoint, Kind, Name, Policy, PolicySpec};
use imbl::{OrdMap, OrdSet};

use super::{
    Intent, Key, Refused, Value, alloc,
    change::{Draft, Effect},
    index::{Label, first_label, insert, remove},
};

/// A policy's id is its priority among the flows of rules.
pub const MAX_POLICY_ID: u64 = 0xe000;

/// Policies by the network and the first label of a selector; without a label: all endpoints of the network.
type Selectors = OrdMap<(Name, Option<Label>), OrdSet<Name>>;

/// Derived from policies and endpoints, kept up with each write.
#[derive(Clone, Debug, Default)]
pub(super) struct PolicyIndex {
    selecting: Selectors,
    naming: Selectors,
    /// How many endpoints of each node a policy selects.
    subjects: OrdMap<Name, OrdMap<Name, usize>>,
}

impl Draft<'_> {
    pub(super) fn put_policy(&mut self, name: &Name, spec: &PolicySpec) -> Result<Effect, Refused> {
        spec.validate()?;
        if !self.intent.networks.contains_key(&spec.network) {
            return Err(Refused::NotFound(Kind::Network, spec.network.clone()));
        }
        let (id, effect) = match self.intent.policies.get(name) {
            Some(there) if there.spec == *spec => return Ok(Effect::Unchanged(there.revision)),
            Some(there) => (there.id, Effect::Changed),
            None => {
                let policies = &self.intent.policies;
                let used = |id| policies.values().any(|policy| policy.id == id);
                (alloc::next_id(&mut self.counters.policy, MAX_POLICY_ID, used)?, Effect::Created)
            }
        };
        let policy = Policy { name: name.clone(), id, revision: self.revision(), spec: spec.clone() };
        self.put(Value::Policy(Arc::new(policy)));
        Ok(effect)
    }

    pub(super) fn delete_policy(&mut self, name: &Name) -> Result<Effect, Refused> {
        if !self.intent.policies.contains_key(name) {
            return Err(Refused::NotFound(Kind::Policy, name.clone()));
        }
        self.remove(Key::Policy(name.clone()));
        Ok(Effect::Removed)
    }
}

impl Intent {
    /// The policies that are about this endpoint, in order of their names.
    pub fn policies_of(&self, endpoint: &Endpoint) -> Vec<&Policy> {
        self.looked_up(&self.index.policies.selecting, endpoint).filter(|it| it.spec.selects(endpoint)).collect()
    }

    /// The policies whose rules name this endpoint, in order of their names.
    pub fn policies_naming(&self, endpoint: &Endpoint) -> Vec<&Policy> {
        self.looked_up(&self.index.policies.naming, endpoint).filter(|it| it.spec.names(endpoint)).collect()
    }

    fn looked_up<'a>(&'a self, by: &'a Selectors, endpoint: &Endpoint) -> impl Iterator<Item = &'a Policy> {
        let labels = endpoint.labels.iter().map(|(key, value)| Some((key.clone(), value.clone())));
        let keys = std::iter::once(None).chain(labels).map(|label| (endpoint.network.clone(), label));
        let names: BTreeSet<&Name> = keys.filter_map(|key| by.get(&key)).flatten().collect();
        names.into_iter().filter_map(|name| self.policies.get(name)).map(|policy| &**policy)
    }

    /// The endpoints of a network that have all of these labels.
    pub fn selected<'a>(
        &'a self,
        network: &'a Name,
        selector: &'a BTreeMap<String, String>,
    ) -> Box<dyn Iterator<Item = &'a Endpoint> + 'a> {
        let Some(label) = first_label(selector) else { return Box::new(self.endpoints_in(network)) };
        Box::new(self.labelled(label).filter(move |it| it.network == *network && it.has_labels(selector)))
    }

    /// Whether a policy is about an endpoint of this node.
    pub fn has_subject(&self, policy: &Name, node: &Name) -> bool {
        self.index.policies.subjects.get(policy).is_some_and(|nodes| nodes.contains_key(node))
    }

    /// Takes in that an endpoint came, went, or changed its labels.
    pub(super) fn recount(&mut self, old: Option<&Endpoint>, new: Option<&Endpoint>) {
        let names = |it: Option<&Endpoint>| -> Vec<(Name, Name)> {
            let policies = it.into_iter().flat_map(|it| self.policies_of(it).into_iter().map(move |p| (p, it)));
            policies.map(|(policy, it)| (policy.name.clone(), it.node.clone())).collect()
        };
        let (gone, come) = (names(old), names(new));
        let subjects = &mut self.index.policies.subjects;
        for (policy, node) in come {
            *subjects.entry(policy).or_default().entry(node).or_default() += 1;
        }
        for (policy, node) in gone {
            let Some(nodes) = subjects.get_mut(&policy) else { continue };
            let left = nodes.get(&node).map_or(0, |count| count - 1);
            match left {
                0 => nodes.remove(&node),
                left => nodes.insert(node, left),
            };
        }
    }

    pub(super) fn index_policy(&mut self, old: Option<&Policy>, new: Option<&Policy>) {
        let PolicyIndex { selecting, naming, subjects } = &mut self.index.policies;
        if let Some(old) = old {
            remove(selecting, &key(&old.spec, &old.spec.selector), &old.name);
            old.spec.peer_selectors().for_each(|selector| remove(naming, &key(&old.spec, selector), &old.name));
            subjects.remove(&old.name);
        }
        let Some(new) = new else { return };
        insert(selecting, key(&new.spec, &new.spec.selector), &new.name);
        new.spec.peer_selectors().for_each(|selector| insert(naming, key(&new.spec, selector), &new.name));
        let mut nodes: OrdMap<Name, usize> = OrdMap::new();
        for endpoint in self.selected(&new.spec.network, &new.spec.selector) {
            *nodes.entry(endpoint.node.clone()).or_default() += 1;
        }
        self.index.policies.subjects.insert(new.name.clone(), nodes);
    }
}

fn key(spec: &PolicySpec, selector: &BTreeMap<String, String>) -> (Name, Option<Label>) {
    (spec.network.clone(), first_label(selector))
}
