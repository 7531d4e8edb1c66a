//! Parts that several actions share.

use crate::error::EncodeError;
use crate::oxm::{Field, OxmId};
use crate::wire::{Reader, Result, Wire, Writer};

/// Which bits of a field: `n_bits` from bit `ofs` up. On the wire both share 16 bits
/// (`ofs << 6 | (n_bits - 1)`), so `ofs` is below 1024 and `n_bits` 1 to 64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
pub struct BitRange {
    /// The lowest bit.
    pub ofs: u16,
    /// How many bits.
    pub n_bits: u16,
}

impl BitRange {
    /// `n_bits` from bit `ofs` up.
    pub const fn new(ofs: u16, n_bits: u16) -> Self {
        Self { ofs, n_bits }
    }
}

impl Wire for BitRange {
    #[inline]
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let both = u16::read(r)?;
        Ok(Self { ofs: both >> 6, n_bits: (both & 0x3f) + 1 })
    }

    fn write(&self, w: &mut Writer) {
        if !(1..=64).contains(&self.n_bits) {
            let value = u64::from(self.n_bits);
            return w.fail(EncodeError::OutOfRange { what: "n_bits", value });
        }
        if self.ofs >= 1024 {
            return w.fail(EncodeError::OutOfRange { what: "ofs", value: u64::from(self.ofs) });
        }
        (self.ofs << 6 | (self.n_bits - 1)).write(w);
    }
}

/// Bits of a field, as builders of actions take them: a whole field by `Field::X.into()`, or
/// `Subfield::new(field, ofs, n_bits)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Subfield {
    /// The field.
    pub id: OxmId,
    /// Which of its bits.
    pub bits: BitRange,
}

impl Subfield {
    /// `n_bits` bits of `field` from bit `ofs` up.
    pub fn new(field: impl Into<OxmId>, ofs: u16, n_bits: u16) -> Self {
        Self { id: field.into(), bits: BitRange::new(ofs, n_bits) }
    }
}

impl From<Field> for Subfield {
    fn from(field: Field) -> Self {
        let id = OxmId::new(field);
        Self::new(id, 0, id.n_bits())
    }
}

/// Reads sizes and fields of the two forms of copy_field.
pub(super) fn read_copy(r: &mut Reader<'_>) -> Result<([u16; 3], [OxmId; 2])> {
    let numbers = [u16::read(r)?, u16::read(r)?, u16::read(r)?];
    r.skip(2)?;
    Ok((numbers, [OxmId::read(r)?, OxmId::read(r)?]))
}

/// Writes what [`read_copy`] reads.
pub(super) fn write_copy(numbers: [u16; 3], fields: [&OxmId; 2], w: &mut Writer) {
    numbers.iter().for_each(|n| n.write(w));
    w.zeros(2);
    fields.iter().for_each(|f| f.write(w));
}

/// The controllers to tell when a TTL ends.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
pub struct DecTtlCntIds {
    /// Their ids.
    pub controller_ids: Vec<u16>,
}

impl Wire for DecTtlCntIds {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let n = usize::from(u16::read(r)?);
        r.skip(4)?;
        let mut ids = r.sub(n * 2, "dec_ttl ids")?;
        Ok(Self { controller_ids: Vec::read(&mut ids)? })
    }

    fn write(&self, w: &mut Writer) {
        write_count(self.controller_ids.len(), "controller_ids", w);
        w.zeros(4);
        self.controller_ids.write(w);
    }
}

/// Writes the 16-bit number of elements of a list.
pub(super) fn write_count(n: usize, what: &'static str, w: &mut Writer) {
    match u16::try_from(n) {
        Ok(n) => n.write(w),
        Err(_) => w.fail(EncodeError::OutOfRange { what, value: n as u64 }),
    }
}

/// The field that is removed. The action always takes 24 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
pub struct DeleteField {
    /// The field: one of the tunnel options.
    pub field: OxmId,
}

/// Bytes of the action after its header and subtype.
const DELETE_FIELD_BODY: usize = 14;

impl Wire for DeleteField {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let field = OxmId::read(r)?;
        r.skip(DELETE_FIELD_BODY - field.wire_len())?;
        Ok(Self { field })
    }

    fn write(&self, w: &mut Writer) {
        self.field.write(w);
        w.zeros(DELETE_FIELD_BODY - self.field.wire_len());
    }
}
