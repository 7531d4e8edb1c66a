//! One form of matches that mean the same: that in which Open vSwitch answers over OpenFlow 1.3.
//!
//! Found by asking Open vSwitch 3.1, and held against it by `tests/canonical.rs`:
//!
//! - fields that have a number in OpenFlow's own class come back in it; TCP flags come back in
//!   ONF's;
//! - `NXM_OF_VLAN_TCI` comes back as `VLAN_VID` and `VLAN_PCP`, the type of service as DSCP;
//! - registers come back by 32 bits, however they were joined;
//! - a mask of only ones is left out (of whole bytes: TCP flags `0x2/0xfff` keep theirs), and so
//!   is a field whose mask has none;
//! - fields come back in a fixed order.

use super::field::{CLASS_EXPERIMENTER, CLASS_NXM_0, CLASS_NXM_1, Field};
use super::matching::Match;
use super::value::Oxm;
use crate::types::PortNo;

/// Fields of the same width that mean the same: Nicira's number and OpenFlow's.
const SAME: &[(Field, Field)] = &[
    (Field::NXM_OF_ETH_DST, Field::OXM_OF_ETH_DST),
    (Field::NXM_OF_ETH_SRC, Field::OXM_OF_ETH_SRC),
    (Field::NXM_OF_ETH_TYPE, Field::OXM_OF_ETH_TYPE),
    (Field::NXM_NX_IP_ECN, Field::OXM_OF_IP_ECN),
    (Field::NXM_OF_IP_PROTO, Field::OXM_OF_IP_PROTO),
    (Field::NXM_OF_IP_SRC, Field::OXM_OF_IPV4_SRC),
    (Field::NXM_OF_IP_DST, Field::OXM_OF_IPV4_DST),
    (Field::NXM_OF_TCP_SRC, Field::OXM_OF_TCP_SRC),
    (Field::NXM_OF_TCP_DST, Field::OXM_OF_TCP_DST),
    (Field::NXM_OF_UDP_SRC, Field::OXM_OF_UDP_SRC),
    (Field::NXM_OF_UDP_DST, Field::OXM_OF_UDP_DST),
    (Field::NXM_OF_ICMP_TYPE, Field::OXM_OF_ICMPV4_TYPE),
    (Field::NXM_OF_ICMP_CODE, Field::OXM_OF_ICMPV4_CODE),
    (Field::NXM_OF_ARP_OP, Field::OXM_OF_ARP_OP),
    (Field::NXM_OF_ARP_SPA, Field::OXM_OF_ARP_SPA),
    (Field::NXM_OF_ARP_TPA, Field::OXM_OF_ARP_TPA),
    (Field::NXM_NX_ARP_SHA, Field::OXM_OF_ARP_SHA),
    (Field::NXM_NX_ARP_THA, Field::OXM_OF_ARP_THA),
    (Field::NXM_NX_IPV6_SRC, Field::OXM_OF_IPV6_SRC),
    (Field::NXM_NX_IPV6_DST, Field::OXM_OF_IPV6_DST),
    (Field::NXM_NX_IPV6_LABEL, Field::OXM_OF_IPV6_FLABEL),
    (Field::NXM_NX_ICMPV6_TYPE, Field::OXM_OF_ICMPV6_TYPE),
    (Field::NXM_NX_ICMPV6_CODE, Field::OXM_OF_ICMPV6_CODE),
    (Field::NXM_NX_ND_TARGET, Field::OXM_OF_IPV6_ND_TARGET),
    (Field::NXM_NX_ND_SLL, Field::OXM_OF_IPV6_ND_SLL),
    (Field::NXM_NX_ND_TLL, Field::OXM_OF_IPV6_ND_TLL),
    (Field::NXM_NX_TUN_ID, Field::OXM_OF_TUNNEL_ID),
    (Field::NXM_NX_TCP_FLAGS, Field::ONFOXM_ET_TCP_FLAGS),
    (Field::OXM_OF_TCP_FLAGS, Field::ONFOXM_ET_TCP_FLAGS),
    (Field::OXM_OF_ACTSET_OUTPUT, Field::ONFOXM_ET_ACTSET_OUTPUT),
];

impl Field {
    /// The field that Open vSwitch answers with over OpenFlow 1.3 for a value of this one.
    pub fn canonical(self) -> Self {
        SAME.iter().find(|(nxm, _)| *nxm == self).map_or(self, |(_, oxm)| *oxm)
    }

    /// The field that Open vSwitch answers with where an action names this one without value.
    pub fn canonical_id(self) -> Self {
        SAME.iter().find(|(_, oxm)| *oxm == self).map_or(self, |(nxm, _)| *nxm)
    }
}

impl Oxm {
    /// The same in the form that Open vSwitch answers with, which is one field for one.
    pub fn canonical(&self) -> Self {
        self.masked_to(self.field().canonical()).unwrap_or_else(|| self.clone())
    }

    /// The same value as `field`, without bits that do not count and without a mask of only ones.
    fn masked_to(&self, field: Field) -> Option<Self> {
        let Some(mask) = self.mask() else {
            return Self::from_bytes(field, self.value(), None);
        };
        let value: Vec<u8> = self.value().iter().zip(mask).map(|(v, m)| v & m).collect();
        let bits = match field {
            Field::OXM_OF_VLAN_VID => 13,
            Field::OXM_OF_IPV6_FLABEL => 20,
            _ => mask.len() * 8,
        };
        let exact = is_ones(mask, bits);
        Self::from_bytes(field, &value, if exact { None } else { Some(mask) })
    }
}

