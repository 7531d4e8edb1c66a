//! A packet as the tables see it: its fields and what the switch knows about it.

use std::collections::BTreeMap;
use std::fmt;

use super::prerequisite;
use crate::oxm::field::CLASS_NXM_1;
use crate::oxm::{Field, Match, Oxm, OxmId, OxmValue, VLAN_PRESENT};
use crate::types::{Blob, PortNo};

/// A packet: the values of its fields, registers and metadata. A field it does not have is zero.
///
/// Fields that mean the same (`NXM_OF_IP_SRC`, `OXM_OF_IPV4_SRC`) are one; `xxreg` and the packet
/// registers are views of the 32-bit ones.
///
/// ```
/// use openflow::{Field, Match, model::Packet};
/// let p = Packet::from(Match::new().eth_type(0x0800).ip_proto(6).tcp_dst(80)).with(Field::reg(1), 7u32);
/// assert_eq!(p.get(Field::NXM_OF_TCP_DST), 80);
/// assert_eq!(p.get(Field::xxreg(0)), 7 << 64);
/// ```
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Packet {
    fields: BTreeMap<Field, u128>,
    /// Tags within the outermost, from the outside.
    inner_tags: Vec<u16>,
    payload: Blob,
}

impl Packet {
    /// A packet of only zeros.
    pub fn new() -> Self {
        Self::default()
    }

    /// With a field set.
    #[must_use]
    pub fn with(mut self, field: Field, value: impl OxmValue) -> Self {
        self.set(field, Oxm::new(field, value).value_u128().unwrap_or(0));
        self
    }

    /// With these bytes behind its headers.
    #[must_use]
    pub fn with_payload(mut self, payload: impl Into<Blob>) -> Self {
        self.payload = payload.into();
        self
    }

    /// The bytes behind the headers.
    pub fn payload(&self) -> &Blob {
        &self.payload
    }

    /// The value of a field.
    pub fn get(&self, field: Field) -> u128 {
        if let Some((first, n)) = registers(field) {
            return (first..first + n).fold(0, |sum, reg| sum << 32 | self.raw(Field::reg(reg)));
        }
        match field {
            Field::NXM_OF_IN_PORT => u128::from(PortNo(self.raw(Field::OXM_OF_IN_PORT) as u32).to_u16().unwrap_or(0)),
            Field::NXM_OF_IP_TOS => self.raw(Field::OXM_OF_IP_DSCP) << 2,
            Field::NXM_OF_VLAN_TCI => self.raw(Field::OXM_OF_VLAN_VID) | self.raw(Field::OXM_OF_VLAN_PCP) << 13,
            _ => self.raw(field.canonical()),
        }
    }

    /// Sets a field; bits beyond its width are cut off.
    pub fn set(&mut self, field: Field, value: u128) {
        let value = value & ones(OxmId::from(field).n_bits());
        if let Some((first, n)) = registers(field) {
            for (i, reg) in (first..first + n).rev().enumerate() {
                self.put(Field::reg(reg), value >> (32 * i) & 0xffff_ffff);
            }
            return;
        }
        match field {
            Field::NXM_OF_IN_PORT => {
                self.put(Field::OXM_OF_IN_PORT, u128::from(PortNo::from_u16(value as u16).0));
            }
            Field::NXM_OF_IP_TOS => self.put(Field::OXM_OF_IP_DSCP, value >> 2),
            Field::NXM_OF_VLAN_TCI => {
                self.put(Field::OXM_OF_VLAN_VID, value & 0x1fff);
                self.put(Field::OXM_OF_VLAN_PCP, value >> 13);
            }
            _ => self.put(field.canonical(), value),
        }
    }

    /// `n_bits` bits of a field from bit `ofs` up.
    pub fn get_bits(&self, field: Field, ofs: u16, n_bits: u16) -> u128 {
        self.get(field).checked_shr(u32::from(ofs)).unwrap_or(0) & ones(n_bits)
    }

    /// Sets `n_bits` bits of a field from bit `ofs` up.
    pub fn set_bits(&mut self, field: Field, ofs: u16, n_bits: u16, value: u128) {
        let mask = ones(n_bits).checked_shl(u32::from(ofs)).unwrap_or(0);
        let value = value.checked_shl(u32::from(ofs)).unwrap_or(0);
        self.set(field, (self.get(field) & !mask) | (value & mask));
    }

    /// Whether the packet has what this field is about.
    pub fn has(&self, field: Field) -> bool {
        prerequisite::of(field).holds(&|f| Some(self.get(f)))
    }

    /// The port it came in by.
    pub fn in_port(&self) -> PortNo {
        PortNo(self.raw(Field::OXM_OF_IN_PORT) as u32)
    }

    /// The fields that are not zero.
    pub fn fields(&self) -> impl Iterator<Item = (Field, u128)> + '_ {
        self.fields.iter().map(|(field, value)| (*field, *value))
    }

    /// Adds a VLAN tag without VLAN and priority.
    pub(super) fn push_vlan(&mut self) {
        if self.get(Field::OXM_OF_VLAN_VID) != 0 {
            self.inner_tags.insert(0, self.get(Field::NXM_OF_VLAN_TCI) as u16);
        }
        self.set(Field::NXM_OF_VLAN_TCI, u128::from(VLAN_PRESENT));
    }

    /// Removes the outermost VLAN tag.
    pub(super) fn pop_vlan(&mut self) {
        let next = if self.inner_tags.is_empty() { 0 } else { self.inner_tags.remove(0) };
        self.set(Field::NXM_OF_VLAN_TCI, u128::from(next));
    }

    /// How many VLAN tags it has.
    pub(super) fn tags(&self) -> usize {
        self.inner_tags.len() + usize::from(self.get(Field::OXM_OF_VLAN_VID) != 0)
    }

    fn raw(&self, field: Field) -> u128 {
        self.fields.get(&field).copied().unwrap_or(0)
    }

    fn put(&mut self, field: Field, value: u128) {
        match value {
            0 => self.fields.remove(&field),
            _ => self.fields.insert(field, value),
        };
    }
}

/// The values of the match; where it has masks, zeros.
impl From<Match> for Packet {
    fn from(matching: Match) -> Self {
        let mut packet = Self::new();
        for oxm in &matching {
            let mask = oxm.mask_u128().unwrap_or(u128::MAX);
            packet.set(oxm.field(), oxm.value_u128().unwrap_or(0) & mask);
        }
        packet
    }
}

impl fmt::Debug for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = self.fields.iter().map(|(field, value)| (field, format!("{value:#x}")));
        f.debug_map().entries(fields).finish()
    }
}

/// The lowest `n` bits.
pub(super) fn ones(n: u16) -> u128 {
    if n >= 128 { u128::MAX } else { (1 << n) - 1 }
}

/// The first 32-bit register of a longer one, and how many it has.
fn registers(field: Field) -> Option<(u8, u8)> {
    match (field.class(), field.number()) {
        (CLASS_NXM_1, n @ 111..=114) => Some(((n - 111) * 4, 4)),
        (0x8001, n @ 0..=7) => Some((n * 2, 2)),
        _ => None,
    }
}
