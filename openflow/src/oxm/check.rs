//! Whether a switch will take a match: prerequisites, masks, ranges and duplicates (section
//! 7.2.2.8), as Open vSwitch judges them. Held against it by `tests/check.rs`.

mod rules;

use std::collections::BTreeMap;

use thiserror::Error;

use super::field::{CLASS_NXM_1, Field};
use super::matching::Match;
use super::value::Oxm;
use crate::types::PortNo;
use rules::Need;

/// Why a switch would not take a match: the field at fault, and what is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{field}: {kind}")]
pub struct MatchError {
    /// The field, as it was given.
    pub field: Field,
    /// What is wrong with it.
    pub kind: MatchErrorKind,
}

/// What can be wrong with a field of a match. [`MatchErrorKind::name`] is what Open vSwitch says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum MatchErrorKind {
    /// Open vSwitch does not know the field, or does not match on it.
    #[error("not a field that can be matched")]
    Unsupported,
    /// The value has not as many bytes as the field.
    #[error("value of {0} bytes")]
    Length(usize),
    /// A mask that is neither all ones nor all zeros, for a field that has to match as a whole.
    #[error("cannot be masked")]
    Mask,
    /// The value has ones where the mask has none.
    #[error("value has bits outside the mask")]
    OutsideMask,
    /// What the field needs is not matched by the fields before it.
    #[error("needs {0} before it")]
    Prerequisite(&'static str),
    /// Bits that a field before has matched already, maybe under another name.
    #[error("given twice")]
    Duplicate,
    /// A value that the field cannot have.
    #[error("value out of range")]
    OutOfRange,
    /// What the field needs is not matched anywhere.
    #[error("needs {0}")]
    Inconsistent(&'static str),
    /// Only the switch itself may use the field.
    #[error("reserved for the switch")]
    Reserved,
}

impl MatchErrorKind {
    /// The name of the error that Open vSwitch answers with.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unsupported => "OFPBMC_BAD_FIELD",
            Self::Length(_) => "OFPBMC_BAD_LEN",
            Self::Mask => "OFPBMC_BAD_MASK",
            Self::OutsideMask => "OFPBMC_BAD_WILDCARDS",
            Self::Prerequisite(_) => "OFPBMC_BAD_PREREQ",
            Self::Duplicate => "OFPBMC_DUP_FIELD",
            Self::OutOfRange => "OFPBMC_BAD_VALUE",
            Self::Inconsistent(_) => "OFPBAC_MATCH_INCONSISTENT",
            Self::Reserved => "OFPBRC_EPERM",
        }
    }
}

impl Match {
    /// Says whether Open vSwitch would take the match in a flow-mod over OpenFlow 1.3.
    ///
    /// Fields count in their order: prerequisites have to come first. What only the switch itself
    /// can know is not judged: which tunnel options (`NXM_NX_TUN_METADATA0` ..) it has been told of,
    /// and what its datapath supports. One oddity is not followed: a `VLAN_PCP` with a mask of zeros
    /// makes Open vSwitch forget that a tag has to be there.
    ///
    /// ```
    /// use openflow::{Field, Match, oxm::MatchErrorKind};
    /// assert!(Match::new().eth_type(0x0800).ip_proto(6).tcp_dst(80).check().is_ok());
    /// let error = Match::new().eth_type(0x0800).tcp_dst(80).check().unwrap_err();
    /// assert_eq!(error.field, Field::OXM_OF_TCP_DST);
    /// assert_eq!(error.to_string(), "OXM_OF_TCP_DST: needs ip_proto=6 (tcp), no later fragment, before it");
    /// ```
    ///
    /// # Errors
    /// The first field that would be refused.
    pub fn check(&self) -> Result<(), MatchError> {
        let mut seen = Seen::default();
        for oxm in self {
            seen.take(oxm).map_err(|kind| MatchError { field: oxm.field(), kind })?;
        }
        seen.end()
    }
}

/// Where the bits of a field are: those of fields with several names or widths are counted
/// together, under `base`.
struct Place {
    base: Field,
    shift: u32,
    bits: u128,
}