/// Whether at least the lowest `bits` bits are ones.
fn is_ones(mask: &[u8], bits: usize) -> bool {
    let (whole, rest) = (bits / 8, bits % 8);
    let mut bytes = mask.iter().rev();
    bytes.by_ref().take(whole).all(|b| *b == 0xff)
        && (rest == 0 || bytes.next().is_none_or(|b| b.trailing_ones() as usize >= rest))
}

impl Match {
    /// The match in the form in which Open vSwitch gives it back over OpenFlow 1.3, so that what
    /// was sent and what is read back can be compared. Matches that differ in this form may still
    /// match the same packets if they name a field twice or lack prerequisites.
    #[must_use]
    pub fn canonical(&self) -> Self {
        let mut fields: Vec<Oxm> = Vec::with_capacity(self.len());
        for oxm in self {
            split(oxm, &mut fields);
        }
        fields.retain(|o| o.mask().is_none_or(|m| m.iter().any(|b| *b != 0)));
        fields.sort_by_key(|o| position(o.field()));
        Self::from(fields)
    }
}

/// Adds the fields that come back for one.
fn split(oxm: &Oxm, out: &mut Vec<Oxm>) {
    let field = oxm.field();
    let value = oxm.value_u128().unwrap_or(0);
    match (field, oxm.mask_u128()) {
        (Field::NXM_OF_IN_PORT, None) => {
            out.push(Oxm::new(Field::OXM_OF_IN_PORT, PortNo::from_u16(value as u16)));
        }
        (Field::NXM_OF_IP_TOS, None) => out.push(Oxm::new(Field::OXM_OF_IP_DSCP, value as u8 >> 2)),
        (Field::NXM_OF_VLAN_TCI, mask) => split_tci(value as u16, mask.map(|m| m as u16), out),
        _ => match first_register(field) {
            Some(first) => split_registers(first, oxm, out),
            None => out.push(oxm.canonical()),
        },
    }
}

/// The first 32-bit register that a longer one holds.
fn first_register(field: Field) -> Option<u8> {
    match (field.class(), field.number()) {
        (CLASS_NXM_1, n @ 111..=114) => Some((n - 111) * 4),
        (0x8001, n @ 0..=7) => Some(n * 2),
        _ => None,
    }
}

fn split_registers(first: u8, oxm: &Oxm, out: &mut Vec<Oxm>) {
    let values = oxm.value().chunks_exact(4);
    let masks = oxm.mask().unwrap_or(&[0xff; 16]).chunks_exact(4);
    for (n, (value, mask)) in (first..).zip(values.zip(masks)) {
        let part = Oxm::from_bytes(Field::reg(n), value, Some(mask));
        out.extend(part.map(|p| p.canonical()));
    }
}

fn split_tci(value: u16, mask: Option<u16>, out: &mut Vec<Oxm>) {
    const VID: u16 = 0x1fff;
    const PRIORITY: u16 = 0xe000;
    let mask = mask.unwrap_or(if value == 0 { VID } else { u16::MAX });
    if mask & VID != 0 {
        out.push(Oxm::masked(Field::OXM_OF_VLAN_VID, value & VID, mask & VID).canonical());
    }
    if mask & PRIORITY == PRIORITY {
        out.push(Oxm::new(Field::OXM_OF_VLAN_PCP, (value >> 13) as u8));
    }
}

/// Where in a match a field comes back.
fn position(field: Field) -> (u8, u8) {
    let number = field.number();
    match field.class() {
        0x8000 => match number {
            44 => (0, 0),
            0 | 1 => (10, number),
            4 => (20, 0),
            3 => (20, 1),
            5 => (20, 2),
            6 | 7 => (21, number),
            35 | 36 => (22, number),
            34 => (22, 50),
            11 | 12 | 26 | 27 => (30, number),
            28 => (31, 31),
            8 | 9 => (31, number),
            10 => (31, 32),
            13..=20 | 29 | 30 => (32, number),
            31..=33 => (33, number),
            21 => (40, 0),
            22..=25 => (40, number),
            38 => (50, 0),
            2 => (90, 0),
            _ => (95, number),
        },
        CLASS_NXM_1 => match number {
            35..=37 => (5, number),
            26 => (31, 0),
            29 => (31, 30),
            30 => (22, 40),
            31 | 32 | 38 | 39 | 104 | 109 | 110 => (51, number),
            40..=103 => (52, number),
            0..=15 => (60, number),
            33 => (70, 0),
            105..=108 => (80, number),
            119 => (81, 123),
            120..=123 => (81, number - 1),
            124..=125 => (81, number),
            _ => (96, number),
        },
        CLASS_EXPERIMENTER if field == Field::ONFOXM_ET_TCP_FLAGS => (32, 127),
        CLASS_EXPERIMENTER if field == Field::ONFOXM_ET_ACTSET_OUTPUT => (11, 0),
        CLASS_NXM_0 => (97, number),
        _ => (98, number),
    }
}
