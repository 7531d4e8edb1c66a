//! Meters.

use std::fmt::{self, Display, Formatter};

use super::number::{BitNames, Duration, HexBytes};
use crate::msg::meter::{self, Band, MeterConfig, MeterFeatures, MeterFlags, MeterModCommand, MeterStats};
use crate::types::MeterId;

/// What a change of a meter says: `ADD meter=1 kbps bands=` and a line for each band.
pub(super) struct MeterMod<'a>(pub &'a meter::MeterMod);

impl Display for MeterMod<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let m = self.0;
        match m.command {
            MeterModCommand::ADD => f.write_str("ADD ")?,
            MeterModCommand::MODIFY => f.write_str("MOD ")?,
            MeterModCommand::DELETE => f.write_str("DEL ")?,
            MeterModCommand(other) => write!(f, "cmd:{other} ")?,
        }
        write_config(m.meter_id, m.flags, &m.bands, f)
    }
}

/// One meter as `ovs-ofctl dump-meters` prints it: a line, and one for each band.
pub struct Meter<'a>(pub &'a MeterConfig);

impl Display for Meter<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_config(self.0.meter_id, self.0.flags, &self.0.bands, f)
    }
}

fn write_config(id: MeterId, flags: MeterFlags, bands: &[Band], f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, "meter={} ", Id(id))?;
    if flags.0 != 0 {
        let names = &[(1, "kbps"), (2, "pktps"), (4, "burst"), (8, "stats")];
        write!(f, "{} ", BitNames { bits: u32::from(flags.0), names, separator: " ", none: "" })?;
    }
    f.write_str("bands=")?;
    bands.iter().try_for_each(|b| band(flags, b, f))
}

fn band(flags: MeterFlags, band: &Band, f: &mut Formatter<'_>) -> fmt::Result {
    let (name, rate, burst) = match band {
        Band::Drop { rate, burst_size } => ("drop", rate, burst_size),
        Band::DscpRemark { rate, burst_size, .. } => ("dscp_remark", rate, burst_size),
        Band::Experimenter { rate, burst_size, .. } => ("experimenter", rate, burst_size),
    };
    write!(f, "\ntype={name} rate={rate}")?;
    if flags.contains(MeterFlags::BURST) {
        write!(f, " burst_size={burst}")?;
    }
    match band {
        Band::Drop { .. } => Ok(()),
        Band::DscpRemark { prec_level, .. } => write!(f, " prec_level={prec_level}"),
        Band::Experimenter { experimenter, data, .. } => {
            write!(f, " experimenter={experimenter:#x} data={}", HexBytes(data))
        }
    }
}

/// The number of a meter, or its name.
pub(super) struct Id(pub MeterId);

impl Display for Id {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            MeterId::SLOWPATH => f.write_str("slowpath"),
            MeterId::CONTROLLER => f.write_str("controller"),
            MeterId::ALL => f.write_str("all"),
            MeterId(id) => write!(f, "{id}"),
        }
    }
}

pub(super) fn stats(s: &MeterStats, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, "meter:{} flow_count:{} ", Id(s.meter_id), s.flow_count)?;
    write!(f, "packet_in_count:{} byte_in_count:{} ", s.packet_in_count, s.byte_in_count)?;
    write!(f, "duration:{} bands:", Duration { sec: s.duration_sec, nsec: s.duration_nsec })?;
    s.band_stats.iter().enumerate().try_for_each(|(i, b)| {
        write!(f, "\n{i}: packet_count:{} byte_count:{}", b.packet_band_count, b.byte_band_count)
    })
}

pub(super) fn features(m: &MeterFeatures, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, "\nmax_meter:{} max_bands:{} max_color:{}\n", m.max_meter, m.max_bands, m.max_color)?;
    let bands = &[(1 << 1, "drop"), (1 << 2, "dscp_remark")];
    writeln!(f, "band_types: {}", BitNames { bits: m.band_types, names: bands, separator: " ", none: "0" })?;
    let flags = &[(1, "kbps"), (2, "pktps"), (4, "burst"), (8, "stats")];
    write!(f, "capabilities: {}", BitNames { bits: m.capabilities, names: flags, separator: " ", none: "0" })
}
