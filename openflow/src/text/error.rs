//! Errors, and the messages they are about.

use std::fmt::{self, Formatter};

use super::message::{Message, Upper, head};
use super::number::HexDump;
use crate::error::{DecodeError, DecodeErrorKind};
use crate::message::{self, Body, HEADER_LEN, Header};
use crate::msg::error::{ErrorMsg, HELLO_FAILED};
use crate::wire::{Reader, Wire};

pub(super) fn error(version: u8, error: &ErrorMsg, f: &mut Formatter<'_>) -> fmt::Result {
    match name(version, error) {
        Some(name) => writeln!(f, " {name}")?,
        None => writeln!(f, " {error}")?,
    }
    match error {
        ErrorMsg::Standard { error_type: HELLO_FAILED, data, .. } => f.write_str(&String::from_utf8_lossy(data)),
        ErrorMsg::Standard { data, .. } | ErrorMsg::Experimenter { data, .. } => about(data, f),
    }
}

/// The name that Open vSwitch has for an error, where it is another than the specification's.
fn name(version: u8, error: &ErrorMsg) -> Option<&'static str> {
    let ErrorMsg::Standard { error_type, code, .. } = error else { return None };
    if version == 1 {
        let code_of = |names: &[&'static str]| names.get(usize::from(*code)).copied();
        match error_type {
            3 => return code_of(FLOW_MOD_FAILED_1_0),
            4 => return code_of(PORT_MOD_FAILED_1_0),
            5 => return code_of(QUEUE_OP_FAILED_1_0),
            _ => {}
        }
    }
    Some(match (error_type, code) {
        (1, 2) => "OFPBRC_BAD_STAT",
        (1, 3) => "OFPBRC_BAD_VENDOR",
        (1, 4) => "OFPBRC_BAD_SUBTYPE",
        (1, 10) => "OFPBRC_IS_SECONDARY",
        (2, 2) => "OFPBAC_BAD_VENDOR",
        (2, 3) => "OFPBAC_BAD_VENDOR_TYPE",
        (13, 2) => "OFPBPC_BAD_TYPE",
        (13, 3) => "OFPBPC_BAD_LEN",
        (13, 4) => "OFPBPC_BAD_VALUE",
        _ => return None,
    })
}

/// OpenFlow 1.0 numbers its errors otherwise; Open vSwitch sends some before a version is agreed.
const FLOW_MOD_FAILED_1_0: &[&str] = &[
    "OFPFMFC_TABLE_FULL",
    "OFPFMFC_OVERLAP",
    "OFPFMFC_EPERM",
    "OFPFMFC_BAD_EMERG_TIMEOUT",
    "OFPFMFC_BAD_COMMAND",
    "OFPFMFC_UNSUPPORTED",
];
const PORT_MOD_FAILED_1_0: &[&str] = &["OFPPMFC_BAD_PORT", "OFPPMFC_BAD_HW_ADDR"];
const QUEUE_OP_FAILED_1_0: &[&str] = &["OFPQOFC_BAD_PORT", "OFPQOFC_BAD_QUEUE", "OFPQOFC_EPERM"];

/// The message that an error is about, of which a switch may send no more than the beginning.
fn about(data: &[u8], f: &mut Formatter<'_>) -> fmt::Result {
    let Ok(header) = Header::read(&mut Reader::new(data, "message")) else {
        if data.is_empty() {
            return f.write_str("OpenFlow message is empty");
        }
        return write!(f, "OpenFlow packet too short (only {} bytes):\n{}", data.len(), HexDump(data));
    };
    match message::Message::decode(data) {
        // An error about an error is not unfolded further.
        Ok(about) if !matches!(about.body, Body::Error(_)) => return write!(f, "{}", Message(&about)),
        Ok(_) => {}
        Err(error) => undecoded(&header, error, data.len(), f)?,
    }
    write!(f, "{}", HexDump(data))
}

/// Why a message is shown as bytes.
fn undecoded(header: &Header, error: DecodeError, given: usize, f: &mut Formatter<'_>) -> fmt::Result {
    let length = usize::from(header.length);
    if length > given {
        if let Some(name) = Body::name_of(header.kind) {
            write!(f, "OFPT_{}", Upper(name))?;
            head(header.version, header.xid, f)?;
            writeln!(f)?;
        }
        return writeln!(f, "(***truncated to {given} bytes from {length}***)");
    }
    if length < given {
        return writeln!(f, "(***only uses {length} bytes out of {given}***)");
    }
    match error {
        DecodeError { kind: DecodeErrorKind::UnknownType(_), offset, .. } if offset as usize <= HEADER_LEN => {
            writeln!(f, "***decode error: OFPBRC_BAD_TYPE***")
        }
        DecodeError { kind: DecodeErrorKind::Truncated { .. } | DecodeErrorKind::LeftOver(_), .. } => {
            writeln!(f, "***decode error: OFPBRC_BAD_LEN***")
        }
        error => writeln!(f, "***decode error: {error}***"),
    }
}
