//! Messages out of a stream as text, without building their values: memory stays near the size of
//! the text itself.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use serde_json::Value;

use super::JsonError;
use super::parser::{Parser, Sink, is_space};

/// Keeps a 64-bit keyed hash of each key of the open objects: enough to see one twice.
#[derive(Debug, Default)]
struct Keys {
    open: Vec<HashSet<u64>>,
    hasher: RandomState,
}

impl Sink for Keys {
    fn open(&mut self, _object: bool) {
        self.open.push(HashSet::new());
    }

    fn key(&mut self, key: &str) -> Result<(), ()> {
        let hash = self.hasher.hash_one(key);
        let new = self.open.last_mut().is_none_or(|keys| keys.insert(hash));
        if new { Ok(()) } else { Err(()) }
    }

    fn string(&mut self, _text: &str) {}

    fn scalar(&mut self, _value: Value) {}

    fn close(&mut self) {
        self.open.pop();
    }
}

/// A piece of the stream, as [`Scanner::feed`] found it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scanned<'a> {
    /// Bytes that belong to the message, without white space before it.
    pub text: &'a [u8],
    /// Whether the message ends with them.
    pub complete: bool,
}

/// Cuts a byte stream into messages, and leaves them text.
#[derive(Debug)]
pub struct Scanner(Parser<Keys>);

impl Scanner {
    /// A scanner for messages of at most `message_size` bytes and `depth` levels.
    pub fn new(message_size: usize, depth: usize) -> Scanner {
        Scanner(Parser::new(Keys::default(), message_size, depth))
    }

    /// Takes bytes off the front of `input` up to the end of the message.
    pub fn feed<'a>(&mut self, input: &mut &'a [u8]) -> Result<Scanned<'a>, JsonError> {
        if !self.0.is_partial() {
            let space = input.iter().take_while(|byte| is_space(**byte)).count();
            *input = input.get(space..).unwrap_or_default();
        }
        let before = *input;
        let complete = self.0.feed(input)?;
        let text = before.get(..before.len() - input.len()).unwrap_or_default();
        Ok(Scanned { text, complete })
    }

    /// Whether the stream stands within a message.
    pub fn is_partial(&self) -> bool {
        self.0.is_partial()
    }
}
