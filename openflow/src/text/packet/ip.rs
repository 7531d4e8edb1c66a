//! IPv4, IPv6, and what they carry.

use super::link::{self, address};
use super::{Cursor, Flow};
use crate::text::fields::Key;

pub(super) const ICMP: u8 = 1;
pub(super) const IGMP: u8 = 2;
pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;
pub(super) const ICMPV6: u8 = 58;
pub(super) const SCTP: u8 = 132;

const ANY_FRAGMENT: u8 = 1;
const LATER_FRAGMENT: u8 = 2;

pub(super) fn ipv4(data: &mut Cursor<'_>, flow: &mut Flow<'_>) -> Option<()> {
    const FRAGMENT: u16 = 0x3fff;
    const OFFSET: u16 = 0x1fff;
    let mut header = *data;
    let [version_length, tos] = header.take()?;
    let (header_len, total) = (usize::from(version_length & 15) * 4, usize::from(header.u16()?));
    if header_len < 20 || data.len() < header_len || total > data.len() || header_len > total {
        return None;
    }
    header.skip(2)?;
    let fragment = header.u16()?;
    let [ttl, proto] = header.take()?;
    header.skip(2)?;
    flow.set(Key::NwSrc, header.u32()?);
    flow.set(Key::NwDst, header.u32()?);
    traffic_class(tos, ttl, flow);
    let later = if fragment & OFFSET != 0 { LATER_FRAGMENT } else { 0 };
    fragments(if fragment & FRAGMENT != 0 { ANY_FRAGMENT | later } else { 0 }, flow);
    let payload = data.0.get(header_len..total)?;
    transport(proto, Cursor(payload), flow)
}

fn traffic_class(tos: u8, ttl: u8, flow: &mut Flow<'_>) {
    flow.set(Key::IpDscp, tos & 0xfc);
    flow.set(Key::NwEcn, tos & 3);
    flow.set(Key::NwTtl, ttl);
}

fn fragments(bits: u8, flow: &mut Flow<'_>) {
    flow.set(Key::IpFrag, bits);
    flow.later_fragment = bits & LATER_FRAGMENT != 0;
}

pub(super) fn ipv6(data: &mut Cursor<'_>, flow: &mut Flow<'_>) -> Option<()> {
    const HEADER: usize = 40;
    let mut header = *data;
    if data.len() < HEADER {
        return None;
    }
    let word = header.u32()?;
    let length = usize::from(header.u16()?);
    let [next, hop_limit] = header.take()?;
    let mut payload = Cursor(data.0.get(HEADER..)?.get(..length)?);
    flow.set(Key::Ipv6Src, u128::from_be_bytes(header.take()?));
    flow.set(Key::Ipv6Dst, u128::from_be_bytes(header.take()?));
    let (proto, fragment) = extensions(next, &mut payload)?;
    flow.set(Key::Ipv6Label, word & 0xf_ffff);
    traffic_class((word >> 20) as u8, hop_limit, flow);
    fragments(fragment, flow);
    transport(proto, payload, flow)
}

/// Walks over extension headers: the protocol behind them, and what a fragment header says.
fn extensions(first: u8, data: &mut Cursor<'_>) -> Option<(u8, u8)> {
    const FRAGMENT: u8 = 44;
    const OFFSET: u16 = 0xfff8;
    let (mut next, mut fragment) = (first, 0);
    loop {
        let mut header = *data;
        let unit = match next {
            0 | 43 | 60 | 135 => 8,
            51 => 4,
            FRAGMENT => 0,
            _ => return Some((next, fragment)),
        };
        let [following, length] = header.take()?;
        if next == FRAGMENT {
            let offset = header.u16()?;
            data.skip(8)?;
            if offset != 0 {
                fragment = ANY_FRAGMENT;
                if offset & OFFSET != 0 {
                    return Some((FRAGMENT, ANY_FRAGMENT | LATER_FRAGMENT));
                }
            }
        } else {
            let extra = if unit == 8 { 1 } else { 2 };
            data.skip((usize::from(length) + extra) * unit)?;
        }
        next = following;
    }
}

