//! Frames that tell everyone on a link which Ethernet address an address has from now on.

use std::net::{Ipv4Addr, Ipv6Addr};

use api::Mac;

const IPV6: [u8; 2] = [0x86, 0xdd];
const ICMPV6: u8 = 58;
/// Type of an advertisement, and its flag that it replaces what was known (RFC 4861 section 4.4).
const ADVERTISEMENT: u8 = 136;
const OVERRIDE: u8 = 0x20;
/// Option with the Ethernet address of the target, of one unit of eight bytes.
const TARGET: [u8; 2] = [2, 1];

/// An announcement: a request whose sender and target are the same (RFC 5227 section 3).
pub(super) fn arp(mac: Mac, ip: Ipv4Addr) -> Vec<u8> {
    // Ethernet, IPv4, their lengths, request.
    let kind = [0, 1, 8, 0, 6, 4, 0, 1];
    let (Mac(mac), ip) = (mac, ip.octets());
    [&[0xff; 6], &mac[..], &[8, 6], &kind, &mac, &ip, &[0; 6], &ip].concat()
}

/// An advertisement to all nodes that nobody asked for (RFC 4861 section 7.2.6).
pub(super) fn advertisement(mac: Mac, ip: Ipv6Addr) -> Vec<u8> {
    let Mac(mac) = mac;
    let all_nodes = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
    let mut message = [&[ADVERTISEMENT, 0, 0, 0, OVERRIDE, 0, 0, 0], &ip.octets()[..], &TARGET, &mac].concat();
    let checksum = checksum(ip, all_nodes, &message);
    message[2..4].copy_from_slice(&checksum.to_be_bytes());
    let length = (message.len() as u16).to_be_bytes();
    let header = [&[0x60, 0, 0, 0], &length[..], &[ICMPV6, 255], &ip.octets(), &all_nodes.octets()].concat();
    [&[0x33, 0x33, 0, 0, 0, 1], &mac[..], &IPV6, &header, &message].concat()
}

/// The checksum of a message of ICMPv6 (RFC 4443 section 2.3) of an even length.
fn checksum(from: Ipv6Addr, to: Ipv6Addr, message: &[u8]) -> u16 {
    let words = from.segments().into_iter().chain(to.segments());
    let words = words.chain(message.chunks_exact(2).map(|word| u16::from_be_bytes([word[0], word[1]])));
    let sum = words.map(u32::from).sum::<u32>() + message.len() as u32 + u32::from(ICMPV6);
    let folded = (sum & 0xffff) + (sum >> 16);
    !((folded & 0xffff) + (folded >> 16)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: Mac = Mac([2, 0, 0, 0, 0, 7]);

    #[test]
    fn an_announcement_is_from_and_for_the_address() {
        let frame = arp(MAC, Ipv4Addr::new(192, 0, 2, 80));
        assert_eq!(frame.len(), 42);
        assert_eq!(frame[..14], [255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 7, 8, 6]);
        assert_eq!(frame[22..32], [2, 0, 0, 0, 0, 7, 192, 0, 2, 80]);
        assert_eq!(frame[38..], [192, 0, 2, 80]);
    }

    #[test]
    fn an_advertisement_sums_up() {
        let ip: Ipv6Addr = "2001:db8::80".parse().unwrap();
        let frame = advertisement(MAC, ip);
        assert_eq!(frame.len(), 86);
        assert_eq!(frame[18..22], [0, 32, 58, 255]);
        let message = &frame[54..];
        assert_eq!((message[0], message[4], &message[24..]), (136, 0x20, &[2, 1, 2, 0, 0, 0, 0, 7][..]));
        // With the checksum in place all words sum up to nothing.
        assert_eq!(checksum(ip, "ff02::1".parse().unwrap(), message), 0);
        assert_ne!(message[2..4], [0, 0]);
    }
}
