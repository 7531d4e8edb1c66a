//! `ct` and `nat`.

use super::{Context, action_list};
use crate::action::{Action, Ct, CtFlags, CtZone, Nat, NatFlags};
use crate::text::parse::item::{Item, each};
use crate::text::parse::number::number;
use crate::text::parse::subfield::subfield;
use crate::text::parse::{Kind, Result, fault};
use crate::types::TableId;

pub(super) fn ct<'a>(text: &'a str, context: &Context) -> Result<'a, Action> {
    let mut ct = Ct::new(0_u16);
    let mut nats = Vec::new();
    each(text, |part| {
        match part.key {
            "commit" => ct.flags = ct.flags | CtFlags::COMMIT,
            "force" => ct.flags = ct.flags | CtFlags::FORCE,
            "table" => ct.recirc_table = TableId(number(part.value)?),
            "zone" => ct.zone = zone(part.value)?,
            "alg" => ct.alg = helper(part.value)?,
            "nat" => nats.push(nat(part.value)?),
            "exec" => ct.actions = action_list(part.value, &mut context.deeper(part.key)?)?,
            _ => return fault(part.key, Kind::UnknownArgument),
        }
        Ok(())
    })?;
    if ct.flags == CtFlags::FORCE {
        return fault(text, Kind::Needs("commit"));
    }
    nats.append(&mut ct.actions);
    ct.actions = nats;
    Ok(ct.into())
}

fn zone(text: &str) -> Result<'_, CtZone> {
    if let Ok(zone) = number::<u16>(text) {
        return Ok(zone.into());
    }
    let part = subfield(text)?;
    if part.bits.n_bits != 16 { fault(text, Kind::Expected("16 bits")) } else { Ok(part.into()) }
}

fn helper(text: &str) -> Result<'_, u16> {
    match text {
        "ftp" => Ok(21),
        "tftp" => Ok(69),
        other => number(other).or_else(|_| fault(text, Kind::Expected("ftp or tftp"))),
    }
}

pub(super) fn nat(text: &str) -> Result<'_, Action> {
    let mut nat = Nat::default();
    each(text, |part| {
        let flag = match part.key {
            "src" => NatFlags::SRC,
            "dst" => NatFlags::DST,
            "persistent" => NatFlags::PERSISTENT,
            "hash" => NatFlags::PROTO_HASH,
            "random" => NatFlags::PROTO_RANDOM,
            _ => return fault(part.key, Kind::UnknownArgument),
        };
        nat.flags = nat.flags | flag;
        if part.has_value { range(part, &mut nat) } else { Ok(()) }
    })?;
    Ok(Action::NxNat(Box::new(nat)))
}

/// `ADDRESS[-ADDRESS][:PORT[-PORT]]`, IPv6 addresses in brackets if a port follows.
fn range<'a>(part: Item<'a>, nat: &mut Nat) -> Result<'a, ()> {
    let text = part.value;
    let (addresses, ports) = match text.strip_prefix('[') {
        Some(_) => {
            let end = text.rfind(']').map_or(text.len(), |at| at + 1);
            text.split_at_checked(end).unwrap_or((text, ""))
        }
        None if text.matches(':').count() > 1 => (text, ""),
        None => text.find(':').and_then(|at| text.split_at_checked(at)).unwrap_or((text, "")),
    };
    let bare = |address: &'a str| address.trim_start_matches('[').trim_end_matches(']');
    let (min, max) = addresses.split_once('-').map_or((addresses, None), |(min, max)| (min, Some(max)));
    if !min.is_empty() {
        address(bare(min), &mut nat.ipv4_min, &mut nat.ipv6_min)?;
    }
    if let Some(max) = max {
        address(bare(max), &mut nat.ipv4_max, &mut nat.ipv6_max)?;
    }
    if (nat.ipv4_min.is_none() && nat.ipv4_max.is_some()) || (nat.ipv6_min.is_none() && nat.ipv6_max.is_some()) {
        return fault(addresses, Kind::Expected("two addresses of one kind"));
    }
    let Some(ports) = ports.strip_prefix(':') else {
        return if ports.is_empty() { Ok(()) } else { fault(ports, Kind::Expected("a port")) };
    };
    let (low, high) = ports.split_once('-').map_or((ports, None), |(low, high)| (low, Some(high)));
    nat.proto_min = Some(number(low)?);
    nat.proto_max = high.map(number).transpose()?;
    Ok(())
}

fn address<'a>(
    text: &'a str,
    v4: &mut Option<std::net::Ipv4Addr>,
    v6: &mut Option<std::net::Ipv6Addr>,
) -> Result<'a, ()> {
    match text.parse() {
        // stands for any
        Ok(address) if address.is_unspecified() => {}
        Ok(std::net::IpAddr::V4(address)) => *v4 = Some(address),
        Ok(std::net::IpAddr::V6(address)) => *v6 = Some(address),
        Err(_) => return fault(text, Kind::Expected("an address")),
    }
    Ok(())
}
