//! Hello and echo (section 7.5.1, 7.5.2).

use crate::macros::record;
use crate::types::Blob;
use crate::wire::{Reader, Result, Wire, Writer};

record! {
    /// The first message of both sides: which versions they speak.
    #[derive(Default)]
    Hello {
        /// What is said, nothing in versions before 1.3.1.
        elements: Vec<HelloElement>;
    }
}

impl Hello {
    /// A hello that offers these versions, such as `[4]` for 1.3.
    pub fn versions(versions: &[u8]) -> Self {
        let mut bitmaps: Vec<u32> = Vec::new();
        for v in versions {
            let word = usize::from(*v / 32);
            if bitmaps.len() <= word {
                bitmaps.resize(word + 1, 0);
            }
            if let Some(bits) = bitmaps.get_mut(word) {
                *bits |= 1 << (v % 32);
            }
        }
        Self { elements: vec![HelloElement::VersionBitmap { bitmaps }] }
    }

    /// Whether a peer that sent this hello with `version` in its header speaks `wanted`: as the
    /// bitmap says or, without one, any version up to that of the header.
    pub fn supports(&self, version: u8, wanted: u8) -> bool {
        let bitmap = self.elements.iter().find_map(|e| match e {
            HelloElement::VersionBitmap { bitmaps } => Some(bitmaps),
            HelloElement::Other { .. } => None,
        });
        let Some(bitmaps) = bitmap else { return wanted <= version };
        bitmaps.get(usize::from(wanted / 32)).is_some_and(|bits| bits >> (wanted % 32) & 1 != 0)
    }
}

/// A part of a hello.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HelloElement {
    /// The versions spoken: version v is bit v % 32 of word v / 32.
    VersionBitmap {
        /// The words.
        bitmaps: Vec<u32>,
    },
    /// Anything else, a bitmap of half words among it.
    Other {
        /// Its type.
        kind: u16,
        /// Its content.
        data: Blob,
    },
}

const VERSION_BITMAP: u16 = 1;

impl Wire for HelloElement {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        r.label("hello element");
        let (kind, length) = (u16::read(r)?, usize::from(u16::read(r)?));
        let Some(size) = length.checked_sub(4) else {
            return Err(r.bad_length(length));
        };
        let mut body = r.sub(size, "hello element")?;
        let padding = length.next_multiple_of(8) - length;
        r.skip(padding.min(r.left()))?;
        if kind == VERSION_BITMAP && size % 4 == 0 {
            return Ok(Self::VersionBitmap { bitmaps: Vec::read(&mut body)? });
        }
        Ok(Self::Other { kind, data: Blob::read(&mut body)? })
    }

    fn write(&self, w: &mut Writer) {
        let start = w.position();
        let kind = match self {
            Self::VersionBitmap { .. } => VERSION_BITMAP,
            Self::Other { kind, .. } => *kind,
        };
        kind.write(w);
        w.zeros(2);
        match self {
            Self::VersionBitmap { bitmaps } => bitmaps.write(w),
            Self::Other { data, .. } => data.write(w),
        }
        w.patch_len(start + 2, start, "hello element");
        w.pad8(start);
    }
}

record! {
    /// Asks whether the peer is there, or says so.
    #[derive(Default)]
    Echo {
        /// Anything; the reply carries that of the request.
        data: Blob;
    }
}
