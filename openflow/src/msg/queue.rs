//! Queues (sections 7.2.1.1, 7.3.6, 7.3.5.10).

use crate::error::DecodeErrorKind;
use crate::macros::record;
use crate::types::{Blob, PortNo, QueueId};
use crate::wire::{Reader, Result, Wire, Writer};

record! {
    /// Asks for the queues of a port.
    QueueConfigRequest {
        /// The port, or any.
        port: PortNo, pad 4;
    }
}

record! {
    /// The queues of a port.
    QueueConfigReply {
        /// The port.
        port: PortNo, pad 4;
        /// Its queues.
        queues: Vec<Queue>;
    }
}

/// A queue of a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
pub struct Queue {
    /// Its number.
    pub queue_id: QueueId,
    /// Its port.
    pub port: PortNo,
    /// How it is served.
    pub properties: Vec<QueueProperty>,
}

impl Wire for Queue {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        r.label("queue");
        let (queue_id, port) = (QueueId::read(r)?, PortNo::read(r)?);
        let length = usize::from(u16::read(r)?);
        let Some(size) = length.checked_sub(10) else {
            return Err(r.bad_length(length));
        };
        let r = &mut r.sub(size, "queue")?;
        r.skip(6)?;
        Ok(Self { queue_id, port, properties: Vec::read(r)? })
    }

    fn write(&self, w: &mut Writer) {
        let start = w.position();
        self.queue_id.write(w);
        self.port.write(w);
        w.zeros(8);
        self.properties.write(w);
        w.patch_len(start + 8, start, "queue");
    }
}

/// How a queue is served. Rates are in tenths of a percent; above 1000 means disabled.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "json", serde(tag = "type", rename_all = "snake_case"))]
pub enum QueueProperty {
    /// The rate it is given at least.
    MinRate {
        /// The rate.
        rate: u16,
    },
    /// The rate it is given at most.
    MaxRate {
        /// The rate.
        rate: u16,
    },
    /// What an experimenter defines.
    Experimenter {
        /// Who defines it.
        experimenter: u32,
        /// All that follows.
        data: Blob,
    },
}

const MIN_RATE: u16 = 1;
const MAX_RATE: u16 = 2;
const EXPERIMENTER: u16 = 0xffff;

impl Wire for QueueProperty {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        r.label("queue property");
        let (kind, length) = (u16::read(r)?, usize::from(u16::read(r)?));
        let Some(size) = length.checked_sub(4) else {
            return Err(r.bad_length(length));
        };
        let r = &mut r.sub(size, "queue property")?;
        r.skip(4)?;
        let mut rate = || {
            let rate = u16::read(r)?;
            r.skip(6)?;
            Ok(rate)
        };
        let property = match kind {
            MIN_RATE => Self::MinRate { rate: rate()? },
            MAX_RATE => Self::MaxRate { rate: rate()? },
            EXPERIMENTER => {
                let experimenter = u32::read(r)?;
                r.skip(4)?;
                Self::Experimenter { experimenter, data: Blob::read(r)? }
            }
            _ => return Err(r.error(DecodeErrorKind::UnknownType(u32::from(kind)))),
        };
        r.end()?;
        Ok(property)
    }

    fn write(&self, w: &mut Writer) {
        let start = w.position();
        let kind = match self {
            Self::MinRate { .. } => MIN_RATE,
            Self::MaxRate { .. } => MAX_RATE,
            Self::Experimenter { .. } => EXPERIMENTER,
        };
        kind.write(w);
        w.zeros(6);
        match self {
            Self::MinRate { rate } | Self::MaxRate { rate } => {
                rate.write(w);
                w.zeros(6);
            }
            Self::Experimenter { experimenter, data } => {
                experimenter.write(w);
                w.zeros(4);
                data.write(w);
            }
        }
        w.patch_len(start + 2, start, "queue property");
    }
}

record! {
    /// Asks about queues.
    QueueStatsRequest {
        /// Of this port, or any,
        port_no: PortNo;
        /// this queue, or all.
        queue_id: QueueId;
    }
}

record! {
    /// Counters of one queue.
    QueueStats {
        /// Its port.
        port_no: PortNo;
        /// Its number.
        queue_id: QueueId;
        /// Bytes sent.
        tx_bytes: u64;
        /// Packets sent.
        tx_packets: u64;
        /// Packets dropped by overrun.
        tx_errors: u64;
        /// Seconds it lives.
        duration_sec: u32;
        /// And nanoseconds beyond.
        duration_nsec: u32;
    }
}
