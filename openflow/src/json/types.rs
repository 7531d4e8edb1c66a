//! Small types as JSON.

use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Serialize, Serializer};

use super::hex;
use crate::types::{Blob, FixedStr, Mac};

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        hex::serialize(self, s)
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        hex::deserialize(d).map(Self)
    }
}

impl Serialize for Mac {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Mac {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(D::Error::custom)
    }
}

/// A text that is not UTF-8, as its bytes.
#[derive(serde::Serialize, serde::Deserialize)]
struct NotUtf8 {
    hex: Blob,
}

impl<const N: usize> Serialize for FixedStr<N> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match str::from_utf8(self.as_bytes()) {
            Ok(text) => s.serialize_str(text),
            Err(_) => NotUtf8 { hex: self.as_bytes().into() }.serialize(s),
        }
    }
}

#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Text {
    Utf8(String),
    Bytes(NotUtf8),
}

impl<'de, const N: usize> Deserialize<'de> for FixedStr<N> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let bytes = match Text::deserialize(d)? {
            Text::Utf8(text) => text.into_bytes(),
            Text::Bytes(NotUtf8 { hex }) => hex.0,
        };
        let too_long = || D::Error::custom(format_args!("text is longer than {N} bytes"));
        FixedStr::new(&bytes).ok_or_else(too_long)
    }
}
