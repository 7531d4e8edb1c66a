//! Whole messages, as `ovs-ofctl ofp-print` prints them.

use std::fmt::{self, Display, Formatter};

use super::{error, extension, flow, group, group15, meter, multipart, packet_io, port, switch};
use crate::message::{self, Body};
use crate::msg::hello::{Echo, Hello, HelloElement};
use crate::types::PortNo;

use super::number::{HexDump, Port};

/// A message: one line, or several where there is a list. No line end after the last.
pub struct Message<'a>(pub &'a message::Message);

impl Display for Message<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let message = self.0;
        match &message.body {
            Body::Experimenter(body) => extension::message(message, body, f),
            Body::MultipartRequest(body) => multipart::request(message, body, f),
            Body::MultipartReply(body) => multipart::reply(message, body, f),
            body => {
                let (_, name) = body.kind();
                write!(f, "OFPT_{}{}", Upper(name), Head(message))?;
                write_body(message, f)
            }
        }
    }
}

fn write_body(message: &message::Message, f: &mut Formatter<'_>) -> fmt::Result {
    match &message.body {
        Body::Hello(m) => hello(message, m, f),
        Body::EchoRequest(m) | Body::EchoReply(m) => echo(m, f),
        Body::Error(m) => error::error(message.version, m, f),
        Body::FeaturesReply(m) => switch::features(m, f),
        Body::GetConfigReply(m) | Body::SetConfig(m) => switch::config(m, f),
        Body::PacketIn(m) => packet_io::packet_in(m, f),
        Body::PacketOut(m) => packet_io::packet_out(m, f),
        Body::FlowRemoved(m) => flow::flow_removed(m, f),
        Body::FlowMod(m) => write!(f, " {}", flow::FlowMod(m)),
        Body::GroupMod(m) => write!(f, "\n {}", group::GroupMod(m)),
        Body::GroupMod15(m) => group15::group_mod(m, f),
        Body::MeterMod(m) => write!(f, " {}", meter::MeterMod(m)),
        Body::PortStatus(m) => port::port_status(m, f),
        Body::PortMod(m) => port::port_mod(m, f),
        Body::TableMod(m) => write!(f, " table_id={}", TableOrAll(m.table_id.0)),
        Body::QueueGetConfigRequest(m) => write!(f, " port={}", Port(m.port)),
        Body::QueueGetConfigReply(m) => switch::queues(m, f),
        Body::RoleRequest(m) | Body::RoleReply(m) => switch::role(m, f),
        Body::GetAsyncReply(m) | Body::SetAsync(m) => switch::async_config(m, f),
        Body::FeaturesRequest
        | Body::GetConfigRequest
        | Body::BarrierRequest
        | Body::BarrierReply
        | Body::GetAsyncRequest
        | Body::Experimenter(_)
        | Body::MultipartRequest(_)
        | Body::MultipartReply(_) => Ok(()),
    }
}

/// Version and transaction id: ` (OF1.3) (xid=0x6):`.
pub(super) struct Head<'a>(pub &'a message::Message);

impl Display for Head<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        head(self.0.version, self.0.xid, f)
    }
}

pub(super) fn head(version: u8, xid: u32, f: &mut Formatter<'_>) -> fmt::Result {
    match version {
        1 => {}
        2..=6 => write!(f, " (OF1.{})", version - 1)?,
        _ => write!(f, " (OF 0x{version:02x})")?,
    }
    write!(f, " (xid={xid:#x}):")
}

/// A name of the JSON form as the specification has it.
pub(super) struct Upper<'a>(pub &'a str);

impl Display for Upper<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.bytes().try_for_each(|b| write!(f, "{}", char::from(b.to_ascii_uppercase())))
    }
}

struct TableOrAll(u8);

impl Display for TableOrAll {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.0 == 0xff { f.write_str("ALL_TABLES") } else { write!(f, "{}", self.0) }
    }
}

fn hello(message: &message::Message, hello: &Hello, f: &mut Formatter<'_>) -> fmt::Result {
    f.write_str("\n version bitmap: ")?;
    let mut versions: Vec<u8> = (1..32).filter(|v| hello.supports(message.version, *v)).collect();
    let no_version = versions.is_empty();
    if no_version {
        versions = (1..=message.version).collect();
    }
    for (i, version) in versions.iter().enumerate() {
        write!(f, "{}0x{version:02x}", if i == 0 { "" } else { ", " })?;
    }
    let strange = hello.elements.iter().any(|e| matches!(e, HelloElement::Other { .. }));
    match message.encode() {
        Ok(bytes) if strange || no_version => write!(f, "\n unknown data in hello:\n{}", HexDump(&bytes)),
        _ => Ok(()),
    }
}

fn echo(echo: &Echo, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, " {} bytes of payload", echo.data.len())?;
    if echo.data.is_empty() { Ok(()) } else { write!(f, "\n{}", HexDump(&echo.data)) }
}

/// `port=ANY` and the like is not mentioned.
pub(super) fn unless_any(name: &str, port: PortNo, f: &mut Formatter<'_>) -> fmt::Result {
    if port == PortNo::ANY { Ok(()) } else { write!(f, " {name}={}", Port(port)) }
}
