//! Indexes of a replica: from the values of some columns to the rows that have them.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::row::{Cells, Columns, cell};
use super::trie::Trie;
use crate::atom::Uuid;
use crate::datum::Datum;

/// Rows by a keyed hash of the values of `columns`; whoever looks up compares the values again.
#[derive(Debug, Clone)]
pub(crate) struct Index {
    columns: Arc<[u16]>,
    rows: Trie<Arc<[Uuid]>>,
    seed: [u64; 2],
}

impl Index {
    pub(crate) fn new(columns: Arc<[u16]>) -> Index {
        use std::hash::BuildHasher;
        let random = std::hash::RandomState::new();
        Index { columns, rows: Trie::default(), seed: [random.hash_one(0), random.hash_one(1)] }
    }

    pub(crate) fn is_on(&self, columns: &[u16]) -> bool {
        *self.columns == *columns
    }

    fn hash<'a>(&self, values: impl Iterator<Item = &'a Datum>) -> [u8; 16] {
        let [a, b] = self.seed;
        let (mut low, mut high) = (DefaultHasher::new(), DefaultHasher::new());
        a.hash(&mut low);
        b.hash(&mut high);
        for value in values {
            value.hash(&mut low);
            value.hash(&mut high);
        }
        let both = u128::from(low.finish()) | u128::from(high.finish()) << 64;
        both.to_be_bytes()
    }

    fn key(&self, shape: &Columns, cells: &Cells) -> [u8; 16] {
        self.hash(self.columns.iter().filter_map(|column| cell(shape, cells, *column)))
    }

    /// Notes that a row changed, came or went.
    pub(crate) fn update(&mut self, shape: &Columns, uuid: Uuid, old: Option<&Cells>, new: Option<&Cells>) {
        let old = old.map(|cells| self.key(shape, cells));
        let new = new.map(|cells| self.key(shape, cells));
        if old == new {
            return;
        }
        if let Some(key) = old {
            let rest: Vec<Uuid> = self.at(&key).iter().copied().filter(|u| *u != uuid).collect();
            match rest.is_empty() {
                true => self.rows.remove(&key),
                false => self.rows.insert(key, rest.into()),
            };
        }
        if let Some(key) = new {
            let mut rows = self.at(&key).to_vec();
            if let Err(place) = rows.binary_search(&uuid) {
                rows.insert(place, uuid);
            }
            self.rows.insert(key, rows.into());
        }
    }

    fn at(&self, key: &[u8; 16]) -> &[Uuid] {
        self.rows.get(key).map_or(&[], |rows| rows)
    }

    /// The rows that may have these values, ascending.
    pub(crate) fn candidates<'a>(&self, values: impl Iterator<Item = &'a Datum>) -> &[Uuid] {
        self.at(&self.hash(values))
    }
}
