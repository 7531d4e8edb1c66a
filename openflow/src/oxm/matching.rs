//! What a flow matches: a list of fields.

use std::fmt;

use super::field::Field;
use super::value::Oxm;
use crate::error::DecodeErrorKind;
use crate::wire::{Reader, Result, Wire, Writer};

/// `OFPMT_OXM`, the only match type of OpenFlow 1.3.
const MATCH_TYPE_OXM: u16 = 1;

/// What a flow matches (section 7.2.2): fields in the order they have on the wire. Empty matches
/// everything.
///
/// ```
/// use openflow::{Match, Field};
/// let m = Match::new().eth_type(0x0800).ip_proto(6).tcp_dst(80);
/// assert_eq!(m.get(Field::OXM_OF_TCP_DST).unwrap().value(), [0, 80]);
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "json", serde(transparent))]
pub struct Match {
    fields: Vec<Oxm>,
}

impl Match {
    /// A match of everything.
    pub const fn new() -> Self {
        Self { fields: Vec::new() }
    }

    /// The same with one more field.
    #[must_use]
    pub fn with(mut self, oxm: Oxm) -> Self {
        self.fields.push(oxm);
        self
    }

    /// Adds a field at the end.
    pub fn push(&mut self, oxm: Oxm) {
        self.fields.push(oxm);
    }

    /// The fields in order.
    pub fn fields(&self) -> &[Oxm] {
        &self.fields
    }

    /// The fields in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Oxm> {
        self.fields.iter()
    }

    /// The first value given for a field.
    pub fn get(&self, field: Field) -> Option<&Oxm> {
        self.fields.iter().find(|o| o.field() == field)
    }

    /// Whether it matches everything.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The number of fields.
    pub fn len(&self) -> usize {
        self.fields.len()
    }
}

impl FromIterator<Oxm> for Match {
    fn from_iter<I: IntoIterator<Item = Oxm>>(fields: I) -> Self {
        Self { fields: fields.into_iter().collect() }
    }
}

impl From<Vec<Oxm>> for Match {
    fn from(fields: Vec<Oxm>) -> Self {
        Self { fields }
    }
}

impl IntoIterator for Match {
    type Item = Oxm;
    type IntoIter = std::vec::IntoIter<Oxm>;
    fn into_iter(self) -> Self::IntoIter {
        self.fields.into_iter()
    }
}

impl<'a> IntoIterator for &'a Match {
    type Item = &'a Oxm;
    type IntoIter = std::slice::Iter<'a, Oxm>;
    fn into_iter(self) -> Self::IntoIter {
        self.fields.iter()
    }
}

impl fmt::Debug for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.fields).finish()
    }
}

/// A whole `ofp_match`: header, fields, padding to 8 bytes.
impl Wire for Match {
    #[inline]
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let kind = u16::read(r)?;
        if kind != MATCH_TYPE_OXM {
            return Err(r.error(DecodeErrorKind::UnknownType(u32::from(kind))));
        }
        let length = usize::from(u16::read(r)?);
        let Some(size) = length.checked_sub(4) else {
            return Err(r.bad_length(length));
        };
        let mut fields = r.sub(size, "match")?;
        r.skip(length.next_multiple_of(8) - length)?;
        Ok(Self { fields: Vec::read(&mut fields)? })
    }

    #[inline]
    fn write(&self, w: &mut Writer) {
        let start = w.position();
        w.put_array([0, MATCH_TYPE_OXM as u8, 0, 0]);
        self.fields.write(w);
        w.patch_len(start + 2, start, "match");
        w.pad8(start);
    }
}
