//! Tables ingress_policy, deliver and output: the last steps of a packet.

use std::net::Ipv4Addr;

use api::{Network, ServicePort};
use openflow::Match;

use super::{hairpin_zone, service_zone};
use crate::pipeline::{Cookie, Flow, ROUTER_IP, Table, act, reg};

const IPV4: u16 = 0x0800;

pub(super) fn base() -> [Flow; 4] {
    let any = |table, instructions| Flow::new(table, 0, Match::new(), Cookie::pipeline(), instructions);
    let hairpin = Match::new().reg(reg::FLAGS, reg::FLAG_HAIRPIN);
    [
        any(Table::IngressPolicy, act::goto(Table::Deliver)),
        any(Table::Deliver, act::goto(Table::Output)),
        any(Table::Output, act::apply(vec![act::output_reg(reg::OUT)])),
        Flow::new(Table::Output, 100, hairpin, Cookie::pipeline(), act::apply(vec![act::output_in_port()])),
    ]
}

/// What a backend on any node answers carries the virtual address again.
pub(super) fn reply(network: &Network, ip: Ipv4Addr, port: &ServicePort, cookie: Cookie) -> Flow {
    let matching = Match::new().reg(reg::NETWORK, network.id).eth_type(IPV4).ipv4_src(ip);
    let from_backend = act::transport_src(matching.ip_proto(port.protocol.number()), port.protocol, port.target_port);
    let actions = act::apply(vec![act::ct_nat(service_zone(network), Table::Output)]);
    Flow::new(Table::Deliver, 100, from_backend, cookie, actions)
}

/// An endpoint of this node that reached itself: it must not see its own address as source.
pub(super) fn hairpin(network: &Network, ip: Ipv4Addr, cookie: Cookie) -> Flow {
    let itself = Match::new().reg(reg::NETWORK, network.id).eth_type(IPV4).ipv4_src(ip).ipv4_dst(ip);
    let actions =
        vec![act::load(reg::FLAGS, reg::FLAG_HAIRPIN), act::ct_snat(hairpin_zone(network), ROUTER_IP, Table::Output)];
    Flow::new(Table::Deliver, 200, itself, cookie, act::apply(actions))
}

/// The replies of such connections, of which the source is still to be translated back.
pub(super) fn hairpin_replies(network: &Network) -> Flow {
    let matching = Match::new().reg(reg::NETWORK, network.id).reg(reg::FLAGS, reg::FLAG_HAIRPIN).eth_type(IPV4);
    let actions = act::apply(vec![act::ct_nat(service_zone(network), Table::Output)]);
    Flow::new(Table::Deliver, 300, matching, Cookie::pipeline(), actions)
}