fn place(field: Field) -> Place {
    let at = |base, shift, bits| Place { base, shift, bits };
    let number = u32::from(field.number());
    match (field.class(), field.number()) {
        (CLASS_NXM_1, n @ 0..=15) => at(Field::xxreg(n / 4), 96 - number % 4 * 32, u128::from(u32::MAX)),
        (0x8001, n @ 0..=7) => at(Field::xxreg(n / 2), 64 - number % 2 * 64, u128::from(u64::MAX)),
        _ => match field {
            Field::NXM_OF_IN_PORT => at(Field::OXM_OF_IN_PORT, 0, u128::MAX),
            Field::NXOXM_ET_DP_HASH => at(Field::NXM_NX_DP_HASH, 0, u128::MAX),
            Field::OXM_OF_VLAN_VID => at(Field::NXM_OF_VLAN_TCI, 0, 0x1fff),
            Field::OXM_OF_VLAN_PCP => at(Field::NXM_OF_VLAN_TCI, 13, 0x7),
            Field::OXM_OF_IP_DSCP => at(Field::NXM_OF_IP_TOS, 2, 0x3f),
            _ => at(field.canonical(), 0, u128::MAX),
        },
    }
}

/// What the fields so far match: for each base its value and mask.
#[derive(Default)]
struct Seen {
    fields: BTreeMap<Field, (u128, u128)>,
}

impl Seen {
    fn value(&self, base: Field) -> u128 {
        self.fields.get(&base).map_or(0, |(value, _)| *value)
    }

    fn mask(&self, base: Field) -> u128 {
        self.fields.get(&base).map_or(0, |(_, mask)| *mask)
    }

    /// Judges one more field, and takes it in.
    fn take(&mut self, oxm: &Oxm) -> Result<(), MatchErrorKind> {
        let field = oxm.field();
        if field.tun_metadata_index().is_some() {
            return self.take_option(oxm);
        }
        let size = oxm.value().len();
        check_bits(oxm)?;
        let rule = rules::of(field).ok_or(MatchErrorKind::Unsupported)?;
        let (Some(value), true) = (oxm.value_u128(), field.size().is_some_and(|s| usize::from(s) == size)) else {
            return Err(MatchErrorKind::Length(size));
        };
        if !rule.maskable && !is_uniform(oxm) {
            return Err(MatchErrorKind::Mask);
        }
        if !rules::in_range(field, value) {
            return Err(MatchErrorKind::OutOfRange);
        }
        if !self.has(rule.need) {
            return Err(MatchErrorKind::Prerequisite(rule.need.text()));
        }
        let Place { base, shift, bits } = place(field);
        if self.mask(base) & bits << shift != 0 {
            return Err(MatchErrorKind::Duplicate);
        }
        let mask = oxm.mask_u128().unwrap_or(u128::MAX) & bits;
        self.add(base, (value & mask) << shift, mask << shift);
        if rule.need != Need::Nothing {
            self.add(Field::OXM_OF_PACKET_TYPE, 0, u128::MAX);
        }
        Ok(())
    }

    fn add(&mut self, base: Field, value: u128, mask: u128) {
        let (all, taken) = self.fields.entry(base).or_default();
        *all |= value;
        *taken |= mask;
    }

    /// What can be said only when all fields are known.
    fn end(&self) -> Result<(), MatchError> {
        let eth_type = self.value(Field::OXM_OF_ETH_TYPE);
        for (fields, wanted, need) in [
            ([Field::NXM_NX_CT_NW_SRC, Field::NXM_NX_CT_NW_DST], 0x0800, Need::Ipv4),
            ([Field::NXM_NX_CT_IPV6_SRC, Field::NXM_NX_CT_IPV6_DST], 0x86dd, Need::Ipv6),
        ] {
            let field = fields.into_iter().find(|f| self.mask(*f) != 0 && eth_type != wanted);
            let kind = MatchErrorKind::Inconsistent(need.text());
            field.map_or(Ok(()), |field| Err(MatchError { field, kind }))?;
        }
        let kind = MatchErrorKind::Reserved;
        if self.mask(Field::NXM_NX_DP_HASH) != 0 {
            return Err(MatchError { field: Field::NXM_NX_DP_HASH, kind });
        }
        match self.value(Field::NXM_NX_RECIRC_ID) {
            0 => Ok(()),
            _ => Err(MatchError { field: Field::NXM_NX_RECIRC_ID, kind }),
        }
    }

