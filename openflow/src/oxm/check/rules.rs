//! For each field that Open vSwitch matches on: what it needs, whether it can be masked, and
//! which values it can have.

use super::{Field, PortNo};

/// What other fields have to say before a field can be matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    Nothing,
    Ethernet,
    Vlan,
    Mpls,
    Arp,
    Ipv4,
    Ipv6,
    Ip,
    Nsh,
    Tcp,
    Udp,
    Sctp,
    Icmpv4,
    Icmpv6,
    Neighbour,
    Solicitation,
    Advertisement,
    Tracked,
}

impl Need {
    /// The same in words.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Ethernet => "an Ethernet packet_type",
            Self::Vlan => "vlan_vid with the present bit",
            Self::Mpls => "eth_type 0x8847 or 0x8848 (mpls)",
            Self::Arp => "eth_type 0x0806 or 0x8035 (arp, rarp)",
            Self::Ipv4 => "eth_type 0x0800 (ipv4)",
            Self::Ipv6 => "eth_type 0x86dd (ipv6)",
            Self::Ip => "eth_type 0x0800 or 0x86dd (ip)",
            Self::Nsh => "eth_type 0x894f (nsh)",
            Self::Tcp => "ip_proto=6 (tcp), no later fragment,",
            Self::Udp => "ip_proto=17 (udp), no later fragment,",
            Self::Sctp => "ip_proto=132 (sctp), no later fragment,",
            Self::Icmpv4 => "eth_type 0x0800 and ip_proto=1 (icmp)",
            Self::Icmpv6 => "eth_type 0x86dd and ip_proto=58 (icmpv6)",
            Self::Neighbour => "icmpv6_type 135 or 136 with code 0",
            Self::Solicitation => "icmpv6_type 135 (solicitation) with code 0",
            Self::Advertisement => "icmpv6_type 136 (advertisement) with code 0",
            Self::Tracked => "a valid ct_state",
        }
    }
}

/// How a field may be matched.
pub(super) struct Rule {
    pub(super) need: Need,
    pub(super) maskable: bool,
}

/// The rule for a field, `None` for those that Open vSwitch does not match on.
pub(super) fn of(field: Field) -> Option<Rule> {
    let (need, maskable) = match field.class() {
        0x8001 if field.name().is_some() => (Need::Nothing, true),
        0x0001 if matches!(field.number(), 0..=15 | 111..=114) => (Need::Nothing, true),
        _ => named(field.canonical())?,
    };
    Some(Rule { need, maskable })
}

