//! What the host's kernel remembers of connections to published services.
//!
//! The kernel translates a connection as its first packet was. A client of UDP whose packets never pause would go on to meet
//! what there was before its service was published, moved or taken back; so what does not fit any more is forgotten. Of SCTP,
//! what began before its service was published: clients try again from the port that they have.
//! Messages are those of `linux/netfilter/nfnetlink_conntrack.h`, in the host's byte order where not said otherwise.

use std::{
    collections::BTreeMap,
    io,
    net::IpAddr,
    os::fd::{AsRawFd, OwnedFd},
};

use api::{Protocol, Published};
use ipnet::IpNet;
use nix::sys::{
    socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, setsockopt, socket, sockopt},
    time::TimeVal,
};

use crate::nat::Family;

const GET: u16 = 1 << 8 | 1;
const DELETE: u16 = 1 << 8 | 2;
const REQUEST: u16 = 1;
const ACK: u16 = 4;
const DUMP: u16 = 0x300;
const ERROR: u16 = 2;
const DONE: u16 = 3;

/// Bytes of a message's header, and of what says which family it is about.
const HEADERS: usize = 20;

/// Attributes of an entry: both directions, and the zone that Open vSwitch's own entries have.
const ORIG: u16 = 1;
const REPLY: u16 = 2;
const ZONE: u16 = 18;
const NESTED: u16 = 0x8000;

/// Where addresses outside lead, for each protocol.
type Wanted = BTreeMap<(u8, (IpAddr, u16)), (IpAddr, u16)>;

/// Where a direction of a connection leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tuple {
    src: (IpAddr, u16),
    dst: (IpAddr, u16),
    protocol: u8,
}

/// Forgets the connections of a family that are not translated as `published` says now. Blocks.
///
/// # Errors
/// What the kernel said.
pub fn forget(family: Family, published: &[Published], services: Option<&IpNet>) -> io::Result<usize> {
    let wanted = wanted(published);
    let socket = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkNetFilter)?;
    setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::new(2, 0))?;
    send(socket.as_raw_fd(), &message(family, GET, REQUEST | DUMP, &[]), MsgFlags::empty())?;
    let mut stale: Vec<Vec<u8>> = Vec::new();
    receive(&socket, |attributes| stale.extend(stale_entry(attributes, &wanted, services)))?;
    for orig in &stale {
        send(socket.as_raw_fd(), &message(family, DELETE, REQUEST | ACK, orig), MsgFlags::empty())?;
        receive(&socket, |_| {})?;
    }
    Ok(stale.len())
}

/// Where the addresses outside lead; those of TCP begin anew by themselves.
fn wanted(published: &[Published]) -> Wanted {
    let ports = published.iter().filter(|port| port.protocol != Protocol::Tcp);
    ports.map(|p| ((p.protocol.number(), (p.address, p.port)), (p.vip, p.vip_port))).collect()
}

/// The direction by which the kernel finds an entry, as an attribute, if the entry is to go.
fn stale_entry(entry: &[u8], wanted: &Wanted, services: Option<&IpNet>) -> Option<Vec<u8>> {
    if attribute(entry, ZONE).is_some() {
        return None;
    }
    let orig = attribute(entry, ORIG)?;
    let (asked, answered) = (tuple(orig)?, tuple(attribute(entry, REPLY)?)?);
    let is_as_it_was = answered.src == asked.dst;
    let fits = match wanted.get(&(asked.protocol, asked.dst)) {
        Some(target) => answered.src == *target,
        None => is_as_it_was || !services.is_some_and(|net| net.contains(&answered.src.0)),
    };
    let is_lasting = asked.protocol == Protocol::Sctp.number() && is_as_it_was;
    let is_stale = !fits && (asked.protocol == Protocol::Udp.number() || is_lasting);
    is_stale.then(|| {
        let mut bytes = (4 + orig.len() as u16).to_ne_bytes().to_vec();
        bytes.extend((ORIG | NESTED).to_ne_bytes());
        bytes.extend_from_slice(orig);
        bytes
    })
}

