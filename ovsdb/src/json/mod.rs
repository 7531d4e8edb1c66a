//! JSON as OVSDB needs it: messages out of a byte stream cut anywhere, in linear time, with depth
//! and size bounded, and without recursion.

mod build;
mod number;
mod parser;
mod rpc;
mod scan;

use serde_json::Value;

use build::Builder;
pub(crate) use build::Pick;
use parser::Parser;
pub use rpc::{Kind, Message};
pub use scan::{Scanned, Scanner};

/// Why bytes are not a JSON message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at byte {offset}")]
pub struct JsonError {
    /// What is wrong.
    pub kind: JsonErrorKind,
    /// Bytes of the stream before the one that is wrong.
    pub offset: u64,
}

/// What is wrong with the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonErrorKind {
    /// A byte that cannot stand here.
    #[error("unexpected byte")]
    Unexpected,
    /// A message must be an object.
    #[error("message is not an object")]
    NotAnObject,
    /// A string is not UTF-8.
    #[error("invalid utf-8")]
    Utf8,
    /// An escape in a string that JSON does not have, or half a surrogate pair.
    #[error("invalid escape")]
    Escape,
    /// A null or control character in a string.
    #[error("control character in string")]
    Control,
    /// A number no double can hold.
    #[error("number out of range")]
    Number,
    /// An object has the same key twice.
    #[error("duplicate key")]
    DuplicateKey,
    /// Nested more deeply than allowed.
    #[error("nested too deeply")]
    Depth,
    /// Longer than allowed.
    #[error("message too long")]
    Size,
    /// Takes more memory than allowed.
    #[error("message takes too much memory")]
    Memory,
    /// The text ends within a message.
    #[error("unexpected end")]
    Truncated,
    /// Something follows the message.
    #[error("trailing characters")]
    Trailing,
}

/// Bytes of memory that a byte of the greatest message allowed may come to: a copy of a database
/// comes to about 13, empty objects without end would come to hundreds.
const EXPANSION: usize = 32;
/// Bytes of memory that every message may come to, however short.
const LEAST: usize = 1 << 20;

/// Cuts a byte stream into messages.
#[derive(Debug)]
pub struct Framer(PickingFramer<()>);

impl Framer {
    /// A framer for messages of at most `message_size` bytes, that come to at most 32 times as
    /// many in memory, and `depth` levels.
    pub fn new(message_size: usize, depth: usize) -> Framer {
        Framer(PickingFramer::new((), message_size, depth))
    }

    /// Takes bytes off the front of `input` up to the end of the next message. `None`: all of
    /// `input` is taken and the message goes on. After an error the stream is lost.
    pub fn feed(&mut self, input: &mut &[u8]) -> Result<Option<Value>, JsonError> {
        Ok(self.0.feed(input)?.map(|(message, ())| message))
    }

    /// Whether the stream stands within a message.
    pub fn is_partial(&self) -> bool {
        self.0.0.is_partial()
    }
}

/// A [`Framer`] that takes a part of each message out while it is read.
#[derive(Debug)]
pub(crate) struct PickingFramer<P>(Parser<Builder<P>>);

impl<P: Pick> PickingFramer<P> {
    pub(crate) fn new(picker: P, message_size: usize, depth: usize) -> PickingFramer<P> {
        let builder = Builder::new(picker, message_size.saturating_mul(EXPANSION).max(LEAST));
        PickingFramer(Parser::new(builder, message_size, depth))
    }

    pub(crate) fn picker(&mut self) -> &mut P {
        &mut self.0.sink.picker
    }

    /// See [`Framer::feed`].
    pub(crate) fn feed(&mut self, input: &mut &[u8]) -> Result<Option<(Value, P::Picked)>, JsonError> {
        let complete = self.0.feed(input)?;
        Ok(complete.then(|| self.0.sink.take()))
    }
}

/// Reads a text that is exactly one JSON object, at most `depth` levels deep.
pub fn parse(text: &[u8], depth: usize) -> Result<Value, JsonError> {
    let mut framer = Framer::new(text.len().max(1), depth);
    let mut rest = text;
    let offset = text.len() as u64;
    let value = framer.feed(&mut rest)?.ok_or(JsonError { kind: JsonErrorKind::Truncated, offset })?;
    if rest.iter().any(|byte| !parser::is_space(*byte)) {
        let offset = offset - rest.len() as u64;
        return Err(JsonError { kind: JsonErrorKind::Trailing, offset });
    }
    Ok(value)
}

#[cfg(test)]
mod tests;
