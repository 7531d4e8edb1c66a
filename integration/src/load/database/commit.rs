//! What has to hold at the end of a transaction: references, indexes, numbers of rows (RFC 7047 section 3.2).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ovsdb::{Atom, Datum, Uuid};

use super::schema::Reference;
use super::transact::Failure;
use super::{Database, Row, Touched};

/// A row.
type Place = (Arc<str>, Uuid);

impl Database {
    /// Removes what nothing refers to any more, and checks the rest.
    pub(super) fn commit(&mut self, touched: &mut Touched) -> Result<(), Failure> {
        if touched.is_empty() {
            return Ok(());
        }
        self.collect_garbage(touched)?;
        let gone = touched.keys().any(|(table, uuid)| self.row(table, *uuid).is_none());
        if gone {
            self.drop_weak(touched);
        }
        let tables: BTreeSet<Arc<str>> = touched.keys().map(|(table, _)| table.clone()).collect();
        tables.iter().try_for_each(|table| self.check_table(table))
    }

    /// Rows of tables that are no roots live while a row that lives refers to them strongly.
    fn collect_garbage(&mut self, touched: &mut Touched) -> Result<(), Failure> {
        let roots = self.tables.iter().filter(|(table, _)| self.schema.is_root(table));
        let mut walk: Vec<Place> =
            roots.flat_map(|(table, rows)| rows.keys().map(|uuid| (table.clone(), *uuid))).collect();
        let mut alive: BTreeSet<Place> = walk.iter().cloned().collect();
        while let Some((table, uuid)) = walk.pop() {
            let Some(row) = self.row(&table, uuid) else {
                let details = format!("table {table} has no row {uuid}, which is referred to");
                return Err(Failure::new("referential integrity violation", details));
            };
            let strong = targets(self.schema.references(&table), row).filter(|(_, strong)| *strong);
            walk.extend(strong.map(|(place, _)| place).filter(|place| alive.insert(place.clone())));
        }
        let all = self.tables.iter().flat_map(|(table, rows)| rows.keys().map(|uuid| (table.clone(), *uuid)));
        let dead: Vec<Place> = all.filter(|place| !alive.contains(place)).collect();
        dead.iter().for_each(|(table, uuid)| self.put(table, *uuid, None, touched));
        Ok(())
    }

    /// Weak references go with the row they refer to.
    fn drop_weak(&mut self, touched: &mut Touched) {
        let mut changed: BTreeMap<Place, Row> = BTreeMap::new();
        for (table, rows) in &self.tables {
            let references = self.schema.references(table);
            for (uuid, row) in rows {
                let dangles = |(place, strong): &(Place, bool)| !strong && self.row(&place.0, place.1).is_none();
                if targets(references, row).any(|target| dangles(&target)) {
                    changed.insert((table.clone(), *uuid), self.without_dangling(references, row));
                }
            }
        }
        for ((table, uuid), row) in changed {
            self.put(&table, uuid, Some(row), touched);
        }
    }

    fn without_dangling(&self, references: &[Reference], row: &Row) -> Row {
        let there = |target: &Option<(Arc<str>, bool)>, atom: &Atom| match (target, atom) {
            (Some((table, _)), Atom::Uuid(uuid)) => self.row(table, *uuid).is_some(),
            _ => true,
        };
        let mut row = row.clone();
        for reference in references {
            let Some(datum) = row.get_mut(&reference.column) else { continue };
            *datum = match &*datum {
                Datum::Map(pairs) => {
                    let stays = |(k, v): &&(Atom, Atom)| there(&reference.key, k) && there(&reference.value, v);
                    Datum::map(pairs.iter().filter(stays).cloned())
                }
                set => Datum::set(set.atoms().iter().filter(|atom| there(&reference.key, atom)).cloned()),
            };
        }
        row
    }

    fn check_table(&self, name: &Arc<str>) -> Result<(), Failure> {
        let (Some(rows), Some((_, schema))) = (self.tables.get(name), self.schema.table(name)) else { return Ok(()) };
        let violated = |details: String| Err(Failure::new("constraint violation", details));
        if schema.max_rows.is_some_and(|max| rows.len() as u64 > max) {
            return violated(format!("table {name} has {} rows, which are too many", rows.len()));
        }
        for index in &schema.indexes {
            let mut seen = BTreeSet::new();
            for row in rows.values() {
                let values: Vec<Datum> = index.iter().map(|column| self.column(name, row, column)).collect();
                if !seen.insert(values) {
                    return violated(format!("two rows of table {name} have the same {}", index.join(", ")));
                }
            }
        }
        Ok(())
    }
}

/// What a row refers to, and whether strongly.
fn targets<'a>(references: &'a [Reference], row: &'a Row) -> impl Iterator<Item = (Place, bool)> + 'a {
    references.iter().filter_map(|reference| Some((reference, row.get(&reference.column)?))).flat_map(
        |(reference, datum)| {
            let keys = datum.atoms().iter().chain(datum.pairs().iter().map(|(key, _)| key));
            let values = datum.pairs().iter().map(|(_, value)| value);
            let keys = keys.filter_map(|atom| target(&reference.key, atom));
            keys.chain(values.filter_map(|atom| target(&reference.value, atom)))
        },
    )
}

fn target(to: &Option<(Arc<str>, bool)>, atom: &Atom) -> Option<(Place, bool)> {
    match (to, atom) {
        (Some((table, strong)), Atom::Uuid(uuid)) => Some(((table.clone(), *uuid), *strong)),
        _ => None,
    }
}
