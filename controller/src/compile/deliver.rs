//! Tables deliver and output: the last steps of a packet.

use std::net::IpAddr;

use api::{Mac, Network, Protocol};
use openflow::{Mac as OfMac, Match, oxm::ct_state};

use super::{hairpin_zone, route::LOCAL, service_zone};
use crate::pipeline::{Cookie, Family, Flow, Table, act, ip, reg};

/// Flags of what answers a SYN.
const SYN_ACK: u16 = 0x12;

pub(super) fn base() -> [Flow; 3] {
    let any = |table, instructions| Flow::new(table, 0, Match::new(), Cookie::pipeline(), instructions);
    let hairpin = act::flag(Match::new(), reg::HAIRPIN);
    [
        any(Table::Deliver, act::goto(Table::Output)),
        any(Table::Output, act::apply(vec![act::output_reg(reg::OUT)])),
        Flow::new(Table::Output, 100, hairpin, Cookie::pipeline(), act::apply(vec![act::output_in_port()])),
    ]
}

/// What backends on any node answer carries the virtual address again, for those whom this node translated it. The answer
/// to a SYN is looked up first: it is none of the known connection, if its client began another straight to the backend
/// from the same port.
pub(super) fn network(network: &Network) -> Vec<Flow> {
    let zone = service_zone(network);
    let of = |family: Family| {
        let within = || family.any(Match::new().reg(reg::NETWORK, network.id));
        let flow =
            |priority, matching, actions| Flow::new(Table::Deliver, priority, matching, Cookie::pipeline(), actions);
        let served = || act::flag(within(), reg::SERVED);
        let first = act::flags(within(), &[reg::SERVED], &[reg::ASKED]).ip_proto(Protocol::Tcp.number());
        let ask = vec![act::set_flag(reg::ASKED), act::ct_look(zone, Table::Deliver)];
        let other = act::flags(within(), &[reg::SERVED, reg::ASKED], &[]);
        [
            flow(110, first.tcp_flags_masked(SYN_ACK, SYN_ACK), act::apply(ask)),
            flow(100, served().ct_state(0, ct_state::INV), act::apply(vec![act::ct_nat(zone, Table::Output)])),
            // No flow may match what is invalid and change conntrack.
            flow(90, other, act::then(vec![act::ct_forget(zone)], Table::Output)),
        ]
    };
    Family::of_all(&network.spec.subnets).flat_map(of).collect()
}

/// From endpoints to this host's kernel, which takes what has its own Ethernet address.
pub(super) fn to_kernel(gateway: Mac, cookie: Cookie) -> Flow {
    let out = Match::new().reg(reg::FROM, reg::FROM_ENDPOINT).reg(reg::OUT, LOCAL);
    Flow::new(Table::Deliver, 50, out, cookie, act::then(vec![act::set_eth_dst(OfMac(gateway.0))], Table::Output))
}

/// An endpoint of this node that reached itself: it must not see its own address as source.
pub(super) fn hairpin(network: &Network, ip: IpAddr, cookie: Cookie) -> Flow {
    let request = act::flags(Match::new().reg(reg::NETWORK, network.id), &[], &[reg::HAIRPIN]);
    let itself = ip::itself(request, ip);
    // To a link-local address a socket that is bound to none would answer from another one.
    let client = Family::of(ip).bounced();
    let actions = vec![act::set_flag(reg::HAIRPIN), act::ct_snat(hairpin_zone(network), client, Table::Output)];
    Flow::new(Table::Deliver, 200, itself, cookie, act::apply(actions))
}
