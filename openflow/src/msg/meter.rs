//! Meters (sections 7.3.4.4, 7.3.5.11 to 7.3.5.13).

use crate::error::DecodeErrorKind;
use crate::macros::{element, flags, open_enum, record};
use crate::types::{Blob, MeterId};
use crate::wire::{Reader, Result, Wire, Writer};

open_enum! {
    /// What a [`MeterMod`] does.
    MeterModCommand: u16 {
        /// Adds a meter.
        ADD = 0;
        /// Replaces a meter.
        MODIFY = 1;
        /// Deletes a meter, or all.
        DELETE = 2;
    }
}

flags! {
    /// Flags of a meter.
    MeterFlags: u16 {
        /// Rates are kilobits a second.
        KBPS = 1;
        /// Rates are packets a second.
        PKTPS = 2;
        /// Bursts are given.
        BURST = 4;
        /// Counts.
        STATS = 8;
    }
}

/// What happens above a rate.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "json", serde(tag = "type", rename_all = "snake_case"))]
pub enum Band {
    /// Drops.
    Drop {
        /// The rate, in the unit the meter's flags say.
        rate: u32,
        /// The burst, in the unit the meter's flags say.
        burst_size: u32,
    },
    /// Raises the drop precedence in the DSCP.
    DscpRemark {
        /// The rate, in the unit the meter's flags say.
        rate: u32,
        /// The burst, in the unit the meter's flags say.
        burst_size: u32,
        /// By how much.
        prec_level: u8,
    },
    /// What an experimenter defines.
    Experimenter {
        /// The rate, in the unit the meter's flags say.
        rate: u32,
        /// The burst, in the unit the meter's flags say.
        burst_size: u32,
        /// Who defines it.
        experimenter: u32,
        /// All that follows.
        data: Blob,
    },
}

const DROP: u16 = 1;
const DSCP_REMARK: u16 = 2;
const EXPERIMENTER: u16 = 0xffff;

impl Wire for Band {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        r.label("meter band");
        let (kind, length) = (u16::read(r)?, usize::from(u16::read(r)?));
        let Some(size) = length.checked_sub(4) else {
            return Err(r.bad_length(length));
        };
        let r = &mut r.sub(size, "meter band")?;
        let (rate, burst_size) = (u32::read(r)?, u32::read(r)?);
        let band = match kind {
            DROP => {
                r.skip(4)?;
                Self::Drop { rate, burst_size }
            }
            DSCP_REMARK => {
                let prec_level = u8::read(r)?;
                r.skip(3)?;
                Self::DscpRemark { rate, burst_size, prec_level }
            }
            EXPERIMENTER => {
                let (experimenter, data) = (u32::read(r)?, Blob::read(r)?);
                Self::Experimenter { rate, burst_size, experimenter, data }
            }
            _ => return Err(r.error(DecodeErrorKind::UnknownType(u32::from(kind)))),
        };
        r.end()?;
        Ok(band)
    }

    fn write(&self, w: &mut Writer) {
        let start = w.position();
        let (kind, rate, burst_size) = match self {
            Self::Drop { rate, burst_size } => (DROP, rate, burst_size),
            Self::DscpRemark { rate, burst_size, .. } => (DSCP_REMARK, rate, burst_size),
            Self::Experimenter { rate, burst_size, .. } => (EXPERIMENTER, rate, burst_size),
        };
        kind.write(w);
        w.zeros(2);
        rate.write(w);
        burst_size.write(w);
        match self {
            Self::Drop { .. } => w.zeros(4),
            Self::DscpRemark { prec_level, .. } => {
                prec_level.write(w);
                w.zeros(3);
            }
            Self::Experimenter { experimenter, data, .. } => {
                experimenter.write(w);
                data.write(w);
            }
        }
        w.patch_len(start + 2, start, "meter band");
    }
}

record! {
    /// Adds, replaces or deletes meters.
    MeterMod {
        /// What to do.
        command: MeterModCommand;
        /// Units and more.
        flags: MeterFlags;
        /// Which meter.
        meter_id: MeterId;
        /// What happens above which rates.
        bands: Vec<Band>;
    }
}

record! {
    /// Asks about one meter, or all.
    MeterRequest {
        /// The meter.
        meter_id: MeterId, pad 4;
    }
}

record! {
    /// Counters of one band.
    BandStats {
        /// Packets above its rate.
        packet_band_count: u64;
        /// Bytes in these.
        byte_band_count: u64;
    }
}

/// Counters of one meter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
pub struct MeterStats {
    /// The meter.
    pub meter_id: MeterId,
    /// Flows that use it.
    pub flow_count: u32,
    /// Packets that came.
    pub packet_in_count: u64,
    /// Bytes in these.
    pub byte_in_count: u64,
    /// Seconds it lives.
    pub duration_sec: u32,
    /// And nanoseconds beyond.
    pub duration_nsec: u32,
    /// The same for its bands.
    pub band_stats: Vec<BandStats>,
}

impl Wire for MeterStats {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        r.label("meter stats");
        let meter_id = MeterId::read(r)?;
        let length = usize::from(u16::read(r)?);
        let Some(size) = length.checked_sub(6) else {
            return Err(r.bad_length(length));
        };
        let r = &mut r.sub(size, "meter stats")?;
        r.skip(6)?;
        Ok(Self {
            meter_id,
            flow_count: u32::read(r)?,
            packet_in_count: u64::read(r)?,
            byte_in_count: u64::read(r)?,
            duration_sec: u32::read(r)?,
            duration_nsec: u32::read(r)?,
            band_stats: Vec::read(r)?,
        })
    }

    fn write(&self, w: &mut Writer) {
        let start = w.position();
        self.meter_id.write(w);
        w.zeros(8);
        self.flow_count.write(w);
        self.packet_in_count.write(w);
        self.byte_in_count.write(w);
        self.duration_sec.write(w);
        self.duration_nsec.write(w);
        self.band_stats.write(w);
        w.patch_len(start + 4, start, "meter stats");
    }
}

element! {
    /// One meter of a switch.
    MeterConfig "meter configuration" {
        /// Units and more.
        flags: MeterFlags;
        /// Which meter.
        meter_id: MeterId;
        /// What happens above which rates.
        bands: Vec<Band>;
    }
}

record! {
    /// What meters a switch can do.
    MeterFeatures {
        /// How many.
        max_meter: u32;
        /// A bit for each band type.
        band_types: u32;
        /// A bit for each flag.
        capabilities: u32;
        /// Bands of a meter.
        max_bands: u8;
        /// Values of a colour.
        max_color: u8, pad 2;
    }
}
