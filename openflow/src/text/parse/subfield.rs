//! Fields by name, and bits of fields.

use super::number::number;
use super::{Kind, Result, fault};
use crate::action::{BitRange, Subfield};
use crate::oxm::{Field, OxmId};
use crate::text::fields::Key;

/// The bytes of a tunnel option whose length nobody tells.
const TUN_METADATA_SIZE: u8 = 124;

/// A field by any of its names: that of ovs-fields(7), its older one, or that of a number.
pub(super) fn field(name: &str) -> Option<Field> {
    if let Some(n) = name.strip_prefix("tun_metadata").and_then(|n| n.parse::<u8>().ok()) {
        return (n < 64).then(|| Field::tun_metadata(n));
    }
    // in actions the port is that of OpenFlow 1.0
    if name == "in_port" {
        return Some(Field::NXM_OF_IN_PORT);
    }
    Field::by_name(name).or_else(|| Key::named(name).map(|id| id.row().wire))
}

/// The field as actions name it.
pub(super) fn id(field: Field) -> OxmId {
    if field.tun_metadata_index().is_some() {
        return OxmId::with_length(field, TUN_METADATA_SIZE);
    }
    // of several numbers of a field Open vSwitch takes the oldest in actions
    let oldest = Key::of(field).and_then(|id| id.row().fields.first().copied());
    OxmId::new(oldest.unwrap_or(field))
}

/// Bits of a field as Open vSwitch counts them.
pub(super) fn n_bits(field: Field) -> u16 {
    Key::of(field).map_or(0, |id| id.row().n_bits())
}

/// `NAME[a..b]`, `NAME[a]`, `NAME[]` or `NAME`.
pub(super) fn subfield(text: &str) -> Result<'_, Subfield> {
    let (name, bits) = match text.split_once('[') {
        None => (text, ""),
        Some((name, rest)) => match rest.strip_suffix(']') {
            Some(bits) => (name, bits),
            None => return fault(text, Kind::Expected("a closing bracket")),
        },
    };
    let Some(field) = field(name) else { return fault(name, Kind::UnknownField) };
    let all = n_bits(field);
    let (first, last) = match bits.split_once("..") {
        _ if bits.is_empty() => (0, all.saturating_sub(1)),
        None => (number(bits)?, number(bits)?),
        Some((first, last)) => (number::<u16>(first)?, number::<u16>(last)?),
    };
    if first > last || last >= all {
        return fault(text, Kind::OutOfRange);
    }
    Ok(Subfield { id: id(field), bits: BitRange::new(first, last - first + 1) })
}

/// Reads a subfield of at most 64 bits, which is what most actions have room for.
pub(super) fn short_subfield(text: &str) -> Result<'_, Subfield> {
    let subfield = subfield(text)?;
    if subfield.bits.n_bits > 64 { fault(text, Kind::OutOfRange) } else { Ok(subfield) }
}
