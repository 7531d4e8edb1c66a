//! The push parser: bytes in, events to a sink; every state is data, so a stream may be cut
//! anywhere and nothing recurses.
//!
//! ```text
//!   Start ─{─► FirstKey ─"─► String ─► Colon ─► Value ─► After ─,─► Key | Value
//!                 │}                               │[       │} ]
//!                 └────────────► After ◄── FirstValue       └► After, or Start at the top
//! ```

use super::number::{Grammar, number};
use super::{JsonError, JsonErrorKind};

/// What a parser tells about the message it reads.
pub(super) trait Sink {
    fn open(&mut self, object: bool);
    /// `Err` if the object has this key already.
    fn key(&mut self, key: &str) -> Result<(), ()>;
    fn string(&mut self, text: &str);
    fn scalar(&mut self, value: serde_json::Value);
    fn close(&mut self);
    /// Whether what was built of the message takes too much memory.
    fn is_over_budget(&self) -> bool {
        false
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    FirstKey,
    Key,
    Colon,
    FirstValue,
    Value,
    After,
    String,
    Escape,
    Hex {
        digits: u8,
        code: u16,
        high: u16,
    },
    /// A high surrogate was read: `\` and `u` must follow.
    LowEscape {
        high: u16,
    },
    LowHex {
        high: u16,
    },
    Number(Grammar),
    Literal {
        rest: &'static [u8],
        word: Word,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Null,
    True,
    False,
}

#[derive(Debug)]
pub(super) struct Parser<S> {
    pub(super) sink: S,
    state: State,
    /// Open containers, true for an object.
    stack: Vec<bool>,
    /// The string or number that is being read, where it could not be taken from the input whole.
    text: Vec<u8>,
    /// How much of `text` is known to be UTF-8.
    checked: usize,
    is_key: bool,
    size: usize,
    offset: u64,
    max_size: usize,
    max_depth: usize,
}

pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

impl<S: Sink> Parser<S> {
    pub(super) fn new(sink: S, max_size: usize, max_depth: usize) -> Parser<S> {
        Parser {
            sink,
            state: State::Start,
            stack: Vec::new(),
            text: Vec::new(),
            checked: 0,
            is_key: false,
            size: 0,
            offset: 0,
            max_size,
            max_depth,
        }
    }

    pub(super) fn is_partial(&self) -> bool {
        self.state != State::Start
    }

    /// Takes bytes off `input` up to the end of a message (true) or of the input (false).
    pub(super) fn feed(&mut self, input: &mut &[u8]) -> Result<bool, JsonError> {
        loop {
            let before = input.len();
            if before == 0 {
                return Ok(false);
            }
            let done = self.step(input);
            let taken = before - input.len();
            self.offset += taken as u64;
            if self.is_partial() {
                self.size += taken;
            }
            if self.size > self.max_size {
                return Err(self.error(JsonErrorKind::Size));
            }
            if self.sink.is_over_budget() {
                return Err(self.error(JsonErrorKind::Memory));
            }
            match done {
                Ok(false) => {}
                Ok(true) => {
                    self.size = 0;
                    return Ok(true);
                }
                Err(kind) => return Err(self.error(kind)),
            }
        }
    }

    fn error(&self, kind: JsonErrorKind) -> JsonError {
        JsonError { kind, offset: self.offset }
    }

    /// Takes at least one byte, or leaves the state for another; true at the end of a message.
    fn step(&mut self, input: &mut &[u8]) -> Result<bool, JsonErrorKind> {
        match self.state {
            State::String => return self.in_string(input).map(|()| false),
            State::Number(grammar) => return self.in_number(grammar, input).map(|()| false),
            _ => {}
        }
        let Some((&byte, rest)) = input.split_first() else { return Ok(false) };
        match self.state {
            State::Escape => self.escape(byte)?,
            State::Hex { digits, code, high } => self.hex(byte, digits, code, high)?,
            State::LowEscape { high } => {
                self.state = State::LowHex { high };
                expect(byte == b'\\', JsonErrorKind::Escape)?;
            }
            State::LowHex { high } => {
                self.state = State::Hex { digits: 0, code: 0, high };
                expect(byte == b'u', JsonErrorKind::Escape)?;
            }
            State::Literal { rest, word } => self.literal(byte, rest, word)?,
            _ if is_space(byte) => {}
            _ => {
                let done = self.structure(byte)?;
                *input = rest;
                return Ok(done);
            }
        }
        *input = rest;
        Ok(false)
    }

    fn structure(&mut self, byte: u8) -> Result<bool, JsonErrorKind> {
        match (self.state, byte) {
            (State::Start, b'{') => self.open(true)?,
            (State::Start, _) => return Err(JsonErrorKind::NotAnObject),
            (State::FirstKey | State::Key, b'"') => self.open_string(true),
            (State::Colon, b':') => self.state = State::Value,
            (State::FirstKey, b'}') | (State::FirstValue, b']') => return Ok(self.close()),
            (State::FirstValue | State::Value, _) => self.value(byte)?,
            (State::After, b',') => {
                self.state = match self.stack.last() {
                    Some(true) => State::Key,
                    _ => State::Value,
                };
            }
            (State::After, b'}') if self.stack.last() == Some(&true) => return Ok(self.close()),
            (State::After, b']') if self.stack.last() == Some(&false) => return Ok(self.close()),
            _ => return Err(JsonErrorKind::Unexpected),
        }
        Ok(false)
    }

    fn value(&mut self, byte: u8) -> Result<(), JsonErrorKind> {
        match byte {
            b'{' => self.open(true)?,
            b'[' => self.open(false)?,
            b'"' => self.open_string(false),
            b'n' => self.state = State::Literal { rest: b"ull", word: Word::Null },
            b't' => self.state = State::Literal { rest: b"rue", word: Word::True },
            b'f' => self.state = State::Literal { rest: b"alse", word: Word::False },
            _ => {
                let grammar = Grammar::start(byte).ok_or(JsonErrorKind::Unexpected)?;
                self.text.clear();
                self.text.push(byte);
                self.state = State::Number(grammar);
            }
        }
        Ok(())
    }

    fn open(&mut self, object: bool) -> Result<(), JsonErrorKind> {
        expect(self.stack.len() < self.max_depth, JsonErrorKind::Depth)?;
        self.stack.push(object);
        self.sink.open(object);
        self.state = if object { State::FirstKey } else { State::FirstValue };
        Ok(())
    }

    fn close(&mut self) -> bool {
        self.stack.pop();
        self.sink.close();
        let done = self.stack.is_empty();
        self.state = if done { State::Start } else { State::After };
        done
    }

    fn open_string(&mut self, is_key: bool) {
        self.text.clear();
        self.checked = 0;
        self.is_key = is_key;
        self.state = State::String;
    }

    fn in_string(&mut self, input: &mut &[u8]) -> Result<(), JsonErrorKind> {
        let plain = |byte: &u8| !matches!(byte, b'"' | b'\\' | 0..=0x1f);
        let end = input.iter().position(|byte| !plain(byte));
        let (run, rest) = input.split_at(end.unwrap_or(input.len()));
        let Some((&stop, after)) = rest.split_first() else {
            *input = rest;
            self.text.extend_from_slice(run);
            return self.check_utf8();
        };
        *input = after;
        match stop {
            b'"' if self.text.is_empty() => self.end_string(run),
            b'"' => {
                self.text.extend_from_slice(run);
                let text = std::mem::take(&mut self.text);
                let result = self.end_string(&text);
                self.text = text;
                result
            }
            b'\\' => {
                self.text.extend_from_slice(run);
                self.state = State::Escape;
                self.check_utf8()
            }
            _ => Err(JsonErrorKind::Control),
        }
    }

    fn end_string(&mut self, text: &[u8]) -> Result<(), JsonErrorKind> {
        let text = std::str::from_utf8(text).map_err(|_| JsonErrorKind::Utf8)?;
        if self.is_key {
            self.state = State::Colon;
            return self.sink.key(text).map_err(|()| JsonErrorKind::DuplicateKey);
        }
        self.state = State::After;
        self.sink.string(text);
        Ok(())
    }

    /// Holds what was collected against UTF-8 without reading it twice.
    fn check_utf8(&mut self) -> Result<(), JsonErrorKind> {
        let new = self.text.get(self.checked..).unwrap_or_default();
        match std::str::from_utf8(new) {
            Ok(_) => self.checked = self.text.len(),
            Err(error) if error.error_len().is_none() => self.checked += error.valid_up_to(),
            Err(_) => return Err(JsonErrorKind::Utf8),
        }
        // An escape cannot stand within a character.
        expect(self.state == State::String || self.checked == self.text.len(), JsonErrorKind::Utf8)
    }

    fn escape(&mut self, byte: u8) -> Result<(), JsonErrorKind> {
        let plain = match byte {
            b'"' | b'\\' | b'/' => byte,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                self.state = State::Hex { digits: 0, code: 0, high: 0 };
                return Ok(());
            }
            _ => return Err(JsonErrorKind::Escape),
        };
        self.text.push(plain);
        self.state = State::String;
        Ok(())
    }

    fn hex(&mut self, byte: u8, digits: u8, code: u16, high: u16) -> Result<(), JsonErrorKind> {
        let digit = (byte as char).to_digit(16).ok_or(JsonErrorKind::Escape)?;
        let code = (code << 4) | digit as u16;
        if digits < 3 {
            self.state = State::Hex { digits: digits + 1, code, high };
            return Ok(());
        }
        if high == 0 && (0xd800..0xdc00).contains(&code) {
            self.state = State::LowEscape { high: code };
            return Ok(());
        }
        let units = [high, code];
        let units = if high == 0 { units.get(1..) } else { units.get(..) };
        let decoded = char::decode_utf16(units.unwrap_or_default().iter().copied()).next();
        let Some(Ok(character)) = decoded else { return Err(JsonErrorKind::Escape) };
        // RFC 7047 section 3.1: null characters should be refused, and ovsdb-server does.
        expect(character != '\0', JsonErrorKind::Control)?;
        self.text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        self.state = State::String;
        Ok(())
    }

    fn in_number(&mut self, mut grammar: Grammar, input: &mut &[u8]) -> Result<(), JsonErrorKind> {
        while let Some((&byte, rest)) = input.split_first() {
            let Some(next) = grammar.next(byte) else {
                expect(grammar.may_end(), JsonErrorKind::Unexpected)?;
                self.state = State::After;
                self.sink.scalar(number(&self.text).ok_or(JsonErrorKind::Number)?);
                return Ok(());
            };
            self.text.push(byte);
            grammar = next;
            *input = rest;
        }
        self.state = State::Number(grammar);
        Ok(())
    }

    fn literal(&mut self, byte: u8, rest: &'static [u8], word: Word) -> Result<(), JsonErrorKind> {
        let Some((&wanted, rest)) = rest.split_first() else {
            return Err(JsonErrorKind::Unexpected);
        };
        expect(byte == wanted, JsonErrorKind::Unexpected)?;
        self.state = State::Literal { rest, word };
        if rest.is_empty() {
            self.state = State::After;
            self.sink.scalar(match word {
                Word::Null => serde_json::Value::Null,
                Word::True => serde_json::Value::Bool(true),
                Word::False => serde_json::Value::Bool(false),
            });
        }
        Ok(())
    }
}

fn expect(holds: bool, otherwise: JsonErrorKind) -> Result<(), JsonErrorKind> {
    if holds { Ok(()) } else { Err(otherwise) }
}
