//! Actions that set fields: `set_field`, `load`, `move`, and the older ones for single fields.

use super::Context;
use crate::action::{Action, Subfield};
use crate::oxm::{Field, Oxm};
use crate::text::fields::{Key, Kind as FieldKind};
use crate::text::matching::low_bits;
use crate::text::parse::fields::oxm;
use crate::text::parse::item::Item;
use crate::text::parse::number::{integer, long, number};
use crate::text::parse::subfield::{field, id as subfield_id, subfield};
use crate::text::parse::value::{Masked, value};
use crate::text::parse::{Kind, Result, fault};

const PRESENT: u128 = 0x1000;
const VLAN: u16 = 0x8100;

/// Takes an action that sets a field; whether it is one.
pub(super) fn take<'a>(item: Item<'a>, context: &mut Context, out: &mut Vec<Action>) -> Result<'a, bool> {
    match item.key {
        "set_field" => set_field(item.value, out)?,
        "load" => load(item.value, out)?,
        "move" => out.push(copy(item.value)?),
        "mod_vlan_vid" | "set_vlan_vid" => vlan(item, Key::VlanVid, context, out)?,
        "mod_vlan_pcp" | "set_vlan_pcp" => vlan(item, Key::VlanPcp, context, out)?,
        _ => {
            let Some(id) = old_name(item.key, context) else { return Ok(false) };
            let mut given = value(id.row().kind, id.row().size(), item.value)?;
            if item.key == "mod_nw_tos" {
                given.value >>= 2;
            }
            out.push(whole(id, given, item.value)?);
        }
    }
    Ok(true)
}

/// The field that an older action sets.
fn old_name(key: &str, context: &Context) -> Option<Key> {
    let port = |tcp, udp, sctp| match context.nw_proto {
        Some(17) => udp,
        Some(132) => sctp,
        _ => tcp,
    };
    Some(match key {
        "set_tunnel" | "set_tunnel64" => Key::TunId,
        "mod_dl_src" => Key::EthSrc,
        "mod_dl_dst" => Key::EthDst,
        "mod_nw_src" => Key::NwSrc,
        "mod_nw_dst" => Key::NwDst,
        "mod_nw_tos" => Key::IpDscp,
        "mod_nw_ecn" => Key::NwEcn,
        "mod_tp_src" => port(Key::TcpSrc, Key::UdpSrc, Key::SctpSrc),
        "mod_tp_dst" => port(Key::TcpDst, Key::UdpDst, Key::SctpDst),
        "set_mpls_label" => Key::MplsLabel,
        "set_mpls_tc" => Key::MplsTc,
        _ => return None,
    })
}

/// `mod_…` adds a tag if there is none.
fn vlan<'a>(item: Item<'a>, id: Key, context: &mut Context, out: &mut Vec<Action>) -> Result<'a, ()> {
    let given: u128 = integer(item.value)?;
    let most = if id == Key::VlanVid { 0xfff } else { 7 };
    if given > most {
        return fault(item.value, Kind::OutOfRange);
    }
    if item.key.starts_with("mod_") && !context.has_vlan {
        out.push(Action::PushVlan { ethertype: VLAN });
        context.has_vlan = true;
    }
    let given = if id == Key::VlanVid { given | PRESENT } else { given };
    out.push(whole(id, given.into(), item.value)?);
    Ok(())
}

/// Value and target of `VALUE->FIELD`.
fn arrow(text: &str) -> Result<'_, (&str, &str)> {
    match text.rsplit_once("->") {
        Some((given, target)) => Ok((given.trim(), target.trim())),
        None => fault(text, Kind::Expected("->")),
    }
}

fn set_field<'a>(text: &'a str, out: &mut Vec<Action>) -> Result<'a, ()> {
    let (given, target) = arrow(text)?;
    let Some(field) = field(target) else { return fault(target, Kind::UnknownField) };
    if let Some(n) = field.tun_metadata_index() {
        out.push(tun_metadata(n, given)?);
        return Ok(());
    }
    let Some(id) = Key::of(field) else { return fault(target, Kind::UnknownField) };
    let masked = value(id.row().kind, id.row().size(), given)?;
    match masked.mask {
        // names of flags cover what can be set; a written mask counts as it is
        Some(mask) if mask & settable(id) != settable(id) || given.contains('/') && mask != id.row().all_ones() => {
            parts(id, masked.value, mask, given, out)
        }
        _ => {
            out.push(whole(id, masked, given)?);
            Ok(())
        }
    }
}

/// Sets the bits of a mask. OpenFlow 1.3 has no action for that: each run of ones is loaded, the
/// lowest first.
fn parts<'a>(id: Key, value: u128, mask: u128, token: &'a str, out: &mut Vec<Action>) -> Result<'a, ()> {
    if (value | mask) & !settable(id) != 0 {
        return fault(token, Kind::OutOfRange);
    }
    let dst = subfield_id(id.row().wire);
    if dst.field.experimenter_id().is_some() {
        let Some(field) = oxm(id, value & mask, mask) else { return fault(token, Kind::OutOfRange) };
        out.push(Action::NxRegLoad2 { field });
        return Ok(());
    }
    let mut ofs = 0;
    while ofs < 128 && mask >> ofs != 0 {
        ofs += (mask >> ofs).trailing_zeros() as u16;
        let n = ((mask >> ofs).trailing_ones() as u16).min(64);
        out.push(Action::load(Subfield::new(dst, ofs, n), ((value >> ofs) & low_bits(n)) as u64));
        ofs += n;
    }
    Ok(())
}

