//! Collects the fields of a match by name, and numbers them as OpenFlow 1.3 does.

use std::collections::BTreeMap;

use super::item::Item;
use super::number::{integer, long};
use super::subfield::{field, subfield};
use super::value::{Masked, value};
use super::{Kind, Result, fault};
use crate::oxm::{Field, Match, Oxm};
use crate::text::fields::Key;

/// The words for protocols: Ethernet type and IP protocol.
const PROTOCOLS: &[(&str, u16, Option<u8>)] = &[
    ("ip", 0x0800, None),
    ("ipv4", 0x0800, None),
    ("icmp", 0x0800, Some(1)),
    ("igmp", 0x0800, Some(2)),
    ("tcp", 0x0800, Some(6)),
    ("udp", 0x0800, Some(17)),
    ("sctp", 0x0800, Some(132)),
    ("ipv6", 0x86dd, None),
    ("ip6", 0x86dd, None),
    ("icmp6", 0x86dd, Some(58)),
    ("icmpv6", 0x86dd, Some(58)),
    ("tcp6", 0x86dd, Some(6)),
    ("udp6", 0x86dd, Some(17)),
    ("sctp6", 0x86dd, Some(132)),
    ("arp", 0x0806, None),
    ("rarp", 0x8035, None),
    ("mpls", 0x8847, None),
    ("mplsm", 0x8848, None),
];

const PRESENT: u128 = 0x1000;
const ARP: u128 = 0x0806;
const RARP: u128 = 0x8035;

/// The fields so far: value and the bits of it that count.
#[derive(Default)]
pub(super) struct Fields<'a> {
    fields: BTreeMap<Key, (u128, u128, &'a str)>,
    options: BTreeMap<u8, Oxm>,
}

