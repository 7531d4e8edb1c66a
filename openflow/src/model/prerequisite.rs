//! What a packet has to be for it to have a field (section 7.2.2.7, and ovs-fields(7)).

use crate::oxm::Field;

const ETH_TYPE_IPV4: u128 = 0x0800;
const ETH_TYPE_IPV6: u128 = 0x86dd;
const ETH_TYPE_ARP: u128 = 0x0806;
const ETH_TYPE_RARP: u128 = 0x8035;

/// Bit of `ip_frag`: not the first fragment.
const FRAG_LATER: u128 = 2;

/// What a packet has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prerequisite {
    None,
    Vlan,
    Arp,
    Ipv4,
    Ipv6,
    Ip,
    /// IP with this protocol, and not a later fragment.
    Transport(u128),
    Icmp,
    Icmpv6,
    NeighbourSolicitation,
    NeighbourAdvertisement,
    Neighbour,
    Mpls,
}

impl Prerequisite {
    /// Whether it holds; `get` gives exact values, as far as they are known.
    pub fn holds(self, get: &impl Fn(Field) -> Option<u128>) -> bool {
        let eth_type = |wanted: u128| get(Field::OXM_OF_ETH_TYPE) == Some(wanted);
        let ip = || eth_type(ETH_TYPE_IPV4) || eth_type(ETH_TYPE_IPV6);
        let whole = || get(Field::NXM_NX_IP_FRAG).unwrap_or(0) & FRAG_LATER == 0;
        let proto = |wanted: u128| get(Field::OXM_OF_IP_PROTO) == Some(wanted) && whole();
        let nd = |kinds: [u128; 2]| {
            let kind = get(Field::OXM_OF_ICMPV6_TYPE);
            Self::Icmpv6.holds(get)
                && get(Field::OXM_OF_ICMPV6_CODE).unwrap_or(0) == 0
                && kinds.iter().any(|k| kind == Some(*k))
        };
        match self {
            Self::None => true,
            Self::Vlan => get(Field::OXM_OF_VLAN_VID).is_some_and(|vid| vid & 0x1000 != 0),
            Self::Arp => eth_type(ETH_TYPE_ARP) || eth_type(ETH_TYPE_RARP),
            Self::Ipv4 => eth_type(ETH_TYPE_IPV4),
            Self::Ipv6 => eth_type(ETH_TYPE_IPV6),
            Self::Ip => ip(),
            Self::Transport(number) => ip() && proto(number),
            Self::Icmp => eth_type(ETH_TYPE_IPV4) && proto(1),
            Self::Icmpv6 => eth_type(ETH_TYPE_IPV6) && proto(58),
            Self::NeighbourSolicitation => nd([135, 135]),
            Self::NeighbourAdvertisement => nd([136, 136]),
            Self::Neighbour => nd([135, 136]),
            Self::Mpls => eth_type(0x8847) || eth_type(0x8848),
        }
    }
}

/// The prerequisite of a field.
pub(super) fn of(field: Field) -> Prerequisite {
    use Prerequisite as P;
    match field.canonical() {
        Field::OXM_OF_VLAN_PCP => P::Vlan,
        Field::OXM_OF_IP_DSCP
        | Field::NXM_OF_IP_TOS
        | Field::OXM_OF_IP_ECN
        | Field::OXM_OF_IP_PROTO
        | Field::NXM_NX_IP_TTL
        | Field::NXM_NX_IP_FRAG => P::Ip,
        Field::OXM_OF_IPV4_SRC | Field::OXM_OF_IPV4_DST => P::Ipv4,
        Field::OXM_OF_IPV6_SRC | Field::OXM_OF_IPV6_DST | Field::OXM_OF_IPV6_FLABEL => P::Ipv6,
        Field::OXM_OF_TCP_SRC | Field::OXM_OF_TCP_DST | Field::ONFOXM_ET_TCP_FLAGS => P::Transport(6),
        Field::OXM_OF_UDP_SRC | Field::OXM_OF_UDP_DST => P::Transport(17),
        Field::OXM_OF_SCTP_SRC | Field::OXM_OF_SCTP_DST => P::Transport(132),
        Field::OXM_OF_ICMPV4_TYPE | Field::OXM_OF_ICMPV4_CODE => P::Icmp,
        Field::OXM_OF_ICMPV6_TYPE | Field::OXM_OF_ICMPV6_CODE => P::Icmpv6,
        Field::OXM_OF_IPV6_ND_TARGET => P::Neighbour,
        Field::OXM_OF_IPV6_ND_SLL => P::NeighbourSolicitation,
        Field::OXM_OF_IPV6_ND_TLL => P::NeighbourAdvertisement,
        Field::OXM_OF_ARP_OP
        | Field::OXM_OF_ARP_SPA
        | Field::OXM_OF_ARP_TPA
        | Field::OXM_OF_ARP_SHA
        | Field::OXM_OF_ARP_THA => P::Arp,
        Field::OXM_OF_MPLS_LABEL | Field::OXM_OF_MPLS_TC | Field::OXM_OF_MPLS_BOS => P::Mpls,
        _ => P::None,
    }
}

/// Whether an action may set a field.
pub(super) fn is_writable(field: Field) -> bool {
    !matches!(
        field.canonical(),
        Field::OXM_OF_ETH_TYPE
            | Field::OXM_OF_IP_PROTO
            | Field::NXM_NX_IP_FRAG
            | Field::ONFOXM_ET_TCP_FLAGS
            | Field::NXM_NX_CT_STATE
            | Field::NXM_NX_CT_ZONE
            | Field::NXM_NX_CONJ_ID
            | Field::NXM_NX_DP_HASH
            | Field::NXM_NX_RECIRC_ID
            | Field::ONFOXM_ET_ACTSET_OUTPUT
            | Field::OXM_OF_MPLS_BOS
            | Field::NXM_NX_CT_NW_PROTO
            | Field::NXM_NX_CT_NW_SRC
            | Field::NXM_NX_CT_NW_DST
            | Field::NXM_NX_CT_IPV6_SRC
            | Field::NXM_NX_CT_IPV6_DST
            | Field::NXM_NX_CT_TP_SRC
            | Field::NXM_NX_CT_TP_DST
    )
}
