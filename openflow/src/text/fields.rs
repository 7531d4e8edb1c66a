//! The fields as Open vSwitch names them (ovs-fields(7)): one row each, in the order in which a
//! match shows them.

use crate::oxm::Field;

/// How the values of a field are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Decimal.
    Dec,
    /// Hexadecimal.
    Hex,
    /// Hexadecimal with at least so many digits, where a match shows it.
    HexPadded(usize),
    /// Ethernet address.
    Mac,
    /// IPv4 address.
    Ip4,
    /// IPv6 address.
    Ip6,
    /// Port of the switch.
    Port,
    /// `new`, `est` and so on.
    CtState,
    /// `syn`, `ack` and so on.
    TcpFlags,
    /// `oam`.
    TunFlags,
    /// `no`, `yes`, `first`, `later`, `not_later`.
    Frag,
    /// Name space and number in it.
    PacketType,
    /// Bytes in hexadecimal.
    Bytes,
}

/// What is known about the text of a field.
#[derive(Debug)]
pub(super) struct Row {
    /// Its name, which `set_field` and `delete_field` print.
    pub name: &'static str,
    /// Its name in a match.
    pub shown: &'static str,
    /// How its values are written.
    pub kind: Kind,
    /// Its numbers on the wire, oldest first. The first one's name stands in `load` and `move`.
    pub fields: &'static [Field],
    /// The one to send over OpenFlow 1.3.
    pub wire: Field,
}

/// Names that neither actions nor matches print, but are understood.
const OTHER_NAMES: &[(&str, Key)] = &[
    ("in_port", Key::InPortOxm),
    ("tunnel_id", Key::TunId),
    ("ip_proto", Key::NwProto),
    ("ip_ecn", Key::NwEcn),
    ("nsp", Key::NshSpi),
    ("nsi", Key::NshSi),
    ("nshc1", Key::NshC1),
    ("nshc2", Key::NshC2),
    ("nshc3", Key::NshC3),
    ("nshc4", Key::NshC4),
];

impl Key {
    /// The field of a name, which a match over OpenFlow 1.3 sends.
    pub fn named(name: &str) -> Option<Self> {
        let other = OTHER_NAMES.iter().find(|(other, _)| *other == name).map(|(_, id)| *id);
        let matchable = || Self::ALL.iter().filter(|id| !id.row().fields.is_empty());
        let by = |is: fn(&Row, &str) -> bool| matchable().find(|id| is(id.row(), name)).copied();
        other.or_else(|| by(|row, name| row.name == name)).or_else(|| by(|row, name| row.shown == name))
    }
}

impl Row {
    /// Bits of the field as Open vSwitch counts them.
    pub fn n_bits(&self) -> u16 {
        if self.wire == Field::OXM_OF_VLAN_VID {
            return 12;
        }
        self.wire.info().map_or(0, |i| i.bits)
    }

    /// Bytes of a value.
    pub fn size(&self) -> usize {
        self.wire.info().map_or(0, |i| usize::from(i.size))
    }

    /// A mask of all bits.
    pub fn all_ones(&self) -> u128 {
        match self.size() {
            16.. => u128::MAX,
            n => (1 << (n * 8)) - 1,
        }
    }
}

impl Field {
    /// Stands for all 64 tunnel options.
    const NXM_NX_TUN_METADATA0: Self = Self::tun_metadata(0);
}

const fn last(fields: &[Field]) -> Field {
    match fields {
        [.., last] => *last,
        [] => Field::NXM_NX_TUN_METADATA0,
    }
}

