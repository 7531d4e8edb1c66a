//! Messages as JSON: serde implementations of every type.
//!
//! Field names are those of the specification, numbers stay numbers, bytes are strings of
//! hexadecimal digits, and `match` is the list of its fields. [`Message`](crate::Message)
//! becomes `{"version", "type", "xid", "body"}`, and comes back from that: lengths, counts and
//! padding do not appear and are computed. Writing streams; reading goes by way of
//! [`serde_json::Value`], because `type` may come after `body`.

mod action;
mod hex;
mod message;
mod oxm;
mod parts;
mod types;

pub(crate) use hex::octets;
pub use hex::{decode as decode_hex, encode as encode_hex};
pub(crate) use message::{multipart_reply, multipart_request};

use serde::de::Error;

use crate::types::Blob;

/// A body of which only the bytes are known.
#[derive(serde::Serialize, serde::Deserialize)]
pub(crate) struct Data {
    pub data: Blob,
}

/// The error about a name that selects a layout and is not known.
pub(crate) fn unknown(what: &str, name: &str) -> serde_json::Error {
    serde_json::Error::custom(format_args!("unknown {what} {name:?} in this version"))
}
