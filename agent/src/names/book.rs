//! What is known of names, and which of them are followed.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use api::{Found, MAX_NAMES, Name, NameKey, NameKeys, Named, NamesAnswer};
use serde::{Deserialize, Serialize};

/// How long a name is followed that nobody asks for.
const IDLE: Duration = Duration::from_secs(600);

/// How many names are followed at most: those beside the marks of networks.
const MAX: usize = MAX_NAMES - 256;

/// A name that is known.
#[derive(Clone, Debug)]
struct Entry {
    found: Option<Found>,
    /// When a client last asked for it; none if it came with all services of its network.
    asked: Option<Instant>,
}

/// What is known of names.
#[derive(Clone, Debug, Default)]
pub struct Book {
    entries: BTreeMap<(Name, NameKey), Entry>,
    revision: u64,
    /// Counts what was learnt and forgotten.
    version: u64,
}

/// A book as it is kept on disk.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Kept {
    revision: u64,
    followed: Vec<Named>,
    services: Vec<Named>,
}

impl Book {
    /// Another number whenever its content may be another.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The revision as of which all is known.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// What a name stands for, if that is known.
    pub fn find(&mut self, network: &Name, key: &NameKey, now: Instant) -> Option<Option<Found>> {
        let entry = self.entries.get_mut(&(network.clone(), key.clone()))?;
        if entry.asked.is_some() {
            entry.asked = Some(now);
        }
        Some(entry.found.clone())
    }

    /// Takes in what was asked for as `wanted`, or what changed of what is followed.
    pub fn learn(&mut self, answer: NamesAnswer, wanted: &NameKeys, now: Instant) {
        let whole: BTreeSet<Name> =
            answer.names.iter().filter(|named| named.key == NameKey::Services).map(|n| n.network.clone()).collect();
        // All services of a network come together: those that do not are gone.
        self.entries.retain(|(network, _), entry| entry.asked.is_some() || !whole.contains(network));
        for Named { network, key, found } in answer.names {
            let was_wanted = wanted.get(&network).is_some_and(|keys| keys.contains(&key));
            let at = (network, key);
            let asked = self.entries.get(&at).and_then(|entry| entry.asked);
            let is_mark = at.1 == NameKey::Services;
            let of_all = found.as_ref().is_some_and(|found| found.service && !found.ips.is_empty());
            if asked.is_some() || (was_wanted && !is_mark) {
                self.entries.insert(at, Entry { found, asked: asked.or(Some(now)) });
            } else if is_mark || of_all {
                self.entries.insert(at, Entry { found, asked: None });
            } else {
                self.entries.remove(&at);
            }
        }
        self.version += 1;
        self.bound();
    }

    /// All is known as of this revision.
    pub fn reached(&mut self, revision: u64) {
        self.revision = revision;
    }

    /// What is followed.
    pub fn known(&self) -> NameKeys {
        let mut known = NameKeys::new();
        let followed =
            self.entries.iter().filter(|((_, key), entry)| entry.asked.is_some() || *key == NameKey::Services);
        for ((network, key), _) in followed {
            known.entry(network.clone()).or_default().insert(key.clone());
        }
        known
    }

    /// Of which of these networks the services are not known yet.
    pub fn lacks<'a>(&self, networks: impl Iterator<Item = &'a Name>) -> NameKeys {
        let marked = |network: &&Name| self.entries.contains_key(&((*network).clone(), NameKey::Services));
        networks.filter(|n| !marked(n)).map(|n| (n.clone(), [NameKey::Services].into())).collect()
    }

    /// Forgets the names of networks that this host has no more to do with, and those nobody asks for.
    pub fn forget(&mut self, networks: &BTreeSet<Name>, now: Instant) {
        let fresh = |entry: &Entry| entry.asked.is_none_or(|asked| now.duration_since(asked) < IDLE);
        let before = self.entries.len();
        self.entries.retain(|(network, _), entry| networks.contains(network) && fresh(entry));
        self.version += u64::from(self.entries.len() != before);
    }

    /// Follows no more than it can: first what stands for nothing goes, then what was not asked for longest.
    fn bound(&mut self) {
        let followed = |entry: &Entry| entry.asked.map(|asked| (entry.found.is_some(), asked));
        let mut ages: Vec<_> = self.entries.iter().filter_map(|(at, entry)| Some((followed(entry)?, at))).collect();
        if ages.len() <= MAX {
            return;
        }
        ages.sort_unstable();
        let surplus = ages.len() - MAX;
        let surplus: Vec<_> = ages.into_iter().take(surplus).map(|(_, at)| at.clone()).collect();
        surplus.iter().for_each(|at| drop(self.entries.remove(at)));
    }

    /// The book as it is kept on disk.
    pub fn keep(&self) -> Kept {
        let named = |((network, key), entry): (&(Name, NameKey), &Entry)| Named {
            network: network.clone(),
            key: key.clone(),
            found: entry.found.clone(),
        };
        let (followed, services) = self.entries.iter().partition::<Vec<_>, _>(|(_, entry)| entry.asked.is_some());
        let all = |entries: Vec<_>| entries.into_iter().map(named).collect();
        Kept { revision: self.revision, followed: all(followed), services: all(services) }
    }
}

impl Kept {
    /// The book that was kept.
    pub fn open(self, now: Instant) -> Book {
        let entries = |names: Vec<Named>, asked: Option<Instant>| {
            names.into_iter().map(move |named| ((named.network, named.key), Entry { found: named.found, asked }))
        };
        let all = entries(self.followed, Some(now)).chain(entries(self.services, None)).collect();
        let mut book = Book { entries: all, revision: self.revision, version: 0 };
        book.bound();
        book
    }
}
