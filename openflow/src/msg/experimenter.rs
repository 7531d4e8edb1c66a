//! Messages and multiparts of experimenters (sections 7.5.5, 7.3.5.16).

use crate::msg::config::AsyncConfig;
use crate::msg::monitor::{MonitorCancel, MonitorReply, MonitorRequest};
use crate::msg::nicira::{
    AsyncConfig2, CtFlush, CtFlushZone, IpfixReply, NxControllerId, NxFlowModTableId, NxPacketInFormat, NxRole,
    PacketIn2, TlvTableMod, TlvTableReply,
};
use crate::msg::onf::{BundleAdd, BundleControl, RequestForward, RoleStatus};
use crate::oxm::field::{NICIRA, ONF};
use crate::types::Blob;
use crate::wire::{Reader, Result, Wire, Writer};

/// No more than which message it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
pub struct Empty {}

impl Wire for Empty {
    fn read(_: &mut Reader<'_>) -> Result<Self> {
        Ok(Self {})
    }

    fn write(&self, _: &mut Writer) {}
}

/// Declares an enumeration of bodies that an experimenter and a number select.
macro_rules! experimenters {
    ($(#[$m:meta])* $name:ident {
        $($(#[$vm:meta])* $v:ident($t:ty) = $e:ident $n:literal $text:literal;)*
    }) => {
        $(#[$m])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$vm])* $v($t),)*
            /// Any other.
            Other {
                /// Who defines it.
                experimenter: u32,
                /// Its number there.
                exp_type: u32,
                /// Its body.
                data: Blob,
            },
        }

        impl $name {
            /// Experimenter, number, and the name if it is known here.
            pub fn kind(&self) -> (u32, u32, Option<&'static str>) {
                match self {
                    $(Self::$v(_) => ($e, $n, Some($text)),)*
                    Self::Other { experimenter, exp_type, .. } => (*experimenter, *exp_type, None),
                }
            }

            #[cfg(feature = "json")]
            pub(crate) fn serialize_body<S: serde::Serializer>(&self, s: S) -> std::result::Result<S::Ok, S::Error> {
                use serde::Serialize;
                match self {
                    $(Self::$v(body) => body.serialize(s),)*
                    Self::Other { data, .. } => $crate::json::Data { data: data.clone() }.serialize(s),
                }
            }

            #[cfg(feature = "json")]
            pub(crate) fn from_json(
                experimenter: u32,
                exp_type: u32,
                value: serde_json::Value,
            ) -> serde_json::Result<Self> {
                Ok(match (experimenter, exp_type) {
                    $(($e, $n) => Self::$v(serde_json::from_value(value)?),)*
                    _ => {
                        let $crate::json::Data { data } = serde_json::from_value(value)?;
                        Self::Other { experimenter, exp_type, data }
                    }
                })
            }
        }

        #[cfg(test)]
        impl $crate::arb::Arb for $name {
            fn arb(g: &mut $crate::arb::Gen<'_>) -> Self {
                use $crate::arb::Arb;
                let all: &[fn(&mut $crate::arb::Gen<'_>) -> Self] = &[
                    $(|g| Self::$v(Arb::arb(g)),)*
                    |g| Self::Other {
                        experimenter: 0x00c0_ffee,
                        exp_type: Arb::arb(g),
                        data: Arb::arb(g),
                    },
                ];
                g.pick(all)(g)
            }
        }

        impl Wire for $name {
            fn read(r: &mut Reader<'_>) -> Result<Self> {
                let (experimenter, exp_type) = (u32::read(r)?, u32::read(r)?);
                Ok(match (experimenter, exp_type) {
                    $(($e, $n) => {
                        r.label($text);
                        Self::$v(<$t>::read(r)?)
                    })*
                    _ => Self::Other { experimenter, exp_type, data: Blob::read(r)? },
                })
            }

            fn write(&self, w: &mut Writer) {
                let (experimenter, exp_type, _) = self.kind();
                experimenter.write(w);
                exp_type.write(w);
                match self {
                    $(Self::$v(body) => body.write(w),)*
                    Self::Other { data, .. } => data.write(w),
                }
            }
        }
    };
}

experimenters! {
    /// A message of an experimenter.
    Experimenter {
        /// Asks for a role.
        NxtRoleRequest(NxRole) = NICIRA 10 "nxt_role_request";
        /// Says which role it is.
        NxtRoleReply(NxRole) = NICIRA 11 "nxt_role_reply";
        /// Whether flow-mods name a table.
        NxtFlowModTableId(NxFlowModTableId) = NICIRA 15 "nxt_flow_mod_table_id";
        /// How packets come to the controller.
        NxtSetPacketInFormat(NxPacketInFormat) = NICIRA 16 "nxt_set_packet_in_format";
        /// What a switch sends unasked.
        NxtSetAsyncConfig(AsyncConfig) = NICIRA 19 "nxt_set_async_config";
        /// Which controller this is.
        NxtSetControllerId(NxControllerId) = NICIRA 20 "nxt_set_controller_id";
        /// Changes which fields show which tunnel options.
        NxtTlvTableMod(TlvTableMod) = NICIRA 24 "nxt_tlv_table_mod";
        /// Asks which fields show which tunnel options.
        NxtTlvTableRequest(Empty) = NICIRA 25 "nxt_tlv_table_request";
        /// Which fields show which tunnel options.
        NxtTlvTableReply(TlvTableReply) = NICIRA 26 "nxt_tlv_table_reply";
        /// What a switch sends unasked, as OpenFlow 1.4 says it.
        NxtSetAsyncConfig2(AsyncConfig2) = NICIRA 27 "nxt_set_async_config2";
        /// Has a paused packet go on.
        NxtResume(PacketIn2) = NICIRA 28 "nxt_resume";
        /// Forgets the connections of a zone.
        NxtCtFlushZone(CtFlushZone) = NICIRA 29 "nxt_ct_flush_zone";
        /// A packet for the controller.
        NxtPacketIn2(PacketIn2) = NICIRA 30 "nxt_packet_in2";
        /// Forgets connections.
        NxtCtFlush(CtFlush) = NICIRA 32 "nxt_ct_flush";
        /// Ends a flow monitor.
        OnftFlowMonitorCancel(MonitorCancel) = ONF 1870 "onft_flow_monitor_cancel";
        /// The switch has too much to tell.
        OnftFlowMonitorPaused(Empty) = ONF 1871 "onft_flow_monitor_paused";
        /// The switch tells again.
        OnftFlowMonitorResumed(Empty) = ONF 1872 "onft_flow_monitor_resumed";
        /// The role of this controller changed.
        OnftRoleStatus(RoleStatus) = ONF 1911 "onft_role_status";
        /// Opens, closes, commits or discards a bundle.
        OnftBundleControl(BundleControl) = ONF 2300 "onft_bundle_control";
        /// Adds a message to a bundle.
        OnftBundleAddMessage(Box<BundleAdd>) = ONF 2301 "onft_bundle_add_message";
        /// A message of another controller.
        OnftRequestforward(Box<RequestForward>) = ONF 2350 "onft_requestforward";
    }
}

experimenters! {
    /// A question of an experimenter.
    ExperimenterRequest {
        /// Counters of the IPFIX exporter of the bridge.
        NxstIpfixBridge(Empty) = NICIRA 3 "nxst_ipfix_bridge";
        /// Counters of the IPFIX exporters of flows.
        NxstIpfixFlow(Empty) = NICIRA 4 "nxst_ipfix_flow";
        /// Asks to be told about flows.
        OnfstFlowMonitor(MonitorRequest) = ONF 1870 "onfst_flow_monitor";
    }
}

experimenters! {
    /// An answer of an experimenter.
    ExperimenterReply {
        /// Counters of the IPFIX exporter of the bridge.
        NxstIpfixBridge(IpfixReply) = NICIRA 3 "nxst_ipfix_bridge";
        /// Counters of the IPFIX exporters of flows.
        NxstIpfixFlow(IpfixReply) = NICIRA 4 "nxst_ipfix_flow";
        /// What happened to flows.
        OnfstFlowMonitor(MonitorReply) = ONF 1870 "onfst_flow_monitor";
    }
}
