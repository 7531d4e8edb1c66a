//! Where a switch is not, or may not be, as it is to be: all that is kept of what switches have.

use std::{collections::BTreeMap, sync::Arc};

use imbl::OrdMap;

use crate::compile::{Edit, differing};

/// What a switch has under a key, and what it is to have.
#[derive(Clone, Debug)]
pub(super) struct Difference<T> {
    /// What it has.
    pub have: Option<Arc<T>>,
    /// What it is to have.
    pub want: Option<Arc<T>>,
    /// What is on its way there, if something is.
    sent: Option<Option<Arc<T>>>,
}

/// The keys under which a switch differs. Under all others it has what it is to have.
#[derive(Clone, Debug)]
pub(super) struct Differences<K, T> {
    by_key: BTreeMap<K, Difference<T>>,
}

impl<K, T> Default for Differences<K, T> {
    fn default() -> Self {
        Self { by_key: BTreeMap::new() }
    }
}

impl<K: Ord + Clone, T: PartialEq> Differences<K, T> {
    /// All there are between what was read and what is wanted.
    pub fn between(read: &OrdMap<K, Arc<T>>, wanted: &OrdMap<K, Arc<T>>) -> Self {
        let difference = |have: Option<&Arc<T>>, want: Option<&Arc<T>>| Difference {
            have: have.cloned(),
            want: want.cloned(),
            sent: None,
        };
        let all = differing(read, wanted).map(|(key, have, want)| (key.clone(), difference(have, want)));
        Self { by_key: all.collect() }
    }

    /// What is wanted changed.
    pub fn wanted(&mut self, key: &K, edit: &Edit<T>) {
        let new = || Difference { have: edit.before.clone(), want: None, sent: None };
        let difference = self.by_key.entry(key.clone()).or_insert_with(new);
        difference.want = edit.after.clone();
        self.forget_if_none(key);
    }

    /// The switch was seen to have this.
    pub fn saw(&mut self, key: K, have: Option<Arc<T>>, want: Option<Arc<T>>) {
        // What is on its way may have come before or after this: it does not count as arrived.
        self.by_key.insert(key.clone(), Difference { have, want, sent: None });
        self.forget_if_none(&key);
    }

    /// What the switch has under this key, if it is not what it is to have.
    pub fn get(&self, key: &K) -> Option<&Difference<T>> {
        self.by_key.get(key)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &Difference<T>)> {
        self.by_key.iter()
    }

    /// What is wanted under this key is on its way.
    pub fn send(&mut self, key: &K) {
        if let Some(difference) = self.by_key.get_mut(key) {
            difference.sent = Some(difference.want.clone());
        }
    }

    /// What was on its way arrived, or none of it did.
    pub fn arrived(&mut self, arrived: bool) {
        for difference in self.by_key.values_mut() {
            match difference.sent.take() {
                Some(sent) if arrived => difference.have = sent,
                _ => {}
            }
        }
        self.by_key.retain(|_, difference| difference.have != difference.want);
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    fn forget_if_none(&mut self, key: &K) {
        if self.by_key.get(key).is_some_and(|d| d.have == d.want && d.sent.is_none()) {
            self.by_key.remove(key);
        }
    }
}
