//! The switch's side of a connection with a controller: bytes in, bytes out.

use thiserror::Error;

use super::bundle::Bundles;
use super::refusal::Refusal;
use super::{N_TABLES, Switch};
use crate::error::DecodeError;
use crate::message::{Body, HEADER_LEN, Message, VERSION_1_3};
use crate::msg::config::{Capabilities, FeaturesReply, Role, RoleMsg, SwitchConfig};
use crate::msg::experimenter::Experimenter;
use crate::msg::hello::Hello;
use crate::types::{Blob, Xid};

/// Bytes of a refused message that an error carries.
const ERROR_DATA: usize = 64;

/// A connection with a controller.
///
/// ```
/// use openflow::model::{Session, Switch};
/// use openflow::{Body, Message};
///
/// let mut switch = Switch::with_ports(0xaa, 1..=2);
/// let mut session = Session::default();
/// let request = Message::new(7, Body::FeaturesRequest).encode()?;
/// let bytes = session.handle_input(&mut switch, &request).unwrap();
/// let Body::FeaturesReply(reply) = Message::decode(&bytes)?.body else { panic!() };
/// assert_eq!(reply.datapath_id, 0xaa);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Session {
    input: Vec<u8>,
    role: Role,
    config: SwitchConfig,
    bundles: Bundles,
}

/// Why a session ends.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SessionEnd {
    /// A length that cannot be.
    #[error("a message says it has {0} bytes")]
    BadFrame(u16),
    /// The peer does not speak OpenFlow 1.3.
    #[error("the peer speaks version {0}")]
    Version(u8),
}

/// Why a message is refused, and which message of its bundle was to blame.
type Refused = (Refusal, Option<(Message, Refusal)>);

impl Default for Session {
    fn default() -> Self {
        let config = SwitchConfig { flags: 0, miss_send_len: 128 };
        Self { input: Vec::new(), role: Role::EQUAL, config, bundles: Bundles::default() }
    }
}

impl Session {
    /// What the switch says first.
    pub fn hello(&self) -> Vec<u8> {
        encode(&[Message::new(0, Hello::versions(&[VERSION_1_3]))])
    }

    /// Takes bytes from the controller; returns those for it.
    ///
    /// # Errors
    /// If the session has to end.
    pub fn handle_input(&mut self, switch: &mut Switch, bytes: &[u8]) -> Result<Vec<u8>, SessionEnd> {
        self.input.extend_from_slice(bytes);
        let mut out = Vec::new();
        let mut start = 0;
        while let Some(frame) = next_frame(self.input.get(start..).unwrap_or_default())? {
            let frame = frame.to_vec();
            start += frame.len();
            let replies = match Message::decode(&frame) {
                Ok(message) => self.handle(switch, &message)?,
                Err(error) => vec![undecodable(&frame, &error)],
            };
            out.extend(encode(&replies));
        }
        self.input.drain(..start);
        Ok(out)
    }

    /// Takes a message from the controller; returns those for it.
    ///
    /// # Errors
    /// If the session has to end.
    pub fn handle(&mut self, switch: &mut Switch, message: &Message) -> Result<Vec<Message>, SessionEnd> {
        if let Body::Hello(hello) = &message.body {
            let spoken = hello.supports(message.version, VERSION_1_3);
            return if spoken { Ok(Vec::new()) } else { Err(SessionEnd::Version(message.version)) };
        }
        let mut replies: Vec<Message> = match self.answer(switch, message) {
            Ok(bodies) => bodies.into_iter().map(|body| Message::new(message.xid, body)).collect(),
            Err((refusal, failed)) => {
                let failed = failed.map(|(inner, refusal)| refuse(&inner, refusal));
                failed.into_iter().chain([refuse(message, refusal)]).collect()
            }
        };
        replies.extend(switch.take_removed().into_iter().map(|removed| Message::new(0, removed)));
        Ok(replies)
    }

