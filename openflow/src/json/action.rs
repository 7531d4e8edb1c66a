//! The actions whose JSON does not follow from their fields.

use std::borrow::Cow;

use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Serialize, Serializer};

use crate::action::{Action, BitRange, Ct, CtFlags, CtZone, LearnDst, LearnSpec, LearnSrc};
use crate::oxm::OxmId;
use crate::types::{Blob, TableId};

#[derive(serde::Serialize, serde::Deserialize)]
struct CtJson<'a> {
    flags: CtFlags,
    zone_src: Option<OxmId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    zone: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ofs: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    n_bits: Option<u16>,
    recirc_table: TableId,
    alg: u16,
    actions: Cow<'a, [Action]>,
}

impl Serialize for Ct {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let (zone_src, zone, bits) = match self.zone {
            CtZone::Imm(zone) => (None, Some(zone), None),
            CtZone::Field { src, bits } => (Some(src), None, Some(bits)),
        };
        let json = CtJson {
            flags: self.flags,
            zone_src,
            zone,
            ofs: bits.map(|b| b.ofs),
            n_bits: bits.map(|b| b.n_bits),
            recirc_table: self.recirc_table,
            alg: self.alg,
            actions: Cow::Borrowed(&self.actions),
        };
        json.serialize(s)
    }
}

impl<'de> Deserialize<'de> for Ct {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let json = CtJson::deserialize(d)?;
        let zone = match (json.zone_src, json.zone, json.ofs, json.n_bits) {
            (None, Some(zone), ..) => CtZone::Imm(zone),
            (Some(src), _, Some(ofs), Some(n_bits)) => CtZone::Field { src, bits: BitRange { ofs, n_bits } },
            _ => return Err(D::Error::custom("ct needs zone, or zone_src with ofs and n_bits")),
        };
        Ok(Self {
            flags: json.flags,
            zone,
            recirc_table: json.recirc_table,
            alg: json.alg,
            actions: json.actions.into_owned(),
        })
    }
}

#[derive(serde::Serialize, serde::Deserialize)]
struct SpecJson<'a> {
    src: Cow<'a, str>,
    dst: Cow<'a, str>,
    n_bits: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    src_field: Option<OxmId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    src_ofs: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Blob>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dst_field: Option<OxmId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dst_ofs: Option<u16>,
}

impl Serialize for LearnSpec {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let (src, src_field, value) = match &self.src {
            LearnSrc::Field(field, ofs) => ("field", Some((*field, *ofs)), None),
            LearnSrc::Immediate(value) => ("immediate", None, Some(value.clone())),
        };
        let (dst, dst_field) = match self.dst {
            LearnDst::Match(field, ofs) => ("match", Some((field, ofs))),
            LearnDst::Load(field, ofs) => ("load", Some((field, ofs))),
            LearnDst::Output => ("output", None),
        };
        let json = SpecJson {
            src: src.into(),
            dst: dst.into(),
            n_bits: self.n_bits,
            src_field: src_field.map(|f| f.0),
            src_ofs: src_field.map(|f| f.1),
            value,
            dst_field: dst_field.map(|f| f.0),
            dst_ofs: dst_field.map(|f| f.1),
        };
        json.serialize(s)
    }
}

impl<'de> Deserialize<'de> for LearnSpec {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let json = SpecJson::deserialize(d)?;
        let src = match (&*json.src, json.src_field, json.src_ofs, json.value) {
            ("field", Some(field), Some(ofs), _) => LearnSrc::Field(field, ofs),
            ("immediate", _, _, Some(value)) => LearnSrc::Immediate(value),
            _ => return Err(D::Error::custom("bad source of a learn spec")),
        };
        let dst = match (&*json.dst, json.dst_field, json.dst_ofs) {
            ("match", Some(field), Some(ofs)) => LearnDst::Match(field, ofs),
            ("load", Some(field), Some(ofs)) => LearnDst::Load(field, ofs),
            ("output", ..) => LearnDst::Output,
            _ => return Err(D::Error::custom("bad destination of a learn spec")),
        };
        Ok(Self { n_bits: json.n_bits, src, dst })
    }
}