/// Sets a field; with a mask by the Nicira action.
fn whole(id: Key, given: Masked, token: &str) -> Result<'_, Action> {
    let (all, bits) = (id.row().all_ones(), settable(id));
    let mask = given.mask.unwrap_or(all);
    if given.value & !bits != 0 {
        return fault(token, Kind::OutOfRange);
    }
    let whole = mask & bits == bits;
    let field = oxm(id, given.value & mask, if whole { all } else { mask });
    let Some(field) = field else { return fault(token, Kind::OutOfRange) };
    Ok(if whole { Action::SetField { field } } else { Action::NxRegLoad2 { field } })
}

/// The bits of a field that can be set.
fn settable(id: Key) -> u128 {
    match id.row().kind {
        FieldKind::CtState => u128::MAX,
        _ if id == Key::VlanVid => 0x1fff,
        _ if id == Key::VlanTci => 0xffff,
        _ => low_bits(id.row().n_bits()),
    }
}

fn tun_metadata(n: u8, given: &str) -> Result<'_, Action> {
    let (given_text, mask) = given.split_once('/').map_or((given, None), |(v, m)| (v, Some(m)));
    let mut value = long(given_text)?;
    let mut mask = mask.map(long).transpose()?;
    let size = value.len().max(mask.as_ref().map_or(1, Vec::len)).max(1);
    for bytes in [Some(&mut value), mask.as_mut()].into_iter().flatten() {
        let missing = size.saturating_sub(bytes.len());
        bytes.splice(0..0, std::iter::repeat_n(0, missing));
    }
    match Oxm::from_bytes(Field::tun_metadata(n), &value, mask.as_deref()) {
        Some(field) if mask.is_some() => Ok(Action::NxRegLoad2 { field }),
        Some(field) => Ok(Action::SetField { field }),
        None => fault(given, Kind::OutOfRange),
    }
}

/// Loads at most 64 bits by one action; more take several, the lowest first.
fn load<'a>(text: &'a str, out: &mut Vec<Action>) -> Result<'a, ()> {
    let (given, target) = arrow(text)?;
    let dst = subfield(target)?;
    if let Some(n) = dst.id.field.tun_metadata_index() {
        out.push(load_option(n, dst, given)?);
        return Ok(());
    }
    let value = integer(given)?;
    if value & !low_bits(dst.bits.n_bits) != 0 {
        return fault(given, Kind::OutOfRange);
    }
    if dst.id.field.experimenter_id().is_some() {
        out.push(load_wide(dst, value, target)?);
        return Ok(());
    }
    let end = dst.bits.ofs + dst.bits.n_bits;
    let mut ofs = dst.bits.ofs;
    while ofs < end {
        let n = (end - ofs).min(64);
        let part = (value >> (ofs - dst.bits.ofs)) & low_bits(n);
        out.push(Action::load(Subfield::new(dst.id, ofs, n), part as u64));
        ofs += n;
    }
    Ok(())
}

/// The length of a tunnel option follows from what is loaded.
fn load_option(n: u8, dst: Subfield, given: &str) -> Result<'_, Action> {
    let whole = dst.bits.ofs == 0 && dst.bits.n_bits == subfield_id(dst.id.field).n_bits();
    if whole || dst.bits.ofs + dst.bits.n_bits > 128 {
        return if whole { tun_metadata(n, given) } else { fault(given, Kind::OutOfRange) };
    }
    let (value, mask) = (integer(given)? << dst.bits.ofs, low_bits(dst.bits.n_bits) << dst.bits.ofs);
    let start = mask.leading_zeros() as usize / 8;
    let (value, mask) = (value.to_be_bytes(), mask.to_be_bytes());
    let parts = value.get(start..).zip(mask.get(start..));
    match parts.and_then(|(value, mask)| Oxm::from_bytes(Field::tun_metadata(n), value, Some(mask))) {
        Some(field) => Ok(Action::NxRegLoad2 { field }),
        None => fault(given, Kind::OutOfRange),
    }
}

/// Fields of experimenters do not fit the older action.
fn load_wide(dst: Subfield, value: u128, token: &str) -> Result<'_, Action> {
    let Some(id) = Key::of(dst.id.field) else { return fault(token, Kind::UnknownField) };
    let mask = low_bits(dst.bits.n_bits) << dst.bits.ofs;
    match oxm(id, value << dst.bits.ofs, mask) {
        Some(field) => Ok(Action::NxRegLoad2 { field }),
        None => fault(token, Kind::OutOfRange),
    }
}

fn copy(text: &str) -> Result<'_, Action> {
    let (from, to) = arrow(text)?;
    let (src, dst) = (subfield(from)?, subfield(to)?);
    if src.bits.n_bits != dst.bits.n_bits {
        return fault(text, Kind::Expected("as many bits on both sides"));
    }
    Ok(Action::copy(src, dst))
}

/// A number that fits the bits of a field.
pub(super) fn fitting(text: &str, n_bits: u16) -> Result<'_, u128> {
    let n: u128 = number(text)?;
    if n & !low_bits(n_bits) != 0 { fault(text, Kind::OutOfRange) } else { Ok(n) }
}
