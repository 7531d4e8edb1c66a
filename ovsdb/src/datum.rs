//! Datums: the value of one column of one row (RFC 7047 section 5.1, `<value>`).

use serde_json::{Value, json};

use crate::atom::{Atom, AtomType, Uuid};
use crate::error::ValueError;
use crate::schema::ColumnType;

/// How strictly a value is held against its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    /// Everything the schema says.
    Full,
    /// Everything but the number of elements: differences, and arguments of mutations.
    AnySize,
    /// The atomic types only: what a server sends is taken as it is.
    Types,
}

/// The value of a column: a set of atoms, or a map of atoms to atoms.
///
/// A scalar is a set of one element, an absent optional an empty set. Sets and maps are sorted and
/// without duplicates, so two datums are equal exactly when they hold the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Datum {
    /// A set of exactly one element.
    One(Atom),
    /// A set of no element, or of two or more, ascending.
    Set(Box<[Atom]>),
    /// A map, ascending by key.
    Map(Box<[(Atom, Atom)]>),
}

impl Datum {
    /// The empty set.
    pub fn empty() -> Datum {
        Datum::Set(Box::default())
    }

    /// A set of these atoms; duplicates are dropped.
    pub fn set(atoms: impl IntoIterator<Item = Atom>) -> Datum {
        let mut atoms: Vec<Atom> = atoms.into_iter().collect();
        atoms.sort_unstable();
        atoms.dedup();
        Datum::from_sorted(atoms)
    }

