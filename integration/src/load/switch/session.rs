//! One connection of a switch: framing, role, what it wants to hear.

use std::collections::BTreeMap;

use openflow::message::{HEADER_LEN, VERSION_1_3};
use openflow::msg::config::{AsyncConfig, Role, SwitchConfig};
use openflow::msg::hello::Hello;
use openflow::msg::monitor::FlowMonitor;
use openflow::msg::port::PortReason;
use openflow::{Message, Xid};

use super::bundle::Bundle;
use super::{Counts, SessionEnd};

/// Bytes of the beginning of a message that stay allocated.
pub(super) const INPUT_KEPT: usize = 4096;

/// A connection.
#[derive(Debug)]
pub(super) struct Session {
    pub input: Vec<u8>,
    pub out: Vec<u8>,
    pub role: Role,
    pub config: SwitchConfig,
    pub wants: AsyncConfig,
    pub bundles: BTreeMap<u32, Bundle>,
    pub monitors: BTreeMap<u32, FlowMonitor>,
}

impl Default for Session {
    fn default() -> Self {
        Self {
            input: Vec::new(),
            out: Vec::new(),
            role: Role::EQUAL,
            config: SwitchConfig { flags: 0, miss_send_len: 128 },
            wants: AsyncConfig { packet_in_mask: [3, 0], port_status_mask: [7, 7], flow_removed_mask: [15, 0] },
            bundles: BTreeMap::new(),
            monitors: BTreeMap::new(),
        }
    }
}

impl Session {
    pub fn is_slave(&self) -> bool {
        self.role == Role::SLAVE
    }

    pub fn send(&mut self, message: &Message, counts: &mut Counts) {
        let before = self.out.len();
        if message.encode_into(&mut self.out).is_ok() {
            counts.messages_out += 1;
            counts.bytes_out += (self.out.len() - before) as u64;
        }
    }

    /// Sends a message whose body is encoded already.
    pub fn send_raw(&mut self, kind: u8, xid: Xid, body: &[&[u8]], counts: &mut Counts) {
        let length = HEADER_LEN + body.iter().map(|part| part.len()).sum::<usize>();
        let Ok(short) = u16::try_from(length) else { return };
        self.out.extend([VERSION_1_3, kind]);
        self.out.extend(short.to_be_bytes());
        self.out.extend(xid.to_be_bytes());
        body.iter().for_each(|part| self.out.extend_from_slice(part));
        counts.messages_out += 1;
        counts.bytes_out += length as u64;
    }

    pub fn wants_port(&self, reason: PortReason) -> bool {
        wanted(self.wants.port_status_mask, self.is_slave(), reason.0)
    }

    pub fn wants_removed(&self, reason: u8) -> bool {
        wanted(self.wants.flow_removed_mask, self.is_slave(), reason)
    }
}

fn wanted([master, slave]: [u32; 2], is_slave: bool, reason: u8) -> bool {
    let mask = if is_slave { slave } else { master };
    mask.checked_shr(reason.into()).unwrap_or(0) & 1 != 0
}

pub(super) fn hello() -> Message {
    Message::new(0, Hello::versions(&[VERSION_1_3]))
}

/// Takes the next whole message off the front.
pub(in crate::load) fn next_frame<'a>(rest: &mut &'a [u8]) -> Result<Option<&'a [u8]>, SessionEnd> {
    let Some([_, _, high, low]) = rest.first_chunk() else { return Ok(None) };
    let length = u16::from_be_bytes([*high, *low]);
    if usize::from(length) < HEADER_LEN {
        return Err(SessionEnd::BadFrame(length));
    }
    let Some((frame, tail)) = rest.split_at_checked(length.into()) else { return Ok(None) };
    *rest = tail;
    Ok(Some(frame))
}
