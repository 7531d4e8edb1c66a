//! TX checksum offload, by generic netlink (`ETHTOOL_MSG_FEATURES_SET`; Documentation/networking/ethtool-netlink.rst).
//!
//! The userspace datapath reads veths and taps through packet sockets, where
//! a checksum that the kernel left for later is never filled in.

use std::io;

use rtnetlink::{
    packet_core::{NLM_F_ACK, NLM_F_REQUEST, NLMSG_ERROR},
    sys::{Socket, SocketAddr, protocols::NETLINK_GENERIC},
};

const CTRL_ID: u16 = 0x10;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;

const ETHTOOL_MSG_FEATURES_SET: u8 = 12;
const FEATURES_HEADER: u16 = 1;
const FEATURES_WANTED: u16 = 3;
const HEADER_DEV_NAME: u16 = 2;
const HEADER_FLAGS: u16 = 3;
const FLAG_OMIT_REPLY: u32 = 2;
const BITSET_BITS: u16 = 3;
const BITSET_BIT: u16 = 1;
const BIT_NAME: u16 = 2;

const NESTED: u16 = 0x8000;
const HEADER_LEN: usize = 16;
const GENERIC_LEN: usize = 4;

/// What `ethtool -K DEV tx off` turns off; segmentation offload goes with it.
const FEATURES: [&str; 4] = ["tx-checksum-ipv4", "tx-checksum-ip-generic", "tx-checksum-ipv6", "tx-checksum-sctp"];

/// Turns TX checksum offload off for a device in the calling thread's network namespace.
///
/// Where it is off already, nothing happens.
///
/// # Errors
/// What the kernel said.
pub fn tx_checksum_off(device: &str) -> io::Result<()> {
    let mut socket = Socket::new(NETLINK_GENERIC)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    let family = family(&socket)?;
    let bits: Vec<u8> =
        FEATURES.iter().flat_map(|name| attribute(BITSET_BIT | NESTED, &attribute(BIT_NAME, &text(name)))).collect();
    let header =
        [attribute(HEADER_DEV_NAME, &text(device)), attribute(HEADER_FLAGS, &FLAG_OMIT_REPLY.to_ne_bytes())].concat();
    let wanted = attribute(FEATURES_WANTED | NESTED, &attribute(BITSET_BITS | NESTED, &bits));
    let body = [attribute(FEATURES_HEADER | NESTED, &header), wanted].concat();
    socket.send(&message(family, ETHTOOL_MSG_FEATURES_SET, &body), 0)?;
    acknowledged(&socket, |_| ())
}

fn family(socket: &Socket) -> io::Result<u16> {
    let body = attribute(CTRL_ATTR_FAMILY_NAME, &text("ethtool"));
    socket.send(&message(CTRL_ID, CTRL_CMD_GETFAMILY, &body), 0)?;
    let mut id = None;
    acknowledged(socket, |attributes| id = id.or_else(|| family_id(attributes)))?;
    id.ok_or_else(|| io::Error::other("this kernel has no ethtool over netlink"))
}

fn family_id(mut attributes: &[u8]) -> Option<u16> {
    loop {
        let length = usize::from(u16_at(attributes, 0)?);
        let kind = u16_at(attributes, 2)?;
        if kind == CTRL_ATTR_FAMILY_ID && length >= 6 {
            return u16_at(attributes, 4);
        }
        attributes = attributes.get(align(length.max(4))..)?;
    }
}

/// Reads answers until the acknowledgement; `each` sees the attributes of those before it.
fn acknowledged(socket: &Socket, mut each: impl FnMut(&[u8])) -> io::Result<()> {
    loop {
        let (datagram, _) = socket.recv_from_full()?;
        let mut rest = datagram.as_slice();
        while let (Some(length), Some(kind)) = (u32_at(rest, 0), u16_at(rest, 4)) {
            let length = (length as usize).max(HEADER_LEN);
            let body = rest.get(HEADER_LEN..length).unwrap_or_default();
            if kind == NLMSG_ERROR {
                return match u32_at(body, 0).map(|code| code as i32) {
                    Some(0) => Ok(()),
                    Some(code) => Err(io::Error::from_raw_os_error(code.saturating_neg())),
                    None => Err(io::Error::other("the kernel's answer is too short")),
                };
            }
            each(body.get(GENERIC_LEN..).unwrap_or_default());
            rest = rest.get(align(length)..).unwrap_or_default();
        }
    }
}

fn message(kind: u16, command: u8, body: &[u8]) -> Vec<u8> {
    let length = (HEADER_LEN + GENERIC_LEN + body.len()) as u32;
    let mut message = length.to_ne_bytes().to_vec();
    message.extend(kind.to_ne_bytes());
    message.extend((NLM_F_REQUEST | NLM_F_ACK).to_ne_bytes());
    message.extend([0; 8]);
    message.extend([command, 1, 0, 0]);
    message.extend(body);
    message
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = value.len() + 4;
    let mut attribute = (length as u16).to_ne_bytes().to_vec();
    attribute.extend(kind.to_ne_bytes());
    attribute.extend(value);
    attribute.resize(align(length), 0);
    attribute
}

fn text(text: &str) -> Vec<u8> {
    [text.as_bytes(), &[0]].concat()
}

fn align(length: usize) -> usize {
    length.next_multiple_of(4)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}
