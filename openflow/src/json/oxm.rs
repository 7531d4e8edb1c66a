//! Match fields as JSON.

use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::hex;
use crate::oxm::{Field, Oxm, OxmId};
use crate::types::Blob;

struct Hex<'a>(&'a [u8]);

impl Serialize for Hex<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        hex::serialize(self.0, s)
    }
}

/// Writes class, number and experimenter.
fn serialize_field<S: SerializeStruct>(field: Field, s: &mut S) -> Result<(), S::Error> {
    s.serialize_field("class", &field.class())?;
    s.serialize_field("field", &field.number())?;
    if let Some(experimenter) = field.experimenter_id() {
        s.serialize_field("experimenter", &experimenter)?;
    }
    s.serialize_field("name", &field.name())
}

impl Serialize for Oxm {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut s = s.serialize_struct("oxm", 6)?;
        serialize_field(self.field(), &mut s)?;
        s.serialize_field("value", &Hex(self.value()))?;
        if let Some(mask) = self.mask() {
            s.serialize_field("mask", &Hex(mask))?;
        }
        s.end()
    }
}

impl Serialize for OxmId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut s = s.serialize_struct("oxm_id", 6)?;
        serialize_field(self.field, &mut s)?;
        s.serialize_field("length", &self.length)?;
        if self.has_mask {
            s.serialize_field("hasmask", &true)?;
        }
        s.end()
    }
}

/// Class, number and experimenter as they are read.
#[derive(serde::Deserialize)]
struct FieldJson {
    class: u16,
    field: u8,
    experimenter: Option<u32>,
}

impl FieldJson {
    fn field<E: Error>(&self) -> Result<Field, E> {
        if self.field > 0x7f {
            return Err(E::custom(format_args!("field {} is above 127", self.field)));
        }
        let field = Field::experimenter(self.experimenter.unwrap_or(0), self.class, self.field);
        if field.experimenter_id().is_some() && self.experimenter.is_none() {
            return Err(E::custom("class 65535 needs an experimenter"));
        }
        Ok(field)
    }
}

#[derive(serde::Deserialize)]
struct OxmJson {
    #[serde(flatten)]
    field: FieldJson,
    value: Blob,
    mask: Option<Blob>,
}

impl<'de> Deserialize<'de> for Oxm {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let OxmJson { field, value, mask } = OxmJson::deserialize(d)?;
        let field = field.field()?;
        if field.size().is_some_and(|size| usize::from(size) != value.len()) {
            return Err(D::Error::custom(format_args!("value of {field} has the wrong length")));
        }
        let unequal = || D::Error::custom("value and mask differ in length");
        Oxm::from_bytes(field, &value, mask.as_deref()).ok_or_else(unequal)
    }
}

#[derive(serde::Deserialize)]
struct OxmIdJson {
    #[serde(flatten)]
    field: FieldJson,
    length: u8,
    #[serde(default)]
    hasmask: bool,
}

impl<'de> Deserialize<'de> for OxmId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let OxmIdJson { field, length, hasmask } = OxmIdJson::deserialize(d)?;
        Ok(Self { field: field.field()?, length, has_mask: hasmask })
    }
}
