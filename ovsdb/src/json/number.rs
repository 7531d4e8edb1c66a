//! Numbers: the grammar of RFC 8259 section 6 as a table, and their values.

use serde_json::{Number, Value};

/// Where in a number we stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grammar {
    Minus,
    Zero,
    Digits,
    Point,
    Fraction,
    Exponent,
    Sign,
    ExponentDigits,
}

impl Grammar {
    pub(super) fn start(byte: u8) -> Option<Grammar> {
        match byte {
            b'-' => Some(Grammar::Minus),
            b'0' => Some(Grammar::Zero),
            b'1'..=b'9' => Some(Grammar::Digits),
            _ => None,
        }
    }

    /// The place after `byte`, or `None` if it does not belong to the number.
    pub(super) fn next(self, byte: u8) -> Option<Grammar> {
        use Grammar::*;
        Some(match (self, byte) {
            (Minus, b'0') => Zero,
            (Minus, b'1'..=b'9') | (Digits, b'0'..=b'9') => Digits,
            (Zero | Digits, b'.') => Point,
            (Point | Fraction, b'0'..=b'9') => Fraction,
            (Zero | Digits | Fraction, b'e' | b'E') => Exponent,
            (Exponent, b'+' | b'-') => Sign,
            (Exponent | Sign | ExponentDigits, b'0'..=b'9') => ExponentDigits,
            _ => return None,
        })
    }

    pub(super) fn may_end(self) -> bool {
        use Grammar::*;
        matches!(self, Zero | Digits | Fraction | ExponentDigits)
    }
}

/// The value of a well-formed number: an integer where it fits 64 bits, else a finite double.
pub(super) fn number(text: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(text).ok()?;
    if let Ok(n) = text.parse::<i64>() {
        return Some(Value::from(n));
    }
    if let Ok(n) = text.parse::<u64>() {
        return Some(Value::from(n));
    }
    Number::from_f64(text.parse().ok()?).map(Value::Number)
}