/// Declares the fields: `Key: NAME SHOWN KIND, NUMBERS; LATER`. The last of `NUMBERS` is sent over
/// OpenFlow 1.3, `LATER` only over later ones. Some fields packets have cannot be matched: they have
/// no number.
macro_rules! rows {
    ($($id:ident: $name:literal $shown:literal $kind:expr, $($field:ident)* $(| $later:ident)?;)*) => {
        /// A field as Open vSwitch sees it, however it is numbered on the wire.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub(super) enum Key { $($id),* }

        static ROWS: &[Row] = &[$(Row {
            name: $name,
            shown: $shown,
            kind: $kind,
            fields: &[$(Field::$field,)* $(Field::$later)?],
            wire: last(&[$(Field::$field),*]),
        }),*];

        impl Key {
            /// Every field, in order.
            pub const ALL: &[Key] = &[$(Self::$id),*];

            /// The field that a number on the wire means.
            pub fn of(field: Field) -> Option<Self> {
                match field {
                    $($(Field::$field => Some(Self::$id),)* $(Field::$later => Some(Self::$id),)?)*
                    _ => field.tun_metadata_index().map(|_| Self::TunMetadata),
                }
            }

            /// What is known about it.
            pub fn row(self) -> &'static Row {
                static NONE: Row = Row {
                    name: "?",
                    shown: "?",
                    kind: Kind::Bytes,
                    fields: &[],
                    wire: Field::NXM_NX_TUN_METADATA0,
                };
                ROWS.get(self as usize).unwrap_or(&NONE)
            }
        }
    };
}

