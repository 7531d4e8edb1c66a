//! Table resolve: ARP is answered from intent, in the switch.

use std::net::Ipv4Addr;

use api::{Mac, Network};
use openflow::{Mac as OfMac, Match};

use crate::pipeline::{Cookie, Flow, ROUTER_IP, Reason, Table, act, reg};

const ARP: u16 = 0x0806;
const REQUEST: u16 = 1;

pub(super) fn base() -> Vec<Flow> {
    vec![
        answer(Match::new(), ROUTER_IP, Mac::of_ip(ROUTER_IP.into()), Cookie::pipeline()),
        Flow::drop(Table::Resolve, 1, Match::new().eth_type(ARP).arp_op(REQUEST), Reason::UnknownArp),
        Flow::drop(Table::Resolve, 0, Match::new(), Reason::UnaskedArp),
    ]
}

/// `ip` of this network is at `mac`.
pub(super) fn address(network: &Network, ip: Ipv4Addr, mac: Mac, cookie: Cookie) -> Flow {
    answer(Match::new().reg(reg::NETWORK, network.id), ip, mac, cookie)
}

fn answer(within: Match, ip: Ipv4Addr, mac: Mac, cookie: Cookie) -> Flow {
    let request = within.eth_type(ARP).arp_op(REQUEST).arp_tpa(ip);
    Flow::new(Table::Resolve, 100, request, cookie, act::apply(act::arp_reply(OfMac(mac.0), ip)))
}
