//! The checked cursor over bytes, its counterpart for writing, and the trait that ties both to
//! types.
//!
//! Nothing here panics, whatever the bytes hold: every read is checked against what is left, and
//! nesting is bounded by [`MAX_DEPTH`].

use crate::error::{DecodeError, DecodeErrorKind, EncodeError};

/// How deep structures may nest: actions in actions, messages in messages.
pub const MAX_DEPTH: u8 = 32;

/// A result of decoding.
pub type Result<T> = std::result::Result<T, DecodeError>;

/// A cursor over the bytes of one structure.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    offset: u32,
    what: &'static str,
    depth: u8,
    version: u8,
}

impl<'a> Reader<'a> {
    /// A reader of `bytes`; `what` names them in errors.
    pub fn new(bytes: &'a [u8], what: &'static str) -> Self {
        Self { bytes, offset: 0, what, depth: 0, version: 4 }
    }

    /// The version of the protocol the bytes are of.
    pub fn version(&self) -> u8 {
        self.version
    }

    /// The same reader for bytes of another version than 4.
    pub fn with_version(mut self, version: u8) -> Self {
        self.version = version;
        self
    }

    /// Bytes not yet read.
    pub fn left(&self) -> usize {
        self.bytes.len()
    }

    /// Whether everything has been read.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Names the structure for errors from here on.
    pub fn label(&mut self, what: &'static str) {
        self.what = what;
    }

    /// An error at this spot.
    #[cold]
    pub fn error(&self, kind: DecodeErrorKind) -> DecodeError {
        DecodeError { what: self.what, offset: self.offset, kind }
    }

    /// An error about a length field.
    #[cold]
    pub fn bad_length(&self, length: usize) -> DecodeError {
        self.error(DecodeErrorKind::BadLength(u32::try_from(length).unwrap_or(u32::MAX)))
    }

    /// The next `n` bytes.
    #[inline]
    pub fn take(&mut self, n: usize) -> Result<&'a [u8]> {
        let Some((head, tail)) = self.bytes.split_at_checked(n) else {
            return Err(self.truncated(n));
        };
        self.bytes = tail;
        self.offset += n as u32;
        Ok(head)
    }

    #[cold]
    fn truncated(&self, n: usize) -> DecodeError {
        self.error(DecodeErrorKind::Truncated {
            needed: u32::try_from(n).unwrap_or(u32::MAX),
            left: self.bytes.len() as u32,
        })
    }

    /// The next `N` bytes as an array.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let Some((head, tail)) = self.bytes.split_first_chunk::<N>() else {
            return Err(self.truncated(N));
        };
        self.bytes = tail;
        self.offset += N as u32;
        Ok(*head)
    }

    /// The first `N` bytes without moving on.
    #[inline]
    pub fn peek<const N: usize>(&self) -> Result<[u8; N]> {
        self.bytes.first_chunk::<N>().copied().ok_or_else(|| self.truncated(N))
    }

    /// Steps over `n` bytes of padding.
    #[inline]
    pub fn skip(&mut self, n: usize) -> Result<()> {
        self.take(n)?;
        Ok(())
    }

    /// All that is left.
    #[inline]
    pub fn rest(&mut self) -> &'a [u8] {
        self.offset += self.bytes.len() as u32;
        std::mem::take(&mut self.bytes)
    }

    /// A reader of the next `n` bytes, which this one steps over.
    #[inline]
    pub fn sub(&mut self, n: usize, what: &'static str) -> Result<Reader<'a>> {
        let offset = self.offset;
        let bytes = self.take(n)?;
        Ok(Reader { bytes, offset, what, depth: self.depth, version: self.version })
    }

    /// The same reader one level deeper.
    #[inline]
    pub fn deeper(mut self) -> Result<Reader<'a>> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error(DecodeErrorKind::TooDeep));
        }
        Ok(self)
    }

    /// Ends the structure: nothing may be left.
    #[inline]
    pub fn end(&self) -> Result<()> {
        if self.bytes.is_empty() {
            return Ok(());
        }
        Err(self.error(DecodeErrorKind::LeftOver(self.bytes.len() as u32)))
    }

    /// Ends a structure that is padded to a multiple of 8 bytes.
    #[inline]
    pub fn end_padded(&self) -> Result<()> {
        if self.bytes.len() < 8 {
            return Ok(());
        }
        self.end()
    }
}

/// Bytes being written. Errors stick and come out of [`Writer::finish`].
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
    error: Option<EncodeError>,
}

