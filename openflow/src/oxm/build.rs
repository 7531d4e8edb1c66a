//! Typed builders of matches. Prerequisites are the caller's: `tcp_dst` does not add `ip_proto`.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::field::Field;
use super::matching::Match;
use super::value::{Oxm, OxmValue};
use crate::types::{Mac, PortNo};

/// The bit of `vlan_vid` that says there is a tag (`OFPVID_PRESENT`).
pub const VLAN_PRESENT: u16 = 0x1000;

/// An address, and maybe a mask or prefix length: what the address builders take.
///
/// `addr.into()` is exact, `(addr, 24).into()` a prefix; `Masked::new` takes any mask. A mask of
/// only zeros matches everything and adds no field, a mask of only ones is not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Masked<T> {
    value: T,
    mask: Option<T>,
}

impl<T> Masked<T> {
    /// Matches where `mask` has ones.
    pub const fn new(value: T, mask: T) -> Self {
        Self { value, mask: Some(mask) }
    }
}

impl<T> From<T> for Masked<T> {
    fn from(value: T) -> Self {
        Self { value, mask: None }
    }
}

impl From<(Ipv4Addr, u8)> for Masked<Ipv4Addr> {
    fn from((addr, prefix): (Ipv4Addr, u8)) -> Self {
        let mask = u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0);
        Self::new(Ipv4Addr::from(u32::from(addr) & mask), Ipv4Addr::from(mask))
    }
}

impl From<(Ipv6Addr, u8)> for Masked<Ipv6Addr> {
    fn from((addr, prefix): (Ipv6Addr, u8)) -> Self {
        let mask = u128::MAX.checked_shl(128 - u32::from(prefix.min(128))).unwrap_or(0);
        Self::new(Ipv6Addr::from(u128::from(addr) & mask), Ipv6Addr::from(mask))
    }
}

impl Match {
    fn masked<T: OxmValue>(self, field: Field, v: Masked<T>) -> Self {
        let Some(mask) = v.mask else {
            return self.with(Oxm::new(field, v.value));
        };
        let oxm = Oxm::masked(field, v.value, mask);
        let Some(mask) = oxm.mask() else { return self.with(oxm) };
        if mask.iter().all(|b| *b == 0) {
            return self;
        }
        if mask.iter().all(|b| *b == 0xff) {
            return match Oxm::from_bytes(field, oxm.value(), None) {
                Some(exact) => self.with(exact),
                None => self.with(oxm),
            };
        }
        self.with(oxm)
    }
}

