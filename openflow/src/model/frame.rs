//! Ethernet frames from packets, and packets from frames.

use super::packet::Packet;
use crate::oxm::{Field, VLAN_PRESENT};
use crate::wire::{Reader, Result, Wire, Writer};

const VLAN: u16 = 0x8100;
const ARP: u16 = 0x0806;
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;

/// A field and its bytes in a header.
type Layout = &'static [(Field, usize)];

const ETHERNET: Layout = &[(Field::OXM_OF_ETH_DST, 6), (Field::OXM_OF_ETH_SRC, 6)];
const ARP_BODY: Layout = &[
    (Field::OXM_OF_ARP_OP, 2),
    (Field::OXM_OF_ARP_SHA, 6),
    (Field::OXM_OF_ARP_SPA, 4),
    (Field::OXM_OF_ARP_THA, 6),
    (Field::OXM_OF_ARP_TPA, 4),
];
/// Ethernet and IPv4, and the sizes of their addresses.
const ARP_HEAD: [u8; 6] = [0, 1, 8, 0, 6, 4];

/// The fields of a frame; `None` if a header is cut short. What follows the headers is the
/// payload; of IPv4 options nothing is kept.
pub(super) fn parse(frame: &[u8]) -> Option<Packet> {
    let mut r = Reader::new(frame, "frame");
    let mut packet = Packet::new();
    read_headers(&mut r, &mut packet).ok()?;
    Some(packet.with_payload(r.rest()))
}

fn read_headers(r: &mut Reader<'_>, packet: &mut Packet) -> Result<()> {
    read_fields(ETHERNET, r, packet)?;
    let mut eth_type = u16::read(r)?;
    if eth_type == VLAN {
        let tci = u16::read(r)?;
        packet.set(Field::NXM_OF_VLAN_TCI, u128::from(tci | VLAN_PRESENT));
        eth_type = u16::read(r)?;
    }
    packet.set(Field::OXM_OF_ETH_TYPE, u128::from(eth_type));
    match eth_type {
        ARP => {
            r.skip(ARP_HEAD.len())?;
            read_fields(ARP_BODY, r, packet)
        }
        IPV4 => read_ipv4(r, packet),
        IPV6 => read_ipv6(r, packet),
        _ => Ok(()),
    }
}

fn read_fields(layout: Layout, r: &mut Reader<'_>, packet: &mut Packet) -> Result<()> {
    for (field, size) in layout {
        let value = r.take(*size)?.iter().fold(0, |n, b| n << 8 | u128::from(*b));
        packet.set(*field, value);
    }
    Ok(())
}

fn read_ipv4(r: &mut Reader<'_>, packet: &mut Packet) -> Result<()> {
    let [version, tos, _, _, _, _, f0, f1, ttl, proto, _, _] = r.array()?;
    set_tos(packet, tos);
    packet.set(Field::NXM_NX_IP_TTL, u128::from(ttl));
    packet.set(Field::OXM_OF_IP_PROTO, u128::from(proto));
    let fragment = u16::from_be_bytes([f0, f1]);
    let later = fragment & 0x1fff != 0;
    packet.set(Field::NXM_NX_IP_FRAG, u128::from(later) << 1 | u128::from(fragment & 0x3fff != 0));
    read_fields(&[(Field::OXM_OF_IPV4_SRC, 4), (Field::OXM_OF_IPV4_DST, 4)], r, packet)?;
    r.skip((usize::from(version & 15) * 4).saturating_sub(20))?;
    read_transport(r, packet)
}

fn read_ipv6(r: &mut Reader<'_>, packet: &mut Packet) -> Result<()> {
    let [a, b, c, d, _, _, proto, ttl] = r.array()?;
    let word = u32::from_be_bytes([a, b, c, d]);
    set_tos(packet, (word >> 20) as u8);
    packet.set(Field::OXM_OF_IPV6_FLABEL, u128::from(word & 0xf_ffff));
    packet.set(Field::NXM_NX_IP_TTL, u128::from(ttl));
    packet.set(Field::OXM_OF_IP_PROTO, u128::from(proto));
    read_fields(&[(Field::OXM_OF_IPV6_SRC, 16), (Field::OXM_OF_IPV6_DST, 16)], r, packet)?;
    read_transport(r, packet)
}

fn set_tos(packet: &mut Packet, tos: u8) {
    packet.set(Field::NXM_OF_IP_TOS, u128::from(tos & 0xfc));
    packet.set(Field::OXM_OF_IP_ECN, u128::from(tos & 3));
}

/// The first fields of a transport header; the rest of it is payload.
fn transport(packet: &Packet) -> Layout {
    let kinds: [(Field, Layout); 5] = [
        (Field::OXM_OF_TCP_SRC, &[(Field::OXM_OF_TCP_SRC, 2), (Field::OXM_OF_TCP_DST, 2)]),
        (Field::OXM_OF_UDP_SRC, &[(Field::OXM_OF_UDP_SRC, 2), (Field::OXM_OF_UDP_DST, 2)]),
        (Field::OXM_OF_SCTP_SRC, &[(Field::OXM_OF_SCTP_SRC, 2), (Field::OXM_OF_SCTP_DST, 2)]),
        (Field::OXM_OF_ICMPV4_TYPE, &[(Field::OXM_OF_ICMPV4_TYPE, 1), (Field::OXM_OF_ICMPV4_CODE, 1)]),
        (Field::OXM_OF_ICMPV6_TYPE, &[(Field::OXM_OF_ICMPV6_TYPE, 1), (Field::OXM_OF_ICMPV6_CODE, 1)]),
    ];
    kinds.into_iter().find(|(field, _)| packet.has(*field)).map_or(&[], |(_, layout)| layout)
}

