//! Atoms: the scalar values that sets and maps are made of (RFC 7047 section 5.1).

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::error::ValueError;

/// The five atomic types of RFC 7047 section 3.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AtomType {
    /// A signed integer of 64 bits.
    Integer,
    /// A finite IEEE 754 double.
    Real,
    /// True or false.
    Boolean,
    /// Unicode text without null characters.
    String,
    /// The identity of a row.
    Uuid,
}

impl AtomType {
    /// The name the wire uses.
    pub fn name(self) -> &'static str {
        match self {
            AtomType::Integer => "integer",
            AtomType::Real => "real",
            AtomType::Boolean => "boolean",
            AtomType::String => "string",
            AtomType::Uuid => "uuid",
        }
    }

    /// The type with the given wire name.
    pub fn from_name(name: &str) -> Option<AtomType> {
        Some(match name {
            "integer" => AtomType::Integer,
            "real" => AtomType::Real,
            "boolean" => AtomType::Boolean,
            "string" => AtomType::String,
            "uuid" => AtomType::Uuid,
            _ => return None,
        })
    }

    /// The value a column of this type has when nobody set it.
    pub fn default_atom(self) -> Atom {
        match self {
            AtomType::Integer => Atom::Integer(0),
            AtomType::Real => Atom::Real(0.0),
            AtomType::Boolean => Atom::Boolean(false),
            AtomType::String => Atom::String(Arc::from("")),
            AtomType::Uuid => Atom::Uuid(Uuid::ZERO),
        }
    }
}

/// The identity of a row: 128 bits, printed in lower case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Uuid(pub [u8; 16]);

impl Uuid {
    /// All bits zero: the default of a column that must hold a UUID.
    pub const ZERO: Uuid = Uuid([0; 16]);
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = u128::from_be_bytes(self.0);
        write!(
            f,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            (n >> 96) as u32,
            (n >> 80) as u16,
            (n >> 64) as u16,
            (n >> 48) as u16,
            n & 0xffff_ffff_ffff
        )
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Uuid {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Uuid, ValueError> {
        let mut n: u128 = 0;
        if text.len() != 36 {
            return Err(ValueError::BadUuid);
        }
        for (i, byte) in text.bytes().enumerate() {
            if matches!(i, 8 | 13 | 18 | 23) {
                if byte != b'-' {
                    return Err(ValueError::BadUuid);
                }
                continue;
            }
            let digit = (byte as char).to_digit(16).ok_or(ValueError::BadUuid)?;
            n = (n << 4) | u128::from(digit);
        }
        Ok(Uuid(n.to_be_bytes()))
    }
}

/// The name of a row that the same transaction inserts (RFC 7047 section 5.1, `<named-uuid>`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NamedUuid(Arc<str>);

impl NamedUuid {
    /// A name as the `uuid-name` of an insert spells it.
    pub fn new(name: &str) -> NamedUuid {
        NamedUuid(Arc::from(name))
    }

    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One scalar value. Reals are finite and never `-0.0`.
#[derive(Debug, Clone)]
pub enum Atom {
    /// A signed integer of 64 bits.
    Integer(i64),
    /// A finite double.
    Real(f64),
    /// True or false.
    Boolean(bool),
    /// Text.
    String(Arc<str>),
    /// The identity of a row.
    Uuid(Uuid),
    /// A row inserted by the same transaction; never in a replica.
    Named(NamedUuid),
}

impl Atom {
    /// A real, with `-0.0` made `0.0`; `None` if it is not finite.
    pub fn real(value: f64) -> Option<Atom> {
        value.is_finite().then_some(Atom::Real(value + 0.0))
    }

    /// The type this atom belongs to.
    pub fn atom_type(&self) -> AtomType {
        match self {
            Atom::Integer(_) => AtomType::Integer,
            Atom::Real(_) => AtomType::Real,
            Atom::Boolean(_) => AtomType::Boolean,
            Atom::String(_) => AtomType::String,
            Atom::Uuid(_) | Atom::Named(_) => AtomType::Uuid,
        }
    }

    /// Reads an atom of a known type from its wire form; named UUIDs are not accepted.
    pub fn from_json(ty: AtomType, value: &Value) -> Result<Atom, ValueError> {
        let atom = match (ty, value) {
            (AtomType::Integer, _) => as_integer(value).map(Atom::Integer),
            (AtomType::Real, Value::Number(n)) => n.as_f64().and_then(Atom::real),
            (AtomType::Boolean, Value::Bool(b)) => Some(Atom::Boolean(*b)),
            (AtomType::String, Value::String(s)) => Some(Atom::String(Arc::from(s.as_str()))),
            (AtomType::Uuid, Value::Array(pair)) => match pair.as_slice() {
                [Value::String(tag), Value::String(id)] if tag == "uuid" => Some(Atom::Uuid(id.parse()?)),
                _ => None,
            },
            _ => None,
        };
        atom.ok_or(ValueError::WrongType { expected: ty })
    }

    /// The wire form.
    pub fn to_json(&self) -> Value {
        match self {
            Atom::Integer(n) => json!(n),
            Atom::Real(n) => json!(n),
            Atom::Boolean(b) => json!(b),
            Atom::String(s) => json!(&**s),
            Atom::Uuid(id) => json!(["uuid", id.to_string()]),
            Atom::Named(name) => json!(["named-uuid", name.as_str()]),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Atom::Integer(_) => 0,
            Atom::Real(_) => 1,
            Atom::Boolean(_) => 2,
            Atom::String(_) => 3,
            Atom::Uuid(_) => 4,
            Atom::Named(_) => 5,
        }
    }
}

/// The integer a JSON number stands for; `5.0` and `5e0` are 5, as in Open vSwitch.
pub(crate) fn as_integer(value: &Value) -> Option<i64> {
    let number = value.as_number()?;
    if let Some(n) = number.as_i64() {
        return Some(n);
    }
    let real = number.as_f64().filter(|_| number.is_f64())?;
    // 2^63 itself is out of range; -2^63 is in.
    let limit = 9_223_372_036_854_775_808.0;
    (real.fract() == 0.0 && real >= -limit && real < limit).then_some(real as i64)
}

impl Ord for Atom {
    fn cmp(&self, other: &Atom) -> Ordering {
        match (self, other) {
            (Atom::Integer(a), Atom::Integer(b)) => a.cmp(b),
            (Atom::Real(a), Atom::Real(b)) => a.total_cmp(b),
            (Atom::Boolean(a), Atom::Boolean(b)) => a.cmp(b),
            (Atom::String(a), Atom::String(b)) => a.cmp(b),
            (Atom::Uuid(a), Atom::Uuid(b)) => a.cmp(b),
            (Atom::Named(a), Atom::Named(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Atom {
    fn partial_cmp(&self, other: &Atom) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Atom {
    fn eq(&self, other: &Atom) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Atom {}

impl std::hash::Hash for Atom {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.rank().hash(state);
        match self {
            Atom::Integer(n) => n.hash(state),
            Atom::Real(n) => n.to_bits().hash(state),
            Atom::Boolean(b) => b.hash(state),
            Atom::String(s) => s.hash(state),
            Atom::Uuid(id) => id.hash(state),
            Atom::Named(name) => name.hash(state),
        }
    }
}
