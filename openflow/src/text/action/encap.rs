//! `encap` and `decap`.

use std::fmt::{self, Formatter};

use crate::action::{Encap, EncapProperty};
use crate::text::list::List;
use crate::text::number::{Hex, HexBytes};

/// Packet types that have a name here, and the class of their properties.
pub(in crate::text) const PACKET_TYPES: &[(u32, &str)] =
    &[(0, "ethernet"), (0x0001_894f, "nsh"), (0x0001_8847, "mpls"), (0x0001_8848, "mpls_mc")];
/// What `decap` says when the header tells what comes next.
pub(in crate::text) const USE_NEXT_PROTO: u32 = 0x0000_fffe;
/// Class of the properties of NSH.
const NSH: u16 = 4;
const NSH_MD_TYPE: u8 = 1;
const NSH_TLV: u8 = 2;

pub(super) fn encap(encap: &Encap, f: &mut Formatter<'_>) -> fmt::Result {
    f.write_str("encap(")?;
    match PACKET_TYPES.iter().find(|(number, _)| *number == encap.new_packet_type) {
        Some((_, name)) => f.write_str(name)?,
        None => write!(f, "packet_type({},{:#x})", encap.new_packet_type >> 16, encap.new_packet_type & 0xffff)?,
    }
    if !encap.properties.is_empty() {
        f.write_str("(")?;
        let mut list = List::new(f);
        encap.properties.iter().try_for_each(|p| property(p, list.next()?))?;
        f.write_str(")")?;
    }
    f.write_str(")")
}

fn property(property: &EncapProperty, f: &mut Formatter<'_>) -> fmt::Result {
    match (property.class, property.kind, &*property.data) {
        (NSH, NSH_MD_TYPE, [md_type, ..]) => write!(f, "md_type={md_type}"),
        (NSH, NSH_TLV, [c0, c1, kind, length, value @ ..]) => {
            let class = u16::from_be_bytes([*c0, *c1]);
            let value = value.get(..usize::from(*length)).unwrap_or(value);
            write!(f, "tlv({class:#06x},{kind},0x{})", HexBytes(value))
        }
        (class, kind, data) => write!(f, "property({class},{kind},{})", HexBytes(data)),
    }
}

pub(super) fn decap(new_packet_type: u32, f: &mut Formatter<'_>) -> fmt::Result {
    match new_packet_type {
        USE_NEXT_PROTO => f.write_str("decap()"),
        other => write!(f, "decap(packet_type(ns={},type={}))", other >> 16, Hex(u128::from(other & 0xffff))),
    }
}
