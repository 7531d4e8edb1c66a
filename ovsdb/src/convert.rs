//! Rust types to datums and back, so that callers rarely see an [`Atom`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::atom::{Atom, NamedUuid, Uuid};
use crate::datum::Datum;

/// A Rust type that stands for one atom.
pub trait ToAtom {
    /// The atom.
    fn to_atom(&self) -> Atom;
}

/// A Rust type that stands for the value of a column: an atom, an `Option`, a sequence (a set), or
/// a sequence of pairs (a map).
pub trait ToDatum {
    /// The datum.
    fn to_datum(&self) -> Datum;
}

/// A Rust type that an atom can be read into.
pub trait FromAtom: Sized {
    /// The value, if the atom is of the right kind.
    fn from_atom(atom: &Atom) -> Option<Self>;
}

/// A Rust type that the value of a column can be read into.
pub trait FromDatum: Sized {
    /// The value; what does not fit is left out, so that schemas of other versions can be read.
    fn from_datum(datum: &Datum) -> Self;
}

macro_rules! integer {
    ($($ty:ty),*) => {$(
        impl ToAtom for $ty {
            fn to_atom(&self) -> Atom {
                Atom::Integer(i64::from(*self))
            }
        }
    )*};
}

integer!(u8, u16, u32, i8, i16, i32, i64);

impl ToAtom for f64 {
    /// NaN and the infinities have no wire form and are refused when the value is checked.
    fn to_atom(&self) -> Atom {
        Atom::Real(*self + 0.0)
    }
}

impl ToAtom for bool {
    fn to_atom(&self) -> Atom {
        Atom::Boolean(*self)
    }
}

impl ToAtom for str {
    fn to_atom(&self) -> Atom {
        Atom::String(Arc::from(self))
    }
}

impl ToAtom for String {
    fn to_atom(&self) -> Atom {
        self.as_str().to_atom()
    }
}

impl ToAtom for Uuid {
    fn to_atom(&self) -> Atom {
        Atom::Uuid(*self)
    }
}

impl ToAtom for NamedUuid {
    fn to_atom(&self) -> Atom {
        Atom::Named(self.clone())
    }
}

impl ToAtom for Atom {
    fn to_atom(&self) -> Atom {
        self.clone()
    }
}

impl<T: ToAtom + ?Sized> ToAtom for &T {
    fn to_atom(&self) -> Atom {
        (**self).to_atom()
    }
}

impl<T: ToAtom> ToDatum for T {
    fn to_datum(&self) -> Datum {
        Datum::One(self.to_atom())
    }
}

impl ToDatum for Datum {
    fn to_datum(&self) -> Datum {
        self.clone()
    }
}

impl ToDatum for &Datum {
    fn to_datum(&self) -> Datum {
        (*self).clone()
    }
}

impl<T: ToAtom> ToDatum for Option<T> {
    fn to_datum(&self) -> Datum {
        self.as_ref().map_or_else(Datum::empty, |v| Datum::One(v.to_atom()))
    }
}

/// An element of a sequence that stands for a whole column: an atom makes it a set, a pair a map.
pub trait Element: Sized {
    /// The datum of all elements.
    fn collect<'a>(items: impl Iterator<Item = &'a Self>) -> Datum
    where
        Self: 'a;
}

impl<T: ToAtom> Element for T {
    fn collect<'a>(items: impl Iterator<Item = &'a Self>) -> Datum
    where
        Self: 'a,
    {
        Datum::set(items.map(ToAtom::to_atom))
    }
}

impl<K: ToAtom, V: ToAtom> Element for (K, V) {
    fn collect<'a>(items: impl Iterator<Item = &'a Self>) -> Datum
    where
        Self: 'a,
    {
        Datum::map(items.map(|(k, v)| (k.to_atom(), v.to_atom())))
    }
}

impl<E: Element> ToDatum for [E] {
    fn to_datum(&self) -> Datum {
        E::collect(self.iter())
    }
}

impl<E: Element> ToDatum for &[E] {
    fn to_datum(&self) -> Datum {
        E::collect(self.iter())
    }
}

impl<E: Element, const N: usize> ToDatum for [E; N] {
    fn to_datum(&self) -> Datum {
        E::collect(self.iter())
    }
}

impl<E: Element> ToDatum for Vec<E> {
    fn to_datum(&self) -> Datum {
        E::collect(self.iter())
    }
}

impl<E: Element> ToDatum for &Vec<E> {
    fn to_datum(&self) -> Datum {
        E::collect(self.iter())
    }
}

impl<T: ToAtom + Ord> ToDatum for BTreeSet<T> {
    fn to_datum(&self) -> Datum {
        Datum::set(self.iter().map(ToAtom::to_atom))
    }
}

impl<K: ToAtom, V: ToAtom> ToDatum for BTreeMap<K, V> {
    fn to_datum(&self) -> Datum {
        Datum::map(self.iter().map(|(k, v)| (k.to_atom(), v.to_atom())))
    }
}

impl<T> ToDatum for &BTreeSet<T>
where
    BTreeSet<T>: ToDatum,
{
    fn to_datum(&self) -> Datum {
        (**self).to_datum()
    }
}

impl<K, V> ToDatum for &BTreeMap<K, V>
where
    BTreeMap<K, V>: ToDatum,
{
    fn to_datum(&self) -> Datum {
        (**self).to_datum()
    }
}

impl FromAtom for i64 {
    fn from_atom(atom: &Atom) -> Option<i64> {
        match atom {
            Atom::Integer(n) => Some(*n),
            _ => None,
        }
    }
}

impl FromAtom for f64 {
    fn from_atom(atom: &Atom) -> Option<f64> {
        match atom {
            Atom::Real(n) => Some(*n),
            _ => None,
        }
    }
}

impl FromAtom for bool {
    fn from_atom(atom: &Atom) -> Option<bool> {
        match atom {
            Atom::Boolean(b) => Some(*b),
            _ => None,
        }
    }
}

impl FromAtom for String {
    fn from_atom(atom: &Atom) -> Option<String> {
        match atom {
            Atom::String(s) => Some(s.to_string()),
            _ => None,
        }
    }
}

impl FromAtom for Uuid {
    fn from_atom(atom: &Atom) -> Option<Uuid> {
        match atom {
            Atom::Uuid(id) => Some(*id),
            _ => None,
        }
    }
}

impl<T: FromAtom + Default> FromDatum for T {
    fn from_datum(datum: &Datum) -> T {
        datum.scalar().and_then(T::from_atom).unwrap_or_default()
    }
}

impl<T: FromAtom> FromDatum for Option<T> {
    fn from_datum(datum: &Datum) -> Option<T> {
        datum.scalar().and_then(T::from_atom)
    }
}

impl<T: FromAtom + Ord> FromDatum for BTreeSet<T> {
    fn from_datum(datum: &Datum) -> BTreeSet<T> {
        datum.atoms().iter().filter_map(T::from_atom).collect()
    }
}

impl<K: FromAtom + Ord, V: FromAtom> FromDatum for BTreeMap<K, V> {
    fn from_datum(datum: &Datum) -> BTreeMap<K, V> {
        let pair = |(k, v): &(Atom, Atom)| Some((K::from_atom(k)?, V::from_atom(v)?));
        datum.pairs().iter().filter_map(pair).collect()
    }
}
