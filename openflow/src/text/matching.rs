//! What a flow matches.

use std::fmt::{self, Display, Formatter};

use super::fields::{Key, Kind};
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
        write_all(self.0.fields(), &mut List::new(f))
    }
}

/// Writes the parts of a match that Open vSwitch knows.
pub(super) fn write_match(fields: &[Oxm], list: &mut List<'_, '_>) -> fmt::Result {
    let mut slots = Slots::default();
    for oxm in fields {
        slots.add(oxm);
    }
    slots.write(list)
}

/// Writes the parts of a match, and the fields that have no text by number.
pub(super) fn write_all(fields: &[Oxm], list: &mut List<'_, '_>) -> fmt::Result {
    write_match(fields, list)?;
    fields.iter().filter(|o| Key::of(o.field()).is_none()).try_for_each(|o| list.item(Unknown(o)))
}

/// A field with value and mask, as a match shows it.
struct Slot<'a> {
    rank: (Key, u8),
    value: u128,
    mask: u128,
    /// The field itself, for those too long for a number.
    oxm: Option<&'a Oxm>,
}

/// The fields of a match, each once.
#[derive(Default)]
pub(super) struct Slots<'a> {
    slots: Vec<Slot<'a>>,
}

const IP: u128 = 0x0800;
const IPV6: u128 = 0x86dd;

impl<'a> Slots<'a> {
    /// Adds a field of a packet, all of it.
    pub fn exact(&mut self, id: Key, value: impl Into<u128>) {
        self.slots.push(Slot { rank: (id, 0), value: value.into(), mask: id.row().all_ones(), oxm: None });
    }

    /// Adds the tag inside of the outermost.
    pub fn inner_vlan(&mut self, tci: u16) {
        self.slots.push(Slot { rank: (Key::VlanTci, 1), value: tci.into(), mask: 0xffff, oxm: None });
    }

    fn add(&mut self, oxm: &'a Oxm) {
        let Some(id) = Key::of(oxm.field()) else { return };
        if let (Key::TunMetadata, Some(n)) = (id, oxm.field().tun_metadata_index()) {
            return self.slots.push(Slot { rank: (id, n), value: 0, mask: 0, oxm: Some(oxm) });
        }
        let (Some(value), mask) = (oxm.value_u128(), oxm.mask_u128().unwrap_or(id.row().all_ones())) else {
            return;
        };
        match id {
            Key::Xxreg0 => self.registers(Key::Reg0, 4, value, mask),
            Key::Xxreg1 => self.registers(Key::Reg4, 4, value, mask),
            Key::Xxreg2 => self.registers(Key::Reg8, 4, value, mask),
            Key::Xxreg3 => self.registers(Key::Reg12, 4, value, mask),
            Key::Xreg0 => self.registers(Key::Reg0, 2, value, mask),
            Key::Xreg1 => self.registers(Key::Reg2, 2, value, mask),
            Key::Xreg2 => self.registers(Key::Reg4, 2, value, mask),
            Key::Xreg3 => self.registers(Key::Reg6, 2, value, mask),
            Key::Xreg4 => self.registers(Key::Reg8, 2, value, mask),
            Key::Xreg5 => self.registers(Key::Reg10, 2, value, mask),
            Key::Xreg6 => self.registers(Key::Reg12, 2, value, mask),
            Key::Xreg7 => self.registers(Key::Reg14, 2, value, mask),
            Key::VlanVid => self.merge(Key::VlanTci, value & 0x1fff, mask & 0x1fff),
            // A priority needs a tag.
            Key::VlanPcp => self.merge(Key::VlanTci, (value & 7) << 13 | 0x1000, (mask & 7) << 13 | 0x1000),
            Key::NwTos => self.merge(Key::IpDscp, value & 0xfc, mask & 0xfc),
            Key::IpDscp => self.merge(Key::IpDscp, (value << 2) & 0xfc, (mask << 2) & 0xfc),
            _ => self.merge(id, value, mask),
        }
    }

    /// Splits a wide register into its parts, the highest bits first.
    fn registers(&mut self, first: Key, n: usize, value: u128, mask: u128) {
        let ids = Key::ALL.iter().skip(first as usize).take(n);
        for (i, id) in ids.enumerate() {
            let shift = 32 * (n - 1 - i);
            self.merge(*id, (value >> shift) & 0xffff_ffff, (mask >> shift) & 0xffff_ffff);
        }
    }

    fn merge(&mut self, id: Key, value: u128, mask: u128) {
        if mask == 0 {
            return;
        }
        match self.slots.iter_mut().find(|s| s.rank == (id, 0)) {
            Some(slot) => {
                slot.value |= value & mask;
                slot.mask |= mask;
            }
            None => self.slots.push(Slot { rank: (id, 0), value: value & mask, mask, oxm: None }),
        }
    }

    /// The value of a field.
    pub fn get(&self, id: Key) -> Option<u128> {
        self.slots.iter().find(|s| s.rank.0 == id).map(|s| s.value)
    }

