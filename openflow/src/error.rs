//! What can be wrong with bytes, and with values that should become bytes.

use thiserror::Error;

/// Why a message could not be decoded, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{what} at byte {offset}: {kind}")]
pub struct DecodeError {
    /// The structure that was being read, such as `"action"`.
    pub what: &'static str,
    /// Bytes from the start of the message to the spot that was wrong.
    pub offset: u32,
    /// What was wrong there.
    pub kind: DecodeErrorKind,
}

/// The ways in which bytes can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DecodeErrorKind {
    /// A structure ends before its last field.
    #[error("cut short: needs {needed} bytes, {left} left")]
    Truncated {
        /// Bytes asked for.
        needed: u32,
        /// Bytes there are.
        left: u32,
    },
    /// A structure holds more than its fields.
    #[error("{0} bytes left over")]
    LeftOver(u32),
    /// The header's length is not that of the bytes given.
    #[error("header says {header} bytes, {given} given")]
    HeaderLength {
        /// What the header says.
        header: u16,
        /// What there is.
        given: u32,
    },
    /// A length field that cannot be: smaller than its header, larger than its container, or
    /// not a multiple where it has to be one.
    #[error("bad length {0}")]
    BadLength(u32),
    /// A number that selects a layout is not known.
    #[error("unknown type {0}")]
    UnknownType(u32),
    /// A field has a value that its layout does not allow.
    #[error("bad value {0}")]
    BadValue(u32),
    /// The version of the protocol is not one that has this message here.
    #[error("version {0} not supported")]
    BadVersion(u8),
    /// Structures nested deeper than [`MAX_DEPTH`](crate::wire::MAX_DEPTH).
    #[error("nested too deeply")]
    TooDeep,
}

/// Why a value could not be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EncodeError {
    /// A structure would be longer than its length field, or the message longer than 65,535
    /// bytes, can say.
    #[error("{what} is too long for its length field: {length} bytes")]
    TooLong {
        /// The structure.
        what: &'static str,
        /// Its length in bytes.
        length: usize,
    },
    /// A number does not fit the bits it has on the wire.
    #[error("{what} is out of range: {value}")]
    OutOfRange {
        /// The field.
        what: &'static str,
        /// Its value.
        value: u64,
    },
}
