//! Neighbour discovery (RFC 4861): what ARP is to IPv4, answered in the switch, and nowhere let through.
//!
//! ```text
//! classify   solicitation of an endpoint, from its own address or its link-local one, or of the host ──► resolve
//!            of who else; any advertisement, router discovery, redirect, multicast: dropped
//! resolve    solicitation ── becomes an advertisement ──► resolve
//!            advertisement of an address that somebody has ── "is at" ──► back
//! ```
//!
//! No endpoint is ever asked, so that it has nothing to advertise. Addresses are the controller's to give: nobody needs
//! to look for duplicates, and agents switch that off.

use std::net::{IpAddr, Ipv6Addr};

use api::{Mac, Network};
use ipnet::{IpNet, Ipv6Net};
use openflow::{Mac as OfMac, Match};

use crate::pipeline::{Cookie, Family, Flow, ROUTER_IP6, Reason, Table, act, ip, reg};

#[cfg(test)]
mod tests;

const ICMPV6: u8 = 58;

/// Solicitation and advertisement of routers, and redirect.
const ROUTER_TYPES: [u8; 3] = [133, 134, 137];

/// The priority at which solicitations are let in.
pub(super) const ASKED: u16 = 150;

/// All groups (RFC 4291 section 2.7).
pub(super) fn multicast() -> IpNet {
    net(Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8)
}

/// All link-local addresses (RFC 4291 section 2.5.6).
pub(super) fn link_local() -> IpNet {
    net(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10)
}

fn net(ip: Ipv6Addr, prefix: u8) -> IpNet {
    IpNet::V6(Ipv6Net::new_assert(ip, prefix))
}

/// What nobody may send, wherever it comes from.
pub(super) fn guard() -> Vec<Flow> {
    let drop = |priority, matching, reason| Flow::drop(Table::Classify, priority, matching, reason);
    let unspecified = solicitation(Match::new()).ipv6_src(Ipv6Addr::UNSPECIFIED);
    let mut flows = vec![
        drop(200, icmp(Match::new(), act::ND_ADVERTISEMENT), Reason::UnaskedNd),
        drop(141, unspecified, Reason::DuplicateNd),
        drop(140, solicitation(Match::new()), Reason::SpoofedNd),
        drop(130, ip::to(Match::new(), multicast()), Reason::Multicast),
    ];
    flows.extend(ROUTER_TYPES.map(|kind| drop(200, icmp(Match::new(), kind), Reason::RouterNd)));
    flows
}

/// What an endpoint asks, by the address it asks from.
pub(super) fn asked_by(from: &Match, mac: Mac, ip: Ipv6Addr) -> Vec<(u16, Match)> {
    let ask = |ip| (ASKED, solicitation(from.clone()).ipv6_src(ip).nd_sll(OfMac(mac.0)));
    vec![ask(ip), ask(mac.link_local())]
}

/// Who is at an address.
pub(super) fn solicitation(matching: Match) -> Match {
    icmp(matching, act::ND_SOLICITATION)
}

fn icmp(matching: Match, kind: u8) -> Match {
    Family::V6.any(matching).ip_proto(ICMPV6).icmpv6_type(kind)
}

/// How any solicitation is answered, and what for the router.
pub(super) fn base() -> [Flow; 3] {
    let begin = act::apply(act::nd_advertise(Table::Resolve));
    let router = Mac::of_ip(IpAddr::V6(ROUTER_IP6));
    let unknown = icmp(Match::new(), act::ND_ADVERTISEMENT);
    [
        Flow::new(Table::Resolve, 50, solicitation(Match::new()), Cookie::pipeline(), begin),
        answer(Match::new(), ROUTER_IP6, router, true, Cookie::pipeline()),
        Flow::drop(Table::Resolve, 1, unknown, Reason::UnknownNd),
    ]
}

/// `ip` of this network is at `mac`.
pub(super) fn address(network: &Network, ip: Ipv6Addr, mac: Mac, is_router: bool, cookie: Cookie) -> Flow {
    answer(Match::new().reg(reg::NETWORK, network.id), ip, mac, is_router, cookie)
}

fn answer(within: Match, ip: Ipv6Addr, mac: Mac, is_router: bool, cookie: Cookie) -> Flow {
    let asked = icmp(within, act::ND_ADVERTISEMENT).nd_target(ip);
    Flow::new(Table::Resolve, 100, asked, cookie, act::apply(act::nd_reply(OfMac(mac.0), ip, is_router)))
}