fn tuple(bytes: &[u8]) -> Option<Tuple> {
    let (ip, proto) = (attribute(bytes, 1)?, attribute(bytes, 2)?);
    let v4 = |kind| Some(IpAddr::from(<[u8; 4]>::try_from(attribute(ip, kind)?).ok()?));
    let v6 = |kind| Some(IpAddr::from(<[u8; 16]>::try_from(attribute(ip, kind)?).ok()?));
    let address = |kind| v4(kind).or_else(|| v6(kind + 2));
    let port = |kind| Some(u16::from_be_bytes(attribute(proto, kind)?.try_into().ok()?));
    let protocol = *attribute(proto, 1)?.first()?;
    Some(Tuple { src: (address(1)?, port(2)?), dst: (address(2)?, port(3)?), protocol })
}

/// The first attribute of this kind.
fn attribute(mut bytes: &[u8], kind: u16) -> Option<&[u8]> {
    loop {
        let length = usize::from(u16::from_ne_bytes(bytes.get(..2)?.try_into().ok()?));
        let is = u16::from_ne_bytes(bytes.get(2..4)?.try_into().ok()?) & 0x3fff;
        let value = bytes.get(4..length)?;
        if is == kind {
            return Some(value);
        }
        bytes = bytes.get(length.next_multiple_of(4)..)?;
    }
}

fn message(family: Family, kind: u16, flags: u16, attributes: &[u8]) -> Vec<u8> {
    let mut bytes = ((HEADERS + attributes.len()) as u32).to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend([0; 8]);
    let family = if family == Family::V4 { AddressFamily::Inet } else { AddressFamily::Inet6 };
    bytes.extend([family as u8, 0, 0, 0]);
    bytes.extend_from_slice(attributes);
    bytes
}

/// Reads to the end of an answer.
fn receive(socket: &OwnedFd, mut entry: impl FnMut(&[u8])) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
        let mut rest = buffer.get(..count).unwrap_or_default();
        while let Some((kind, body, next)) = split(rest) {
            rest = next;
            match kind {
                DONE => return Ok(()),
                ERROR => return error(body),
                _ => entry(body.get(4..).unwrap_or_default()),
            }
        }
    }
}

/// The first message: its kind and what follows its header, and the others.
fn split(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let length = u32::from_ne_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
    let kind = u16::from_ne_bytes(bytes.get(4..6)?.try_into().ok()?);
    let body = bytes.get(16..length)?;
    Some((kind, body, bytes.get(length.next_multiple_of(4)..).unwrap_or_default()))
}

