//! `encap`: adds a header.

use crate::error::EncodeError;
use crate::types::Blob;
use crate::wire::{Reader, Result, Wire, Writer};

/// Adds a header.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
pub struct Encap {
    /// Its length in bytes, 0 for the usual one.
    pub hdr_size: u16,
    /// What the packet is from then on.
    pub new_packet_type: u32,
    /// More about the header.
    pub properties: Vec<EncapProperty>,
}

impl Wire for Encap {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let (hdr_size, new_packet_type) = (u16::read(r)?, u32::read(r)?);
        Ok(Self { hdr_size, new_packet_type, properties: Vec::read(r)? })
    }

    fn write(&self, w: &mut Writer) {
        self.hdr_size.write(w);
        self.new_packet_type.write(w);
        self.properties.write(w);
    }
}

/// A property of [`Encap`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
pub struct EncapProperty {
    /// Which protocol it is of (4 is NSH).
    pub class: u16,
    /// Its number there.
    #[cfg_attr(feature = "json", serde(rename = "type"))]
    pub kind: u8,
    /// Its value.
    pub data: Blob,
}

impl Wire for EncapProperty {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let (class, kind) = (u16::read(r)?, u8::read(r)?);
        let length = usize::from(u8::read(r)?);
        let Some(size) = length.checked_sub(4) else {
            return Err(r.bad_length(length));
        };
        let data = Blob::from(r.take(size)?);
        r.skip(length.next_multiple_of(8) - length)?;
        Ok(Self { class, kind, data })
    }

    fn write(&self, w: &mut Writer) {
        let start = w.position();
        let length = self.data.len() + 4;
        self.class.write(w);
        self.kind.write(w);
        match u8::try_from(length) {
            Ok(length) => length.write(w),
            Err(_) => w.fail(EncodeError::TooLong { what: "encap property", length }),
        }
        self.data.write(w);
        w.pad8(start);
    }
}
