//! Numbers and names that many parts print alike.

use std::fmt::{self, Display, Formatter};

use crate::types::PortNo;

/// A number as C prints it with `%#x`: zero has no `0x`.
pub(super) struct Hex(pub u128);

impl Display for Hex {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.0 == 0 { f.write_str("0") } else { write!(f, "{:#x}", self.0) }
    }
}

/// A port as `ovs-ofctl` names it: its number, or the name of a reserved one.
pub struct Port(pub PortNo);

/// The `actset_output` of an action set that sends the packet nowhere.
pub(super) const UNSET: PortNo = PortNo(0xffff_fff7);

impl Display for Port {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match (self.0.name(), self.0.to_u16()) {
            (Some(name), _) if self.0 != PortNo::MAX => f.write_str(name),
            _ if self.0 == UNSET => f.write_str("UNSET"),
            (_, Some(n)) => write!(f, "{n}"),
            (_, None) => write!(f, "{}", self.0.0),
        }
    }
}

/// Seconds and nanoseconds, with no more than the digits needed beyond milliseconds.
pub(super) struct Duration {
    pub sec: u32,
    pub nsec: u32,
}

impl Display for Duration {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.sec)?;
        match self.nsec {
            0 => {}
            n if n % 1_000_000 == 0 => write!(f, ".{:03}", n / 1_000_000)?,
            n if n % 1_000 == 0 => write!(f, ".{:06}", n / 1_000)?,
            n => write!(f, ".{n:09}")?,
        }
        f.write_str("s")
    }
}

/// Bytes in hexadecimal, without separators.
pub(super) struct HexBytes<'a>(pub &'a [u8]);

impl Display for HexBytes<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

/// Bytes in hexadecimal, with dots between.
pub(super) struct DottedHex<'a>(pub &'a [u8]);

impl Display for DottedHex<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (i, b) in self.0.iter().enumerate() {
            write!(f, "{}{b:02x}", if i == 0 { "" } else { "." })?;
        }
        Ok(())
    }
}

/// Bytes as `hexdump` shows them, sixteen a line, without a line end after the last.
pub(super) struct HexDump<'a>(pub &'a [u8]);

impl Display for HexDump<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (i, line) in self.0.chunks(16).enumerate() {
            write!(f, "{}{:08x} ", if i == 0 { "" } else { "\n" }, i * 16)?;
            for at in 0..16 {
                f.write_str(if at == 8 && line.len() > 7 { "-" } else { " " })?;
                match line.get(at) {
                    Some(b) => write!(f, "{b:02x}")?,
                    None => f.write_str("  ")?,
                }
            }
            f.write_str(" |")?;
            line.iter()
                .try_for_each(|b| write!(f, "{}", if matches!(b, 0x20..=0x7e) { char::from(*b) } else { '.' }))?;
            write!(f, "{}|", " ".repeat(16 - line.len()))?;
        }
        Ok(())
    }
}

/// Names of the bits that are set, with `separator` between; `none` if there is none.
pub(super) struct BitNames<'a> {
    pub bits: u32,
    pub names: &'a [(u32, &'a str)],
    pub separator: &'a str,
    pub none: &'a str,
}

impl Display for BitNames<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut rest = self.bits;
        let mut between = "";
        for (bit, name) in self.names.iter().filter(|(bit, _)| self.bits & bit != 0) {
            write!(f, "{between}{name}")?;
            between = self.separator;
            rest &= !bit;
        }
        match rest {
            0 if between.is_empty() => f.write_str(self.none),
            0 => Ok(()),
            rest => write!(f, "{between}{rest:#x}"),
        }
    }
}
