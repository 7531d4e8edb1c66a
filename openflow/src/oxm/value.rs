//! A match field with its value, and a field named without one.

use std::fmt;

use super::field::{CLASS_EXPERIMENTER, Field};
use crate::error::{DecodeErrorKind, EncodeError};
use crate::types::{Mac, PortNo};
use crate::wire::{Reader, Result, Wire, Writer, count_by_byte};

/// Bytes that are kept in place: all but masked 128-bit values and long tunnel options.
const INLINE: usize = 16;

/// Value and mask, one after the other. The length is in the [`Oxm`], so that it and these words
/// move without being taken apart. Inline bytes beyond the length are zero, so that derived
/// comparisons hold.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Data {
    Inline(Inline),
    Heap(Box<[u8]>),
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(align(8))]
struct Inline([u8; INLINE]);

impl Data {
    #[inline]
    fn new(bytes: &[u8]) -> Self {
        match inline(bytes) {
            Some(bytes) => Self::Inline(Inline(bytes)),
            None => Self::Heap(bytes.into()),
        }
    }
}

/// The bytes with zeros behind, if there are few. The lengths that fields have are copied as
/// numbers, which stay in registers.
#[inline]
fn inline(bytes: &[u8]) -> Option<[u8; INLINE]> {
    let high = |n: u64, len: u32| u128::from(n) << (128 - 8 * len);
    let number = match *bytes {
        [a] => high(a.into(), 1),
        [a, b] => high(u16::from_be_bytes([a, b]).into(), 2),
        [a, b, c, d] => high(u32::from_be_bytes([a, b, c, d]).into(), 4),
        [a, b, c, d, e, f] => high(u64::from_be_bytes([0, 0, a, b, c, d, e, f]), 6),
        [a, b, c, d, e, f, g, h] => high(u64::from_be_bytes([a, b, c, d, e, f, g, h]), 8),
        _ => return inline_any(bytes),
    };
    Some(number.to_be_bytes())
}

fn inline_any(bytes: &[u8]) -> Option<[u8; INLINE]> {
    let mut inline = [0; INLINE];
    inline.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(inline)
}

/// A match field with its value and maybe a mask (section 7.2.2.2): one TLV.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Oxm {
    experimenter: u32,
    class: u16,
    /// With the mask bit, as on the wire.
    number: u8,
    /// Bytes of value and mask, if they are inline.
    length: u8,
    data: Data,
}

impl Oxm {
    /// A field that has exactly this value.
    pub fn new(field: Field, value: impl OxmValue) -> Self {
        value.with_bytes(|v| Self::of(field, false, v))
    }

    /// A field that has this value where `mask` has ones.
    pub fn masked<V: OxmValue>(field: Field, value: V, mask: V) -> Self {
        value.with_bytes(|v| mask.with_bytes(|m| Self::joined(field, v, m)))
    }

    /// A field with value and mask as bytes; `None` if their lengths differ.
    pub fn from_bytes(field: Field, value: &[u8], mask: Option<&[u8]>) -> Option<Self> {
        match mask {
            None => Some(Self::of(field, false, value)),
            Some(mask) if mask.len() == value.len() => Some(Self::joined(field, value, mask)),
            Some(_) => None,
        }
    }

    fn joined(field: Field, value: &[u8], mask: &[u8]) -> Self {
        let mut both = Vec::with_capacity(value.len() + mask.len());
        both.extend_from_slice(value);
        both.extend_from_slice(mask);
        Self::of(field, true, &both)
    }

    #[inline]
    fn of(field: Field, masked: bool, bytes: &[u8]) -> Self {
        let experimenter = field.experimenter_id().unwrap_or(0);
        let number = field.number() << 1 | u8::from(masked);
        let length = bytes.len().min(INLINE + 1) as u8;
        Self { experimenter, class: field.class(), number, length, data: Data::new(bytes) }
    }

    #[inline]
    fn is_masked(&self) -> bool {
        self.number & 1 != 0
    }

