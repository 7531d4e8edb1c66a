//! IPv4 and IPv6 alike: matches on addresses of either.

use std::net::IpAddr;

use ipnet::IpNet;
use openflow::Match;

use super::{BOUNCED, BOUNCED6, NAMES_IP, NAMES_IP6};

/// A version of the Internet Protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// That of an address.
    pub fn of(ip: IpAddr) -> Self {
        if ip.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// Those of an object's addresses, each once.
    pub fn of_all(nets: &[IpNet]) -> impl Iterator<Item = Self> {
        [Self::V4, Self::V6].into_iter().filter(|family| nets.iter().any(|net| Self::of(net.addr()) == *family))
    }

    /// The number of its control messages' protocol.
    pub fn icmp(self) -> u8 {
        if self == Self::V4 { 1 } else { 58 }
    }

    /// Adds to a match of this family that a packet says that another one, of which it has the beginning, did not arrive
    /// (RFC 792; RFC 4443 section 3). With IPv4 one that is too big is among those that cannot be delivered.
    pub fn undelivered(self, matching: Match) -> Vec<Match> {
        let control = matching.ip_proto(self.icmp());
        match self {
            Self::V4 => vec![control.icmpv4_type(3)],
            Self::V6 => vec![control.clone().icmpv6_type(1), control.icmpv6_type(2)],
        }
    }

    /// Whom a host's kernel sees that is sent its own packets back, or an endpoint that reaches itself: one of these, the
    /// first where there are no clients to tell apart.
    pub fn bounced(self) -> IpNet {
        match self {
            Self::V4 => BOUNCED.into(),
            Self::V6 => BOUNCED6.into(),
        }
    }

    /// The address of every host's resolver.
    pub fn names(self) -> IpAddr {
        match self {
            Self::V4 => NAMES_IP.into(),
            Self::V6 => NAMES_IP6.into(),
        }
    }

    /// Its number on Ethernet.
    pub fn ethertype(self) -> u16 {
        if self == Self::V4 { 0x0800 } else { 0x86dd }
    }

    /// Adds that a packet is of it.
    pub fn any(self, matching: Match) -> Match {
        matching.eth_type(self.ethertype())
    }
}

/// Adds that a packet is a fragment, be it the first: flows see no ports of any of them.
pub fn fragment(matching: Match) -> Match {
    matching.ip_frag_masked(1, 1)
}

/// Adds that a packet is a fragment, but not the first.
pub fn later_fragment(matching: Match) -> Match {
    matching.ip_frag(3)
}

/// Adds where a packet comes from.
pub fn from(matching: Match, net: impl Into<IpNet>) -> Match {
    let net = net.into();
    source(Family::of(net.addr()).any(matching), net)
}

/// Adds where a packet is to go.
pub fn to(matching: Match, net: impl Into<IpNet>) -> Match {
    let net = net.into();
    let matching = Family::of(net.addr()).any(matching);
    match net {
        IpNet::V4(net) => matching.ipv4_dst((net.network(), net.prefix_len())),
        IpNet::V6(net) => matching.ipv6_dst((net.network(), net.prefix_len())),
    }
}

/// Adds from which address of the underlay a packet came through a tunnel.
pub fn tunnelled_from(matching: Match, underlay: IpAddr) -> Match {
    match underlay {
        IpAddr::V4(ip) => matching.tun_src(ip),
        IpAddr::V6(ip) => matching.tun_ipv6_src(ip),
    }
}

/// Adds that a packet goes back to where it comes from.
pub fn itself(matching: Match, ip: IpAddr) -> Match {
    between(matching, ip, ip)
}

/// Adds where a packet comes from, and where it is to go: both are of one family.
pub fn between(matching: Match, from: impl Into<IpNet>, to: impl Into<IpNet>) -> Match {
    source(self::to(matching, to), from.into())
}

fn source(matching: Match, net: IpNet) -> Match {
    match net {
        IpNet::V4(net) => matching.ipv4_src((net.network(), net.prefix_len())),
        IpNet::V6(net) => matching.ipv6_src((net.network(), net.prefix_len())),
    }
}