rows! {
    PktMark: "pkt_mark" "pkt_mark" Kind::Hex, NXM_NX_PKT_MARK;
    RecircId: "recirc_id" "recirc_id" Kind::Hex, NXM_NX_RECIRC_ID;
    DpHash: "dp_hash" "dp_hash" Kind::Hex, NXM_NX_DP_HASH | NXOXM_ET_DP_HASH;
    ConjId: "conj_id" "conj_id" Kind::Dec, NXM_NX_CONJ_ID;
    ActsetOutput: "actset_output" "actset_output" Kind::Port, ONFOXM_ET_ACTSET_OUTPUT | OXM_OF_ACTSET_OUTPUT;
    CtState: "ct_state" "ct_state" Kind::CtState, NXM_NX_CT_STATE;
    CtZone: "ct_zone" "ct_zone" Kind::Hex, NXM_NX_CT_ZONE;
    CtMark: "ct_mark" "ct_mark" Kind::Hex, NXM_NX_CT_MARK;
    CtLabel: "ct_label" "ct_label" Kind::Hex, NXM_NX_CT_LABEL;
    CtNwSrc: "ct_nw_src" "ct_nw_src" Kind::Ip4, NXM_NX_CT_NW_SRC;
    CtIpv6Src: "ct_ipv6_src" "ct_ipv6_src" Kind::Ip6, NXM_NX_CT_IPV6_SRC;
    CtNwDst: "ct_nw_dst" "ct_nw_dst" Kind::Ip4, NXM_NX_CT_NW_DST;
    CtIpv6Dst: "ct_ipv6_dst" "ct_ipv6_dst" Kind::Ip6, NXM_NX_CT_IPV6_DST;
    CtNwProto: "ct_nw_proto" "ct_nw_proto" Kind::Dec, NXM_NX_CT_NW_PROTO;
    CtTpSrc: "ct_tp_src" "ct_tp_src" Kind::Dec, NXM_NX_CT_TP_SRC;
    CtTpDst: "ct_tp_dst" "ct_tp_dst" Kind::Dec, NXM_NX_CT_TP_DST;
    PacketType: "packet_type" "packet_type" Kind::PacketType, OXM_OF_PACKET_TYPE;
    Reg0: "reg0" "reg0" Kind::Hex, NXM_NX_REG0;
    Reg1: "reg1" "reg1" Kind::Hex, NXM_NX_REG1;
    Reg2: "reg2" "reg2" Kind::Hex, NXM_NX_REG2;
    Reg3: "reg3" "reg3" Kind::Hex, NXM_NX_REG3;
    Reg4: "reg4" "reg4" Kind::Hex, NXM_NX_REG4;
    Reg5: "reg5" "reg5" Kind::Hex, NXM_NX_REG5;
    Reg6: "reg6" "reg6" Kind::Hex, NXM_NX_REG6;
    Reg7: "reg7" "reg7" Kind::Hex, NXM_NX_REG7;
    Reg8: "reg8" "reg8" Kind::Hex, NXM_NX_REG8;
    Reg9: "reg9" "reg9" Kind::Hex, NXM_NX_REG9;
    Reg10: "reg10" "reg10" Kind::Hex, NXM_NX_REG10;
    Reg11: "reg11" "reg11" Kind::Hex, NXM_NX_REG11;
    Reg12: "reg12" "reg12" Kind::Hex, NXM_NX_REG12;
    Reg13: "reg13" "reg13" Kind::Hex, NXM_NX_REG13;
    Reg14: "reg14" "reg14" Kind::Hex, NXM_NX_REG14;
    Reg15: "reg15" "reg15" Kind::Hex, NXM_NX_REG15;
    Xreg0: "xreg0" "xreg0" Kind::Hex, OXM_OF_PKT_REG0;
    Xreg1: "xreg1" "xreg1" Kind::Hex, OXM_OF_PKT_REG1;
    Xreg2: "xreg2" "xreg2" Kind::Hex, OXM_OF_PKT_REG2;
    Xreg3: "xreg3" "xreg3" Kind::Hex, OXM_OF_PKT_REG3;
    Xreg4: "xreg4" "xreg4" Kind::Hex, OXM_OF_PKT_REG4;
    Xreg5: "xreg5" "xreg5" Kind::Hex, OXM_OF_PKT_REG5;
    Xreg6: "xreg6" "xreg6" Kind::Hex, OXM_OF_PKT_REG6;
    Xreg7: "xreg7" "xreg7" Kind::Hex, OXM_OF_PKT_REG7;
    Xxreg0: "xxreg0" "xxreg0" Kind::Hex, NXM_NX_XXREG0;
    Xxreg1: "xxreg1" "xxreg1" Kind::Hex, NXM_NX_XXREG1;
    Xxreg2: "xxreg2" "xxreg2" Kind::Hex, NXM_NX_XXREG2;
    Xxreg3: "xxreg3" "xxreg3" Kind::Hex, NXM_NX_XXREG3;
    TunId: "tun_id" "tun_id" Kind::Hex, NXM_NX_TUN_ID OXM_OF_TUNNEL_ID;
    TunSrc: "tun_src" "tun_src" Kind::Ip4, NXM_NX_TUN_IPV4_SRC;
    TunDst: "tun_dst" "tun_dst" Kind::Ip4, NXM_NX_TUN_IPV4_DST;
    TunIpv6Src: "tun_ipv6_src" "tun_ipv6_src" Kind::Ip6, NXM_NX_TUN_IPV6_SRC;
    TunIpv6Dst: "tun_ipv6_dst" "tun_ipv6_dst" Kind::Ip6, NXM_NX_TUN_IPV6_DST;
    TunGbpId: "tun_gbp_id" "tun_gbp_id" Kind::Dec, NXM_NX_TUN_GBP_ID;
    TunGbpFlags: "tun_gbp_flags" "tun_gbp_flags" Kind::Hex, NXM_NX_TUN_GBP_FLAGS;
    TunErspanVer: "tun_erspan_ver" "tun_erspan_ver" Kind::Dec, NXOXM_ET_ERSPAN_VER;
    TunErspanIdx: "tun_erspan_idx" "tun_erspan_idx" Kind::Hex, NXOXM_ET_ERSPAN_IDX;
    TunErspanDir: "tun_erspan_dir" "tun_erspan_dir" Kind::Dec, NXOXM_ET_ERSPAN_DIR;
    TunErspanHwid: "tun_erspan_hwid" "tun_erspan_hwid" Kind::Hex, NXOXM_ET_ERSPAN_HWID;
    TunGtpuFlags: "tun_gtpu_flags" "gtpu_flags" Kind::Hex, NXOXM_ET_GTPU_FLAGS;
    TunGtpuMsgtype: "tun_gtpu_msgtype" "gtpu_msgtype" Kind::Dec, NXOXM_ET_GTPU_MSGTYPE;
    TunFlags: "tun_flags" "tun_flags" Kind::TunFlags, NXM_NX_TUN_FLAGS;
    TunMetadata: "tun_metadata" "tun_metadata" Kind::Bytes, NXM_NX_TUN_METADATA0;
    Metadata: "metadata" "metadata" Kind::Hex, OXM_OF_METADATA;
    InPort: "in_port" "in_port" Kind::Port, NXM_OF_IN_PORT;
    InPortOxm: "in_port_oxm" "in_port" Kind::Port, OXM_OF_IN_PORT;
    VlanTci: "vlan_tci" "vlan_tci" Kind::HexPadded(4), NXM_OF_VLAN_TCI;
    VlanVid: "vlan_vid" "vlan_vid" Kind::Dec, OXM_OF_VLAN_VID;
    VlanPcp: "vlan_pcp" "vlan_pcp" Kind::Dec, OXM_OF_VLAN_PCP;
    EthSrc: "eth_src" "dl_src" Kind::Mac, NXM_OF_ETH_SRC OXM_OF_ETH_SRC;
    EthDst: "eth_dst" "dl_dst" Kind::Mac, NXM_OF_ETH_DST OXM_OF_ETH_DST;
    EthType: "eth_type" "dl_type" Kind::HexPadded(4), NXM_OF_ETH_TYPE OXM_OF_ETH_TYPE;
    Ipv6Src: "ipv6_src" "ipv6_src" Kind::Ip6, NXM_NX_IPV6_SRC OXM_OF_IPV6_SRC;
    Ipv6Dst: "ipv6_dst" "ipv6_dst" Kind::Ip6, NXM_NX_IPV6_DST OXM_OF_IPV6_DST;
    Ipv6Label: "ipv6_label" "ipv6_label" Kind::HexPadded(5), NXM_NX_IPV6_LABEL OXM_OF_IPV6_FLABEL;
    ArpSpa: "arp_spa" "arp_spa" Kind::Ip4, NXM_OF_ARP_SPA OXM_OF_ARP_SPA;
    ArpTpa: "arp_tpa" "arp_tpa" Kind::Ip4, NXM_OF_ARP_TPA OXM_OF_ARP_TPA;
    NshFlags: "nsh_flags" "nsh_flags" Kind::Dec, NXOXM_NSH_FLAGS;
    NshTtl: "nsh_ttl" "nsh_ttl" Kind::Dec, NXOXM_NSH_TTL;
    NshMdtype: "nsh_mdtype" "nsh_mdtype" Kind::Dec, NXOXM_NSH_MDTYPE;
    NshNp: "nsh_np" "nsh_np" Kind::Dec, NXOXM_NSH_NP;
    NshSpi: "nsh_spi" "nsh_spi" Kind::Hex, NXOXM_NSH_SPI;
    NshSi: "nsh_si" "nsh_si" Kind::Dec, NXOXM_NSH_SI;
    NshC1: "nsh_c1" "nsh_c1" Kind::Hex, NXOXM_NSH_C1;
    NshC2: "nsh_c2" "nsh_c2" Kind::Hex, NXOXM_NSH_C2;
    NshC3: "nsh_c3" "nsh_c3" Kind::Hex, NXOXM_NSH_C3;
    NshC4: "nsh_c4" "nsh_c4" Kind::Hex, NXOXM_NSH_C4;
    NwSrc: "ip_src" "nw_src" Kind::Ip4, NXM_OF_IP_SRC OXM_OF_IPV4_SRC;
    NwDst: "ip_dst" "nw_dst" Kind::Ip4, NXM_OF_IP_DST OXM_OF_IPV4_DST;
    NwProto: "nw_proto" "nw_proto" Kind::Dec, NXM_OF_IP_PROTO OXM_OF_IP_PROTO;
    ArpOp: "arp_op" "arp_op" Kind::Dec, NXM_OF_ARP_OP OXM_OF_ARP_OP;
    ArpSha: "arp_sha" "arp_sha" Kind::Mac, NXM_NX_ARP_SHA OXM_OF_ARP_SHA;
    ArpTha: "arp_tha" "arp_tha" Kind::Mac, NXM_NX_ARP_THA OXM_OF_ARP_THA;
    NwTos: "nw_tos" "nw_tos" Kind::Dec, NXM_OF_IP_TOS;
    IpDscp: "ip_dscp" "nw_tos" Kind::Dec, OXM_OF_IP_DSCP;
    NwEcn: "nw_ecn" "nw_ecn" Kind::Dec, NXM_NX_IP_ECN OXM_OF_IP_ECN;
    NwTtl: "nw_ttl" "nw_ttl" Kind::Dec, NXM_NX_IP_TTL;
    MplsLabel: "mpls_label" "mpls_label" Kind::Dec, OXM_OF_MPLS_LABEL;
    MplsTc: "mpls_tc" "mpls_tc" Kind::Dec, OXM_OF_MPLS_TC;
    MplsTtl: "mpls_ttl" "mpls_ttl" Kind::Dec, NXM_NX_MPLS_TTL;
    MplsBos: "mpls_bos" "mpls_bos" Kind::Dec, OXM_OF_MPLS_BOS;
    MplsLse1: "mpls_lse1" "mpls_lse1" Kind::Dec,;
    MplsLse2: "mpls_lse2" "mpls_lse2" Kind::Dec,;
    IpFrag: "ip_frag" "nw_frag" Kind::Frag, NXM_NX_IP_FRAG;
    TcpSrc: "tcp_src" "tp_src" Kind::Dec, NXM_OF_TCP_SRC OXM_OF_TCP_SRC;
    TcpDst: "tcp_dst" "tp_dst" Kind::Dec, NXM_OF_TCP_DST OXM_OF_TCP_DST;
    UdpSrc: "udp_src" "tp_src" Kind::Dec, NXM_OF_UDP_SRC OXM_OF_UDP_SRC;
    UdpDst: "udp_dst" "tp_dst" Kind::Dec, NXM_OF_UDP_DST OXM_OF_UDP_DST;
    SctpSrc: "sctp_src" "tp_src" Kind::Dec, OXM_OF_SCTP_SRC;
    SctpDst: "sctp_dst" "tp_dst" Kind::Dec, OXM_OF_SCTP_DST;
    IcmpType: "icmp_type" "icmp_type" Kind::Dec, NXM_OF_ICMP_TYPE OXM_OF_ICMPV4_TYPE;
    IcmpCode: "icmp_code" "icmp_code" Kind::Dec, NXM_OF_ICMP_CODE OXM_OF_ICMPV4_CODE;
    Icmpv6Type: "icmpv6_type" "icmp_type" Kind::Dec, NXM_NX_ICMPV6_TYPE OXM_OF_ICMPV6_TYPE;
    Icmpv6Code: "icmpv6_code" "icmp_code" Kind::Dec, NXM_NX_ICMPV6_CODE OXM_OF_ICMPV6_CODE;
    NdTarget: "nd_target" "nd_target" Kind::Ip6, NXM_NX_ND_TARGET OXM_OF_IPV6_ND_TARGET;
    NdSll: "nd_sll" "nd_sll" Kind::Mac, NXM_NX_ND_SLL OXM_OF_IPV6_ND_SLL;
    NdTll: "nd_tll" "nd_tll" Kind::Mac, NXM_NX_ND_TLL OXM_OF_IPV6_ND_TLL;
    NdReserved: "nd_reserved" "nd_reserved" Kind::Dec, ERICOXM_OF_ICMPV6_ND_RESERVED;
    NdOptionsType: "nd_options_type" "nd_options_type" Kind::Dec, ERICOXM_OF_ICMPV6_ND_OPTIONS_TYPE;
    TcpFlags: "tcp_flags" "tcp_flags" Kind::TcpFlags, NXM_NX_TCP_FLAGS ONFOXM_ET_TCP_FLAGS | OXM_OF_TCP_FLAGS;
}