fn read_transport(r: &mut Reader<'_>, packet: &mut Packet) -> Result<()> {
    read_fields(transport(packet), r, packet)?;
    if packet.has(Field::ONFOXM_ET_TCP_FLAGS) {
        let mut rest = r.clone();
        rest.skip(8)?;
        packet.set(Field::ONFOXM_ET_TCP_FLAGS, u128::from(u16::read(&mut rest)? & 0xfff));
    }
    Ok(())
}

/// The frame of a packet. The IPv4 header has its checksum; those of TCP, UDP and ICMP are as
/// they were in the payload.
pub(super) fn build(packet: &Packet) -> Vec<u8> {
    let mut w = Writer::default();
    write_fields(ETHERNET, packet, &mut w);
    let tci = packet.get(Field::NXM_OF_VLAN_TCI) as u16;
    if tci & VLAN_PRESENT != 0 {
        VLAN.write(&mut w);
        (tci & !VLAN_PRESENT).write(&mut w);
    }
    let eth_type = packet.get(Field::OXM_OF_ETH_TYPE) as u16;
    eth_type.write(&mut w);
    match eth_type {
        ARP => {
            w.put_array(ARP_HEAD);
            write_fields(ARP_BODY, packet, &mut w);
        }
        IPV4 => write_ipv4(packet, &mut w),
        IPV6 => write_ipv6(packet, &mut w),
        _ => {}
    }
    w.put(packet.payload());
    w.finish().unwrap_or_default()
}

fn write_fields(layout: Layout, packet: &Packet, w: &mut Writer) {
    for (field, size) in layout {
        let bytes = packet.get(*field).to_be_bytes();
        w.put(bytes.get(bytes.len() - size..).unwrap_or_default());
    }
}

fn tos(packet: &Packet) -> u8 {
    packet.get(Field::NXM_OF_IP_TOS) as u8 | packet.get(Field::OXM_OF_IP_ECN) as u8
}

fn body_len(packet: &Packet) -> usize {
    transport(packet).iter().map(|(_, size)| size).sum::<usize>() + packet.payload().len()
}

fn write_ipv4(packet: &Packet, w: &mut Writer) {
    let [l0, l1] = ((20 + body_len(packet)) as u16).to_be_bytes();
    let [t, p] = [Field::NXM_NX_IP_TTL, Field::OXM_OF_IP_PROTO].map(|f| packet.get(f) as u8);
    let [s, d] = [Field::OXM_OF_IPV4_SRC, Field::OXM_OF_IPV4_DST].map(|f| (packet.get(f) as u32).to_be_bytes());
    let [s0, s1, s2, s3] = s;
    let [d0, d1, d2, d3] = d;
    let header = |c: [u8; 2]| [0x45, tos(packet), l0, l1, 0, 0, 0, 0, t, p, c[0], c[1], s0, s1, s2, s3, d0, d1, d2, d3];
    w.put_array(header(checksum(&header([0, 0])).to_be_bytes()));
    write_fields(transport(packet), packet, w);
}

fn write_ipv6(packet: &Packet, w: &mut Writer) {
    (6 << 28 | u32::from(tos(packet)) << 20 | packet.get(Field::OXM_OF_IPV6_FLABEL) as u32).write(w);
    (body_len(packet) as u16).write(w);
    write_fields(&[(Field::OXM_OF_IP_PROTO, 1), (Field::NXM_NX_IP_TTL, 1)], packet, w);
    write_fields(&[(Field::OXM_OF_IPV6_SRC, 16), (Field::OXM_OF_IPV6_DST, 16)], packet, w);
    write_fields(transport(packet), packet, w);
}

/// The checksum of the internet (RFC 1071).
fn checksum(bytes: &[u8]) -> u16 {
    let word = |pair: &[u8]| pair.iter().fold(0, |n, b| n << 8 | u32::from(*b));
    let sum: u32 = bytes.chunks(2).map(word).sum();
    let folded = (sum >> 16) + (sum & 0xffff);
    !((folded >> 16) as u16 + folded as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back() {
        let ip = crate::Match::new().eth_type(IPV4).ipv4_src(std::net::Ipv4Addr::LOCALHOST).ip_ttl(9).ip_dscp(3);
        let arp = crate::Match::new().vlan_vid(5).eth_type(ARP).arp_op(1).arp_tpa(std::net::Ipv4Addr::LOCALHOST);
        for m in [ip.clone().ip_proto(17).udp_dst(53), ip.ip_proto(1).icmpv4_type(8), arp] {
            let packet = Packet::from(m).with_payload(vec![7; 30]);
            let frame = build(&packet);
            assert_eq!(parse(&frame), Some(packet));
            (0..14).for_each(|n| assert_eq!(parse(&frame[..n]), None));
        }
    }
}
