//! A message: header and body (section 7.1).

use crate::error::{DecodeError, DecodeErrorKind, EncodeError};
use crate::msg::config::{AsyncConfig, FeaturesReply, RoleMsg, SwitchConfig, TableMod};
use crate::msg::error::ErrorMsg;
use crate::msg::experimenter::Experimenter;
use crate::msg::flow::{FlowMod, FlowRemoved};
use crate::msg::group::GroupMod;
use crate::msg::group15::GroupMod15;
use crate::msg::hello::{Echo, Hello};
use crate::msg::meter::MeterMod;
use crate::msg::packet::{PacketIn, PacketOut};
use crate::msg::port::{PortMod, PortStatus};
use crate::msg::queue::{QueueConfigReply, QueueConfigRequest};
use crate::multipart::{MultipartReply, MultipartReplyBody, MultipartRequest, MultipartRequestBody};
use crate::types::Xid;
use crate::wire::{Reader, Result, Wire, Writer};

/// The version number of OpenFlow 1.3.
pub const VERSION_1_3: u8 = 4;
/// The version number of OpenFlow 1.5, of which only group messages are known here.
pub const VERSION_1_5: u8 = 6;
/// Bytes of the header that every message begins with.
pub const HEADER_LEN: usize = 8;
/// Bytes of the longest message.
pub const MAX_LEN: usize = 65_535;

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Message {
    /// The version of the protocol: 4 for 1.3.
    pub version: u8,
    /// The transaction id.
    pub xid: Xid,
    /// What it says.
    pub body: Body,
}

