//! Messages, multiparts and experimenters' bodies: their layout follows from a name or a number
//! beside them.

use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Serialize, Serializer};
use serde_json::Value;

use crate::message::{Body, Message};
use crate::msg::experimenter::{Experimenter, ExperimenterReply, ExperimenterRequest};
use crate::multipart::{MultipartFlags, MultipartReply, MultipartReplyBody, MultipartRequest, MultipartRequestBody};

/// Serializes the body of something whose layout is known from beside it.
struct BodyOf<'a, T>(&'a T);

macro_rules! body_of {
    ($($t:ty),*) => {$(
        impl Serialize for BodyOf<'_, $t> {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                self.0.serialize_body(s)
            }
        }
    )*};
}
body_of!(Body, MultipartRequestBody, MultipartReplyBody, Experimenter, ExperimenterRequest, ExperimenterReply);

#[derive(serde::Serialize)]
struct MessageRef<'a> {
    version: u8,
    #[serde(rename = "type")]
    kind: &'static str,
    xid: u32,
    body: BodyOf<'a, Body>,
}

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let (_, kind) = self.body.kind();
        MessageRef { version: self.version, kind, xid: self.xid, body: BodyOf(&self.body) }.serialize(s)
    }
}

#[derive(serde::Deserialize)]
struct MessageJson {
    version: u8,
    #[serde(rename = "type")]
    kind: String,
    xid: u32,
    body: Value,
}

impl<'de> Deserialize<'de> for Message {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let MessageJson { version, kind, xid, body } = MessageJson::deserialize(d)?;
        let body = Body::from_json(version, &kind, body).map_err(D::Error::custom)?;
        Ok(Self { version, xid, body })
    }
}

#[derive(serde::Serialize)]
struct MultipartRef<T> {
    multipart_type: &'static str,
    flags: MultipartFlags,
    body: T,
}

#[derive(serde::Deserialize)]
struct MultipartJson {
    multipart_type: String,
    flags: MultipartFlags,
    body: Value,
}

macro_rules! multipart {
    ($($read:ident $name:ident $body:ident;)*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                let (_, multipart_type) = self.body.kind();
                MultipartRef { multipart_type, flags: self.flags, body: BodyOf(&self.body) }
                    .serialize(s)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let value = Value::deserialize(d)?;
                $read(crate::message::VERSION_1_3, value).map_err(D::Error::custom)
            }
        }

        /// Reads a multipart of a version.
        pub(crate) fn $read(version: u8, value: Value) -> serde_json::Result<$name> {
            let MultipartJson { multipart_type, flags, body } = serde_json::from_value(value)?;
            Ok($name { flags, body: $body::from_json(version, &multipart_type, body)? })
        }
    )*};
}
multipart! {
    multipart_request MultipartRequest MultipartRequestBody;
    multipart_reply MultipartReply MultipartReplyBody;
}

#[derive(serde::Serialize)]
struct ExperimenterRef<T> {
    experimenter: u32,
    exp_type: u32,
    name: Option<&'static str>,
    #[serde(flatten)]
    body: T,
}

#[derive(serde::Deserialize)]
struct ExperimenterJson {
    experimenter: u32,
    exp_type: u32,
    #[serde(flatten)]
    body: Value,
}

macro_rules! experimenter {
    ($($name:ident),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                let (experimenter, exp_type, name) = self.kind();
                ExperimenterRef { experimenter, exp_type, name, body: BodyOf(self) }.serialize(s)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let ExperimenterJson { experimenter, exp_type, body } =
                    ExperimenterJson::deserialize(d)?;
                Self::from_json(experimenter, exp_type, body).map_err(D::Error::custom)
            }
        }
    )*};
}
experimenter!(Experimenter, ExperimenterRequest, ExperimenterReply);