    /// A map of these pairs; of two with the same key the later stays.
    pub fn map(pairs: impl IntoIterator<Item = (Atom, Atom)>) -> Datum {
        let mut pairs: Vec<(Atom, Atom)> = pairs.into_iter().collect();
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        pairs.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                std::mem::swap(later, kept);
            }
            same
        });
        Datum::Map(pairs.into())
    }

    fn from_sorted(mut atoms: Vec<Atom>) -> Datum {
        match atoms.pop() {
            Some(only) if atoms.is_empty() => Datum::One(only),
            Some(last) => {
                atoms.push(last);
                Datum::Set(atoms.into())
            }
            None => Datum::empty(),
        }
    }

    /// The elements of a set; nothing for a map.
    pub fn atoms(&self) -> &[Atom] {
        match self {
            Datum::One(atom) => std::slice::from_ref(atom),
            Datum::Set(atoms) => atoms,
            Datum::Map(_) => &[],
        }
    }

    /// The pairs of a map; nothing for a set.
    pub fn pairs(&self) -> &[(Atom, Atom)] {
        match self {
            Datum::Map(pairs) => pairs,
            Datum::One(_) | Datum::Set(_) => &[],
        }
    }

    /// The number of elements or pairs.
    pub fn len(&self) -> usize {
        match self {
            Datum::One(_) => 1,
            Datum::Set(atoms) => atoms.len(),
            Datum::Map(pairs) => pairs.len(),
        }
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The element, if there is exactly one.
    pub fn scalar(&self) -> Option<&Atom> {
        match self {
            Datum::One(atom) => Some(atom),
            Datum::Set(_) | Datum::Map(_) => None,
        }
    }

    /// The text, if this is one string.
    pub fn as_str(&self) -> Option<&str> {
        match self.scalar()? {
            Atom::String(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if this is one integer.
    pub fn as_integer(&self) -> Option<i64> {
        match self.scalar()? {
            Atom::Integer(n) => Some(*n),
            _ => None,
        }
    }

    /// The truth value, if this is one boolean.
    pub fn as_bool(&self) -> Option<bool> {
        match self.scalar()? {
            Atom::Boolean(b) => Some(*b),
            _ => None,
        }
    }

    /// The row named, if this is one UUID.
    pub fn as_uuid(&self) -> Option<Uuid> {
        match self.scalar()? {
            Atom::Uuid(id) => Some(*id),
            _ => None,
        }
    }

    /// What a map of strings to strings holds under a key.
    pub fn get_str(&self, key: &str) -> Option<&str> {
        let pairs = self.pairs();
        let found = pairs.binary_search_by(|(k, _)| match k {
            Atom::String(k) => (**k).cmp(key),
            _ => std::cmp::Ordering::Less,
        });
        match &pairs.get(found.ok()?)?.1 {
            Atom::String(value) => Some(value),
            _ => None,
        }
    }

    /// Reads a value of a column from its wire form and checks it in full against the type.
    pub fn from_json(ty: &ColumnType, value: &Value) -> Result<Datum, ValueError> {
        Datum::read(ty, value, Check::Full)
    }

    /// Reads a difference: as [`Datum::from_json`], but of any number of elements.
    pub fn diff_from_json(ty: &ColumnType, value: &Value) -> Result<Datum, ValueError> {
        Datum::read(ty, value, Check::AnySize)
    }

    pub(crate) fn read(ty: &ColumnType, value: &Value, check: Check) -> Result<Datum, ValueError> {
        let datum = match ty.value {
            Some(ref value_type) => read_map(ty.key.ty, value_type.ty, value)?,
            None => read_set(ty.key.ty, value)?,
        };
        ty.check(&datum, check)?;
        Ok(datum)
    }

    /// The canonical wire form: one element bare, sets and maps ascending.
    pub fn to_json(&self) -> Value {
        match self {
            Datum::One(atom) => atom.to_json(),
            Datum::Set(atoms) => {
                json!(["set", atoms.iter().map(Atom::to_json).collect::<Vec<_>>()])
            }
            Datum::Map(pairs) => {
                let pairs: Vec<Value> =
                    pairs.iter().map(|(k, v)| Value::Array(vec![k.to_json(), v.to_json()])).collect();
                json!(["map", pairs])
            }
        }
    }

    /// The value after a `modify` of update2 or update3 (ovsdb-server(7), "Update2 Notification"):
    /// at most one element: the difference is the new value; a set: its elements toggle; a map:
    /// equal pairs leave, other keys are set.
    pub fn apply_diff(&self, ty: &ColumnType, diff: &Datum) -> Datum {
        if ty.max == Some(1) {
            return diff.clone();
        }
        match diff {
            Datum::Map(changes) => Datum::Map(merge_map(self.pairs(), changes).into()),
            Datum::One(_) | Datum::Set(_) => Datum::from_sorted(toggle(self.atoms(), diff.atoms())),
        }
    }

    /// An estimate of the bytes this datum takes on the heap beyond its own size.
    pub(crate) fn heap_size(&self) -> usize {
        let text = |atom: &Atom| match atom {
            Atom::String(s) => s.len() + 16,
            _ => 0,
        };
        let atoms: usize = self.atoms().iter().map(text).sum();
        let pairs: usize = self.pairs().iter().map(|(k, v)| text(k) + text(v)).sum();
        let slots = match self {
            Datum::One(_) => 0,
            Datum::Set(_) | Datum::Map(_) => std::mem::size_of_val(self.atoms()) + std::mem::size_of_val(self.pairs()),
        };
        atoms + pairs + slots
    }
}

fn tagged<'a>(value: &'a Value, tag: &str) -> Option<&'a Vec<Value>> {
    match value.as_array()?.as_slice() {
        [Value::String(found), Value::Array(items)] if found == tag => Some(items),
        _ => None,
    }
}

fn read_set(ty: AtomType, value: &Value) -> Result<Datum, ValueError> {
    let Some(items) = tagged(value, "set") else {
        return Ok(Datum::One(Atom::from_json(ty, value)?));
    };
    let mut atoms = items.iter().map(|item| Atom::from_json(ty, item)).collect::<Result<Vec<_>, _>>()?;
    atoms.sort_unstable();
    if atoms.windows(2).any(|pair| matches!(pair, [a, b] if a == b)) {
        return Err(ValueError::Duplicate);
    }
    Ok(Datum::from_sorted(atoms))
}

fn read_map(key: AtomType, value: AtomType, json: &Value) -> Result<Datum, ValueError> {
    let items = tagged(json, "map").ok_or(ValueError::NotAMap)?;
    let mut pairs = Vec::with_capacity(items.len());
    for item in items {
        let Some([k, v]) = item.as_array().map(Vec::as_slice) else {
            return Err(ValueError::NotAPair);
        };
        pairs.push((Atom::from_json(key, k)?, Atom::from_json(value, v)?));
    }
    pairs.sort_by(|a, b| a.0.cmp(&b.0));
    if pairs.windows(2).any(|two| matches!(two, [a, b] if a.0 == b.0)) {
        return Err(ValueError::Duplicate);
    }
    Ok(Datum::Map(pairs.into()))
}

/// The symmetric difference of two ascending slices.
fn toggle(old: &[Atom], diff: &[Atom]) -> Vec<Atom> {
    let mut out = Vec::with_capacity(old.len() + diff.len());
    let mut rest = old;
    for atom in diff {
        let at = rest.partition_point(|x| x < atom);
        let (before, after) = rest.split_at(at);
        out.extend_from_slice(before);
        match after.split_first() {
            Some((same, tail)) if same == atom => rest = tail,
            _ => {
                out.push(atom.clone());
                rest = after;
            }
        }
    }
    out.extend_from_slice(rest);
    out
}

fn merge_map(old: &[(Atom, Atom)], diff: &[(Atom, Atom)]) -> Vec<(Atom, Atom)> {
    let mut out = Vec::with_capacity(old.len() + diff.len());
    let mut rest = old;
    for pair in diff {
        let at = rest.partition_point(|x| x.0 < pair.0);
        let (before, after) = rest.split_at(at);
        out.extend_from_slice(before);
        rest = match after.split_first() {
            Some((same, tail)) if same.0 == pair.0 => {
                if same.1 != pair.1 {
                    out.push(pair.clone());
                }
                tail
            }
            _ => {
                out.push(pair.clone());
                after
            }
        };
    }
    out.extend_from_slice(rest);
    out
}
