//! Cuts a stream of bytes into messages.

use super::CloseReason;
use crate::message::HEADER_LEN;

/// Holds what is not yet a whole message. It never holds more than was pushed since the last
/// whole one, and a message is at most 65,535 bytes.
#[derive(Debug, Default)]
pub(super) struct Framer {
    bytes: Vec<u8>,
    start: usize,
}

/// The most bytes of memory that a session keeps while it waits for the next message: there may be thousands of them.
const KEPT: usize = 4 << 10;

impl Framer {
    /// Adds bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.start);
        self.start = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole message.
    pub fn next_frame(&mut self) -> Result<Option<&[u8]>, CloseReason> {
        if self.start == self.bytes.len() && self.bytes.capacity() > KEPT {
            *self = Self::default();
        }
        let rest = self.bytes.get(self.start..).unwrap_or_default();
        let Some([_, _, l0, l1]) = rest.first_chunk() else { return Ok(None) };
        let length = u16::from_be_bytes([*l0, *l1]);
        if usize::from(length) < HEADER_LEN {
            return Err(CloseReason::BadFrame { length });
        }
        let Some(frame) = rest.get(..usize::from(length)) else { return Ok(None) };
        self.start += frame.len();
        Ok(Some(frame))
    }
}
