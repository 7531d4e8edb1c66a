//! Ethernet, VLAN tags, MPLS and ARP.

use super::{Cursor, Flow, ip};
use crate::text::fields::Key;

pub(super) const IPV4: u16 = 0x0800;
pub(super) const ARP: u16 = 0x0806;
pub(super) const RARP: u16 = 0x8035;
pub(super) const IPV6: u16 = 0x86dd;
const VLAN: u16 = 0x8100;
const SERVICE_VLAN: u16 = 0x88a8;
const MPLS: u16 = 0x8847;
const MPLS_MULTICAST: u16 = 0x8848;
/// The smallest Ethernet type; below it is a length.
const MIN_TYPE: u16 = 0x600;
/// What stands for the type of a frame that has none.
const NO_TYPE: u16 = 0x05ff;
/// The bit of a tag that says it is there.
const PRESENT: u16 = 0x1000;

/// Reads a frame as far as it is understood.
pub(super) fn ethernet(data: &mut Cursor<'_>, flow: &mut Flow<'_>) -> Option<()> {
    const HEADER: usize = 14;
    if data.len() < HEADER {
        return None;
    }
    flow.set(Key::EthDst, address(data.take()?));
    flow.set(Key::EthSrc, address(data.take()?));
    vlans(data, flow)?;
    let kind = ethertype(data)?;
    flow.set(Key::EthType, kind);
    flow.eth_type = kind;
    match kind {
        MPLS | MPLS_MULTICAST => mpls(data, flow),
        IPV4 => ip::ipv4(data, flow),
        IPV6 => ip::ipv6(data, flow),
        ARP | RARP => arp(data, flow),
        _ => Some(()),
    }
}

pub(super) fn address([a, b, c, d, e, f]: [u8; 6]) -> u64 {
    u64::from_be_bytes([0, 0, a, b, c, d, e, f])
}

/// Up to two tags; one that is not there shows as zero after one that is.
fn vlans(data: &mut Cursor<'_>, flow: &mut Flow<'_>) -> Option<()> {
    const TAG_AND_TYPE: usize = 6;
    let mut next = || {
        let mut tag = *data;
        let tagged = data.len() >= TAG_AND_TYPE && matches!(tag.u16(), Some(VLAN | SERVICE_VLAN));
        if !tagged {
            return None;
        }
        let tci = tag.u16()?;
        *data = tag;
        Some(tci | PRESENT)
    };
    let outer = next();
    flow.set(Key::VlanTci, outer.unwrap_or(0));
    if outer.is_some() {
        flow.slots.inner_vlan(next().unwrap_or(0));
    }
    Some(())
}

/// An Ethernet type, or the one that an LLC and SNAP header says.
fn ethertype(data: &mut Cursor<'_>) -> Option<u16> {
    let kind = data.u16()?;
    if kind >= MIN_TYPE {
        return Some(kind);
    }
    let mut snap = *data;
    if snap.take() == Some([0xaa, 0xaa, 0x03, 0, 0, 0])
        && let Some(kind @ MIN_TYPE..) = snap.u16()
    {
        *data = snap;
        return Some(kind);
    }
    Some(NO_TYPE)
}

/// Up to three labels; the first one's parts are fields of their own.
fn mpls(data: &mut Cursor<'_>, flow: &mut Flow<'_>) -> Option<()> {
    const BOTTOM: u32 = 0x100;
    let mut labels = [0; 3];
    for (i, label) in labels.iter_mut().enumerate() {
        *label = data.u32().unwrap_or(0);
        match i {
            0 => {
                flow.set(Key::MplsLabel, *label >> 12);
                flow.set(Key::MplsTc, (*label >> 9) & 7);
                flow.set(Key::MplsTtl, *label & 0xff);
                flow.set(Key::MplsBos, (*label >> 8) & 1);
            }
            1 => flow.set(Key::MplsLse1, *label),
            _ => flow.set(Key::MplsLse2, *label),
        }
        if *label & BOTTOM != 0 {
            break;
        }
    }
    Some(())
}

fn arp(data: &mut Cursor<'_>, flow: &mut Flow<'_>) -> Option<()> {
    const BODY: usize = 28;
    if data.len() < BODY || data.take() != Some([0, 1, 8, 0, 6, 4]) {
        return None;
    }
    let op = data.u16()?;
    flow.set(Key::ArpOp, if op <= 0xff { op } else { 0 });
    flow.set(Key::ArpSha, address(data.take()?));
    flow.set(Key::ArpSpa, data.u32()?);
    flow.set(Key::ArpTha, address(data.take()?));
    flow.set(Key::ArpTpa, data.u32()?);
    Some(())
}
