//! Numbers, ports and bytes.

use super::{Kind, Result, fault};
use crate::text::number::UNSET;
use crate::types::PortNo;

/// A number in decimal, hexadecimal (`0x`) or octal (`0`).
pub(super) fn integer(text: &str) -> Result<'_, u128> {
    let (digits, radix) = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => (text.get(2..).unwrap_or_default(), 16),
        [b'0', b'0'..=b'9', ..] => (text.get(1..).unwrap_or_default(), 8),
        _ => (text, 10),
    };
    if digits.is_empty() || !digits.bytes().all(|b| char::from(b).is_digit(radix)) {
        return fault(text, Kind::Expected("a number"));
    }
    u128::from_str_radix(digits, radix).or_else(|_| fault(text, Kind::OutOfRange))
}

/// A number that fits.
pub(super) fn number<T: TryFrom<u128>>(text: &str) -> Result<'_, T> {
    T::try_from(integer(text)?).or_else(|_| fault(text, Kind::OutOfRange))
}

/// A number that has a default if it is not there.
pub(super) fn number_or<T: TryFrom<u128>>(text: &str, default: T) -> Result<'_, T> {
    if text.is_empty() { Ok(default) } else { number(text) }
}

const PORTS: &[(&str, PortNo)] = &[
    ("in_port", PortNo::IN_PORT),
    ("table", PortNo::TABLE),
    ("normal", PortNo::NORMAL),
    ("flood", PortNo::FLOOD),
    ("all", PortNo::ALL),
    ("controller", PortNo::CONTROLLER),
    ("local", PortNo::LOCAL),
    ("any", PortNo::ANY),
    ("none", PortNo::ANY),
    ("unset", UNSET),
];

/// A reserved port by name.
pub(super) fn named_port(text: &str) -> Option<PortNo> {
    PORTS.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, port)| *port)
}

/// A port by number, of OpenFlow 1.0 or later, or name.
pub(super) fn port(text: &str) -> Result<'_, PortNo> {
    if let Some(port) = named_port(text) {
        return Ok(port);
    }
    match integer(text) {
        Ok(n @ 0..0xff00) => Ok(PortNo(n as u32)),
        Ok(n @ 0xfff7..=0xffff) => Ok(PortNo::from_u16(n as u16)),
        Ok(n @ 0xffff_ff00..=0xffff_ffff) => Ok(PortNo(n as u32)),
        Ok(_) => fault(text, Kind::OutOfRange),
        Err(_) => fault(text, Kind::Expected("a port")),
    }
}

/// A port as Nicira actions have it.
pub(super) fn port16(text: &str) -> Result<'_, u16> {
    port(text)?.to_u16().map_or_else(|| fault(text, Kind::OutOfRange), Ok)
}

/// Bytes in hexadecimal, two digits each, with dots between or none.
pub(super) fn hex_bytes(text: &str) -> Result<'_, Vec<u8>> {
    let digits: Vec<u8> = text.bytes().filter(|b| *b != b'.').collect();
    let pairs = digits.chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair).ok().filter(|p| p.len() == 2);
        pair.filter(|p| p.bytes().all(|b| b.is_ascii_hexdigit())).and_then(|p| u8::from_str_radix(p, 16).ok())
    });
    pairs.collect::<Option<Vec<u8>>>().map_or_else(|| fault(text, Kind::Expected("hexadecimal digits")), Ok)
}

/// A number of any length in hexadecimal or of up to 128 bits in decimal, as bytes without leading
/// zeros.
pub(super) fn long(text: &str) -> Result<'_, Vec<u8>> {
    let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) else {
        let bytes = integer(text)?.to_be_bytes();
        return Ok(bytes.iter().copied().skip_while(|b| *b == 0).collect());
    };
    if digits.is_empty() || digits.len() > 2 * 128 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return fault(text, Kind::Expected("a number"));
    }
    let nibbles: Vec<u8> = digits.chars().filter_map(|c| c.to_digit(16)).map(|d| d as u8).collect();
    let bytes = nibbles.rchunks(2).rev().map(|pair| pair.iter().fold(0, |n, d| n << 4 | d));
    Ok(bytes.skip_while(|b| *b == 0).collect())
}
