//! Properties: list elements with a 16-bit type, a 16-bit length that does not count the padding,
//! and padding to 8 bytes.

use crate::types::Blob;
use crate::wire::{Reader, Result, Wire, Writer};

/// A property whose value is not interpreted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
pub struct Property {
    /// Its type.
    #[cfg_attr(feature = "json", serde(rename = "type"))]
    pub kind: u16,
    /// What follows its header, without the padding.
    pub data: Blob,
}

impl Wire for Property {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let Framed { kind, mut body } = Framed::read(r)?;
        Ok(Self { kind, data: Blob::read(&mut body)? })
    }

    fn write(&self, w: &mut Writer) {
        write_framed(self.kind, w, |w| self.data.write(w));
    }
}

/// The type of a property and a reader of what follows its header.
pub(crate) struct Framed<'a> {
    pub kind: u16,
    pub body: Reader<'a>,
}

impl<'a> Framed<'a> {
    pub fn read(r: &mut Reader<'a>) -> Result<Self> {
        r.label("property");
        let (kind, length) = (u16::read(r)?, usize::from(u16::read(r)?));
        let Some(size) = length.checked_sub(4) else {
            return Err(r.bad_length(length));
        };
        let body = r.sub(size, "property")?;
        r.skip(length.next_multiple_of(8) - length)?;
        Ok(Self { kind, body })
    }
}

/// Writes header, value and padding of a property.
pub(crate) fn write_framed(kind: u16, w: &mut Writer, value: impl FnOnce(&mut Writer)) {
    let start = w.position();
    kind.write(w);
    w.zeros(2);
    value(w);
    w.patch_len(start + 2, start, "property");
    w.pad8(start);
}
