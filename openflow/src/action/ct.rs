//! `ct` and `nat`: connection tracking.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Action, BitRange, Subfield};
use crate::error::{DecodeErrorKind, EncodeError};
use crate::macros::flags;
use crate::oxm::{Field, OxmId};
use crate::types::TableId;
use crate::wire::{Reader, Result, Wire, Writer};

flags! {
    /// Flags of [`Ct`].
    CtFlags: u16 {
        /// Keeps the connection.
        COMMIT = 1;
        /// Replaces a connection of the other direction.
        FORCE = 2;
    }
}

/// The zone of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CtZone {
    /// This one.
    Imm(u16),
    /// The one in these bits of a field.
    Field {
        /// The field.
        src: OxmId,
        /// Which of its bits: 16 of them.
        bits: BitRange,
    },
}

impl From<u16> for CtZone {
    fn from(zone: u16) -> Self {
        Self::Imm(zone)
    }
}

impl From<Subfield> for CtZone {
    fn from(from: Subfield) -> Self {
        Self::Field { src: from.id, bits: from.bits }
    }
}

impl From<Field> for CtZone {
    fn from(field: Field) -> Self {
        Subfield::from(field).into()
    }
}

/// Sends a packet through the conntrack.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ct {
    /// What to do.
    pub flags: CtFlags,
    /// In which zone.
    pub zone: CtZone,
    /// The table a copy goes on in afterwards; [`Ct::NO_RECIRC`] for none.
    pub recirc_table: TableId,
    /// The helper: a port number (21 is FTP, 69 TFTP), 0 for none.
    pub alg: u16,
    /// Done within: `nat`, and sets of `ct_mark` and `ct_label`.
    pub actions: Vec<Action>,
}

impl Ct {
    /// The `recirc_table` that says the packet does not go on elsewhere.
    pub const NO_RECIRC: TableId = TableId(255);

    /// Through the conntrack of a zone, and nothing else.
    pub fn new(zone: impl Into<CtZone>) -> Self {
        Self { flags: CtFlags::NONE, zone: zone.into(), recirc_table: Self::NO_RECIRC, alg: 0, actions: Vec::new() }
    }

    /// Keeps the connection.
    #[must_use]
    pub fn commit(mut self) -> Self {
        self.flags = self.flags | CtFlags::COMMIT;
        self
    }

    /// Keeps the connection; one that the packet is an answer of is forgotten first.
    #[must_use]
    pub fn force(mut self) -> Self {
        self.flags = self.flags | CtFlags::COMMIT | CtFlags::FORCE;
        self
    }

    /// Goes on in this table.
    #[must_use]
    pub fn table(mut self, table: impl Into<TableId>) -> Self {
        self.recirc_table = table.into();
        self
    }

    /// Adds an action done within.
    #[must_use]
    pub fn with(mut self, action: Action) -> Self {
        self.actions.push(action);
        self
    }

    /// Adds a translation.
    #[must_use]
    pub fn nat(self, nat: Nat) -> Self {
        self.with(Action::NxNat(Box::new(nat)))
    }
}

impl Wire for Ct {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let flags = CtFlags::read(r)?;
        let zone = match r.peek()? {
            [0, 0, 0, 0] => {
                r.skip(4)?;
                CtZone::Imm(u16::read(r)?)
            }
            _ => CtZone::Field { src: OxmId::read(r)?, bits: BitRange::read(r)? },
        };
        let recirc_table = TableId::read(r)?;
        r.skip(3)?;
        let alg = u16::read(r)?;
        let actions = Vec::read(r)?;
        Ok(Self { flags, zone, recirc_table, alg, actions })
    }

    fn write(&self, w: &mut Writer) {
        self.flags.write(w);
        match &self.zone {
            CtZone::Imm(zone) => {
                w.zeros(4);
                zone.write(w);
            }
            CtZone::Field { src, .. } if src.wire_len() != 4 => {
                let value = u64::from(src.field.class());
                w.fail(EncodeError::OutOfRange { what: "class of a zone's field", value });
            }
            CtZone::Field { src, bits } => {
                src.write(w);
                bits.write(w);
            }
        }
        self.recirc_table.write(w);
        w.zeros(3);
        self.alg.write(w);
        self.actions.write(w);
    }
}

flags! {
    /// Flags of [`Nat`].
    NatFlags: u16 {
        /// Translates the source.
        SRC = 1;
        /// Translates the destination.
        DST = 2;
        /// Keeps the translation over restarts.
        PERSISTENT = 4;
        /// Chooses the port by hash.
        PROTO_HASH = 8;
        /// Chooses the port at random.
        PROTO_RANDOM = 16;
    }
}

