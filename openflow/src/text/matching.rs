//! What a flow matches.

use std::fmt::{self, Display, Formatter};

use super::fields::{Id, Kind};
use super::list::List;
use super::number::{Hex, HexBytes};
use super::value::Value;
use crate::oxm::{self, Field, Oxm};

/// What a flow matches, such as `tcp,nw_dst=10.0.0.1,tp_dst=80`; nothing if it is everything.
///
/// Fields have the order and names of `ovs-ofctl` however the match numbers them. A field that Open
/// vSwitch does not know is shown last, by its number.
pub struct Match<'a>(pub &'a oxm::Match);

impl Display for Match<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_match(self.0.fields(), &mut List::new(f))
    }
}

/// Writes the parts of a match.
pub(super) fn write_match(fields: &[Oxm], list: &mut List<'_, '_>) -> fmt::Result {
    let mut slots = Slots::default();
    for oxm in fields {
        slots.add(oxm);
    }
    slots.slots.sort_by_key(|s| s.rank);
    slots.write(list)?;
    fields.iter().filter(|o| Id::of(o.field()).is_none()).try_for_each(|o| list.item(Unknown(o)))
}

/// A field with value and mask, as a match shows it.
struct Slot<'a> {
    rank: (Id, u8),
    value: u128,
    mask: u128,
    oxm: &'a Oxm,
}

/// The fields of a match, each once.
#[derive(Default)]
struct Slots<'a> {
    slots: Vec<Slot<'a>>,
}

const IP: u128 = 0x0800;
const IPV6: u128 = 0x86dd;

impl<'a> Slots<'a> {
    fn add(&mut self, oxm: &'a Oxm) {
        let Some(id) = Id::of(oxm.field()) else { return };
        if let (Id::TunMetadata, Some(n)) = (id, oxm.field().tun_metadata_index()) {
            return self.slots.push(Slot { rank: (id, n), value: 0, mask: 0, oxm });
        }
        let (Some(value), mask) = (oxm.value_u128(), oxm.mask_u128().unwrap_or(id.row().all_ones())) else {
            return;
        };
        match id {
            Id::Xxreg0 => self.registers(Id::Reg0, 4, value, mask, oxm),
            Id::Xxreg1 => self.registers(Id::Reg4, 4, value, mask, oxm),
            Id::Xxreg2 => self.registers(Id::Reg8, 4, value, mask, oxm),
            Id::Xxreg3 => self.registers(Id::Reg12, 4, value, mask, oxm),
            Id::Xreg0 => self.registers(Id::Reg0, 2, value, mask, oxm),
            Id::Xreg1 => self.registers(Id::Reg2, 2, value, mask, oxm),
            Id::Xreg2 => self.registers(Id::Reg4, 2, value, mask, oxm),
            Id::Xreg3 => self.registers(Id::Reg6, 2, value, mask, oxm),
            Id::Xreg4 => self.registers(Id::Reg8, 2, value, mask, oxm),
            Id::Xreg5 => self.registers(Id::Reg10, 2, value, mask, oxm),
            Id::Xreg6 => self.registers(Id::Reg12, 2, value, mask, oxm),
            Id::Xreg7 => self.registers(Id::Reg14, 2, value, mask, oxm),
            Id::VlanVid => self.merge(Id::VlanTci, value & 0x1fff, mask & 0x1fff, oxm),
            // A priority needs a tag.
            Id::VlanPcp => self.merge(Id::VlanTci, (value & 7) << 13 | 0x1000, (mask & 7) << 13 | 0x1000, oxm),
            Id::NwTos => self.merge(Id::IpDscp, value & 0xfc, mask & 0xfc, oxm),
            Id::IpDscp => self.merge(Id::IpDscp, (value << 2) & 0xfc, (mask << 2) & 0xfc, oxm),
            _ => self.merge(id, value, mask, oxm),
        }
    }

    /// Splits a wide register into its parts, the highest bits first.
    fn registers(&mut self, first: Id, n: usize, value: u128, mask: u128, oxm: &'a Oxm) {
        let ids = Id::ALL.iter().skip(first as usize).take(n);
        for (i, id) in ids.enumerate() {
            let shift = 32 * (n - 1 - i);
            self.merge(*id, (value >> shift) & 0xffff_ffff, (mask >> shift) & 0xffff_ffff, oxm);
        }
    }

    fn merge(&mut self, id: Id, value: u128, mask: u128, oxm: &'a Oxm) {
        if mask == 0 {
            return;
        }
        match self.slots.iter_mut().find(|s| s.rank == (id, 0)) {
            Some(slot) => {
                slot.value |= value & mask;
                slot.mask |= mask;
            }
            None => self.slots.push(Slot { rank: (id, 0), value: value & mask, mask, oxm }),
        }
    }

    /// The value of a field that is matched exactly.
    fn exact(&self, id: Id) -> Option<u128> {
        self.slots.iter().find(|s| s.rank.0 == id).map(|s| s.value)
    }