    /// A tunnel option, which may be longer than a number.
    fn take_option(&mut self, oxm: &Oxm) -> Result<(), MatchErrorKind> {
        check_bits(oxm)?;
        if self.mask(oxm.field()) != 0 {
            return Err(MatchErrorKind::Duplicate);
        }
        let any = oxm.mask().is_none_or(|m| m.iter().any(|b| *b != 0));
        self.fields.insert(oxm.field(), (0, u128::from(any)));
        Ok(())
    }

    /// The Ethernet type that the match is bound to, 0 if to none.
    fn eth_type(&self) -> u128 {
        match self.value(Field::OXM_OF_PACKET_TYPE) {
            0 => self.value(Field::OXM_OF_ETH_TYPE),
            other if other >> 16 == 1 => other & 0xffff,
            _ => 0,
        }
    }

    fn is_ip(&self) -> bool {
        matches!(self.eth_type(), 0x0800 | 0x86dd)
    }

    fn protocol(&self) -> u128 {
        self.value(Field::OXM_OF_IP_PROTO)
    }

    /// Whether the transport header is there: of this protocol, and not in a later fragment.
    fn has_transport(&self, protocol: u128) -> bool {
        self.is_ip() && self.protocol() == protocol && self.value(Field::NXM_NX_IP_FRAG) & 2 == 0
    }

    fn is_neighbour(&self, types: &[u128]) -> bool {
        self.has(Need::Icmpv6)
            && self.value(Field::OXM_OF_ICMPV6_CODE) == 0
            && types.contains(&self.value(Field::OXM_OF_ICMPV6_TYPE))
    }

    /// Whether the conntrack knows the packet: a state that implies it, or tracked and not invalid.
    fn is_tracked(&self) -> bool {
        const IMPLIES: u128 = 0xcf;
        const INVALID: u128 = 0x10;
        const TRACKED: u128 = 0x20;
        let state = self.value(Field::NXM_NX_CT_STATE);
        let not_invalid = self.mask(Field::NXM_NX_CT_STATE) & INVALID != 0 && state & INVALID == 0;
        state & IMPLIES != 0 || state & TRACKED != 0 && not_invalid
    }

    fn has(&self, need: Need) -> bool {
        match need {
            Need::Nothing => true,
            Need::Ethernet => self.value(Field::OXM_OF_PACKET_TYPE) == 0,
            Need::Vlan => self.value(Field::NXM_OF_VLAN_TCI) & 0x1000 != 0,
            Need::Mpls => matches!(self.eth_type(), 0x8847 | 0x8848),
            Need::Arp => matches!(self.eth_type(), 0x0806 | 0x8035),
            Need::Ipv4 => self.eth_type() == 0x0800,
            Need::Ipv6 => self.eth_type() == 0x86dd,
            Need::Ip => self.is_ip(),
            Need::Nsh => self.eth_type() == 0x894f,
            Need::Tcp => self.has_transport(6),
            Need::Udp => self.has_transport(17),
            Need::Sctp => self.has_transport(132),
            Need::Icmpv4 => self.eth_type() == 0x0800 && self.protocol() == 1,
            Need::Icmpv6 => self.eth_type() == 0x86dd && self.protocol() == 58,
            Need::Neighbour => self.is_neighbour(&[135, 136]),
            Need::Solicitation => self.is_neighbour(&[135]),
            Need::Advertisement => self.is_neighbour(&[136]),
            Need::Tracked => self.is_tracked(),
        }
    }
}

/// Refuses ones in the value where the mask has none.
fn check_bits(oxm: &Oxm) -> Result<(), MatchErrorKind> {
    let mask = oxm.mask().unwrap_or_default();
    let outside = oxm.value().iter().zip(mask).any(|(v, m)| v & !m != 0);
    if outside { Err(MatchErrorKind::OutsideMask) } else { Ok(()) }
}

/// Whether a field is matched as a whole, or not at all.
fn is_uniform(oxm: &Oxm) -> bool {
    oxm.mask().is_none_or(|m| m.iter().all(|b| *b == 0) || m.iter().all(|b| *b == 0xff))
}
