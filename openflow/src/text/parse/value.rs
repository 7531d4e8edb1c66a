//! Values of fields, with masks.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::number::{integer, port};
use super::{Kind as Wrong, Result, fault};
use crate::text::fields::Kind;
use crate::text::value::{CT_STATE, TCP_FLAGS, TUN_FLAGS};
use crate::types::Mac;

/// A value, and the bits of it that count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Masked {
    pub value: u128,
    /// `None` for all bits.
    pub mask: Option<u128>,
}

impl From<u128> for Masked {
    fn from(value: u128) -> Self {
        Self { value, mask: None }
    }
}

/// Reads a value as fields of this kind have it; `size` is its length in bytes.
pub(super) fn value(kind: Kind, size: usize, text: &str) -> Result<'_, Masked> {
    let all = if size >= 16 { u128::MAX } else { (1 << (size * 8)) - 1 };
    match kind {
        Kind::Dec | Kind::Hex | Kind::HexPadded(_) | Kind::Bytes => split(text, |part| match integer(part)? {
            n if n <= all => Ok(n),
            _ => fault(part, Wrong::OutOfRange),
        }),
        Kind::Mac => split(text, mac),
        Kind::Ip4 => prefixed(text, 32, |part| {
            let address = part.parse::<Ipv4Addr>().or_else(|_| fault(part, Wrong::Expected("an IPv4 address")))?;
            Ok(u128::from(u32::from(address)))
        }),
        Kind::Ip6 => prefixed(text, 128, |part| {
            let address = part.parse::<Ipv6Addr>().or_else(|_| fault(part, Wrong::Expected("an IPv6 address")))?;
            Ok(u128::from(address))
        }),
        Kind::Port => {
            let port = port(text)?;
            let short = port.to_u16().filter(|_| size == 2);
            Ok(Masked::from(short.map_or(u128::from(port.0), u128::from)))
        }
        Kind::CtState => flags(text, CT_STATE, None),
        Kind::TcpFlags => flags(text, TCP_FLAGS, Some(0xfff)),
        Kind::TunFlags => flags(text, TUN_FLAGS, Some(1)),
        Kind::Frag => frag(text),
        Kind::PacketType => packet_type(text),
    }
}

fn split<'a>(text: &'a str, read: impl Fn(&'a str) -> Result<'a, u128>) -> Result<'a, Masked> {
    match text.split_once('/') {
        None => Ok(Masked { value: read(text)?, mask: None }),
        Some((value, mask)) => Ok(Masked { value: read(value)?, mask: Some(read(mask)?) }),
    }
}

fn mac(text: &str) -> Result<'_, u128> {
    let Mac(bytes) = text.parse().or_else(|_| fault(text, Wrong::Expected("an Ethernet address")))?;
    Ok(bytes.iter().fold(0, |n, b| n << 8 | u128::from(*b)))
}

/// An address with a mask like it, or the length of a prefix.
fn prefixed<'a>(text: &'a str, bits: u32, read: impl Fn(&'a str) -> Result<'a, u128>) -> Result<'a, Masked> {
    let Some((address, mask)) = text.split_once('/') else {
        return Ok(Masked { value: read(text)?, mask: None });
    };
    let value = read(address)?;
    if mask.is_empty() || !mask.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(Masked { value, mask: Some(read(mask)?) });
    }
    match mask.parse::<u32>() {
        Ok(length) if length <= bits => {
            let all = u128::MAX.checked_shr(128 - bits).unwrap_or(0);
            Ok(Masked { value, mask: Some(all & u128::MAX.checked_shl(bits - length).unwrap_or(0)) })
        }
        _ => fault(mask, Wrong::OutOfRange),
    }
}

/// `+a-b` sets some bits, `a|b` all; numbers do, too.
fn flags<'a>(text: &'a str, names: &[(u128, &str)], all: Option<u128>) -> Result<'a, Masked> {
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return split(text, integer);
    }
    let bit = |name: &'a str| match names.iter().find(|(_, n)| *n == name) {
        Some((bit, _)) => Ok(*bit),
        None => fault(name, Wrong::Expected("a flag")),
    };
    if !text.starts_with(['+', '-']) {
        let mut value = 0;
        for name in text.split('|') {
            value |= bit(name)?;
        }
        return Ok(Masked { value, mask: all });
    }
    let (mut value, mut mask) = (0, 0);
    let mut rest = text;
    while let Some(sign) = rest.chars().next() {
        let tail = rest.get(1..).unwrap_or_default();
        let end = tail.find(['+', '-']).unwrap_or(tail.len());
        let (name, after) = tail.split_at_checked(end).unwrap_or((tail, ""));
        let bit = bit(name)?;
        if mask & bit != 0 {
            return fault(name, Wrong::Expected("each flag once"));
        }
        mask |= bit;
        value |= if sign == '+' { bit } else { 0 };
        rest = after;
    }
    Ok(Masked { value, mask: Some(mask) })
}

fn frag(text: &str) -> Result<'_, Masked> {
    let (value, mask) = match text {
        "no" => (0, 3),
        "yes" => (1, 1),
        "first" => (1, 3),
        "later" => (3, 3),
        "not_later" => (0, 2),
        _ => return fault(text, Wrong::Expected("no, yes, first, later or not_later")),
    };
    Ok(Masked { value, mask: Some(mask) })
}

/// `(name space,type)`.
fn packet_type(text: &str) -> Result<'_, Masked> {
    let inner = text.strip_prefix('(').and_then(|t| t.strip_suffix(')'));
    let Some((space, kind)) = inner.and_then(|t| t.split_once(',')) else {
        return fault(text, Wrong::Expected("a packet type"));
    };
    match (integer(space)?, integer(kind)?) {
        (space @ 0..=0xffff, kind @ 0..=0xffff) => Ok((space << 16 | kind).into()),
        _ => fault(text, Wrong::OutOfRange),
    }
}
