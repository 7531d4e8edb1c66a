//! Values of fields.

use std::fmt::{self, Display, Formatter};
use std::net::{Ipv4Addr, Ipv6Addr};

use super::fields::Kind;
use super::number::{Hex, Port};
use crate::oxm::ct_state;
use crate::types::{Mac, PortNo};

/// A value with a mask, as a match and as `set_field` write it.
pub(super) struct Value {
    pub kind: Kind,
    pub value: u128,
    /// `None` if all bits count.
    pub mask: Option<u128>,
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (value, mask) = (self.value, self.mask);
        match self.kind {
            Kind::Dec => decimal(value, mask, f),
            Kind::Hex | Kind::Bytes => {
                write!(f, "{}", Hex(value))?;
                mask.map_or(Ok(()), |m| write!(f, "/{}", Hex(m)))
            }
            Kind::HexPadded(digits) => {
                write!(f, "0x{value:0digits$x}")?;
                mask.map_or(Ok(()), |m| write!(f, "/0x{m:0digits$x}"))
            }
            Kind::Mac => {
                write!(f, "{}", mac(value))?;
                mask.map_or(Ok(()), |m| write!(f, "/{}", mac(m)))
            }
            Kind::Ip4 => ip4(value as u32, mask.map(|m| m as u32), f),
            Kind::Ip6 => ip6(value, mask, f),
            Kind::Port => write!(f, "{}", Port(port(value))),
            Kind::CtState => flags(value, mask, CT_STATE, f),
            Kind::TcpFlags => flags(value, mask.filter(|m| m & 0xfff != 0xfff), TCP_FLAGS, f),
            Kind::TunFlags => flags(value, mask, TUN_FLAGS, f),
            Kind::Frag => f.write_str(frag(value, mask)),
            Kind::PacketType => write!(f, "({},{:#x})", value >> 16, value & 0xffff),
        }
    }
}

fn decimal(value: u128, mask: Option<u128>, f: &mut Formatter<'_>) -> fmt::Result {
    match mask {
        None => write!(f, "{value}"),
        Some(mask) => write!(f, "{value:#x}/{mask:#x}"),
    }
}

pub(super) fn mac(value: u128) -> Mac {
    let [.., a, b, c, d, e, f] = value.to_be_bytes();
    Mac([a, b, c, d, e, f])
}

/// A 16-bit value is a port as OpenFlow 1.0 numbers them.
fn port(value: u128) -> PortNo {
    match u16::try_from(value) {
        Ok(n) => PortNo::from_u16(n),
        Err(_) => PortNo(value as u32),
    }
}

fn ip4(value: u32, mask: Option<u32>, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, "{}", Ipv4Addr::from(value))?;
    match mask {
        None => Ok(()),
        Some(m) if m.leading_ones() + m.trailing_zeros() == 32 => write!(f, "/{}", m.leading_ones()),
        Some(m) => write!(f, "/{}", Ipv4Addr::from(m)),
    }
}

fn ip6(value: u128, mask: Option<u128>, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, "{}", Ip6(value))?;
    match mask {
        None => Ok(()),
        Some(m) if m.leading_ones() + m.trailing_zeros() == 128 => write!(f, "/{}", m.leading_ones()),
        Some(m) => write!(f, "/{}", Ip6(m)),
    }
}

/// An IPv6 address as the C library prints it: those that begin with 96 zero bits end as IPv4
/// addresses do.
pub(super) struct Ip6(pub u128);

impl Display for Ip6 {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let compatible = self.0 >> 32 == 0 && self.0 > 0xffff;
        if compatible {
            write!(f, "::{}", Ipv4Addr::from(self.0 as u32))
        } else {
            write!(f, "{}", Ipv6Addr::from(self.0))
        }
    }
}

type Names = &'static [(u128, &'static str)];

/// Names of the bits of `ct_state`, in order.
pub(super) const CT_STATE: Names = &[
    (ct_state::NEW as u128, "new"),
    (ct_state::EST as u128, "est"),
    (ct_state::REL as u128, "rel"),
    (ct_state::RPL as u128, "rpl"),
    (ct_state::INV as u128, "inv"),
    (ct_state::TRK as u128, "trk"),
    (ct_state::SNAT as u128, "snat"),
    (ct_state::DNAT as u128, "dnat"),
];

/// Names of the bits of `tcp_flags`, in order.
pub(super) const TCP_FLAGS: Names = &[
    (0x001, "fin"),
    (0x002, "syn"),
    (0x004, "rst"),
    (0x008, "psh"),
    (0x010, "ack"),
    (0x020, "urg"),
    (0x040, "ece"),
    (0x080, "cwr"),
    (0x100, "ns"),
    (0x200, "[200]"),
    (0x400, "[400]"),
    (0x800, "[800]"),
];

/// Names of the bits of `tun_flags`.
pub(super) const TUN_FLAGS: Names = &[(1, "oam")];

/// Exact: the set bits with `|` between. With a mask: each bit of it with its sign.
fn flags(value: u128, mask: Option<u128>, names: Names, f: &mut Formatter<'_>) -> fmt::Result {
    let Some(mask) = mask else { return all_flags(value, names, f) };
    for (bit, name) in names {
        if mask & bit != 0 {
            write!(f, "{}{name}", if value & bit != 0 { '+' } else { '-' })?;
        }
    }
    Ok(())
}

fn all_flags(value: u128, names: Names, f: &mut Formatter<'_>) -> fmt::Result {
    let mut rest = value;
    let mut empty = true;
    for (bit, name) in names.iter().filter(|(bit, _)| value & bit != 0) {
        write!(f, "{}{name}", if empty { "" } else { "|" })?;
        rest &= !bit;
        empty = false;
    }
    match (rest, empty) {
        (0, true) => f.write_str("0"),
        (0, false) => Ok(()),
        (rest, _) => write!(f, "{}{rest:#x}", if empty { "" } else { "|" }),
    }
}

const FRAG_ANY: u128 = 1;
const FRAG_LATER: u128 = 2;

fn frag(value: u128, mask: Option<u128>) -> &'static str {
    let (any, later) = (value & FRAG_ANY != 0, value & FRAG_LATER != 0);
    match (mask.unwrap_or(FRAG_ANY | FRAG_LATER) & (FRAG_ANY | FRAG_LATER), any, later) {
        (3, false, false) => "no",
        (3, true, false) => "first",
        (3, true, true) => "later",
        (1, false, _) => "no",
        (1, true, _) => "yes",
        (2, _, false) => "not_later",
        (2, _, true) => "later",
        _ => "<error>",
    }
}
