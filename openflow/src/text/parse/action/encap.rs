//! `encap` and `decap`.

use crate::action::{Action, Encap, EncapProperty};
use crate::text::action::{PACKET_TYPES, USE_NEXT_PROTO};
use crate::text::parse::item::{Item, each, split};
use crate::text::parse::number::{hex_bytes, number};
use crate::text::parse::{Kind, Result, fault};

const NSH: u16 = 4;
const NSH_MD_TYPE: u8 = 1;
const NSH_TLV: u8 = 2;

pub(super) fn encap(text: &str) -> Result<'_, Action> {
    let mut encap = None;
    each(text, |part| {
        let Some((packet_type, _)) = PACKET_TYPES.iter().find(|(_, name)| *name == part.key) else {
            return fault(part.key, Kind::Expected("a packet type"));
        };
        let mut properties = Vec::new();
        each(part.value, |argument| {
            properties.push(property(argument)?);
            Ok(())
        })?;
        encap = Some(Encap { hdr_size: 0, new_packet_type: *packet_type, properties });
        Ok(())
    })?;
    encap.map_or_else(|| fault(text, Kind::Expected("a packet type")), |encap| Ok(Action::NxEncap(encap)))
}

fn property(item: Item<'_>) -> Result<'_, EncapProperty> {
    match item.key {
        "md_type" => {
            let md_type: u8 = number(item.value)?;
            Ok(EncapProperty { class: NSH, kind: NSH_MD_TYPE, data: vec![md_type].into() })
        }
        "tlv" => {
            let parts = split(item.value);
            let [class, kind, value] = parts.as_slice() else {
                return fault(item.value, Kind::Expected("class,type,value"));
            };
            let bytes = hex_bytes(value.trim_start_matches("0x"))?;
            let Ok(length) = u8::try_from(bytes.len()) else { return fault(value, Kind::OutOfRange) };
            let mut data = number::<u16>(class)?.to_be_bytes().to_vec();
            data.extend([number(kind)?, length]);
            data.extend(bytes);
            Ok(EncapProperty { class: NSH, kind: NSH_TLV, data: data.into() })
        }
        _ => fault(item.key, Kind::UnknownArgument),
    }
}

/// `decap()` or `decap(packet_type(ns=0,type=0))`.
pub(super) fn decap(text: &str) -> Result<'_, Action> {
    let mut new_packet_type = USE_NEXT_PROTO;
    each(text, |part| {
        if part.key != "packet_type" {
            return fault(part.key, Kind::UnknownArgument);
        }
        let (mut space, mut kind) = (0_u16, 0_u16);
        each(part.value, |argument| {
            match argument.key {
                "ns" => space = number(argument.value)?,
                "type" | "id" => kind = number(argument.value)?,
                _ => return fault(argument.key, Kind::UnknownArgument),
            }
            Ok(())
        })?;
        new_packet_type = u32::from(space) << 16 | u32::from(kind);
        Ok(())
    })?;
    Ok(Action::NxDecap { new_packet_type })
}
