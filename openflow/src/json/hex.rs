//! Bytes as hexadecimal digits.

use std::fmt;

use serde::de::{Deserializer, Error, Visitor};
use serde::ser::Serializer;

/// The two digits of every byte.
const DIGITS: [[u8; 2]; 256] = {
    let digit = *b"0123456789abcdef";
    let mut table = [[0; 2]; 256];
    let mut i = 0;
    while i < 256 {
        table[i] = [digit[i >> 4], digit[i & 15]];
        i += 1;
    }
    table
};

/// The value of every digit; 0xff for what is none.
const VALUES: [u8; 256] = {
    let mut table = [0xff; 256];
    let mut i = 0;
    while i < 10 {
        table[b'0' as usize + i] = i as u8;
        i += 1;
    }
    let mut i = 0;
    while i < 6 {
        table[b'a' as usize + i] = 10 + i as u8;
        table[b'A' as usize + i] = 10 + i as u8;
        i += 1;
    }
    table
};

/// Appends `bytes` to `out` as lower-case digits.
pub fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(bytes.len() * 2);
    out.extend(bytes.iter().flat_map(|b| DIGITS[usize::from(*b)]));
}

/// Appends the bytes that `digits` say to `out`, white space ignored.
///
/// # Errors
/// The position of what is no digit, or the length of `digits` if one is missing.
pub fn decode(digits: &[u8], out: &mut Vec<u8>) -> Result<(), usize> {
    let mut high = None;
    for (i, c) in digits.iter().enumerate() {
        let value = VALUES[usize::from(*c)];
        match high {
            _ if value == 0xff && c.is_ascii_whitespace() => {}
            _ if value == 0xff => return Err(i),
            None => high = Some(value << 4),
            Some(h) => {
                out.push(h | value);
                high = None;
            }
        }
    }
    if high.is_some() { Err(digits.len()) } else { Ok(()) }
}

/// Writes bytes as a string.
pub(super) fn serialize<S: Serializer>(bytes: &[u8], s: S) -> Result<S::Ok, S::Error> {
    const ROOM: usize = 64;
    let mut room = [0; ROOM * 2];
    if bytes.len() <= ROOM {
        let pairs = room.as_chunks_mut().0;
        pairs.iter_mut().zip(bytes).for_each(|(pair, b)| *pair = DIGITS[usize::from(*b)]);
        let text = room.get(..bytes.len() * 2).and_then(|t| str::from_utf8(t).ok());
        return s.serialize_str(text.unwrap_or_default());
    }
    let mut text = Vec::new();
    encode(bytes, &mut text);
    s.serialize_str(&String::from_utf8(text).unwrap_or_default())
}

struct HexVisitor;

impl Visitor<'_> for HexVisitor {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string of hexadecimal digits")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Vec<u8>, E> {
        let mut out = Vec::with_capacity(text.len() / 2);
        match decode(text.as_bytes(), &mut out) {
            Ok(()) => Ok(out),
            Err(at) => Err(E::custom(format_args!("no hexadecimal digit at {at} of a string"))),
        }
    }
}

/// Reads bytes from a string.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<u8>, D::Error> {
    d.deserialize_str(HexVisitor)
}

/// Optional addresses as digits.
pub(crate) mod octets {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use serde::de::{Deserializer, Error};
    use serde::ser::Serializer;

    /// An address of fixed size.
    pub trait Octets: Copy {
        /// Its bytes.
        fn bytes(self) -> Vec<u8>;
        /// The address of these bytes.
        fn of(bytes: &[u8]) -> Option<Self>;
    }

    impl Octets for Ipv4Addr {
        fn bytes(self) -> Vec<u8> {
            self.octets().to_vec()
        }
        fn of(bytes: &[u8]) -> Option<Self> {
            <[u8; 4]>::try_from(bytes).ok().map(Self::from)
        }
    }

    impl Octets for Ipv6Addr {
        fn bytes(self) -> Vec<u8> {
            self.octets().to_vec()
        }
        fn of(bytes: &[u8]) -> Option<Self> {
            <[u8; 16]>::try_from(bytes).ok().map(Self::from)
        }
    }

    pub fn serialize<A: Octets, S: Serializer>(addr: &Option<A>, s: S) -> Result<S::Ok, S::Error> {
        super::serialize(&addr.map(A::bytes).unwrap_or_default(), s)
    }

    pub fn deserialize<'de, A: Octets, D: Deserializer<'de>>(d: D) -> Result<Option<A>, D::Error> {
        let bytes = super::deserialize(d)?;
        A::of(&bytes).map(Some).ok_or_else(|| D::Error::custom("address has the wrong length"))
    }
}
