//! `set_field`.

use std::fmt::{self, Display, Formatter};

use super::subfield::field_name;
use crate::oxm::Oxm;
use crate::text::fields::{Key, Kind};
use crate::text::matching::LongHex;
use crate::text::number::{Hex, HexBytes};
use crate::text::value::Value;

pub(super) fn set_field(oxm: &Oxm, f: &mut Formatter<'_>) -> fmt::Result {
    f.write_str("set_field:")?;
    match (Key::of(oxm.field()), oxm.value_u128()) {
        (Some(id), Some(value)) if id != Key::TunMetadata => {
            let all = id.row().all_ones();
            let mask = oxm.mask_u128().filter(|m| m & all != all);
            write!(f, "{}", FieldValue { kind: id.row().kind, value, mask })?;
        }
        (Some(_), _) => write_long(oxm, f)?,
        (None, _) => {
            write!(f, "{}", HexBytes(oxm.value()))?;
            oxm.mask().map_or(Ok(()), |m| write!(f, "/{}", HexBytes(m)))?;
        }
    }
    write!(f, "->{}", field_name(oxm.id()))
}

fn write_long(oxm: &Oxm, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, "{}", LongHex(oxm.value()))?;
    match oxm.mask() {
        Some(m) if m.iter().any(|b| *b != 0xff) => write!(f, "/{}", LongHex(m)),
        _ => Ok(()),
    }
}

/// A value as actions write it, which differs a little from how matches do.
pub(super) struct FieldValue {
    pub kind: Kind,
    pub value: u128,
    pub mask: Option<u128>,
}

impl Display for FieldValue {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { kind, value, mask } = *self;
        match (kind, mask) {
            (Kind::Dec, Some(mask)) => write!(f, "{value}/{}", Hex(mask)),
            (Kind::HexPadded(_), _) => write!(f, "{}", Value { kind: Kind::Hex, value, mask }),
            _ => write!(f, "{}", Value { kind, value, mask }),
        }
    }
}

/// A field that a select group hashes: its name, and the bits that count if not all do.
pub(in crate::text) fn hashed_field(oxm: &Oxm) -> impl Display {
    fmt::from_fn(move |f| {
        write!(f, "{}", field_name(oxm.id()))?;
        match (Key::of(oxm.field()), oxm.value_u128()) {
            (Some(id), Some(value)) if oxm.value().iter().any(|b| *b != 0xff) => {
                write!(f, "={}", FieldValue { kind: id.row().kind, value, mask: None })
            }
            _ => Ok(()),
        }
    })
}