/// Declares [`Body`]: number, JSON name, variant, type. Sections: without body, with, and those
/// of version 6.
macro_rules! messages {
    (
        $($(#[$um:meta])* $un:literal $utext:literal $u:ident;)*
        : $($(#[$vm:meta])* $n:literal $text:literal $v:ident($t:ty);)*
        v6: $($(#[$wm:meta])* $wn:literal $wtext:literal $w:ident($wt:ty);)*
    ) => {
        /// What a message says.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum Body {
            $($(#[$um])* $u,)*
            $($(#[$vm])* $v($t),)*
            $($(#[$wm])* $w($wt),)*
        }

        impl Body {
            /// The number of the message type, and its name.
            pub fn kind(&self) -> (u8, &'static str) {
                match self {
                    $(Self::$u => ($un, $utext),)*
                    $(Self::$v(_) => ($n, $text),)*
                    $(Self::$w(_) => ($wn, $wtext),)*
                }
            }

            /// The name of a message type.
            pub(crate) fn name_of(kind: u8) -> Option<&'static str> {
                match kind {
                    $($un => Some($utext),)*
                    $($n => Some($text),)*
                    _ => None,
                }
            }

            fn read(version: u8, kind: u8, r: &mut Reader<'_>) -> Result<Self> {
                match (kind, version) {
                    $(($un, VERSION_1_3) => return Ok(Self::$u),)*
                    $(($n, VERSION_1_3) => {
                        r.label($text);
                        return Ok(Self::$v(<$t>::read(r)?));
                    })*
                    $(($wn, VERSION_1_5) => {
                        r.label($wtext);
                        return Ok(Self::$w(<$wt>::read(r)?));
                    })*
                    _ => {}
                }
                Self::read_any_version(version, kind, r)
            }

            fn write(&self, w: &mut Writer) {
                match self {
                    $(Self::$u => {})*
                    $(Self::$v(body) => body.write(w),)*
                    $(Self::$w(body) => body.write(w),)*
                }
            }

            #[cfg(feature = "json")]
            pub(crate) fn serialize_body<S: serde::Serializer>(&self, s: S) -> std::result::Result<S::Ok, S::Error> {
                use serde::Serialize;
                match self {
                    $(Self::$u => $crate::msg::experimenter::Empty {}.serialize(s),)*
                    $(Self::$v(body) => body.serialize(s),)*
                    $(Self::$w(body) => body.serialize(s),)*
                }
            }

            #[cfg(feature = "json")]
            pub(crate) fn from_json(
                version: u8,
                kind: &str,
                value: serde_json::Value,
            ) -> serde_json::Result<Self> {
                Ok(match (kind, version) {
                    $(($utext, VERSION_1_3) => {
                        serde_json::from_value::<$crate::msg::experimenter::Empty>(value)?;
                        Self::$u
                    })*
                    $(($wtext, VERSION_1_5) => Self::$w(serde_json::from_value(value)?),)*
                    ("multipart_request", VERSION_1_5) => {
                        Self::MultipartRequest($crate::json::multipart_request(version, value)?)
                    }
                    ("multipart_reply", VERSION_1_5) => {
                        Self::MultipartReply($crate::json::multipart_reply(version, value)?)
                    }
                    $(($text, _) if version_fits(version, $n) => Self::$v(serde_json::from_value(value)?),)*
                    _ => return Err($crate::json::unknown("type", kind)),
                })
            }
        }

        #[cfg(test)]
        impl $crate::arb::Arb for Body {
            fn arb(g: &mut $crate::arb::Gen<'_>) -> Self {
                use $crate::arb::Arb;
                let all: &[fn(&mut $crate::arb::Gen<'_>) -> Self] =
                    &[$(|_| Self::$u,)* $(|g| Self::$v(Arb::arb(g)),)*];
                g.pick(all)(g)
            }
        }

        $(impl From<$wt> for Body {
            fn from(body: $wt) -> Self {
                Self::$w(body)
            }
        })*
    };
}

messages! {
    /// Asks who the switch is.
    5 "features_request" FeaturesRequest;
    /// Asks how the switch is configured.
    7 "get_config_request" GetConfigRequest;
    /// Asks for an answer when all before it is done.
    20 "barrier_request" BarrierRequest;
    /// All before the request is done.
    21 "barrier_reply" BarrierReply;
    /// Asks what the switch sends unasked.
    26 "get_async_request" GetAsyncRequest;
    :
    /// Which versions the peer speaks.
    0 "hello" Hello(Hello);
    /// What was wrong.
    1 "error" Error(ErrorMsg);
    /// Asks whether the peer is there.
    2 "echo_request" EchoRequest(Echo);
    /// Says so.
    3 "echo_reply" EchoReply(Echo);
    /// What an experimenter defines.
    4 "experimenter" Experimenter(Experimenter);
    /// Who the switch is.
    6 "features_reply" FeaturesReply(FeaturesReply);
    /// How the switch is configured.
    8 "get_config_reply" GetConfigReply(SwitchConfig);
    /// Configures the switch.
    9 "set_config" SetConfig(SwitchConfig);
    /// A packet for the controller.
    10 "packet_in" PacketIn(PacketIn);
    /// A flow ended.
    11 "flow_removed" FlowRemoved(FlowRemoved);
    /// Something happened to a port.
    12 "port_status" PortStatus(PortStatus);
    /// Has the switch send a packet.
    13 "packet_out" PacketOut(PacketOut);
    /// Adds, changes or deletes flows.
    14 "flow_mod" FlowMod(FlowMod);
    /// Adds, replaces or deletes groups.
    15 "group_mod" GroupMod(GroupMod);
    /// Configures a port.
    16 "port_mod" PortMod(PortMod);
    /// Configures a table.
    17 "table_mod" TableMod(TableMod);
    /// A question.
    18 "multipart_request" MultipartRequest(MultipartRequest);
    /// An answer, or a part of it.
    19 "multipart_reply" MultipartReply(MultipartReply);
    /// Asks for the queues of a port.
    22 "queue_get_config_request" QueueGetConfigRequest(QueueConfigRequest);
    /// The queues of a port.
    23 "queue_get_config_reply" QueueGetConfigReply(QueueConfigReply);
    /// Asks for a role.
    24 "role_request" RoleRequest(RoleMsg);
    /// Which role it is.
    25 "role_reply" RoleReply(RoleMsg);
    /// What the switch sends unasked.
    27 "get_async_reply" GetAsyncReply(AsyncConfig);
    /// Sets what the switch sends unasked.
    28 "set_async" SetAsync(AsyncConfig);
    /// Adds, replaces or deletes meters.
    29 "meter_mod" MeterMod(MeterMod);
    v6:
    /// Adds, changes or deletes groups, in OpenFlow 1.5.
    15 "group_mod" GroupMod15(GroupMod15);
}

/// Whether a message type is known in a version: all in 1.3, hello, error and echo in any.
#[cfg(feature = "json")]
fn version_fits(version: u8, kind: u8) -> bool {
    matches!((version, kind), (VERSION_1_3, _) | (1.., 0..=3))
}

impl Body {
    fn read_any_version(version: u8, kind: u8, r: &mut Reader<'_>) -> Result<Self> {
        Ok(match (kind, version) {
            (0, 1..) => Self::Hello(Hello::read(r)?),
            (1, 1..) => Self::Error(ErrorMsg::read(r)?),
            (2, 1..) => Self::EchoRequest(Echo::read(r)?),
            (3, 1..) => Self::EchoReply(Echo::read(r)?),
            (18, VERSION_1_5) => Self::MultipartRequest(MultipartRequest::read(r)?),
            (19, VERSION_1_5) => Self::MultipartReply(MultipartReply::read(r)?),
            (_, VERSION_1_3) => {
                return Err(r.error(DecodeErrorKind::UnknownType(u32::from(kind))));
            }
            _ => return Err(r.error(DecodeErrorKind::BadVersion(version))),
        })
    }
}

impl Message {
    /// A message of OpenFlow 1.3.
    pub fn new(xid: Xid, body: impl Into<Body>) -> Self {
        Self { version: VERSION_1_3, xid, body: body.into() }
    }

    /// Decodes one whole message.
    ///
    /// # Errors
    /// If the header's length is not that of `bytes`, or anything in them does not fit.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut r = Reader::new(bytes, "message");
        let header = Header::read(&mut r.clone())?;
        if usize::from(header.length) != bytes.len() {
            let given = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            return Err(r.error(DecodeErrorKind::HeaderLength { header: header.length, given }));
        }
        Self::read(&mut r)
    }

    /// Encodes the message.
    ///
    /// # Errors
    /// If a number or a length does not fit its field.
    pub fn encode(&self) -> std::result::Result<Vec<u8>, EncodeError> {
        let mut bytes = Vec::with_capacity(128);
        self.encode_into(&mut bytes)?;
        Ok(bytes)
    }

    /// Appends the encoded message to `out`, which is as it was after an error.
    ///
    /// # Errors
    /// If a number or a length does not fit its field.
    pub fn encode_into(&self, out: &mut Vec<u8>) -> std::result::Result<(), EncodeError> {
        let start = out.len();
        let mut w = Writer::new(std::mem::take(out));
        self.write(&mut w);
        let (bytes, error) = w.into_parts();
        *out = bytes;
        if let Some(error) = error {
            out.truncate(start);
            return Err(error);
        }
        Ok(())
    }
}

impl Wire for Message {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let header = Header::read(&mut r.clone())?;
        if usize::from(header.length) < HEADER_LEN || usize::from(header.length) > r.left() {
            return Err(r.bad_length(usize::from(header.length)));
        }
        let r = r.sub(usize::from(header.length), "message")?.deeper()?;
        let mut r = r.with_version(header.version);
        r.skip(HEADER_LEN)?;
        let body = Body::read(header.version, header.kind, &mut r)?;
        r.end()?;
        Ok(Self { version: header.version, xid: header.xid, body })
    }

    fn write(&self, w: &mut Writer) {
        let start = w.position();
        w.put_array([self.version, self.body.kind().0, 0, 0]);
        self.xid.write(w);
        self.body.write(w);
        w.patch_len(start + 2, start, "message");
    }
}

/// The eight bytes that every message begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The version of the protocol.
    pub version: u8,
    /// The number of the message type.
    pub kind: u8,
    /// Bytes of the whole message.
    pub length: u16,
    /// The transaction id.
    pub xid: Xid,
}

impl Wire for Header {
    #[inline]
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let [version, kind, l0, l1, x @ ..] = r.array::<HEADER_LEN>()?;
        let xid = u32::from_be_bytes(x);
        Ok(Self { version, kind, length: u16::from_be_bytes([l0, l1]), xid })
    }

    fn write(&self, w: &mut Writer) {
        w.put_array([self.version, self.kind]);
        self.length.write(w);
        self.xid.write(w);
    }
}

impl From<DecodeError> for std::io::Error {
    fn from(error: DecodeError) -> Self {
        std::io::Error::new(std::io::ErrorKind::InvalidData, error)
    }
}

macro_rules! body_from {
    ($($t:ty => $v:ident;)*) => {$(
        impl From<$t> for Body {
            fn from(body: $t) -> Self {
                Self::$v(body)
            }
        }
    )*};
}
body_from! {
    Hello => Hello;
    ErrorMsg => Error;
    Experimenter => Experimenter;
    FeaturesReply => FeaturesReply;
    PacketIn => PacketIn;
    FlowRemoved => FlowRemoved;
    PortStatus => PortStatus;
    PacketOut => PacketOut;
    FlowMod => FlowMod;
    GroupMod => GroupMod;
    PortMod => PortMod;
    TableMod => TableMod;
    MultipartRequest => MultipartRequest;
    MultipartReply => MultipartReply;
    QueueConfigRequest => QueueGetConfigRequest;
    QueueConfigReply => QueueGetConfigReply;
    MeterMod => MeterMod;
}

impl From<MultipartRequestBody> for Body {
    fn from(body: MultipartRequestBody) -> Self {
        Self::MultipartRequest(body.into())
    }
}

impl From<MultipartReplyBody> for Body {
    fn from(body: MultipartReplyBody) -> Self {
        Self::MultipartReply(body.into())
    }
}