/// Fields by their canonical names.
#[rustfmt::skip]
fn named(field: Field) -> Option<(Need, bool)> {
    const MASKED: bool = true;
    const WHOLE: bool = false;
    Some(match field {
        Field::NXM_OF_IN_PORT | Field::OXM_OF_IN_PORT | Field::ONFOXM_ET_ACTSET_OUTPUT
        | Field::OXM_OF_PACKET_TYPE | Field::NXM_NX_RECIRC_ID | Field::NXM_NX_CONJ_ID
        | Field::NXM_NX_CT_ZONE => (Need::Nothing, WHOLE),
        Field::OXM_OF_METADATA | Field::OXM_OF_TUNNEL_ID | Field::NXM_NX_PKT_MARK | Field::NXOXM_ET_DP_HASH
        | Field::NXM_NX_TUN_IPV4_SRC | Field::NXM_NX_TUN_IPV4_DST | Field::NXM_NX_TUN_IPV6_SRC
        | Field::NXM_NX_TUN_IPV6_DST | Field::NXM_NX_TUN_FLAGS | Field::NXM_NX_TUN_GBP_ID
        | Field::NXM_NX_TUN_GBP_FLAGS | Field::NXOXM_ET_ERSPAN_IDX | Field::NXOXM_ET_ERSPAN_VER
        | Field::NXOXM_ET_GTPU_MSGTYPE | Field::NXOXM_ET_ERSPAN_DIR | Field::NXOXM_ET_ERSPAN_HWID | Field::NXOXM_ET_GTPU_FLAGS
        | Field::NXM_NX_CT_STATE | Field::NXM_NX_CT_MARK | Field::NXM_NX_CT_LABEL
        | Field::NXM_NX_DP_HASH => (Need::Nothing, MASKED),
        Field::OXM_OF_ETH_DST | Field::OXM_OF_ETH_SRC | Field::OXM_OF_VLAN_VID
        | Field::NXM_OF_VLAN_TCI => (Need::Ethernet, MASKED),
        Field::OXM_OF_ETH_TYPE => (Need::Ethernet, WHOLE),
        Field::OXM_OF_VLAN_PCP => (Need::Vlan, WHOLE),
        Field::OXM_OF_MPLS_LABEL | Field::OXM_OF_MPLS_TC | Field::OXM_OF_MPLS_BOS
        | Field::NXM_NX_MPLS_TTL => (Need::Mpls, WHOLE),
        Field::OXM_OF_IPV4_SRC | Field::OXM_OF_IPV4_DST => (Need::Ipv4, MASKED),
        Field::OXM_OF_IPV6_SRC | Field::OXM_OF_IPV6_DST | Field::OXM_OF_IPV6_FLABEL => (Need::Ipv6, MASKED),
        Field::OXM_OF_IP_PROTO | Field::OXM_OF_IP_DSCP | Field::NXM_OF_IP_TOS | Field::OXM_OF_IP_ECN
        | Field::NXM_NX_IP_TTL => (Need::Ip, WHOLE),
        Field::NXM_NX_IP_FRAG => (Need::Ip, MASKED),
        Field::OXM_OF_ARP_OP => (Need::Arp, WHOLE),
        Field::OXM_OF_ARP_SPA | Field::OXM_OF_ARP_TPA | Field::OXM_OF_ARP_SHA
        | Field::OXM_OF_ARP_THA => (Need::Arp, MASKED),
        Field::OXM_OF_TCP_SRC | Field::OXM_OF_TCP_DST | Field::ONFOXM_ET_TCP_FLAGS => (Need::Tcp, MASKED),
        Field::OXM_OF_UDP_SRC | Field::OXM_OF_UDP_DST => (Need::Udp, MASKED),
        Field::OXM_OF_SCTP_SRC | Field::OXM_OF_SCTP_DST => (Need::Sctp, MASKED),
        Field::OXM_OF_ICMPV4_TYPE | Field::OXM_OF_ICMPV4_CODE => (Need::Icmpv4, WHOLE),
        Field::OXM_OF_ICMPV6_TYPE | Field::OXM_OF_ICMPV6_CODE => (Need::Icmpv6, WHOLE),
        Field::OXM_OF_IPV6_ND_TARGET => (Need::Neighbour, MASKED),
        Field::ERICOXM_OF_ICMPV6_ND_RESERVED
        | Field::ERICOXM_OF_ICMPV6_ND_OPTIONS_TYPE => (Need::Neighbour, WHOLE),
        Field::OXM_OF_IPV6_ND_SLL => (Need::Solicitation, MASKED),
        Field::OXM_OF_IPV6_ND_TLL => (Need::Advertisement, MASKED),
        Field::NXOXM_NSH_FLAGS | Field::NXOXM_NSH_C1 | Field::NXOXM_NSH_C2
        | Field::NXOXM_NSH_C3 | Field::NXOXM_NSH_C4 => (Need::Nsh, MASKED),
        Field::NXOXM_NSH_MDTYPE | Field::NXOXM_NSH_NP | Field::NXOXM_NSH_SPI
        | Field::NXOXM_NSH_SI | Field::NXOXM_NSH_TTL => (Need::Nsh, WHOLE),
        Field::NXM_NX_CT_NW_PROTO => (Need::Tracked, WHOLE),
        Field::NXM_NX_CT_NW_SRC | Field::NXM_NX_CT_NW_DST | Field::NXM_NX_CT_IPV6_SRC
        | Field::NXM_NX_CT_IPV6_DST | Field::NXM_NX_CT_TP_SRC
        | Field::NXM_NX_CT_TP_DST => (Need::Tracked, MASKED),
        _ => return None,
    })
}

/// Whether a field can have a value.
pub(super) fn in_range(field: Field, value: u128) -> bool {
    match field {
        Field::OXM_OF_IN_PORT | Field::OXM_OF_ACTSET_OUTPUT | Field::ONFOXM_ET_ACTSET_OUTPUT => {
            u32::try_from(value).is_ok_and(|port| PortNo(port).to_u16().is_some())
        }
        Field::NXM_OF_IP_TOS => value & 3 == 0,
        Field::NXM_OF_ARP_OP | Field::OXM_OF_ARP_OP | Field::NXM_NX_CT_STATE => value <= 0xff,
        Field::NXOXM_NSH_MDTYPE => matches!(value, 1 | 2),
        Field::NXOXM_NSH_FLAGS
        | Field::NXOXM_ET_ERSPAN_IDX
        | Field::NXOXM_ET_ERSPAN_VER
        | Field::NXOXM_ET_ERSPAN_DIR
        | Field::NXOXM_ET_ERSPAN_HWID => true,
        _ => field.info().is_some_and(|i| i.bits >= 128 || value >> i.bits == 0),
    }
}