impl<'a> Fields<'a> {
    /// Takes a protocol or a field; whether it is one.
    pub fn take(&mut self, item: Item<'a>) -> Result<'a, bool> {
        if !item.has_value && self.protocol(item.key) {
            return Ok(true);
        }
        if item.key.ends_with(']') {
            self.bits(item)?;
            return Ok(true);
        }
        if let Some(n) = item.key.strip_prefix("tun_metadata").and_then(|n| n.parse::<u8>().ok()) {
            self.option(n, item)?;
            return Ok(true);
        }
        let Some(id) = Key::named(item.key) else { return Ok(self.vlan(item)?.is_some()) };
        if !item.has_value || item.value.is_empty() {
            return fault(item.key, Kind::Expected("a value"));
        }
        if self.vlan(item)?.is_some() {
            return Ok(true);
        }
        let masked = value(id.row().kind, id.row().size(), text_of(item))?;
        self.set(id, masked, item.key);
        Ok(true)
    }

    fn protocol(&mut self, word: &'a str) -> bool {
        if word == "eth" {
            self.fields.insert(Key::PacketType, (0, 0, word));
            return true;
        }
        let Some((_, eth_type, proto)) = PROTOCOLS.iter().find(|(name, ..)| *name == word) else { return false };
        self.set(Key::EthType, u128::from(*eth_type).into(), word);
        if let Some(proto) = proto {
            self.set(Key::NwProto, u128::from(*proto).into(), word);
        }
        true
    }

    fn set(&mut self, id: Key, masked: Masked, token: &'a str) {
        let all = id.row().all_ones();
        let mask = masked.mask.unwrap_or(all) & all;
        self.fields.insert(id, (masked.value & mask, mask, token));
    }

    /// Adds to what is known about the outermost tag.
    fn tag(&mut self, value: u128, mask: u128, token: &'a str) {
        let (old, old_mask, _) = self.fields.get(&Key::VlanTci).copied().unwrap_or((0, 0, token));
        self.fields.insert(Key::VlanTci, (old & !mask | value & mask, old_mask | mask, token));
    }

    fn vlan(&mut self, item: Item<'a>) -> Result<'a, Option<()>> {
        const NONE: u128 = 0xffff;
        let read = || value(crate::text::fields::Kind::Dec, 2, item.value);
        match item.key {
            "dl_vlan" => match read()?.value {
                NONE => self.tag(0, 0xffff, item.key),
                vid @ 0..=0xfff => self.tag(vid | PRESENT, 0x1fff, item.key),
                _ => return fault(item.value, Kind::OutOfRange),
            },
            "vlan_vid" => {
                let vid = read()?;
                self.tag(vid.value, vid.mask.unwrap_or(0x1fff) & 0x1fff, item.key);
            }
            "dl_vlan_pcp" | "vlan_pcp" => match read()?.value {
                pcp @ 0..=7 => self.tag(pcp << 13 | PRESENT, 0xf000, item.key),
                _ => return fault(item.value, Kind::OutOfRange),
            },
            "vlan_tci" => {
                let tci = read()?;
                self.tag(tci.value, tci.mask.unwrap_or(0xffff), item.key);
            }
            _ => return Ok(None),
        }
        Ok(Some(()))
    }

    /// `reg0[0..15]=5`.
    fn bits(&mut self, item: Item<'a>) -> Result<'a, ()> {
        let Some((name, _)) = item.key.split_once('[') else { return fault(item.key, Kind::UnknownField) };
        let part = subfield(item.key)?;
        let Some(id) = field(name).and_then(Key::of) else { return fault(name, Kind::UnknownField) };
        if part.bits.ofs + part.bits.n_bits > 128 {
            return fault(item.key, Kind::OutOfRange);
        }
        let wide = crate::text::matching::low_bits(part.bits.n_bits);
        let given = integer(item.value)?;
        if given > wide {
            return fault(item.value, Kind::OutOfRange);
        }
        let (old, old_mask, _) = self.fields.get(&id).copied().unwrap_or((0, 0, item.key));
        let mask = wide << part.bits.ofs;
        self.fields.insert(id, (old & !mask | given << part.bits.ofs, old_mask | mask, item.key));
        Ok(())
    }

    /// A tunnel option: that it is there, its value, or bits of it.
    fn option(&mut self, n: u8, item: Item<'a>) -> Result<'a, ()> {
        if n >= 64 {
            return fault(item.key, Kind::UnknownField);
        }
        let (given, mask) = match item.value.split_once('/') {
            None => (long(item.value.trim_start_matches('=')).or_else(|e| empty(item, e))?, None),
            Some((given, mask)) => (long(given)?, Some(long(mask)?)),
        };
        let size = given.len().max(mask.as_ref().map_or(0, Vec::len)).max(usize::from(item.has_value));
        let (given, mask) = (padded(&given, size), mask.map(|m| padded(&m, size)));
        let mask = if item.has_value { mask } else { Some(Vec::new()) };
        match Oxm::from_bytes(Field::tun_metadata(n), &given, mask.as_deref()) {
            Some(oxm) if size <= 124 => {
                self.options.insert(n, oxm);
                Ok(())
            }
            _ => fault(item.value, Kind::OutOfRange),
        }
    }

    /// The value of a field, if all of it is given.
    pub fn exact(&self, id: Key) -> Option<u128> {
        self.fields.get(&id).map(|(value, ..)| *value)
    }

    /// Whether a tag is sure to be there.
    pub fn has_vlan(&self) -> bool {
        self.fields.get(&Key::VlanTci).is_some_and(|(value, mask, _)| value & mask & PRESENT != 0)
    }

    /// The match, with what others need first.
    pub fn finish(self) -> Result<'a, Match> {
        let (eth_type, proto) = (self.exact(Key::EthType), self.exact(Key::NwProto));
        let mut all: Vec<(u8, Key, Oxm)> = Vec::new();
        for (id, (value, mask, token)) in &self.fields {
            let id = meant(*id, eth_type, proto);
            if *mask == 0 {
                continue;
            }
            if let Some(what) = super::needs::missing(id, eth_type, proto) {
                return fault(token, Kind::Needs(what));
            }
            for oxm in numbered(id, *value, *mask) {
                all.push((turn(id), id, oxm));
            }
        }
        all.sort_by_key(|(turn, id, _)| (*turn, *id));
        Ok(all.into_iter().map(|(_, _, oxm)| oxm).chain(self.options.into_values()).collect())
    }
}

fn text_of(item: Item<'_>) -> &str {
    item.value
}

/// An option without a value stands for any.
fn empty<'a>(item: Item<'a>, error: super::Fault<'a>) -> Result<'a, Vec<u8>> {
    if item.has_value { Err(error) } else { Ok(Vec::new()) }
}

fn padded(bytes: &[u8], size: usize) -> Vec<u8> {
    let mut out = vec![0; size.saturating_sub(bytes.len())];
    out.extend_from_slice(bytes);
    out
}

/// Some names are shared: which field is meant follows from the protocol.
fn meant(id: Key, eth_type: Option<u128>, proto: Option<u128>) -> Key {
    let arp = matches!(eth_type, Some(ARP | RARP));
    match (id, proto) {
        (Key::NwSrc, _) if arp => Key::ArpSpa,
        (Key::NwDst, _) if arp => Key::ArpTpa,
        (Key::NwProto, _) if arp => Key::ArpOp,
        (Key::TcpSrc, Some(17)) => Key::UdpSrc,
        (Key::TcpDst, Some(17)) => Key::UdpDst,
        (Key::TcpSrc, Some(132)) => Key::SctpSrc,
        (Key::TcpDst, Some(132)) => Key::SctpDst,
        (Key::TcpSrc | Key::IcmpType, Some(58)) => Key::Icmpv6Type,
        (Key::TcpDst | Key::IcmpCode, Some(58)) => Key::Icmpv6Code,
        (Key::TcpSrc, Some(1)) => Key::IcmpType,
        (Key::TcpDst, Some(1)) => Key::IcmpCode,
        (id, _) => id,
    }
}

/// What has to stand before what.
fn turn(id: Key) -> u8 {
    match id {
        Key::PacketType => 0,
        Key::EthType => 1,
        Key::VlanTci => 2,
        Key::NwProto | Key::ArpOp => 3,
        Key::IcmpType | Key::IcmpCode | Key::Icmpv6Type | Key::Icmpv6Code => 4,
        Key::CtState => 5,
        _ => 6,
    }
}

/// The field as it is sent: one, or those that a tag has.
fn numbered(id: Key, value: u128, mask: u128) -> Vec<Oxm> {
    match id {
        Key::VlanTci => tag(value, mask),
        Key::NwTos => oxm(Key::IpDscp, value >> 2, (mask >> 2) | 0xc0).into_iter().collect(),
        Key::InPort => oxm(Key::InPortOxm, u128::from(crate::types::PortNo::from_u16(value as u16).0), u128::MAX)
            .into_iter()
            .collect(),
        _ => oxm(id, value, mask).into_iter().collect(),
    }
}

fn tag(value: u128, mask: u128) -> Vec<Oxm> {
    let (vid, vid_mask) = (value & 0x1fff, mask & 0x1fff);
    let mut all = Vec::new();
    if vid_mask != 0 {
        let mask = if vid_mask == 0x1fff { u128::MAX } else { vid_mask };
        all.extend(oxm(Key::VlanVid, vid, mask));
    }
    // like ovs-ofctl: the priority counts as a whole, and only where there is a tag
    if vid != 0 && mask & 0xe000 != 0 {
        all.extend(oxm(Key::VlanPcp, value >> 13, u128::MAX));
    }
    all
}

/// A field with the mask left out if all bits count.
pub(super) fn oxm(id: Key, value: u128, mask: u128) -> Option<Oxm> {
    sized(id.row().wire, id.row().size(), value, mask & id.row().all_ones(), id.row().all_ones())
}

fn sized(field: Field, size: usize, value: u128, mask: u128, all: u128) -> Option<Oxm> {
    let start = 16_usize.checked_sub(size)?;
    let (value, bits) = (value.to_be_bytes(), mask.to_be_bytes());
    let mask = if mask == all { None } else { bits.get(start..) };
    Oxm::from_bytes(field, value.get(start..)?, mask)
}