/// Reads what an IP packet carries. Its checksum is shown even if the ports cannot be.
fn transport(proto: u8, data: Cursor<'_>, flow: &mut Flow<'_>) -> Option<()> {
    flow.set(Key::NwProto, proto);
    flow.nw_proto = Some(proto);
    flow.checksum = checksum(proto, data.0);
    if flow.later_fragment {
        return Some(());
    }
    let mut rest = data;
    match (flow.eth_type, proto) {
        (_, TCP) => tcp(&mut rest, flow),
        (_, UDP) => ports(8, &mut rest, flow),
        (_, SCTP) => ports(12, &mut rest, flow),
        (link::IPV4, ICMP) => pair([Key::IcmpType, Key::IcmpCode], 8, &mut rest, flow),
        (link::IPV6, ICMPV6) => icmpv6(&mut rest, flow),
        (_, ICMP | IGMP | ICMPV6) => pair([Key::TcpSrc, Key::TcpDst], 8, &mut rest, flow),
        _ => Some(()),
    }
}

fn checksum(proto: u8, data: &[u8]) -> Option<(&'static str, u32)> {
    let (name, header, at, size) = match proto {
        TCP => ("tcp", 20, 16, 2),
        UDP => ("udp", 8, 6, 2),
        SCTP => ("sctp", 12, 8, 4),
        ICMP => ("icmp", 8, 2, 2),
        ICMPV6 => ("icmp6", 4, 2, 2),
        _ => return None,
    };
    let bytes = data.get(..header)?.get(at..at + size)?;
    Some((name, bytes.iter().fold(0, |n, b| n << 8 | u32::from(*b))))
}

fn ports(header: usize, data: &mut Cursor<'_>, flow: &mut Flow<'_>) -> Option<()> {
    data.0.get(..header)?;
    flow.set(Key::TcpSrc, data.u16()?);
    flow.set(Key::TcpDst, data.u16()?);
    Some(())
}

fn tcp(data: &mut Cursor<'_>, flow: &mut Flow<'_>) -> Option<()> {
    const HEADER: usize = 20;
    let length = usize::from(data.0.get(12)? >> 4) * 4;
    if length < HEADER {
        return None;
    }
    ports(length, data, flow)?;
    data.skip(8)?;
    flow.set(Key::TcpFlags, data.u16()? & 0xfff);
    Some(())
}

/// Two fields of a byte each.
fn pair([first, second]: [Key; 2], header: usize, data: &mut Cursor<'_>, flow: &mut Flow<'_>) -> Option<()> {
    data.0.get(..header)?;
    let [a, b] = data.take()?;
    flow.set(first, a);
    flow.set(second, b);
    Some(())
}

fn icmpv6(data: &mut Cursor<'_>, flow: &mut Flow<'_>) -> Option<()> {
    const SOLICIT: u8 = 135;
    const ADVERTISE: u8 = 136;
    data.0.get(..8)?;
    let [kind, code, ..] = data.take::<8>()?;
    flow.set(Key::Icmpv6Type, kind);
    flow.set(Key::Icmpv6Code, code);
    if !matches!((kind, code), (SOLICIT | ADVERTISE, 0)) {
        return Some(());
    }
    let found = data.take().map(u128::from_be_bytes).and_then(|target| {
        let [source, destination] = options(data)?;
        Some((target, source, destination))
    });
    let (target, source, destination) = found.unwrap_or_default();
    flow.set(Key::NdTarget, target);
    flow.set(Key::NdSll, source);
    flow.set(Key::NdTll, destination);
    Some(())
}

/// Reads the link-layer addresses of source and target, up to an option that cannot be. If one is
/// there twice, nothing counts.
fn options(data: &mut Cursor<'_>) -> Option<[u64; 2]> {
    let (mut source, mut target) = (None, None);
    while let Some([kind, length]) = data.0.first_chunk().copied() {
        let size = usize::from(length) * 8;
        if size == 0 || size > data.len() {
            break;
        }
        let mut option = *data;
        option.skip(2)?;
        data.skip(size)?;
        let slot = match (kind, length) {
            (1, 1) => &mut source,
            (2, 1) => &mut target,
            _ => continue,
        };
        if slot.replace(address(option.take()?)).is_some() {
            return None;
        }
    }
    Some([source.unwrap_or(0), target.unwrap_or(0)])
}
