//! Fields of class 0x0001.

use super::{Field, FieldInfo, fields};

fields! {
    lookup, 0x0001, 0:
    /// Register 0.
    NXM_NX_REG0 0 4 32;
    /// Register 1.
    NXM_NX_REG1 1 4 32;
    /// Register 2.
    NXM_NX_REG2 2 4 32;
    /// Register 3.
    NXM_NX_REG3 3 4 32;
    /// Register 4.
    NXM_NX_REG4 4 4 32;
    /// Register 5.
    NXM_NX_REG5 5 4 32;
    /// Register 6.
    NXM_NX_REG6 6 4 32;
    /// Register 7.
    NXM_NX_REG7 7 4 32;
    /// Register 8.
    NXM_NX_REG8 8 4 32;
    /// Register 9.
    NXM_NX_REG9 9 4 32;
    /// Register 10.
    NXM_NX_REG10 10 4 32;
    /// Register 11.
    NXM_NX_REG11 11 4 32;
    /// Register 12.
    NXM_NX_REG12 12 4 32;
    /// Register 13.
    NXM_NX_REG13 13 4 32;
    /// Register 14.
    NXM_NX_REG14 14 4 32;
    /// Register 15.
    NXM_NX_REG15 15 4 32;
    /// Tunnel id.
    NXM_NX_TUN_ID 16 8 64;
    /// ARP sender Ethernet address.
    NXM_NX_ARP_SHA 17 6 48;
    /// ARP target Ethernet address.
    NXM_NX_ARP_THA 18 6 48;
    /// IPv6 source.
    NXM_NX_IPV6_SRC 19 16 128;
    /// IPv6 destination.
    NXM_NX_IPV6_DST 20 16 128;
    /// ICMPv6 type.
    NXM_NX_ICMPV6_TYPE 21 1 8;
    /// ICMPv6 code.
    NXM_NX_ICMPV6_CODE 22 1 8;
    /// Neighbour discovery target.
    NXM_NX_ND_TARGET 23 16 128;
    /// Neighbour discovery source link-layer address.
    NXM_NX_ND_SLL 24 6 48;
    /// Neighbour discovery target link-layer address.
    NXM_NX_ND_TLL 25 6 48;
    /// IP fragment.
    NXM_NX_IP_FRAG 26 1 2;
    /// IPv6 flow label.
    NXM_NX_IPV6_LABEL 27 4 20;
    /// IP ECN.
    NXM_NX_IP_ECN 28 1 2;
    /// IP TTL or hop limit.
    NXM_NX_IP_TTL 29 1 8;
    /// MPLS TTL.
    NXM_NX_MPLS_TTL 30 1 8;
    /// Tunnel IPv4 source.
    NXM_NX_TUN_IPV4_SRC 31 4 32;
    /// Tunnel IPv4 destination.
    NXM_NX_TUN_IPV4_DST 32 4 32;
    /// Packet mark of the host.
    NXM_NX_PKT_MARK 33 4 32;
    /// TCP flags.
    NXM_NX_TCP_FLAGS 34 2 12;
    /// Hash of the datapath.
    NXM_NX_DP_HASH 35 4 32;
    /// Recirculation id.
    NXM_NX_RECIRC_ID 36 4 32;
    /// Conjunction id.
    NXM_NX_CONJ_ID 37 4 32;
    /// VXLAN group policy id.
    NXM_NX_TUN_GBP_ID 38 2 16;
    /// VXLAN group policy flags.
    NXM_NX_TUN_GBP_FLAGS 39 1 8;
    /// Tunnel flags.
    NXM_NX_TUN_FLAGS 104 2 1;
    /// Conntrack state.
    NXM_NX_CT_STATE 105 4 32;
    /// Conntrack zone.
    NXM_NX_CT_ZONE 106 2 16;
    /// Conntrack mark.
    NXM_NX_CT_MARK 107 4 32;
    /// Conntrack label.
    NXM_NX_CT_LABEL 108 16 128;
    /// Tunnel IPv6 source.
    NXM_NX_TUN_IPV6_SRC 109 16 128;
    /// Tunnel IPv6 destination.
    NXM_NX_TUN_IPV6_DST 110 16 128;
    /// 128-bit register 0.
    NXM_NX_XXREG0 111 16 128;
    /// 128-bit register 1.
    NXM_NX_XXREG1 112 16 128;
    /// 128-bit register 2.
    NXM_NX_XXREG2 113 16 128;
    /// 128-bit register 3.
    NXM_NX_XXREG3 114 16 128;
    /// Protocol of the conntrack original tuple.
    NXM_NX_CT_NW_PROTO 119 1 8;
    /// IPv4 source of the conntrack original tuple.
    NXM_NX_CT_NW_SRC 120 4 32;
    /// IPv4 destination of the conntrack original tuple.
    NXM_NX_CT_NW_DST 121 4 32;
    /// IPv6 source of the conntrack original tuple.
    NXM_NX_CT_IPV6_SRC 122 16 128;
    /// IPv6 destination of the conntrack original tuple.
    NXM_NX_CT_IPV6_DST 123 16 128;
    /// Source port of the conntrack original tuple.
    NXM_NX_CT_TP_SRC 124 2 16;
    /// Destination port of the conntrack original tuple.
    NXM_NX_CT_TP_DST 125 2 16;
}
