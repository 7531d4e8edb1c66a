//! Messages of the Nicira extensions.

use crate::macros::{properties, record};
use crate::msg::config::Role;
use crate::oxm::Oxm;
use crate::property::Property;
use crate::types::{Blob, TableId};
use crate::wire::{Reader, Result, Wire, Writer};

record! {
    /// Asks for a role, or says which it is (before OpenFlow 1.2): 0 other, 1 master, 2 slave.
    NxRole {
        /// The role.
        role: Role;
    }
}

record! {
    /// Whether flow-mods of OpenFlow 1.0 name a table.
    NxFlowModTableId {
        /// 1 if they do.
        set: u8, pad 7;
    }
}

record! {
    /// How packets come to the controller: 0 as OpenFlow 1.0, 1 as Nicira's, 2 as packet-in 2,
    /// 65535 as the version's own.
    NxPacketInFormat {
        /// The format.
        format: u32;
    }
}

record! {
    /// Which controller this is, for the `controller` action.
    NxControllerId pad 6 {
        /// The id.
        controller_id: u16;
    }
}

record! {
    /// A tunnel option, and the `tun_metadata` field that shows it.
    TlvMap {
        /// Class of the option.
        option_class: u16;
        /// Type of the option.
        option_type: u8;
        /// Bytes of its value, a multiple of 4.
        option_len: u8;
        /// Number of the field.
        index: u16, pad 2;
    }
}

record! {
    /// Changes which fields show which tunnel options.
    TlvTableMod {
        /// 0 adds, 1 deletes, 2 clears.
        command: u16, pad 6;
        /// The options.
        maps: Vec<TlvMap>;
    }
}

record! {
    /// Which fields show which tunnel options.
    TlvTableReply {
        /// Bytes of options there can be.
        max_option_space: u32;
        /// Fields there can be.
        max_fields: u16, pad 10;
        /// The options.
        maps: Vec<TlvMap>;
    }
}

record! {
    /// What a switch sends unasked, as OpenFlow 1.4 says it.
    AsyncConfig2 {
        /// The reasons, by message.
        properties: Vec<Property>;
    }
}

record! {
    /// A packet for the controller, or its return.
    PacketIn2 {
        /// The packet and what is known about it.
        properties: Vec<PacketIn2Property>;
    }
}

properties! {
    /// A property of [`PacketIn2`].
    #[cfg_attr(feature = "json", serde(tag = "type", content = "value", rename_all = "snake_case"))]
    PacketIn2Property {
        /// The packet.
        0 Packet(Blob);
        /// Its whole length, if it was cut.
        1 FullLen(u32);
        /// Where the switch keeps it.
        2 BufferId(u32);
        /// The table that sent it.
        3 TableId(TableId);
        /// The cookie of the flow that sent it.
        4 Cookie [4] (u64);
        /// Why it came.
        5 Reason(u8);
        /// Its ingress port, metadata, registers and so on.
        6 Metadata(Vec<Oxm>);
        /// What the `controller` action handed over.
        7 Userdata(Blob);
        /// How to go on: opaque, to be sent back.
        8 Continuation(Blob);
    }
    other
    /// Any other.
    Other
}

record! {
    /// Forgets the connections of a zone.
    CtFlushZone pad 6 {
        /// The zone.
        zone_id: u16;
    }
}

record! {
    /// Forgets connections.
    CtFlush {
        /// Of this protocol, or 0 for any.
        ip_proto: u8, pad 7;
        /// And with all of this.
        properties: Vec<CtFlushProperty>;
    }
}

properties! {
    /// A property of [`CtFlush`].
    #[cfg_attr(feature = "json", serde(tag = "type", rename_all = "snake_case"))]
    CtFlushProperty {
        /// What the first packet looked like.
        0 OrigTuple [4] (Tuple);
        /// What the answer looks like.
        1 ReplyTuple [4] (Tuple);
        /// The zone.
        2 ZoneId(FlushZone);
    }
    other
    /// Any other.
    Other
}

record! {
    /// The zone of connections to forget.
    FlushZone {
        /// Its number.
        value: u16, pad 2;
    }
}

/// What a packet of a connection looks like.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
pub struct Tuple {
    /// Its parts.
    pub tuple: Vec<TupleProperty>,
}

impl Wire for Tuple {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        Ok(Self { tuple: Vec::read(r)? })
    }

    fn write(&self, w: &mut Writer) {
        self.tuple.write(w);
    }
}

properties! {
    /// A part of a [`Tuple`].
    #[cfg_attr(feature = "json", serde(tag = "type", content = "value", rename_all = "snake_case"))]
    TupleProperty {
        /// Source address; IPv4 is mapped into IPv6.
        0 Src(Blob);
        /// Destination address; IPv4 is mapped into IPv6.
        1 Dst(Blob);
        /// Source port.
        2 SrcPort(u16), pad 2;
        /// Destination port.
        3 DstPort(u16), pad 2;
        /// ICMP id.
        4 IcmpId(u16), pad 2;
        /// ICMP type.
        5 IcmpType(u8);
        /// ICMP code.
        6 IcmpCode(u8);
    }
}

record! {
    /// Counters of an IPFIX exporter.
    IpfixStats {
        /// Flows ever.
        total_flows: u64;
        /// Flows now.
        current_flows: u64;
        /// Packets sampled.
        pkts: u64;
        /// IPv4 packets sampled.
        ipv4_pkts: u64;
        /// IPv6 packets sampled.
        ipv6_pkts: u64;
        /// Packets of other kinds.
        error_pkts: u64;
        /// Errors with IPv4 packets.
        ipv4_error_pkts: u64;
        /// Errors with IPv6 packets.
        ipv6_error_pkts: u64;
        /// Packets sent to collectors.
        tx_pkts: u64;
        /// Errors of sending.
        tx_errors: u64;
        /// Which set of collectors, for flow sampling.
        collector_set_id: u32, pad 4;
    }
}

record! {
    /// Counters of IPFIX exporters.
    IpfixReply {
        /// One for each.
        stats: Vec<IpfixStats>;
    }
}
