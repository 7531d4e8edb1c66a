//! Fields of class 0x8000.

use super::{Field, FieldInfo, fields};

fields! {
    lookup, 0x8000, 0:
    /// Ingress port.
    OXM_OF_IN_PORT 0 4 32;
    /// Physical ingress port.
    OXM_OF_IN_PHY_PORT 1 4 32;
    /// Metadata passed between tables.
    OXM_OF_METADATA 2 8 64;
    /// Ethernet destination.
    OXM_OF_ETH_DST 3 6 48;
    /// Ethernet source.
    OXM_OF_ETH_SRC 4 6 48;
    /// Ethernet type.
    OXM_OF_ETH_TYPE 5 2 16;
    /// VLAN id and present bit.
    OXM_OF_VLAN_VID 6 2 13;
    /// VLAN priority.
    OXM_OF_VLAN_PCP 7 1 3;
    /// IP DSCP.
    OXM_OF_IP_DSCP 8 1 6;
    /// IP ECN.
    OXM_OF_IP_ECN 9 1 2;
    /// IP protocol.
    OXM_OF_IP_PROTO 10 1 8;
    /// IPv4 source.
    OXM_OF_IPV4_SRC 11 4 32;
    /// IPv4 destination.
    OXM_OF_IPV4_DST 12 4 32;
    /// TCP source port.
    OXM_OF_TCP_SRC 13 2 16;
    /// TCP destination port.
    OXM_OF_TCP_DST 14 2 16;
    /// UDP source port.
    OXM_OF_UDP_SRC 15 2 16;
    /// UDP destination port.
    OXM_OF_UDP_DST 16 2 16;
    /// SCTP source port.
    OXM_OF_SCTP_SRC 17 2 16;
    /// SCTP destination port.
    OXM_OF_SCTP_DST 18 2 16;
    /// ICMP type.
    OXM_OF_ICMPV4_TYPE 19 1 8;
    /// ICMP code.
    OXM_OF_ICMPV4_CODE 20 1 8;
    /// ARP operation.
    OXM_OF_ARP_OP 21 2 16;
    /// ARP sender IPv4 address.
    OXM_OF_ARP_SPA 22 4 32;
    /// ARP target IPv4 address.
    OXM_OF_ARP_TPA 23 4 32;
    /// ARP sender Ethernet address.
    OXM_OF_ARP_SHA 24 6 48;
    /// ARP target Ethernet address.
    OXM_OF_ARP_THA 25 6 48;
    /// IPv6 source.
    OXM_OF_IPV6_SRC 26 16 128;
    /// IPv6 destination.
    OXM_OF_IPV6_DST 27 16 128;
    /// IPv6 flow label.
    OXM_OF_IPV6_FLABEL 28 4 20;
    /// ICMPv6 type.
    OXM_OF_ICMPV6_TYPE 29 1 8;
    /// ICMPv6 code.
    OXM_OF_ICMPV6_CODE 30 1 8;
    /// Neighbour discovery target.
    OXM_OF_IPV6_ND_TARGET 31 16 128;
    /// Neighbour discovery source link-layer address.
    OXM_OF_IPV6_ND_SLL 32 6 48;
    /// Neighbour discovery target link-layer address.
    OXM_OF_IPV6_ND_TLL 33 6 48;
    /// MPLS label.
    OXM_OF_MPLS_LABEL 34 4 20;
    /// MPLS traffic class.
    OXM_OF_MPLS_TC 35 1 3;
    /// MPLS bottom of stack.
    OXM_OF_MPLS_BOS 36 1 1;
    /// PBB service id.
    OXM_OF_PBB_ISID 37 3 24;
    /// Tunnel id.
    OXM_OF_TUNNEL_ID 38 8 64;
    /// IPv6 extension headers.
    OXM_OF_IPV6_EXTHDR 39 2 9;
    /// TCP flags.
    OXM_OF_TCP_FLAGS 42 2 12;
    /// Output port of the action set.
    OXM_OF_ACTSET_OUTPUT 43 4 32;
    /// Packet type.
    OXM_OF_PACKET_TYPE 44 4 32;
}