/// 0 is an acknowledgement; an entry that ended by itself meanwhile is no error.
fn error(body: &[u8]) -> io::Result<()> {
    let code = body.get(..4).and_then(|code| code.try_into().ok()).map_or(0, i32::from_ne_bytes);
    match -code {
        0 | nix::libc::ENOENT => Ok(()),
        code => Err(io::Error::from_raw_os_error(code)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(kind: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = (4 + value.len() as u16).to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend_from_slice(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn direction(kind: u16, protocol: u8, src: (&str, u16), dst: (&str, u16)) -> Vec<u8> {
        let octets = |ip: &str| match ip.parse().unwrap() {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        let ip = |kind, ip: &str| nested(kind, &octets(ip));
        let first = if dst.0.contains(':') { 3 } else { 1 };
        let ips = [ip(first, src.0), ip(first + 1, dst.0)].concat();
        let ports = [nested(1, &[protocol]), nested(2, &src.1.to_be_bytes()), nested(3, &dst.1.to_be_bytes())].concat();
        nested(kind | NESTED, &[nested(1 | NESTED, &ips), nested(2 | NESTED, &ports)].concat())
    }

    /// A connection to an address, answered by another.
    fn entry(protocol: u8, to: (&str, u16), by: (&str, u16)) -> Vec<u8> {
        let client = (if to.0.contains(':') { "2001:db8::9" } else { "192.0.2.9" }, 40_053);
        [direction(ORIG, protocol, client, to), direction(REPLY, protocol, by, client)].concat()
    }

    #[test]
    fn what_is_translated_as_it_should_not_be_is_forgotten() {
        let service = Published {
            address: "172.30.0.1".parse().unwrap(),
            protocol: Protocol::Udp,
            port: 30_053,
            vip: "10.96.0.53".parse().unwrap(),
            vip_port: 53,
            masquerade: false,
        };
        let services = "10.96.0.0/12".parse().unwrap();
        let goes =
            |published: &[Published], entry: &[u8]| stale_entry(entry, &wanted(published), Some(&services)).is_some();
        let (outside, vip, other) = (("172.30.0.1", 30_053), ("10.96.0.53", 53), ("10.96.0.54", 53));
        let all = [
            (entry(17, outside, outside), [true, false]),
            (entry(17, outside, vip), [false, true]),
            (entry(17, outside, other), [true, true]),
            (entry(6, outside, outside), [false, false]),
            (entry(17, vip, vip), [false, false]),
            (entry(17, ("8.8.8.8", 53), ("8.8.8.8", 53)), [false, false]),
            ([entry(17, outside, outside), nested(ZONE, &[0, 2])].concat(), [false, false]),
        ];
        for (entry, expected) in all {
            assert_eq!([goes(std::slice::from_ref(&service), &entry), goes(&[], &entry)], expected, "{entry:?}");
            for end in 0..entry.len() {
                let _cut_short = goes(&[], &entry[..end]);
            }
        }
    }

    #[test]
    fn of_sctp_goes_what_began_before_it_was_published() {
        let (outside, vip, other) = (("172.30.0.1", 30_080), ("10.96.0.10", 80), ("10.96.0.11", 80));
        let service = Published {
            address: outside.0.parse().unwrap(),
            protocol: Protocol::Sctp,
            port: outside.1,
            vip: vip.0.parse().unwrap(),
            vip_port: vip.1,
            masquerade: false,
        };
        let services = "10.96.0.0/12".parse().unwrap();
        let goes =
            |entry: &[u8]| stale_entry(entry, &wanted(std::slice::from_ref(&service)), Some(&services)).is_some();
        assert!(goes(&entry(132, outside, outside)));
        assert!(!goes(&entry(132, outside, vip)) && !goes(&entry(132, outside, other)), "associations go on");
        assert!(!goes(&entry(17, outside, outside)), "of another protocol");
    }

    #[test]
    fn of_ipv6_the_same_goes() {
        let service = Published {
            address: "fd30::1".parse().unwrap(),
            protocol: Protocol::Udp,
            port: 30_053,
            vip: "fd00:10:96::53".parse().unwrap(),
            vip_port: 53,
            masquerade: false,
        };
        let services = "fd00:10:96::/112".parse().unwrap();
        let goes =
            |entry: &[u8]| stale_entry(entry, &wanted(std::slice::from_ref(&service)), Some(&services)).is_some();
        let (outside, vip, other) = (("fd30::1", 30_053), ("fd00:10:96::53", 53), ("fd00:10:96::54", 53));
        assert!(goes(&entry(17, outside, outside)) && goes(&entry(17, outside, other)));
        assert!(!goes(&entry(17, outside, vip)) && !goes(&entry(17, vip, vip)));
    }

    #[test]
    fn the_direction_is_given_back_as_it_came() {
        let entry = entry(17, ("172.30.0.1", 30_053), ("10.96.0.53", 53));
        let services = "10.96.0.0/12".parse().unwrap();
        let found = stale_entry(&entry, &BTreeMap::new(), Some(&services)).unwrap();
        assert_eq!(found, entry[..found.len()]);
        let message = message(Family::V4, DELETE, REQUEST | ACK, &found);
        let (kind, body, rest) = split(&message).unwrap();
        assert_eq!((kind, attribute(&body[4..], ORIG), rest.len()), (DELETE, attribute(&entry, ORIG), 0));
    }
}
