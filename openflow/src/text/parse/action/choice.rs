//! `multipath`, `bundle` and `bundle_load`.

use crate::action::{Action, BitRange, Bundle, MemberType};
use crate::text::action::{BUNDLE, HASH_FIELDS, MULTIPATH};
use crate::text::parse::item::{Item, split};
use crate::text::parse::number::{number, port16};
use crate::text::parse::subfield::short_subfield;
use crate::text::parse::{Kind, Result, fault};

fn named<'a>(names: &[&str], text: &'a str) -> Result<'a, u16> {
    match names.iter().position(|name| *name == text) {
        Some(n) => Ok(n as u16),
        None => fault(text, Kind::Expected("a name of a hash")),
    }
}

/// `multipath(fields,basis,algorithm,links,arg,dst)`.
pub(super) fn multipath(text: &str) -> Result<'_, Action> {
    let parts = split(text);
    let [fields, basis, algorithm, links, arg, dst] = parts.as_slice() else {
        return fault(text, Kind::Expected("six arguments"));
    };
    let count: u32 = number(links)?;
    let Ok(max_link) = u16::try_from(count.wrapping_sub(1)) else { return fault(links, Kind::OutOfRange) };
    let dst = short_subfield(dst)?;
    Ok(Action::NxMultipath {
        fields: named(HASH_FIELDS, fields)?,
        basis: number(basis)?,
        algorithm: named(MULTIPATH, algorithm)?,
        max_link,
        arg: number(arg)?,
        bits: dst.bits,
        dst: dst.id,
    })
}

/// `bundle(fields,basis,algorithm,ofport,members:1,2)`, and before the members a field to load.
pub(super) fn bundle(item: Item<'_>) -> Result<'_, Action> {
    let words = ["members:", "slaves:"];
    let cut = words.iter().find_map(|word| item.value.split_once(word));
    let Some((head, members)) = cut else { return fault(item.value, Kind::Needs("members")) };
    let parts: Vec<&str> = split(head).into_iter().filter(|part| !part.is_empty()).collect();
    let (dst, bits) = match (item.key, parts.get(4)) {
        ("bundle_load", Some(dst)) => {
            let dst = short_subfield(dst)?;
            (Some(dst.id), dst.bits)
        }
        ("bundle", None) => (None, BitRange::new(0, 1)),
        _ => return fault(item.value, Kind::Expected("as many arguments as the action has")),
    };
    let [fields, basis, algorithm, "ofport", ..] = parts.as_slice() else {
        return fault(item.value, Kind::Expected("fields,basis,algorithm,ofport"));
    };
    let members = members.split([',', ' ']).filter(|m| !m.is_empty()).map(port16).collect::<Result<'_, Vec<u16>>>()?;
    let bundle = Box::new(Bundle {
        algorithm: named(BUNDLE, algorithm)?,
        fields: named(HASH_FIELDS, fields)?,
        basis: number(basis)?,
        member_type: MemberType::PORT,
        bits,
        dst,
        members,
    });
    Ok(if dst.is_some() { Action::NxBundleLoad(bundle) } else { Action::NxBundle(bundle) })
}