    /// Value and mask.
    #[inline]
    fn bytes(&self) -> &[u8] {
        match &self.data {
            Data::Inline(Inline(bytes)) => bytes.get(..usize::from(self.length)).unwrap_or_default(),
            Data::Heap(bytes) => bytes,
        }
    }

    /// Which field.
    #[inline]
    pub fn field(&self) -> Field {
        Field::experimenter(self.experimenter, self.class, self.number >> 1)
    }

    /// The value.
    pub fn value(&self) -> &[u8] {
        let all = self.bytes();
        if self.is_masked() { all.get(..all.len() / 2).unwrap_or_default() } else { all }
    }

    /// The mask, as long as the value.
    pub fn mask(&self) -> Option<&[u8]> {
        let all = self.bytes();
        if self.is_masked() { all.get(all.len() / 2..) } else { None }
    }

    /// The value as a number, if it has at most 16 bytes.
    pub fn value_u128(&self) -> Option<u128> {
        be_u128(self.value())
    }

    /// The mask as a number, if there is one of at most 16 bytes.
    pub fn mask_u128(&self) -> Option<u128> {
        self.mask().and_then(be_u128)
    }

    /// The field as actions name it: without value, never with a mask.
    pub fn id(&self) -> OxmId {
        OxmId::with_length(self.field(), self.value().len() as u8)
    }
}

fn be_u128(bytes: &[u8]) -> Option<u128> {
    (bytes.len() <= 16).then(|| bytes.iter().fold(0, |n, b| n << 8 | u128::from(*b)))
}

impl fmt::Debug for Oxm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=", self.field())?;
        self.value().iter().try_for_each(|b| write!(f, "{b:02x}"))?;
        if let Some(mask) = self.mask() {
            f.write_str("/")?;
            mask.iter().try_for_each(|b| write!(f, "{b:02x}"))?;
        }
        Ok(())
    }
}

/// Reads one TLV: field, mask bit, value and mask.
#[inline]
fn read_tlv<'a>(r: &mut Reader<'a>) -> Result<(Field, bool, &'a [u8])> {
    let (field, masked, length) = read_header(r)?;
    let mut size = usize::from(length);
    if field.class() == CLASS_EXPERIMENTER {
        size -= 4;
    }
    let data = r.take(size)?;
    let per_value = if masked { size / 2 } else { size };
    let wrong = field.size().is_some_and(|s| usize::from(s) != per_value);
    if wrong || (masked && size % 2 != 0) {
        return Err(r.bad_length(size));
    }
    Ok((field, masked, data))
}

impl Wire for Oxm {
    #[inline]
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let (field, masked, data) = read_tlv(r)?;
        Ok(Self::of(field, masked, data))
    }

    #[inline]
    fn read_onto(out: &mut Vec<Self>, r: &mut Reader<'_>) -> Result<()> {
        let (field, masked, data) = read_tlv(r)?;
        out.push(Self::of(field, masked, data));
        Ok(())
    }

    #[inline]
    fn write(&self, w: &mut Writer) {
        let data = self.bytes();
        write_header(self.field(), self.is_masked(), data.len(), w);
        w.put(data);
    }

    #[inline]
    fn count(r: &Reader<'_>) -> usize {
        count_by_byte(r)
    }
}

/// Reads class, number, mask bit, length and experimenter. The length counts at least the
/// experimenter where there is one.
#[inline]
fn read_header(r: &mut Reader<'_>) -> Result<(Field, bool, u8)> {
    let [c0, c1, number, length] = r.array()?;
    let class = u16::from_be_bytes([c0, c1]);
    let mut experimenter = 0;
    if class == CLASS_EXPERIMENTER {
        if length < 4 {
            return Err(r.error(DecodeErrorKind::BadLength(u32::from(length))));
        }
        experimenter = u32::read(r)?;
    }
    Ok((Field::experimenter(experimenter, class, number >> 1), number & 1 != 0, length))
}