    /// Writes the fields in their order.
    pub fn write(&mut self, list: &mut List<'_, '_>) -> fmt::Result {
        self.slots.sort_by_key(|s| s.rank);
        let nw_proto = self.get(Key::NwProto);
        let keyword = self.get(Key::EthType).and_then(|t| protocol(t, nw_proto));
        let mut due = true;
        for slot in &self.slots {
            if slot.rank.0 > Key::PacketType && std::mem::take(&mut due) {
                self.write_kind(keyword, list)?;
            }
            let said = match slot.rank.0 {
                Key::EthType => keyword.is_some(),
                Key::NwProto => keyword.is_some_and(|(_, with_protocol)| with_protocol),
                _ => false,
            };
            if !said && self.has_meaning(slot.rank.0) {
                slot.write(list)?;
            }
        }
        if due { self.write_kind(keyword, list) } else { Ok(()) }
    }

    /// Writes what kind of packet it is: the words for Ethernet, which is said only of packets that
    /// come back, and for the protocol.
    fn write_kind(&self, keyword: Option<(&'static str, bool)>, list: &mut List<'_, '_>) -> fmt::Result {
        let frame = [Key::EthType, Key::VlanTci, Key::EthSrc, Key::EthDst].iter().any(|id| self.get(*id).is_some());
        let back = self.get(Key::RecircId).is_some();
        list.item_if(frame && back && self.get(Key::PacketType).is_none(), "eth")?;
        keyword.map_or(Ok(()), |(name, _)| list.item(name))
    }

    /// Whether the field is one of the version of ERSPAN or the type of NSH that is matched. Zero
    /// stands for none.
    fn has_meaning(&self, id: Key) -> bool {
        match id {
            Key::TunErspanVer | Key::TunGtpuFlags | Key::TunGtpuMsgtype => self.get(id) != Some(0),
            Key::TunErspanIdx => self.get(Key::TunErspanVer) == Some(1),
            Key::TunErspanDir | Key::TunErspanHwid => self.get(Key::TunErspanVer) == Some(2),
            Key::NshC1 | Key::NshC2 | Key::NshC3 | Key::NshC4 => self.get(Key::NshMdtype) == Some(1),
            _ => true,
        }
    }
}

/// The word for an Ethernet type and IP protocol, and whether it says the protocol, too.
fn protocol(eth_type: u128, nw_proto: Option<u128>) -> Option<(&'static str, bool)> {
    Some(match (eth_type, nw_proto) {
        (IP, Some(1)) => ("icmp", true),
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
            Key::TunMetadata => self.oxm.map_or(Ok(()), |oxm| list.item(TunMetadata(oxm))),
            Key::VlanTci => self.write_vlan(list),
            _ => {
                let all = match row.kind {
                    Kind::CtState => 0xff,
                    // there may be more flags than those that have a name
                    Kind::TunFlags => u128::MAX,
                    _ => low_bits(row.n_bits()),
                };
                let whole = self.mask & all == all || never_masked(id);
                let mask = if whole { None } else { Some(self.mask) };
                let kind = if id == Key::CtZone { Kind::Dec } else { row.kind };
                let kind = if id == Key::NshFlags && mask.is_some() { Kind::HexPadded(2) } else { kind };
                list.item(format_args!("{}={}", row.shown, Value { kind, value: self.value, mask }))
            }
        }
    }

    /// A tag whose id or priority, or both, count as a whole has them as numbers.
    fn write_vlan(&self, list: &mut List<'_, '_>) -> fmt::Result {
        let n = if self.rank.1 == 0 { "" } else { "1" };
        let (vid_mask, pcp_mask) = (self.mask & 0xfff, self.mask & 0xe000);
        let whole = matches!(vid_mask, 0 | 0xfff) && matches!(pcp_mask, 0 | 0xe000);
        if self.mask & self.value & 0x1000 != 0 && whole && vid_mask | pcp_mask != 0 {
            list.item_if(vid_mask != 0, format_args!("dl_vlan{n}={}", self.value & 0xfff))?;
            return list.item_if(pcp_mask != 0, format_args!("dl_vlan_pcp{n}={}", self.value >> 13));
        }
        let mask = (self.mask != 0xffff).then_some(self.mask);
        list.item(format_args!("vlan_tci{n}={}", Value { kind: Kind::HexPadded(4), value: self.value, mask }))
    }
}

/// Fields whose mask is not shown.
fn never_masked(id: Key) -> bool {
    let erspan = matches!(id, Key::TunErspanVer | Key::TunErspanIdx | Key::TunErspanDir | Key::TunErspanHwid);
    erspan || matches!(id, Key::IpDscp | Key::NwEcn | Key::TunGbpFlags | Key::TunGtpuFlags | Key::TunGtpuMsgtype)
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
        let Some(mask) = self.0.mask() else { return write!(f, "={}", LongHex(self.0.value())) };
        if mask.iter().all(|b| *b == 0) {
            return Ok(());
        }
        write!(f, "={}", LongHex(self.0.value()))?;
        // a mask that begins with zeros is one of a shorter option
        let all = mask.iter().skip_while(|b| **b == 0).all(|b| *b == 0xff);
        if all { Ok(()) } else { write!(f, "/{}", LongHex(mask)) }
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
        let first = match Key::of(self.0) {
            None | Some(Key::TunMetadata) => self.0,
            Some(id) => id.row().fields.first().copied().unwrap_or(self.0),
        };
        write!(f, "{first}")
    }
}
