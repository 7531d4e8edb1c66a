//! What fields need before they can be matched.

use crate::text::fields::Id;

const IPV4: u128 = 0x0800;
const IPV6: u128 = 0x86dd;

/// What a field needs and the match does not say.
pub(super) fn missing(id: Id, eth_type: Option<u128>, proto: Option<u128>) -> Option<&'static str> {
    let ip = matches!(eth_type, Some(IPV4 | IPV6));
    let (met, what) = match id {
        Id::NwSrc | Id::NwDst => (eth_type == Some(IPV4), "ip"),
        Id::Ipv6Src | Id::Ipv6Dst | Id::Ipv6Label => (eth_type == Some(IPV6), "ipv6"),
        Id::NwProto | Id::NwTos | Id::IpDscp | Id::NwEcn | Id::NwTtl | Id::IpFrag => (ip, "ip or ipv6"),
        Id::ArpOp | Id::ArpSpa | Id::ArpTpa | Id::ArpSha | Id::ArpTha => {
            (matches!(eth_type, Some(0x0806 | 0x8035)), "arp")
        }
        Id::MplsLabel | Id::MplsTc | Id::MplsTtl | Id::MplsBos => (matches!(eth_type, Some(0x8847 | 0x8848)), "mpls"),
        Id::TcpSrc | Id::TcpDst | Id::TcpFlags => (ip && proto == Some(6), "tcp"),
        Id::UdpSrc | Id::UdpDst => (ip && proto == Some(17), "udp"),
        Id::SctpSrc | Id::SctpDst => (ip && proto == Some(132), "sctp"),
        Id::IcmpType | Id::IcmpCode => (eth_type == Some(IPV4) && proto == Some(1), "icmp"),
        Id::Icmpv6Type | Id::Icmpv6Code | Id::NdTarget | Id::NdSll | Id::NdTll => {
            (eth_type == Some(IPV6) && proto == Some(58), "icmp6")
        }
        Id::CtNwSrc | Id::CtNwDst => (eth_type == Some(IPV4), "ip"),
        Id::CtIpv6Src | Id::CtIpv6Dst => (eth_type == Some(IPV6), "ipv6"),
        Id::CtNwProto | Id::CtTpSrc | Id::CtTpDst => (ip, "ip or ipv6"),
        _ => return None,
    };
    if met { None } else { Some(what) }
}
