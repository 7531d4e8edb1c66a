//! What fields need before they can be matched.

use crate::text::fields::Key;

const IPV4: u128 = 0x0800;
const IPV6: u128 = 0x86dd;

/// What a field needs and the match does not say.
pub(super) fn missing(id: Key, eth_type: Option<u128>, proto: Option<u128>) -> Option<&'static str> {
    let ip = matches!(eth_type, Some(IPV4 | IPV6));
    let (met, what) = match id {
        Key::NwSrc | Key::NwDst => (eth_type == Some(IPV4), "ip"),
        Key::Ipv6Src | Key::Ipv6Dst | Key::Ipv6Label => (eth_type == Some(IPV6), "ipv6"),
        Key::NwProto | Key::NwTos | Key::IpDscp | Key::NwEcn | Key::NwTtl | Key::IpFrag => (ip, "ip or ipv6"),
        Key::ArpOp | Key::ArpSpa | Key::ArpTpa | Key::ArpSha | Key::ArpTha => {
            (matches!(eth_type, Some(0x0806 | 0x8035)), "arp")
        }
        Key::MplsLabel | Key::MplsTc | Key::MplsTtl | Key::MplsBos => {
            (matches!(eth_type, Some(0x8847 | 0x8848)), "mpls")
        }
        Key::TcpSrc | Key::TcpDst | Key::TcpFlags => (ip && proto == Some(6), "tcp"),
        Key::UdpSrc | Key::UdpDst => (ip && proto == Some(17), "udp"),
        Key::SctpSrc | Key::SctpDst => (ip && proto == Some(132), "sctp"),
        Key::IcmpType | Key::IcmpCode => (eth_type == Some(IPV4) && proto == Some(1), "icmp"),
        Key::Icmpv6Type | Key::Icmpv6Code | Key::NdTarget | Key::NdSll | Key::NdTll => {
            (eth_type == Some(IPV6) && proto == Some(58), "icmp6")
        }
        Key::CtNwSrc | Key::CtNwDst => (eth_type == Some(IPV4), "ip"),
        Key::CtIpv6Src | Key::CtIpv6Dst => (eth_type == Some(IPV6), "ipv6"),
        Key::CtNwProto | Key::CtTpSrc | Key::CtTpDst => (ip, "ip or ipv6"),
        _ => return None,
    };
    if met { None } else { Some(what) }
}