    fn write(&self, list: &mut List<'_, '_>) -> fmt::Result {
        let (eth_type, nw_proto) = (self.eth_type(), self.exact(Id::NwProto));
        let keyword = eth_type.and_then(|t| protocol(t, nw_proto));
        let mut keyword_due = keyword.filter(|_| self.exact(Id::EthType).is_some());
        for slot in &self.slots {
            if slot.rank.0 > Id::PacketType
                && let Some((name, _)) = keyword_due.take()
            {
                list.item(name)?;
            }
            let said = match slot.rank.0 {
                Id::EthType => keyword.is_some(),
                Id::NwProto => keyword.is_some_and(|(_, with_protocol)| with_protocol),
                _ => false,
            };
            if !said {
                slot.write(list)?;
            }
        }
        Ok(())
    }

    fn eth_type(&self) -> Option<u128> {
        self.exact(Id::EthType)
    }
}

/// The word for an Ethernet type and IP protocol, and whether it says the protocol, too.
fn protocol(eth_type: u128, nw_proto: Option<u128>) -> Option<(&'static str, bool)> {
    Some(match (eth_type, nw_proto) {
        (IP, Some(1)) => ("icmp", true),
        (IP, Some(2)) => ("igmp", true),
        (IP, Some(6)) => ("tcp", true),
        (IP, Some(17)) => ("udp", true),
        (IP, Some(132)) => ("sctp", true),
        (IP, _) => ("ip", false),
        (IPV6, Some(58)) => ("icmp6", true),
        (IPV6, Some(6)) => ("tcp6", true),
        (IPV6, Some(17)) => ("udp6", true),
        (IPV6, Some(132)) => ("sctp6", true),
        (IPV6, _) => ("ipv6", false),
        (0x0806, _) => ("arp", false),
        (0x8035, _) => ("rarp", false),
        (0x8847, _) => ("mpls", false),
        (0x8848, _) => ("mplsm", false),
        _ => return None,
    })
}

impl Slot<'_> {
    fn write(&self, list: &mut List<'_, '_>) -> fmt::Result {
        let (id, row) = (self.rank.0, self.rank.0.row());
        match id {
            Id::TunMetadata => list.item(TunMetadata(self.oxm)),
            Id::VlanTci => self.write_vlan(list),
            _ => {
                let all = if matches!(row.kind, Kind::CtState) { 0xff } else { low_bits(row.n_bits()) };
                let mask = (self.mask & all != all).then_some(self.mask);
                let kind = if id == Id::CtZone { Kind::Dec } else { row.kind };
                list.item(format_args!("{}={}", row.shown, Value { kind, value: self.value, mask }))
            }
        }
    }

    /// A tag whose id or priority, or both, count as a whole has them as numbers.
    fn write_vlan(&self, list: &mut List<'_, '_>) -> fmt::Result {
        let (vid_mask, pcp_mask) = (self.mask & 0xfff, self.mask & 0xe000);
        let whole = matches!(vid_mask, 0 | 0xfff) && matches!(pcp_mask, 0 | 0xe000);
        if self.mask & self.value & 0x1000 != 0 && whole && vid_mask | pcp_mask != 0 {
            list.item_if(vid_mask != 0, format_args!("dl_vlan={}", self.value & 0xfff))?;
            return list.item_if(pcp_mask != 0, format_args!("dl_vlan_pcp={}", self.value >> 13));
        }
        let mask = (self.mask != 0xffff).then_some(self.mask);
        list.item(format_args!("vlan_tci={}", Value { kind: Kind::HexPadded(4), value: self.value, mask }))
    }
}

/// A number of `n` ones.
pub(super) fn low_bits(n: u16) -> u128 {
    1u128.checked_shl(u32::from(n)).map_or(u128::MAX, |bit| bit - 1)
}

/// A tunnel option, or that it is there.
struct TunMetadata<'a>(&'a Oxm);

impl Display for TunMetadata<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "tun_metadata{}", self.0.field().tun_metadata_index().unwrap_or_default())?;
        match self.0.mask() {
            Some(m) if m.iter().all(|b| *b == 0) => Ok(()),
            None => write!(f, "={}", LongHex(self.0.value())),
            Some(m) if m.iter().all(|b| *b == 0xff) => write!(f, "={}", LongHex(self.0.value())),
            Some(m) => write!(f, "={}/{}", LongHex(self.0.value()), LongHex(m)),
        }
    }
}

/// A number of any length in hexadecimal.
pub(super) struct LongHex<'a>(pub &'a [u8]);

impl Display for LongHex<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut bytes = self.0.iter().skip_while(|b| **b == 0);
        let Some(first) = bytes.next() else { return write!(f, "{}", Hex(0)) };
        write!(f, "{first:#x}")?;
        bytes.try_for_each(|b| write!(f, "{b:02x}"))
    }
}

/// A field that has no text.
struct Unknown<'a>(&'a Oxm);

impl Display for Unknown<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", FieldName(self.0.field()), HexBytes(self.0.value()))?;
        self.0.mask().map_or(Ok(()), |m| write!(f, "/{}", HexBytes(m)))
    }
}

/// The name of a field as `load` and `move` print it.
pub(super) struct FieldName(pub Field);

impl Display for FieldName {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let first = match Id::of(self.0) {
            None | Some(Id::TunMetadata) => self.0,
            Some(id) => id.row().fields.first().copied().unwrap_or(self.0),
        };
        write!(f, "{first}")
    }
}
