//! Table resolve: ARP and neighbour discovery are answered from intent, in the switch.

use std::net::{IpAddr, Ipv4Addr};

use api::{Mac, Network};
use ipnet::Ipv4Net;
use openflow::{Mac as OfMac, Match};

use super::{View, nd};
use crate::pipeline::{Cookie, Flow, ROUTER_IP, Reason, Table, act, reg};

const ARP: u16 = 0x0806;
const REQUEST: u16 = 1;

pub(super) fn base(view: &View<'_>) -> Vec<Flow> {
    let mut flows = vec![
        answer(Match::new(), ROUTER_IP, Mac::of_ip(ROUTER_IP.into()), Cookie::pipeline()),
        Flow::drop(Table::Resolve, 1, Match::new().eth_type(ARP).arp_op(REQUEST), Reason::UnknownArp),
        Flow::drop(Table::Resolve, 0, Match::new(), Reason::UnaskedArp),
    ];
    if view.has_v6() {
        flows.extend(nd::base());
    }
    flows
}

/// An endpoint of this network with `ip` is at `mac`.
pub(super) fn address(network: &Network, ip: IpAddr, mac: Mac, cookie: Cookie) -> Flow {
    at(network, ip, mac, false, cookie)
}

/// The gateway of this network with `ip` is at `mac`.
pub(super) fn gateway(network: &Network, ip: IpAddr, mac: Mac, cookie: Cookie) -> Flow {
    at(network, ip, mac, true, cookie)
}

fn at(network: &Network, ip: IpAddr, mac: Mac, is_router: bool, cookie: Cookie) -> Flow {
    match ip {
        IpAddr::V4(ip) => answer(Match::new().reg(reg::NETWORK, network.id), ip, mac, cookie),
        IpAddr::V6(ip) => nd::address(network, ip, mac, is_router, cookie),
    }
}

/// Whatever address of this range is asked for is at `mac`.
pub(super) fn range(network: &Network, range: Ipv4Net, mac: Mac, cookie: Cookie) -> Flow {
    let within = Match::new().reg(reg::NETWORK, network.id).eth_type(ARP).arp_op(REQUEST);
    let asked = within.arp_tpa((range.network(), range.prefix_len()));
    Flow::new(Table::Resolve, 50, asked, cookie, act::apply(act::arp_reply_for_target(OfMac(mac.0))))
}

fn answer(within: Match, ip: Ipv4Addr, mac: Mac, cookie: Cookie) -> Flow {
    let request = within.eth_type(ARP).arp_op(REQUEST).arp_tpa(ip);
    Flow::new(Table::Resolve, 100, request, cookie, act::apply(act::arp_reply(OfMac(mac.0), ip)))
}
