//! Types of columns, and what they allow.

use crate::atom::{Atom, AtomType};
use crate::datum::{Check, Datum};
use crate::error::ValueError;

/// What happens to a reference when its row goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefType {
    /// The row cannot go.
    Strong,
    /// The reference goes too.
    Weak,
}

/// The type of a key or value: `<base-type>`.
#[derive(Debug, Clone, PartialEq)]
pub struct BaseType {
    /// The atomic type.
    pub ty: AtomType,
    /// The only values allowed, ascending.
    pub allowed: Option<Vec<Atom>>,
    /// `minInteger` and `maxInteger`.
    pub integers: (i64, i64),
    /// `minReal` and `maxReal`.
    pub reals: (f64, f64),
    /// `minLength` and `maxLength`, in characters.
    pub lengths: (u64, u64),
    /// The table a UUID refers to.
    pub ref_table: Option<String>,
    /// How it refers.
    pub ref_type: RefType,
}

/// The type of a column: `<type>`.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnType {
    /// The type of an element, or of a key.
    pub key: BaseType,
    /// The type of the value of a pair; present exactly for maps.
    pub value: Option<BaseType>,
    /// The least number of elements: 0 or 1.
    pub min: u64,
    /// The greatest number; `None` is unlimited.
    pub max: Option<u64>,
}

impl BaseType {
    /// An atomic type without constraints.
    pub fn unconstrained(ty: AtomType) -> BaseType {
        BaseType {
            ty,
            allowed: None,
            integers: (i64::MIN, i64::MAX),
            reals: (f64::MIN, f64::MAX),
            lengths: (0, u64::MAX),
            ref_table: None,
            ref_type: RefType::Strong,
        }
    }

    /// Holds an atom against the constraints.
    pub fn check(&self, atom: &Atom) -> Result<(), ValueError> {
        if atom.atom_type() != self.ty {
            return Err(ValueError::WrongType { expected: self.ty });
        }
        match atom {
            Atom::Integer(n) if *n < self.integers.0 || *n > self.integers.1 => {
                return Err(ValueError::OutOfRange { value: n.to_string() });
            }
            Atom::Real(n) if !n.is_finite() => return Err(ValueError::NotFinite),
            Atom::Real(n) if *n < self.reals.0 || *n > self.reals.1 => {
                return Err(ValueError::OutOfRange { value: n.to_string() });
            }
            Atom::String(text) => self.check_text(text)?,
            _ => {}
        }
        match &self.allowed {
            Some(allowed) if allowed.binary_search(atom).is_err() => Err(ValueError::NotInEnum),
            _ => Ok(()),
        }
    }

    fn check_text(&self, text: &str) -> Result<(), ValueError> {
        if text.contains('\0') {
            return Err(ValueError::NullCharacter);
        }
        if self.lengths == (0, u64::MAX) {
            return Ok(());
        }
        let length = text.chars().count();
        let (min, max) = self.lengths;
        if (length as u64) < min || (length as u64) > max {
            return Err(ValueError::BadLength { length });
        }
        Ok(())
    }

    fn default_atom(&self) -> Atom {
        let first = self.allowed.as_ref().and_then(|allowed| allowed.first());
        first.cloned().unwrap_or_else(|| self.ty.default_atom())
    }
}

impl ColumnType {
    /// Exactly one atom of a type.
    pub fn scalar(ty: AtomType) -> ColumnType {
        ColumnType { key: BaseType::unconstrained(ty), value: None, min: 1, max: Some(1) }
    }

    /// Whether the column is a map.
    pub fn is_map(&self) -> bool {
        self.value.is_some()
    }

    /// The value of the column when nobody set it.
    pub fn default_datum(&self) -> Datum {
        match &self.value {
            _ if self.min == 0 => self.empty(),
            None => Datum::One(self.key.default_atom()),
            // A map cannot default to a pair; ovsdb-server starts it empty as well.
            Some(_) => self.empty(),
        }
    }

    fn empty(&self) -> Datum {
        if self.is_map() { Datum::Map(Box::default()) } else { Datum::empty() }
    }

    pub(crate) fn check(&self, datum: &Datum, check: Check) -> Result<(), ValueError> {
        if check == Check::Types {
            return Ok(());
        }
        for atom in datum.atoms() {
            self.key.check(atom)?;
        }
        for (key, value) in datum.pairs() {
            self.key.check(key)?;
            match &self.value {
                Some(ty) => ty.check(value)?,
                None => return Err(ValueError::NotASet),
            }
        }
        let count = datum.len() as u64;
        let fits = count >= self.min && self.max.is_none_or(|max| count <= max);
        if check == Check::Full && !fits {
            return Err(ValueError::BadSize { count: datum.len() });
        }
        Ok(())
    }

    /// Brings a value that Rust code made into the form this type has on the wire, and checks it:
    /// integers become reals where reals are wanted, an empty set an empty map.
    pub(crate) fn conform(&self, datum: &Datum, check: Check) -> Result<Datum, ValueError> {
        let real = |atom: &Atom, ty: AtomType| match atom {
            Atom::Integer(n) if ty == AtomType::Real => Atom::Real(*n as f64),
            _ => atom.clone(),
        };
        let datum = match (&self.value, datum) {
            (None, Datum::Map(_)) => return Err(ValueError::NotASet),
            (None, set) => Datum::set(set.atoms().iter().map(|a| real(a, self.key.ty))),
            (Some(value), Datum::Map(pairs)) => {
                Datum::map(pairs.iter().map(|(k, v)| (real(k, self.key.ty), real(v, value.ty))))
            }
            (Some(_), set) if set.is_empty() => self.empty(),
            (Some(_), _) => return Err(ValueError::NotAMap),
        };
        self.check(&datum, check)?;
        Ok(datum)
    }
}