impl Writer {
    /// A writer that appends to `bytes`.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, error: None }
    }

    /// Bytes written so far.
    pub fn position(&self) -> usize {
        self.bytes.len()
    }

    /// Appends bytes.
    #[inline]
    pub fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Appends an array; cheaper than [`Writer::put`] where the length is known.
    #[inline]
    pub fn put_array<const N: usize>(&mut self, bytes: [u8; N]) {
        self.bytes.extend_from_slice(&bytes);
    }

    /// Appends `n` zero bytes.
    #[inline]
    pub fn zeros(&mut self, n: usize) {
        self.bytes.resize(self.bytes.len() + n, 0);
    }

    /// Pads with zeros to a multiple of 8 bytes from `start`.
    #[inline]
    pub fn pad8(&mut self, start: usize) {
        let odd = (self.bytes.len() - start) % 8;
        if odd != 0 {
            self.zeros(8 - odd);
        }
    }

    /// Sets the 16-bit length at `at` to the number of bytes since `start`.
    #[inline]
    pub fn patch_len(&mut self, at: usize, start: usize, what: &'static str) {
        let length = self.bytes.len() - start;
        match (u16::try_from(length), self.bytes.get_mut(at..at + 2)) {
            (Ok(length), Some(slot)) => slot.copy_from_slice(&length.to_be_bytes()),
            _ => self.fail(EncodeError::TooLong { what, length }),
        }
    }

    /// Remembers the first error.
    #[cold]
    pub fn fail(&mut self, error: EncodeError) {
        self.error.get_or_insert(error);
    }

    /// The bytes, or the first error.
    pub fn finish(self) -> std::result::Result<Vec<u8>, EncodeError> {
        match self.error {
            Some(error) => Err(error),
            None => Ok(self.bytes),
        }
    }

    /// The buffer with all that was written, and the first error.
    pub fn into_parts(self) -> (Vec<u8>, Option<EncodeError>) {
        (self.bytes, self.error)
    }
}

/// A type with one layout on the wire.
///
/// Types that have no length of their own (lists, opaque bytes) take all that the reader has
/// left: the structure around them gives them a reader of the right size.
pub trait Wire: Sized {
    /// Reads a value.
    fn read(r: &mut Reader<'_>) -> Result<Self>;
    /// Appends the value.
    fn write(&self, w: &mut Writer);

    /// Reads a value to the end of a list. Large types do this themselves, as a value that is made
    /// where it stays is not copied.
    ///
    /// # Errors
    /// As [`Wire::read`]; what the list then has at its end does not count.
    #[inline]
    fn read_onto(out: &mut Vec<Self>, r: &mut Reader<'_>) -> Result<()> {
        out.push(Self::read(r)?);
        Ok(())
    }

    /// How many such values the rest of a reader may hold: room is made for them at once. A guess
    /// that is wrong costs time, nothing else.
    #[inline]
    fn count(_: &Reader<'_>) -> usize {
        0
    }
}

/// Counts elements that have their 16-bit length in bytes `AT` and up, until one does not fit.
#[inline]
pub(crate) fn count_by_length<const AT: usize>(r: &Reader<'_>) -> usize {
    let (mut rest, mut n) = (r.bytes, 0);
    while let Some([a, b]) = rest.get(AT..).and_then(|tail| tail.first_chunk()) {
        let length = usize::from(u16::from_be_bytes([*a, *b]));
        match rest.get(length..) {
            Some(tail) if length > 0 => rest = tail,
            _ => break,
        }
        n += 1;
    }
    n
}

/// Counts elements whose fourth byte is the length of what follows it.
#[inline]
pub(crate) fn count_by_byte(r: &Reader<'_>) -> usize {
    let (mut rest, mut n) = (r.bytes, 0);
    while let Some([_, _, _, length]) = rest.first_chunk() {
        let Some(tail) = rest.get(4 + usize::from(*length)..) else { break };
        rest = tail;
        n += 1;
    }
    n
}

macro_rules! int {
    ($($t:ty),*) => {$(
        impl Wire for $t {
            #[inline]
            fn read(r: &mut Reader<'_>) -> Result<Self> {
                Ok(<$t>::from_be_bytes(r.array()?))
            }
            #[inline]
            fn write(&self, w: &mut Writer) {
                w.put_array(self.to_be_bytes());
            }
        }
    )*};
}
int!(u8, u16, u32, u64);

impl<const N: usize> Wire for [u8; N] {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        r.array()
    }
    fn write(&self, w: &mut Writer) {
        w.put_array(*self);
    }
}

impl<const N: usize> Wire for [u32; N] {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let mut out = [0; N];
        for x in &mut out {
            *x = u32::read(r)?;
        }
        Ok(out)
    }
    fn write(&self, w: &mut Writer) {
        self.iter().for_each(|x| x.write(w));
    }
}

impl<T: Wire> Wire for Vec<T> {
    #[inline]
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let mut out = Vec::with_capacity(T::count(r));
        while !r.is_empty() {
            T::read_onto(&mut out, r)?;
        }
        Ok(out)
    }
    #[inline]
    fn write(&self, w: &mut Writer) {
        self.iter().for_each(|x| x.write(w));
    }
}

impl<T: Wire> Wire for Box<T> {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        Ok(Box::new(T::read(r)?))
    }
    fn write(&self, w: &mut Writer) {
        (**self).write(w);
    }
}
