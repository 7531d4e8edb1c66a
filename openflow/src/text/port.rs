//! Ports.

use std::fmt::{self, Display, Formatter};

use super::number::{BitNames, Duration, Port};
use crate::msg::port::{self, PortConfig, PortFeatures, PortMod, PortReason, PortState, PortStatus};

/// A port and what it can do, several lines.
pub(super) struct PortDesc<'a>(pub &'a port::Port);

impl Display for PortDesc<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let p = self.0;
        write!(f, "{}", Port(p.port_no))?;
        if !p.name.as_bytes().is_empty() {
            write!(f, "({})", p.name)?;
        }
        write!(f, ": addr:{}\n     config:     {}\n     state:      {}", p.hw_addr, Config(p.config), State(p.state))?;
        let features =
            [("current", p.curr), ("advertised", p.advertised), ("supported", p.supported), ("peer", p.peer)];
        for (name, bits) in features.iter().filter(|(_, bits)| bits.0 != 0) {
            write!(f, "\n     {:12}{}", format_args!("{name}:").to_string(), Features(*bits))?;
        }
        write!(f, "\n     speed: {} Mbps now, {} Mbps max", p.curr_speed / 1000, p.max_speed / 1000)
    }
}

struct Config(PortConfig);

impl Display for Config {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let names = &[(1, "PORT_DOWN"), (4, "NO_RECV"), (0x20, "NO_FWD"), (0x40, "NO_PACKET_IN")];
        write!(f, "{}", BitNames { bits: self.0.0, names, separator: " ", none: "0" })
    }
}

struct State(PortState);

impl Display for State {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let names = &[(1, "LINK_DOWN"), (2, "BLOCKED"), (4, "LIVE")];
        write!(f, "{}", BitNames { bits: self.0.0, names, separator: " ", none: "0" })
    }
}

struct Features(PortFeatures);

const FEATURES: &[(u32, &str)] = &[
    (1, "10MB-HD"),
    (2, "10MB-FD"),
    (4, "100MB-HD"),
    (8, "100MB-FD"),
    (0x10, "1GB-HD"),
    (0x20, "1GB-FD"),
    (0x40, "10GB-FD"),
    (0x80, "40GB-FD"),
    (0x100, "100GB-FD"),
    (0x200, "1TB-FD"),
    (0x400, "OTHER"),
    (0x800, "COPPER"),
    (0x1000, "FIBER"),
    (0x2000, "AUTO_NEG"),
    (0x4000, "AUTO_PAUSE"),
    (0x8000, "AUTO_PAUSE_ASYM"),
];

impl Display for Features {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", BitNames { bits: self.0.0, names: FEATURES, separator: " ", none: "0" })
    }
}

pub(super) fn port_status(status: &PortStatus, f: &mut Formatter<'_>) -> fmt::Result {
    let what = match status.reason {
        PortReason::ADD => "ADD",
        PortReason::DELETE => "DEL",
        PortReason::MODIFY => "MOD",
        _ => "???",
    };
    write!(f, " {what}: {}", PortDesc(&status.desc))
}

pub(super) fn port_mod(m: &PortMod, f: &mut Formatter<'_>) -> fmt::Result {
    writeln!(f, " port: {}: addr:{}", Port(m.port_no), m.hw_addr)?;
    write!(f, "     config: {}\n     mask:   {}\n", Config(m.config), Config(m.mask))?;
    f.write_str("     advertise: ")?;
    if m.advertise.0 == 0 { f.write_str("UNCHANGED") } else { write!(f, "{}", Features(m.advertise)) }
}

/// The counters of a port, three lines.
pub(super) fn port_stats(s: &port::PortStats, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, "\n  port {:>2}: ", Port(s.port_no).to_string())?;
    let rx = [("pkts", s.rx_packets), ("bytes", s.rx_bytes), ("drop", s.rx_dropped), ("errs", s.rx_errors)];
    let more = [("frame", s.rx_frame_err), ("over", s.rx_over_err), ("crc", s.rx_crc_err)];
    counters("rx", rx.iter().chain(&more), f)?;
    f.write_str("\n           ")?;
    let tx = [("pkts", s.tx_packets), ("bytes", s.tx_bytes), ("drop", s.tx_dropped), ("errs", s.tx_errors)];
    counters("tx", tx.iter().chain(&[("coll", s.collisions)]), f)?;
    if s.duration_sec != u32::MAX {
        write!(f, "\n           duration={}", Duration { sec: s.duration_sec, nsec: s.duration_nsec })?;
    }
    Ok(())
}

/// Counters of which all ones are not known.
fn counters<'a>(
    direction: &str,
    all: impl Iterator<Item = &'a (&'static str, u64)>,
    f: &mut Formatter<'_>,
) -> fmt::Result {
    f.write_str(direction)?;
    for (i, (name, count)) in all.enumerate() {
        write!(f, "{} {name}=", if i == 0 { "" } else { "," })?;
        if *count == u64::MAX { f.write_str("?")? } else { write!(f, "{count}")? }
    }
    Ok(())
}
