//! `ct` and `nat`.

use std::fmt::{self, Display, Formatter};
use std::net::Ipv6Addr;

use super::subfield::FieldBits;
use super::{Action, Nested};
use crate::action::{self, Ct, CtFlags, CtZone, Nat, NatFlags};
use crate::text::list::List;
use crate::text::value::Ip6;

/// Port of the control connection of FTP.
const FTP: u16 = 21;
/// Port of TFTP.
const TFTP: u16 = 69;

pub(super) fn ct(ct: &Ct, f: &mut Formatter<'_>) -> fmt::Result {
    f.write_str("ct(")?;
    let mut list = List::new(f);
    let commit = ct.flags.contains(CtFlags::COMMIT);
    list.item_if(commit, "commit")?;
    list.item_if(commit && ct.flags.contains(CtFlags::FORCE), "force")?;
    list.item_if(ct.recirc_table != Ct::NO_RECIRC, format_args!("table={}", ct.recirc_table.0))?;
    match ct.zone {
        CtZone::Imm(zone) => list.item_if(zone != 0, format_args!("zone={zone}"))?,
        CtZone::Field { src, bits } => list.item(format_args!("zone={}", FieldBits(src, bits)))?,
    }
    let mut rest = ct.actions.as_slice();
    if let [nat @ action::Action::NxNat(_), others @ ..] = rest {
        list.item(Action(nat))?;
        rest = others;
    }
    list.item_if(!rest.is_empty(), format_args!("exec({})", Nested(rest)))?;
    match ct.alg {
        0 => {}
        FTP => list.item("alg=ftp")?,
        TFTP => list.item("alg=tftp")?,
        port => list.item(format_args!("alg={port}"))?,
    }
    f.write_str(")")
}

pub(super) fn nat(nat: &Nat, f: &mut Formatter<'_>) -> fmt::Result {
    f.write_str("nat")?;
    let direction = match nat.flags {
        flags if flags.contains(NatFlags::SRC) => "src",
        flags if flags.contains(NatFlags::DST) => "dst",
        _ => return Ok(()),
    };
    f.write_str("(")?;
    let mut list = List::new(f);
    write!(list.next()?, "{direction}{}", Range(nat))?;
    list.item_if(nat.flags.contains(NatFlags::PERSISTENT), "persistent")?;
    list.item_if(nat.flags.contains(NatFlags::PROTO_HASH), "hash")?;
    list.item_if(nat.flags.contains(NatFlags::PROTO_RANDOM), "random")?;
    f.write_str(")")
}

/// The addresses and ports to choose from.
struct Range<'a>(&'a Nat);

impl Display for Range<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let ports = self.0.proto_min.filter(|p| *p != 0);
        if let Some(min) = self.0.ipv4_min {
            write!(f, "={min}")?;
            if let Some(max) = self.0.ipv4_max.filter(|max| *max != min && !max.is_unspecified()) {
                write!(f, "-{max}")?;
            }
        } else if let Some(min) = self.0.ipv6_min {
            write!(f, "={}", Bracketed(min, ports.is_some()))?;
            if let Some(max) = self.0.ipv6_max.filter(|max| *max != min && !max.is_unspecified()) {
                write!(f, "-{}", Bracketed(max, ports.is_some()))?;
            }
        } else if ports.is_some() {
            f.write_str("=")?;
        }
        let Some(min) = ports else { return Ok(()) };
        write!(f, ":{min}")?;
        match self.0.proto_max.filter(|max| *max != min && *max != 0) {
            Some(max) => write!(f, "-{max}"),
            None => Ok(()),
        }
    }
}

/// An address in brackets if a port follows.
struct Bracketed(Ipv6Addr, bool);

impl Display for Bracketed {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let address = Ip6(u128::from(self.0));
        if self.1 { write!(f, "[{address}]") } else { write!(f, "{address}") }
    }
}