macro_rules! exact {
    ($($(#[$m:meta])* $name:ident($t:ty) $field:ident;)*) => {
        impl Match {$(
            $(#[$m])*
            #[must_use]
            pub fn $name(self, value: $t) -> Self {
                self.with(Oxm::new(Field::$field, value))
            }
        )*}
    };
}

macro_rules! address {
    ($($(#[$m:meta])* $name:ident($t:ty) $field:ident;)*) => {
        impl Match {$(
            $(#[$m])*
            #[must_use]
            pub fn $name(self, value: impl Into<Masked<$t>>) -> Self {
                self.masked(Field::$field, value.into())
            }
        )*}
    };
}

macro_rules! number {
    ($($(#[$m:meta])* $name:ident $masked:ident($t:ty) $field:ident;)*) => {
        impl Match {$(
            $(#[$m])*
            #[must_use]
            pub fn $name(self, value: $t) -> Self {
                self.with(Oxm::new(Field::$field, value))
            }

            $(#[$m])*
            /// Only the bits set in `mask` count.
            #[must_use]
            pub fn $masked(self, value: $t, mask: $t) -> Self {
                self.masked(Field::$field, Masked::new(value, mask))
            }
        )*}
    };
}

exact! {
    /// The port the packet came in by.
    in_port(PortNo) OXM_OF_IN_PORT;
    /// Ethernet type.
    eth_type(u16) OXM_OF_ETH_TYPE;
    /// VLAN priority.
    vlan_pcp(u8) OXM_OF_VLAN_PCP;
    /// IP DSCP: the upper six bits of the byte, shifted down.
    ip_dscp(u8) OXM_OF_IP_DSCP;
    /// IP ECN: the lower two bits of the byte.
    ip_ecn(u8) OXM_OF_IP_ECN;
    /// IP protocol.
    ip_proto(u8) OXM_OF_IP_PROTO;
    /// IP TTL or hop limit.
    ip_ttl(u8) NXM_NX_IP_TTL;
    /// ICMP type.
    icmpv4_type(u8) OXM_OF_ICMPV4_TYPE;
    /// ICMP code.
    icmpv4_code(u8) OXM_OF_ICMPV4_CODE;
    /// ICMPv6 type.
    icmpv6_type(u8) OXM_OF_ICMPV6_TYPE;
    /// ICMPv6 code.
    icmpv6_code(u8) OXM_OF_ICMPV6_CODE;
    /// ARP operation.
    arp_op(u16) OXM_OF_ARP_OP;
    /// Conntrack zone.
    ct_zone(u16) NXM_NX_CT_ZONE;
    /// Conjunction.
    conj_id(u32) NXM_NX_CONJ_ID;
    /// MPLS label.
    mpls_label(u32) OXM_OF_MPLS_LABEL;
    /// Protocol of the conntrack original tuple.
    ct_nw_proto(u8) NXM_NX_CT_NW_PROTO;
}

address! {
    /// Ethernet source.
    eth_src(Mac) OXM_OF_ETH_SRC;
    /// Ethernet destination.
    eth_dst(Mac) OXM_OF_ETH_DST;
    /// IPv4 source.
    ipv4_src(Ipv4Addr) OXM_OF_IPV4_SRC;
    /// IPv4 destination.
    ipv4_dst(Ipv4Addr) OXM_OF_IPV4_DST;
    /// IPv6 source.
    ipv6_src(Ipv6Addr) OXM_OF_IPV6_SRC;
    /// IPv6 destination.
    ipv6_dst(Ipv6Addr) OXM_OF_IPV6_DST;
    /// ARP sender IPv4 address.
    arp_spa(Ipv4Addr) OXM_OF_ARP_SPA;
    /// ARP target IPv4 address.
    arp_tpa(Ipv4Addr) OXM_OF_ARP_TPA;
    /// ARP sender Ethernet address.
    arp_sha(Mac) OXM_OF_ARP_SHA;
    /// ARP target Ethernet address.
    arp_tha(Mac) OXM_OF_ARP_THA;
    /// Neighbour discovery target.
    nd_target(Ipv6Addr) OXM_OF_IPV6_ND_TARGET;
    /// Neighbour discovery source link-layer address.
    nd_sll(Mac) OXM_OF_IPV6_ND_SLL;
    /// Neighbour discovery target link-layer address.
    nd_tll(Mac) OXM_OF_IPV6_ND_TLL;
    /// Tunnel source, IPv4.
    tun_src(Ipv4Addr) NXM_NX_TUN_IPV4_SRC;
    /// Tunnel destination, IPv4.
    tun_dst(Ipv4Addr) NXM_NX_TUN_IPV4_DST;
    /// Tunnel source, IPv6.
    tun_ipv6_src(Ipv6Addr) NXM_NX_TUN_IPV6_SRC;
    /// Tunnel destination, IPv6.
    tun_ipv6_dst(Ipv6Addr) NXM_NX_TUN_IPV6_DST;
    /// IPv4 source of the conntrack original tuple.
    ct_nw_src(Ipv4Addr) NXM_NX_CT_NW_SRC;
    /// IPv4 destination of the conntrack original tuple.
    ct_nw_dst(Ipv4Addr) NXM_NX_CT_NW_DST;
    /// IPv6 source of the conntrack original tuple.
    ct_ipv6_src(Ipv6Addr) NXM_NX_CT_IPV6_SRC;
    /// IPv6 destination of the conntrack original tuple.
    ct_ipv6_dst(Ipv6Addr) NXM_NX_CT_IPV6_DST;
}

number! {
    /// Metadata passed between tables.
    metadata metadata_masked(u64) OXM_OF_METADATA;
    /// TCP source port.
    tcp_src tcp_src_masked(u16) OXM_OF_TCP_SRC;
    /// TCP destination port.
    tcp_dst tcp_dst_masked(u16) OXM_OF_TCP_DST;
    /// UDP source port.
    udp_src udp_src_masked(u16) OXM_OF_UDP_SRC;
    /// UDP destination port.
    udp_dst udp_dst_masked(u16) OXM_OF_UDP_DST;
    /// SCTP source port.
    sctp_src sctp_src_masked(u16) OXM_OF_SCTP_SRC;
    /// SCTP destination port.
    sctp_dst sctp_dst_masked(u16) OXM_OF_SCTP_DST;
    /// TCP flags.
    tcp_flags tcp_flags_masked(u16) OXM_OF_TCP_FLAGS;
    /// Tunnel id.
    tunnel_id tunnel_id_masked(u64) OXM_OF_TUNNEL_ID;
    /// Tunnel flags.
    tun_flags tun_flags_masked(u16) NXM_NX_TUN_FLAGS;
    /// IP fragment: bit 0 is any fragment, bit 1 a later one.
    ip_frag ip_frag_masked(u8) NXM_NX_IP_FRAG;
    /// Conntrack mark.
    ct_mark ct_mark_masked(u32) NXM_NX_CT_MARK;
    /// Conntrack label.
    ct_label ct_label_masked(u128) NXM_NX_CT_LABEL;
    /// Packet mark of the host.
    pkt_mark pkt_mark_masked(u32) NXM_NX_PKT_MARK;
    /// VLAN id with [`VLAN_PRESENT`], as it is on the wire.
    vlan_vid_raw vlan_vid_masked(u16) OXM_OF_VLAN_VID;
    /// Source port of the conntrack original tuple.
    ct_tp_src ct_tp_src_masked(u16) NXM_NX_CT_TP_SRC;
    /// Destination port of the conntrack original tuple.
    ct_tp_dst ct_tp_dst_masked(u16) NXM_NX_CT_TP_DST;
}

impl Match {
    /// A VLAN tag with this id.
    #[must_use]
    pub fn vlan_vid(self, vid: u16) -> Self {
        self.vlan_vid_raw(VLAN_PRESENT | (vid & 0xfff))
    }

    /// No VLAN tag.
    #[must_use]
    pub fn vlan_none(self) -> Self {
        self.vlan_vid_raw(0)
    }

    /// Conntrack state: the bits of [`ct_state`](crate::oxm::ct_state) set in `mask` have the
    /// values in `value`.
    #[must_use]
    pub fn ct_state(self, value: u32, mask: u32) -> Self {
        self.masked(Field::NXM_NX_CT_STATE, Masked::new(value, mask))
    }

    /// Register `n` (0 to 15).
    #[must_use]
    pub fn reg(self, n: u8, value: u32) -> Self {
        self.with(Oxm::new(Field::reg(n), value))
    }

    /// The bits of register `n` (0 to 15) set in `mask`.
    #[must_use]
    pub fn reg_masked(self, n: u8, value: u32, mask: u32) -> Self {
        self.masked(Field::reg(n), Masked::new(value, mask))
    }

    /// The 128-bit register `n` (0 to 3), which holds the registers 4n to 4n+3.
    #[must_use]
    pub fn xxreg(self, n: u8, value: u128) -> Self {
        self.with(Oxm::new(Field::xxreg(n), value))
    }

    /// The bits of the 128-bit register `n` (0 to 3) set in `mask`.
    #[must_use]
    pub fn xxreg_masked(self, n: u8, value: u128, mask: u128) -> Self {
        self.masked(Field::xxreg(n), Masked::new(value, mask))
    }
}
