//! Multiparts: questions and answers too long for one message (section 7.3.5).

pub mod table_features;

use crate::error::DecodeErrorKind;
use crate::macros::{flags, record};
use crate::msg::experimenter::{ExperimenterReply, ExperimenterRequest};
use crate::msg::flow::{AggregateStats, FlowRequest, FlowStats};
use crate::msg::group::{GroupDesc, GroupFeatures, GroupRequest, GroupStats};
use crate::msg::group15::{GroupDesc15, GroupDescRequest15};
use crate::msg::meter::{MeterConfig, MeterFeatures, MeterRequest, MeterStats};
use crate::msg::port::{Port, PortRequest, PortStats};
use crate::msg::queue::{QueueStats, QueueStatsRequest};
use crate::types::{FixedStr, TableId};
use crate::wire::{Reader, Result, Wire, Writer};
use table_features::TableFeatures;

flags! {
    /// Flags of multiparts.
    MultipartFlags: u16 {
        /// More parts follow with the same xid.
        MORE = 1;
    }
}

/// Declares the bodies of one direction: number, JSON name, variant, type. `v6` entries are those
/// of version 6.
macro_rules! multipart {
    (
        $(#[$m:meta])* $name:ident, $(#[$bm:meta])* $body:ident {
            $($(#[$um:meta])* $un:literal $utext:literal $u:ident;)*
            : $($(#[$vm:meta])* $n:literal $text:literal $v:ident($t:ty);)*
            v6: $($(#[$wm:meta])* $wn:literal $wtext:literal $w:ident($wt:ty);)*
        }
    ) => {
        $(#[$m])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub struct $name {
            /// Whether more follows.
            pub flags: MultipartFlags,
            /// What it is about.
            pub body: $body,
        }

        $(#[$bm])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum $body {
            $($(#[$um])* $u,)*
            $($(#[$vm])* $v($t),)*
            $($(#[$wm])* $w($wt),)*
        }

        impl $body {
            /// The number that selects the body, and its name.
            pub fn kind(&self) -> (u16, &'static str) {
                match self {
                    $(Self::$u => ($un, $utext),)*
                    $(Self::$v(_) => ($n, $text),)*
                    $(Self::$w(_) => ($wn, $wtext),)*
                }
            }

            #[cfg(feature = "json")]
            pub(crate) fn serialize_body<S: serde::Serializer>(&self, s: S) -> std::result::Result<S::Ok, S::Error> {
                use serde::Serialize;
                match self {
                    $(Self::$u => $crate::msg::experimenter::Empty {}.serialize(s),)*
                    $(Self::$v(body) => body.serialize(s),)*
                    $(Self::$w(body) => body.serialize(s),)*
                }
            }

            #[cfg(feature = "json")]
            pub(crate) fn from_json(
                version: u8,
                kind: &str,
                value: serde_json::Value,
            ) -> serde_json::Result<Self> {
                Ok(match (kind, version >= 6) {
                    $(($utext, false) => {
                        serde_json::from_value::<$crate::msg::experimenter::Empty>(value)?;
                        Self::$u
                    })*
                    $(($text, false) => Self::$v(serde_json::from_value(value)?),)*
                    $(($wtext, true) => Self::$w(serde_json::from_value(value)?),)*
                    _ => return Err($crate::json::unknown("multipart_type", kind)),
                })
            }
        }

        impl Wire for $name {
            fn read(r: &mut Reader<'_>) -> Result<Self> {
                let kind = u16::read(r)?;
                let flags = MultipartFlags::read(r)?;
                r.skip(4)?;
                let body = match (kind, r.version() >= 6) {
                    $(($un, false) => $body::$u,)*
                    $(($n, false) => {
                        r.label($text);
                        $body::$v(<$t>::read(r)?)
                    })*
                    $(($wn, true) => $body::$w(<$wt>::read(r)?),)*
                    _ => return Err(r.error(DecodeErrorKind::UnknownType(u32::from(kind)))),
                };
                Ok(Self { flags, body })
            }

            fn write(&self, w: &mut Writer) {
                self.body.kind().0.write(w);
                self.flags.write(w);
                w.zeros(4);
                match &self.body {
                    $($body::$u => {})*
                    $($body::$v(body) => body.write(w),)*
                    $($body::$w(body) => body.write(w),)*
                }
            }
        }

        #[cfg(test)]
        impl $crate::arb::Arb for $name {
            fn arb(g: &mut $crate::arb::Gen<'_>) -> Self {
                use $crate::arb::Arb;
                let all: &[fn(&mut $crate::arb::Gen<'_>) -> $body] =
                    &[$(|_| $body::$u,)* $(|g| $body::$v(Arb::arb(g)),)*];
                Self { flags: Arb::arb(g), body: g.pick(all)(g) }
            }
        }

        impl From<$body> for $name {
            fn from(body: $body) -> Self {
                Self { flags: MultipartFlags::NONE, body }
            }
        }
    };
}

multipart! {
    /// A question.
    MultipartRequest,
    /// What a question is about.
    MultipartRequestBody {
        /// What the switch is.
        0 "desc" Desc;
        /// Counters of tables.
        3 "table" Table;
        /// Its groups.
        7 "group_desc" GroupDesc;
        /// What groups it can do.
        8 "group_features" GroupFeatures;
        /// What meters it can do.
        11 "meter_features" MeterFeatures;
        /// Its ports.
        13 "port_desc" PortDesc;
        :
        /// Flows.
        1 "flow" Flow(FlowRequest);
        /// The sum of flows.
        2 "aggregate" Aggregate(FlowRequest);
        /// Counters of ports.
        4 "port_stats" PortStats(PortRequest);
        /// Counters of queues.
        5 "queue" Queue(QueueStatsRequest);
        /// Counters of groups.
        6 "group" Group(GroupRequest);
        /// Counters of meters.
        9 "meter" Meter(MeterRequest);
        /// Meters.
        10 "meter_config" MeterConfig(MeterRequest);
        /// What tables can do, or shall do.
        12 "table_features" TableFeatures(Vec<TableFeatures>);
        /// What an experimenter defines.
        65535 "experimenter" Experimenter(ExperimenterRequest);
        v6:
        /// Groups, in OpenFlow 1.5.
        7 "group_desc" GroupDesc15(GroupDescRequest15);
    }
}

multipart! {
    /// An answer, or a part of it.
    MultipartReply,
    /// What an answer says.
    MultipartReplyBody {
        :
        /// What the switch is.
        0 "desc" Desc(Box<Desc>);
        /// Flows.
        1 "flow" Flow(Vec<FlowStats>);
        /// The sum of flows.
        2 "aggregate" Aggregate(AggregateStats);
        /// Counters of tables.
        3 "table" Table(Vec<TableStats>);
        /// Counters of ports.
        4 "port_stats" PortStats(Vec<PortStats>);
        /// Counters of queues.
        5 "queue" Queue(Vec<QueueStats>);
        /// Counters of groups.
        6 "group" Group(Vec<GroupStats>);
        /// Groups.
        7 "group_desc" GroupDesc(Vec<GroupDesc>);
        /// What groups the switch can do.
        8 "group_features" GroupFeatures(GroupFeatures);
        /// Counters of meters.
        9 "meter" Meter(Vec<MeterStats>);
        /// Meters.
        10 "meter_config" MeterConfig(Vec<MeterConfig>);
        /// What meters the switch can do.
        11 "meter_features" MeterFeatures(MeterFeatures);
        /// What tables can do.
        12 "table_features" TableFeatures(Vec<TableFeatures>);
        /// Ports.
        13 "port_desc" PortDesc(Vec<Port>);
        /// What an experimenter defines.
        65535 "experimenter" Experimenter(ExperimenterReply);
        v6:
        /// Groups, in OpenFlow 1.5.
        7 "group_desc" GroupDesc15(Vec<GroupDesc15>);
    }
}

record! {
    /// What a switch is.
    #[derive(Default)]
    Desc {
        /// Who made it.
        mfr_desc: FixedStr<256>;
        /// Its hardware.
        hw_desc: FixedStr<256>;
        /// Its software.
        sw_desc: FixedStr<256>;
        /// Its serial number.
        serial_num: FixedStr<32>;
        /// Its name.
        dp_desc: FixedStr<256>;
    }
}

record! {
    /// Counters of one table.
    TableStats {
        /// The table.
        table_id: TableId, pad 3;
        /// Flows in it.
        active_count: u32;
        /// Packets looked up in it.
        lookup_count: u64;
        /// Packets for which it had a flow.
        matched_count: u64;
    }
}