#[inline]
fn write_header(field: Field, masked: bool, data: usize, w: &mut Writer) {
    let experimenter = field.experimenter_id();
    let length = data + if experimenter.is_some() { 4 } else { 0 };
    let Ok(length) = u8::try_from(length) else {
        return w.fail(EncodeError::TooLong { what: "match field", length });
    };
    let [c0, c1] = field.class().to_be_bytes();
    w.put_array([c0, c1, field.number() << 1 | u8::from(masked), length]);
    if let Some(experimenter) = experimenter {
        experimenter.write(w);
    }
}

/// A field named without a value, in actions and table features: the header of a TLV.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OxmId {
    /// Which field.
    pub field: Field,
    /// The length byte: bytes of a value, and 4 for the experimenter if there is one.
    pub length: u8,
    /// The bit that says a mask follows, or may follow.
    pub has_mask: bool,
}

impl OxmId {
    /// The id of a named field. Fields without a fixed length get length 0: see
    /// [`OxmId::with_length`].
    pub fn new(field: Field) -> Self {
        Self::with_length(field, field.size().unwrap_or(0))
    }

    /// The id of a field whose values have `size` bytes.
    pub fn with_length(field: Field, size: u8) -> Self {
        let extra = if field.experimenter_id().is_some() { 4 } else { 0 };
        Self { field, length: size.saturating_add(extra), has_mask: false }
    }

    /// Bytes of the id on the wire: 4, or 8 with an experimenter.
    pub fn wire_len(self) -> usize {
        if self.field.experimenter_id().is_some() { 8 } else { 4 }
    }

    /// Bits of the field: those in use for a named one, else 8 for each byte of the length.
    pub fn n_bits(self) -> u16 {
        if self.field.tun_metadata_index().is_some() {
            return u16::from(self.length) * 8;
        }
        let extra = if self.field.experimenter_id().is_some() { 4 } else { 0 };
        self.field.info().map_or(u16::from(self.length.saturating_sub(extra)) * 8, |i| i.bits)
    }
}

impl From<Field> for OxmId {
    fn from(field: Field) -> Self {
        Self::new(field)
    }
}

impl fmt::Debug for OxmId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.field, f)
    }
}

impl Wire for OxmId {
    #[inline]
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let [c0, c1, number, length] = r.array()?;
        let class = u16::from_be_bytes([c0, c1]);
        let experimenter = if class == CLASS_EXPERIMENTER { u32::read(r)? } else { 0 };
        let field = Field::experimenter(experimenter, class, number >> 1);
        Ok(Self { field, length, has_mask: number & 1 != 0 })
    }

    fn write(&self, w: &mut Writer) {
        let [c0, c1] = self.field.class().to_be_bytes();
        w.put_array([c0, c1, self.field.number() << 1 | u8::from(self.has_mask), self.length]);
        if let Some(experimenter) = self.field.experimenter_id() {
            experimenter.write(w);
        }
    }
}

/// What a field's value can be made of.
pub trait OxmValue {
    /// Hands the bytes as they are on the wire to `f`.
    fn with_bytes<R>(self, f: impl FnOnce(&[u8]) -> R) -> R;
}

macro_rules! value {
    ($($t:ty: $v:ident => $bytes:expr;)*) => {$(
        impl OxmValue for $t {
            #[inline]
            fn with_bytes<R>(self, f: impl FnOnce(&[u8]) -> R) -> R {
                let $v = self;
                f(&$bytes)
            }
        }
    )*};
}
value! {
    u8: v => v.to_be_bytes();
    u16: v => v.to_be_bytes();
    u32: v => v.to_be_bytes();
    u64: v => v.to_be_bytes();
    u128: v => v.to_be_bytes();
    std::net::Ipv4Addr: v => v.octets();
    std::net::Ipv6Addr: v => v.octets();
    Mac: v => v.0;
    PortNo: v => v.0.to_be_bytes();
}

impl<const N: usize> OxmValue for [u8; N] {
    fn with_bytes<R>(self, f: impl FnOnce(&[u8]) -> R) -> R {
        f(&self)
    }
}