/// Translates addresses. Without flags: as the connection was translated when committed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
pub struct Nat {
    /// What to do.
    pub flags: NatFlags,
    /// The lowest IPv4 address.
    #[cfg_attr(
        feature = "json",
        serde(default, skip_serializing_if = "Option::is_none", with = "crate::json::octets")
    )]
    pub ipv4_min: Option<Ipv4Addr>,
    /// The highest IPv4 address.
    #[cfg_attr(
        feature = "json",
        serde(default, skip_serializing_if = "Option::is_none", with = "crate::json::octets")
    )]
    pub ipv4_max: Option<Ipv4Addr>,
    /// The lowest IPv6 address.
    #[cfg_attr(
        feature = "json",
        serde(default, skip_serializing_if = "Option::is_none", with = "crate::json::octets")
    )]
    pub ipv6_min: Option<Ipv6Addr>,
    /// The highest IPv6 address.
    #[cfg_attr(
        feature = "json",
        serde(default, skip_serializing_if = "Option::is_none", with = "crate::json::octets")
    )]
    pub ipv6_max: Option<Ipv6Addr>,
    /// The lowest port.
    #[cfg_attr(feature = "json", serde(default, skip_serializing_if = "Option::is_none"))]
    pub proto_min: Option<u16>,
    /// The highest port.
    #[cfg_attr(feature = "json", serde(default, skip_serializing_if = "Option::is_none"))]
    pub proto_max: Option<u16>,
}

impl Nat {
    /// As the connection was translated when committed.
    pub fn existing() -> Self {
        Self::default()
    }

    /// To this source address.
    pub fn src(addr: impl Into<std::net::IpAddr>) -> Self {
        Self { flags: NatFlags::SRC, ..Self::default() }.address(addr.into())
    }

    /// To this destination address.
    pub fn dst(addr: impl Into<std::net::IpAddr>) -> Self {
        Self { flags: NatFlags::DST, ..Self::default() }.address(addr.into())
    }

    /// Or one of those after it, up to this.
    #[must_use]
    pub fn up_to(mut self, last: std::net::IpAddr) -> Self {
        match last {
            std::net::IpAddr::V4(last) => self.ipv4_max = Some(last),
            std::net::IpAddr::V6(last) => self.ipv6_max = Some(last),
        }
        self
    }

    /// And this port.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.proto_min = Some(port);
        self
    }

    fn address(mut self, addr: std::net::IpAddr) -> Self {
        match addr {
            std::net::IpAddr::V4(a) => self.ipv4_min = Some(a),
            std::net::IpAddr::V6(a) => self.ipv6_min = Some(a),
        }
        self
    }

    /// The bits that say which of the optional parts are there.
    fn range_present(&self) -> u16 {
        u16::from(self.ipv4_min.is_some())
            | u16::from(self.ipv4_max.is_some()) << 1
            | u16::from(self.ipv6_min.is_some()) << 2
            | u16::from(self.ipv6_max.is_some()) << 3
            | u16::from(self.proto_min.is_some()) << 4
            | u16::from(self.proto_max.is_some()) << 5
    }
}

impl Wire for Nat {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        r.skip(2)?;
        let flags = NatFlags::read(r)?;
        let present = u16::read(r)?;
        if present > 0x3f {
            return Err(r.error(DecodeErrorKind::BadValue(u32::from(present))));
        }
        Ok(Self {
            flags,
            ipv4_min: optional(r, present & 1, Reader::array)?.map(|a: [u8; 4]| a.into()),
            ipv4_max: optional(r, present & 2, Reader::array)?.map(|a: [u8; 4]| a.into()),
            ipv6_min: optional(r, present & 4, Reader::array)?.map(|a: [u8; 16]| a.into()),
            ipv6_max: optional(r, present & 8, Reader::array)?.map(|a: [u8; 16]| a.into()),
            proto_min: optional(r, present & 16, u16::read)?,
            proto_max: optional(r, present & 32, u16::read)?,
        })
    }

    fn write(&self, w: &mut Writer) {
        w.zeros(2);
        self.flags.write(w);
        self.range_present().write(w);
        [self.ipv4_min, self.ipv4_max].iter().flatten().for_each(|a| w.put_array(a.octets()));
        [self.ipv6_min, self.ipv6_max].iter().flatten().for_each(|a| w.put_array(a.octets()));
        [self.proto_min, self.proto_max].iter().flatten().for_each(|p| p.write(w));
    }
}

/// Reads a part that is there if `present` is not zero.
fn optional<'a, T>(
    r: &mut Reader<'a>,
    present: u16,
    read: impl FnOnce(&mut Reader<'a>) -> Result<T>,
) -> Result<Option<T>> {
    if present == 0 { Ok(None) } else { read(r).map(Some) }
}
