//! Errors.

use std::fmt::{self, Formatter};

use super::message::Message;
use super::number::HexDump;
use crate::message::{self, HEADER_LEN};
use crate::msg::error::{ErrorMsg, HELLO_FAILED};

pub(super) fn error(error: &ErrorMsg, f: &mut Formatter<'_>) -> fmt::Result {
    writeln!(f, " {error}")?;
    match error {
        ErrorMsg::Standard { error_type: HELLO_FAILED, data, .. } => f.write_str(&String::from_utf8_lossy(data)),
        ErrorMsg::Standard { data, .. } | ErrorMsg::Experimenter { data, .. } => match message::Message::decode(data) {
            // An error about an error is not unfolded further.
            Ok(about) if !matches!(about.body, message::Body::Error(_)) => write!(f, "{}", Message(&about)),
            _ if data.len() < HEADER_LEN => {
                write!(f, "OpenFlow packet too short (only {} bytes):\n{}", data.len(), HexDump(data))
            }
            _ => write!(f, "{}", HexDump(data)),
        },
    }
}
