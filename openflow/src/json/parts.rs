//! Parts of messages whose JSON does not follow from their fields.

use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Serialize, Serializer};

use crate::msg::error::{ERROR_TYPE_EXPERIMENTER, ErrorMsg};
use crate::msg::group15::{GroupProperty, NETRONOME, SELECTION_METHOD, SelectionMethod};
use crate::msg::hello::HelloElement;
use crate::multipart::table_features::TypeId;
use crate::property::Property;
use crate::types::Blob;

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
enum HelloJson {
    Bitmap {
        #[serde(rename = "type")]
        kind: BitmapTag,
        bitmaps: Vec<u32>,
    },
    Other(Property),
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum BitmapTag {
    VersionBitmap,
}

impl Serialize for HelloElement {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self.clone() {
            Self::VersionBitmap { bitmaps } => HelloJson::Bitmap { kind: BitmapTag::VersionBitmap, bitmaps },
            Self::Other { kind, data } => HelloJson::Other(Property { kind, data }),
        }
        .serialize(s)
    }
}

impl<'de> Deserialize<'de> for HelloElement {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Ok(match HelloJson::deserialize(d)? {
            HelloJson::Bitmap { bitmaps, .. } => Self::VersionBitmap { bitmaps },
            HelloJson::Other(Property { kind, data }) => Self::Other { kind, data },
        })
    }
}

#[derive(serde::Serialize, serde::Deserialize)]
struct ErrorJson {
    error_type: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp_type: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    experimenter: Option<u32>,
    data: Blob,
}

impl Serialize for ErrorMsg {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let json = match self.clone() {
            Self::Standard { error_type, code, data } => {
                ErrorJson { error_type, code: Some(code), exp_type: None, experimenter: None, data }
            }
            Self::Experimenter { exp_type, experimenter, data } => ErrorJson {
                error_type: ERROR_TYPE_EXPERIMENTER,
                code: None,
                exp_type: Some(exp_type),
                experimenter: Some(experimenter),
                data,
            },
        };
        json.serialize(s)
    }
}

impl<'de> Deserialize<'de> for ErrorMsg {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let ErrorJson { error_type, code, exp_type, experimenter, data } = ErrorJson::deserialize(d)?;
        match (error_type, code, exp_type, experimenter) {
            (ERROR_TYPE_EXPERIMENTER, _, Some(exp_type), Some(experimenter)) => {
                Ok(Self::Experimenter { exp_type, experimenter, data })
            }
            (ERROR_TYPE_EXPERIMENTER, ..) => Err(D::Error::custom("error 65535 needs exp_type and experimenter")),
            (_, Some(code), ..) => Ok(Self::Standard { error_type, code, data }),
            _ => Err(D::Error::missing_field("code")),
        }
    }
}

#[derive(serde::Serialize, serde::Deserialize)]
struct TypeIdJson {
    #[serde(rename = "type")]
    kind: u16,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    long: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    experimenter: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Blob>,
}

impl Serialize for TypeId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let json = match self.clone() {
            Self::Standard { kind, long } => TypeIdJson { kind, long, experimenter: None, data: None },
            Self::Experimenter { experimenter, data } => {
                TypeIdJson { kind: 0xffff, long: false, experimenter: Some(experimenter), data: Some(data) }
            }
        };
        json.serialize(s)
    }
}

impl<'de> Deserialize<'de> for TypeId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let TypeIdJson { kind, long, experimenter, data } = TypeIdJson::deserialize(d)?;
        match (kind, experimenter) {
            (0xffff, Some(experimenter)) => Ok(Self::Experimenter { experimenter, data: data.unwrap_or_default() }),
            (0xffff, None) => Err(D::Error::missing_field("experimenter")),
            _ => Ok(Self::Standard { kind, long }),
        }
    }
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum ExperimenterTag {
    Experimenter,
}

#[derive(serde::Serialize)]
struct GroupExperimenter<T> {
    #[serde(rename = "type")]
    kind: ExperimenterTag,
    experimenter: u32,
    exp_type: u32,
    name: Option<&'static str>,
    #[serde(flatten)]
    value: T,
}

impl<T> GroupExperimenter<T> {
    fn new(experimenter: u32, exp_type: u32, name: Option<&'static str>, value: T) -> Self {
        Self { kind: ExperimenterTag::Experimenter, experimenter, exp_type, name, value }
    }
}

impl Serialize for GroupProperty {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self.clone() {
            Self::SelectionMethod(method) => {
                let name = Some("ntr_selection_method");
                GroupExperimenter::new(NETRONOME, SELECTION_METHOD, name, method).serialize(s)
            }
            Self::Experimenter { experimenter, exp_type, data } => {
                let data = super::Data { data };
                GroupExperimenter::new(experimenter, exp_type, None, data).serialize(s)
            }
            Self::Other(other) => other.serialize(s),
        }
    }
}

#[derive(serde::Deserialize)]
#[serde(untagged)]
enum GroupPropertyJson {
    Method {
        #[serde(rename = "type")]
        _kind: ExperimenterTag,
        experimenter: u32,
        exp_type: u32,
        #[serde(flatten)]
        method: SelectionMethod,
    },
    Experimenter {
        #[serde(rename = "type")]
        _kind: ExperimenterTag,
        experimenter: u32,
        exp_type: u32,
        data: Blob,
    },
    Other(Property),
}

impl<'de> Deserialize<'de> for GroupProperty {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Ok(match GroupPropertyJson::deserialize(d)? {
            GroupPropertyJson::Method { experimenter, exp_type, method, .. } => {
                if (experimenter, exp_type) != (NETRONOME, SELECTION_METHOD) {
                    return Err(D::Error::custom("selection_method of another experimenter"));
                }
                Self::SelectionMethod(method)
            }
            GroupPropertyJson::Experimenter { experimenter, exp_type, data, .. } => {
                Self::Experimenter { experimenter, exp_type, data }
            }
            GroupPropertyJson::Other(other) => Self::Other(other),
        })
    }
}
