//! Messages and parts of them that no macro declares.

use super::{Arb, Gen};
use crate::message::{Body, Message};
use crate::msg::error::ErrorMsg;
use crate::msg::experimenter::Empty;
use crate::msg::group15::{Bucket15, GroupBody15, GroupMod15, GroupProperty};
use crate::msg::hello::HelloElement;
use crate::msg::meter::{Band, MeterStats};
use crate::msg::monitor::FlowUpdate;
use crate::msg::nicira::Tuple;
use crate::msg::onf::BundleAdd;
use crate::msg::packet::PacketOut;
use crate::msg::queue::{Queue, QueueProperty};
use crate::multipart::table_features::TypeId;

impl Arb for Empty {
    fn arb(_: &mut Gen<'_>) -> Self {
        Self {}
    }
}

impl Arb for Message {
    fn arb(g: &mut Gen<'_>) -> Self {
        Message::new(Arb::arb(g), Body::arb(g))
    }
}

impl Arb for HelloElement {
    fn arb(g: &mut Gen<'_>) -> Self {
        match bool::arb(g) {
            true => Self::VersionBitmap { bitmaps: Arb::arb(g) },
            false => Self::Other { kind: 2, data: Arb::arb(g) },
        }
    }
}

impl Arb for ErrorMsg {
    fn arb(g: &mut Gen<'_>) -> Self {
        match bool::arb(g) {
            true => Self::new(g.below(20) as u16, Arb::arb(g), g.take(9)),
            false => Self::Experimenter { exp_type: Arb::arb(g), experimenter: Arb::arb(g), data: Arb::arb(g) },
        }
    }
}

impl Arb for Band {
    fn arb(g: &mut Gen<'_>) -> Self {
        let (rate, burst_size) = (Arb::arb(g), Arb::arb(g));
        match g.below(3) {
            0 => Self::Drop { rate, burst_size },
            1 => Self::DscpRemark { rate, burst_size, prec_level: Arb::arb(g) },
            _ => Self::Experimenter { rate, burst_size, experimenter: Arb::arb(g), data: g.words() },
        }
    }
}

impl Arb for MeterStats {
    fn arb(g: &mut Gen<'_>) -> Self {
        Self {
            meter_id: Arb::arb(g),
            flow_count: Arb::arb(g),
            packet_in_count: Arb::arb(g),
            byte_in_count: Arb::arb(g),
            duration_sec: Arb::arb(g),
            duration_nsec: Arb::arb(g),
            band_stats: Arb::arb(g),
        }
    }
}

impl Arb for FlowUpdate {
    fn arb(g: &mut Gen<'_>) -> Self {
        match g.below(4) {
            0 => Self::Added(Arb::arb(g)),
            1 => Self::Deleted(Arb::arb(g)),
            2 => Self::Modified(Arb::arb(g)),
            _ => Self::Abbrev { xid: Arb::arb(g) },
        }
    }
}

impl Arb for Tuple {
    fn arb(g: &mut Gen<'_>) -> Self {
        Self { tuple: Arb::arb(g) }
    }
}

impl Arb for BundleAdd {
    fn arb(g: &mut Gen<'_>) -> Self {
        let message = match g.depth {
            0..3 => {
                g.depth += 1;
                let message = Message::arb(g);
                g.depth -= 1;
                message
            }
            _ => Message::new(7, Body::BarrierRequest),
        };
        Self { bundle_id: Arb::arb(g), flags: Arb::arb(g), message, properties: Arb::arb(g) }
    }
}

impl Arb for PacketOut {
    fn arb(g: &mut Gen<'_>) -> Self {
        Self { buffer_id: Arb::arb(g), in_port: Arb::arb(g), actions: Arb::arb(g), data: Arb::arb(g) }
    }
}

impl Arb for Queue {
    fn arb(g: &mut Gen<'_>) -> Self {
        Self { queue_id: Arb::arb(g), port: Arb::arb(g), properties: Arb::arb(g) }
    }
}

impl Arb for QueueProperty {
    fn arb(g: &mut Gen<'_>) -> Self {
        match g.below(3) {
            0 => Self::MinRate { rate: Arb::arb(g) },
            1 => Self::MaxRate { rate: Arb::arb(g) },
            _ => Self::Experimenter { experimenter: Arb::arb(g), data: Arb::arb(g) },
        }
    }
}

impl Arb for TypeId {
    fn arb(g: &mut Gen<'_>) -> Self {
        match bool::arb(g) {
            true => Self::Standard { kind: u16::arb(g) & 0x7fff, long: Arb::arb(g) },
            false => Self::Experimenter { experimenter: Arb::arb(g), data: Arb::arb(g) },
        }
    }
}

impl Arb for GroupMod15 {
    fn arb(g: &mut Gen<'_>) -> Self {
        Self {
            command: Arb::arb(g),
            group_type: Arb::arb(g),
            group_id: Arb::arb(g),
            command_bucket_id: Arb::arb(g),
            buckets: Arb::arb(g),
            properties: Arb::arb(g),
        }
    }
}

impl Arb for Bucket15 {
    fn arb(g: &mut Gen<'_>) -> Self {
        Self { bucket_id: Arb::arb(g), actions: Arb::arb(g), properties: Arb::arb(g) }
    }
}

impl Arb for GroupBody15 {
    fn arb(g: &mut Gen<'_>) -> Self {
        Self { buckets: Arb::arb(g), properties: Arb::arb(g) }
    }
}

impl Arb for GroupProperty {
    fn arb(g: &mut Gen<'_>) -> Self {
        match g.below(3) {
            0 => Self::SelectionMethod(Arb::arb(g)),
            1 => Self::Experimenter { experimenter: 0x00c0_ffee, exp_type: Arb::arb(g), data: Arb::arb(g) },
            _ => Self::Other(Arb::arb(g)),
        }
    }
}
