//! Fields of class 0x0000.

use super::{Field, FieldInfo, fields};

fields! {
    lookup, 0x0000, 0:
    /// Ingress port.
    NXM_OF_IN_PORT 0 2 16;
    /// Ethernet destination.
    NXM_OF_ETH_DST 1 6 48;
    /// Ethernet source.
    NXM_OF_ETH_SRC 2 6 48;
    /// Ethernet type.
    NXM_OF_ETH_TYPE 3 2 16;
    /// VLAN tag control information.
    NXM_OF_VLAN_TCI 4 2 16;
    /// IP DSCP in its byte.
    NXM_OF_IP_TOS 5 1 8;
    /// IP protocol.
    NXM_OF_IP_PROTO 6 1 8;
    /// IPv4 source.
    NXM_OF_IP_SRC 7 4 32;
    /// IPv4 destination.
    NXM_OF_IP_DST 8 4 32;
    /// TCP source port.
    NXM_OF_TCP_SRC 9 2 16;
    /// TCP destination port.
    NXM_OF_TCP_DST 10 2 16;
    /// UDP source port.
    NXM_OF_UDP_SRC 11 2 16;
    /// UDP destination port.
    NXM_OF_UDP_DST 12 2 16;
    /// ICMP type.
    NXM_OF_ICMP_TYPE 13 1 8;
    /// ICMP code.
    NXM_OF_ICMP_CODE 14 1 8;
    /// ARP operation.
    NXM_OF_ARP_OP 15 2 16;
    /// ARP sender IPv4 address.
    NXM_OF_ARP_SPA 16 4 32;
    /// ARP target IPv4 address.
    NXM_OF_ARP_TPA 17 4 32;
}
