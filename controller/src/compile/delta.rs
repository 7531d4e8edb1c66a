//! What changes in one switch's desired state.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use imbl::{OrdMap, ordmap::DiffItem};

use super::{Fragment, State};
use crate::pipeline::{FlowBody, FlowKey, Group};

/// A value that was and a value that is to be; none where there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit<T> {
    /// What was to be there so far.
    pub before: Option<Arc<T>>,
    /// What is to be there now.
    pub after: Option<Arc<T>>,
}

/// What changes in one switch's desired state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    /// Flows.
    pub flows: BTreeMap<Arc<FlowKey>, Edit<FlowBody>>,
    /// Groups by id.
    pub groups: BTreeMap<u32, Edit<Group>>,
    /// Ports that come, go or change, by name; the bridge itself by its own.
    pub ports: BTreeSet<String>,
}

impl Delta {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.flows.is_empty() && self.groups.is_empty() && self.ports.is_empty()
    }

    /// Flows that are new, become others, and go.
    pub fn counts(&self) -> (usize, usize, usize) {
        let count = |kind: fn(&Edit<FlowBody>) -> bool| self.flows.values().filter(|edit| kind(edit)).count();
        let added = count(|edit| edit.before.is_none());
        let removed = count(|edit| edit.after.is_none());
        (added, self.flows.len() - added - removed, removed)
    }

    /// Adds what it means that a part goes from `before` to `after`.
    pub(super) fn replace(&mut self, before: &Fragment, after: &Fragment) {
        edits(&mut self.flows, &before.flows, &after.flows);
        edits(&mut self.groups, &before.groups, &after.groups);
    }

    /// What it means that a switch goes from `before` to `after`.
    pub fn between(before: &State, after: &State) -> Self {
        let mut delta = Self::default();
        edits(&mut delta.flows, &before.flows, &after.flows);
        edits(&mut delta.groups, &before.groups, &after.groups);
        delta
    }
}

/// A key that one part gives up and another takes on changes once.
fn edits<K: Ord + Clone, T: PartialEq>(
    edits: &mut BTreeMap<K, Edit<T>>,
    before: &OrdMap<K, Arc<T>>,
    after: &OrdMap<K, Arc<T>>,
) {
    for (key, was, is) in differing(before, after) {
        let edit = edits.entry(key.clone()).or_insert(Edit { before: None, after: None });
        edit.before = edit.before.take().or_else(|| was.cloned());
        edit.after = edit.after.take().or_else(|| is.cloned());
        if edit.before == edit.after {
            edits.remove(key);
        }
    }
}

/// The keys under which two maps differ, and what each of them has there. What they share costs nothing.
pub fn differing<'a, K: Ord, V: PartialEq>(
    before: &'a OrdMap<K, V>,
    after: &'a OrdMap<K, V>,
) -> impl Iterator<Item = (&'a K, Option<&'a V>, Option<&'a V>)> {
    before.diff(after).map(|item| match item {
        DiffItem::Add(key, is) => (key, None, Some(is)),
        DiffItem::Update { old: (key, was), new: (_, is) } => (key, Some(was), Some(is)),
        DiffItem::Remove(key, was) => (key, Some(was), None),
    })
}
