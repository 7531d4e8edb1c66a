//! Datagrams as they stand on the wire: taken down, changed, and sent once more.
#![allow(dead_code)]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use integration::{Place, Testbed, netns};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrStorage, recv, sendto, setsockopt, socket,
    sockopt,
};
use nix::sys::time::TimeVal;

/// Bytes of an Ethernet header, and of an IPv4 and UDP header without options.
const ETHERNET: usize = 14;
const HEADERS: usize = 28;

/// An IP packet, most often of IPv4 and with a UDP datagram.
#[derive(Clone, Debug)]
pub struct Packet(Vec<u8>);

impl Packet {
    /// Just these bytes. The kernel that sends it fills in its header's checksum and, of IPv4, a source that is 0.
    pub fn of(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Of any protocol, from whomever it is to seem.
    pub fn between(from: IpAddr, to: IpAddr, protocol: u8, payload: &[u8]) -> Self {
        let length = payload.len() as u16;
        Self(match (from, to) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                let [high, low] = (20 + length).to_be_bytes();
                let header = [0x45, 0, high, low, 0, 6, 0, 0, 64, protocol, 0, 0];
                [&header[..], &from.octets(), &to.octets(), payload].concat()
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                let [high, low] = length.to_be_bytes();
                let header = [0x60, 0, 0, 0, high, low, protocol, 64];
                [&header[..], &from.octets(), &to.octets(), payload].concat()
            }
            _ => panic!("{from} and {to} are of two families"),
        })
    }

    /// All of it.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The next datagram that leaves `place` for `port` of `to`.
    pub fn sniff(testbed: &Testbed, place: &Place, to: Ipv4Addr, port: u16) -> Self {
        let socket = netns::within(&testbed.config().netns(place), || {
            Ok(socket(AddressFamily::Packet, SockType::Raw, SockFlag::empty(), SockProtocol::EthAll)?)
        });
        let socket = socket.expect("a packet socket");
        setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::new(1, 0)).expect("a timeout");
        let deadline = Instant::now() + Duration::from_secs(10);
        let mut frame = [0; 2048];
        while Instant::now() < deadline {
            let Ok(length) = recv(socket.as_raw_fd(), &mut frame, MsgFlags::empty()) else { continue };
            let packet = frame.get(ETHERNET..length).unwrap_or_default();
            let is_udp = packet.len() > HEADERS && packet[0] == 0x45 && packet[9] == 17;
            if is_udp && packet[16..20] == to.octets() && packet[22..24] == port.to_be_bytes() {
                return Self(packet.to_vec());
            }
        }
        panic!("nothing goes from {place} to {to}:{port}");
    }

    /// The same with the last byte another.
    pub fn forged(&self) -> Self {
        let mut bytes = self.0.clone();
        *bytes.last_mut().expect("it has a payload") ^= 1;
        // No UDP checksum, which IPv4 allows: the receiver's kernel would not pass on a wrong one.
        bytes[26..28].fill(0);
        Self(bytes)
    }

    /// The same as if it came from another node: agents begin it with two bytes and their number.
    pub fn of_node(&self, node: u32) -> Self {
        let mut bytes = self.0.clone();
        bytes[HEADERS + 2..HEADERS + 6].copy_from_slice(&node.to_be_bytes());
        bytes[26..28].fill(0);
        Self(bytes)
    }

    /// The same with only the first bytes of its payload.
    pub fn truncated(&self, length: u16) -> Self {
        let mut bytes = self.0[..HEADERS + usize::from(length)].to_vec();
        bytes[24..26].copy_from_slice(&(8 + length).to_be_bytes());
        bytes[26..28].fill(0);
        Self(bytes)
    }

    /// Sends it from `place`, under the address it has.
    pub fn send(&self, testbed: &Testbed, place: &Place) {
        let (family, to) = match self.0[0] >> 4 {
            4 => (AddressFamily::Inet, IpAddr::from(<[u8; 4]>::try_from(&self.0[16..20]).expect("4 bytes"))),
            _ => (AddressFamily::Inet6, IpAddr::from(<[u8; 16]>::try_from(&self.0[24..40]).expect("16 bytes"))),
        };
        let socket: OwnedFd = netns::within(&testbed.config().netns(place), || {
            Ok(socket(family, SockType::Raw, SockFlag::empty(), SockProtocol::Raw)?)
        })
        .expect("a raw socket");
        let to = SockaddrStorage::from(SocketAddr::new(to, 0));
        sendto(socket.as_raw_fd(), &self.0, &to, MsgFlags::empty()).expect("it is sent");
    }
}