    fn answer(&mut self, switch: &mut Switch, message: &Message) -> Result<Vec<Body>, Refused> {
        let plain = |result: Result<(), Refusal>| result.map(|()| Vec::new()).map_err(|refusal| (refusal, None));
        let writes = matches!(message.body, Body::FlowMod(_) | Body::GroupMod(_) | Body::PacketOut(_));
        if writes && self.role == Role::SLAVE {
            return Err((Refusal::IS_SLAVE, None));
        }
        Ok(match &message.body {
            Body::EchoRequest(echo) => vec![Body::EchoReply(echo.clone())],
            Body::EchoReply(_) | Body::Error(_) => Vec::new(),
            Body::FeaturesRequest => vec![Body::FeaturesReply(features(switch))],
            Body::GetConfigRequest => vec![Body::GetConfigReply(self.config.clone())],
            Body::SetConfig(config) => {
                self.config = config.clone();
                Vec::new()
            }
            Body::BarrierRequest => vec![Body::BarrierReply],
            Body::RoleRequest(role) => vec![self.role(switch, role).map_err(|refusal| (refusal, None))?],
            Body::FlowMod(_) | Body::GroupMod(_) => return plain(switch.apply(message.body.clone())),
            Body::PacketOut(out) => {
                let trace = switch.packet_out(out).map_err(|refusal| (refusal, None))?;
                trace.to_controller().into_iter().map(|to| Body::PacketIn(to.packet_in())).collect()
            }
            Body::MultipartRequest(request) => {
                let replies = switch.multipart(&request.body).map_err(|refusal| (refusal, None))?;
                replies.into_iter().map(Body::MultipartReply).collect()
            }
            Body::Experimenter(Experimenter::OnftBundleControl(control)) => {
                let (done, failed) = self.bundles.control(control, switch);
                done.map_err(|refusal| (refusal, failed))?.into_iter().collect()
            }
            Body::Experimenter(Experimenter::OnftBundleAddMessage(add)) => {
                return plain(self.bundles.add(add, message.xid));
            }
            Body::Experimenter(_) => return plain(Err(Refusal::BAD_EXPERIMENTER)),
            _ => return plain(Err(Refusal::BAD_TYPE)),
        })
    }

    /// The generation id is the switch's: it is compared over all connections.
    fn role(&mut self, switch: &mut Switch, request: &RoleMsg) -> Result<Body, Refusal> {
        if matches!(request.role, Role::MASTER | Role::SLAVE) {
            // a distance in a circle (section 6.3.4)
            let older = |last: u64| (request.generation_id.wrapping_sub(last) as i64) < 0;
            if switch.generation_id.is_some_and(older) {
                return Err(Refusal::STALE);
            }
            switch.generation_id = Some(request.generation_id);
        }
        match request.role {
            Role::NOCHANGE => {}
            Role::EQUAL | Role::MASTER | Role::SLAVE => self.role = request.role,
            _ => return Err(Refusal::BAD_ROLE),
        }
        let generation_id = switch.generation_id.unwrap_or(u64::MAX);
        Ok(Body::RoleReply(RoleMsg { role: self.role, generation_id }))
    }
}

fn features(switch: &Switch) -> FeaturesReply {
    let capabilities = [
        Capabilities::FLOW_STATS,
        Capabilities::TABLE_STATS,
        Capabilities::PORT_STATS,
        Capabilities::GROUP_STATS,
        Capabilities::QUEUE_STATS,
    ];
    FeaturesReply {
        datapath_id: switch.datapath_id,
        n_buffers: 0,
        n_tables: N_TABLES,
        auxiliary_id: 0,
        capabilities: capabilities.into_iter().fold(Capabilities::NONE, |all, one| all | one),
        reserved: 0,
    }
}

fn next_frame(bytes: &[u8]) -> Result<Option<&[u8]>, SessionEnd> {
    let Some([_, _, l0, l1]) = bytes.first_chunk() else { return Ok(None) };
    let length = u16::from_be_bytes([*l0, *l1]);
    if usize::from(length) < HEADER_LEN {
        return Err(SessionEnd::BadFrame(length));
    }
    Ok(bytes.get(..usize::from(length)))
}

fn refuse(message: &Message, refusal: Refusal) -> Message {
    let bytes = message.encode().unwrap_or_default();
    error(message.xid, &bytes, refusal)
}

fn undecodable(frame: &[u8], _: &DecodeError) -> Message {
    let header: Option<&[u8; HEADER_LEN]> = frame.first_chunk();
    let xid = header.map_or(0, |[_, _, _, _, xid @ ..]| Xid::from_be_bytes(*xid));
    error(xid, frame, Refusal::BAD_LEN)
}

fn error(xid: Xid, bytes: &[u8], refusal: Refusal) -> Message {
    let data = bytes.get(..ERROR_DATA).unwrap_or(bytes);
    Message::new(xid, refusal.message(Blob::from(data)))
}

/// Replies are cut to fit, so that every one of them can be encoded.
fn encode(messages: &[Message]) -> Vec<u8> {
    let mut out = Vec::new();
    for message in messages {
        let _too_long = message.encode_into(&mut out);
    }
    out
}
