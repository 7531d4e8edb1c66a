//! Tables deliver and output: the last steps of a packet.

use std::net::IpAddr;

use api::{Mac, Network};
use openflow::{Mac as OfMac, Match};

use super::{hairpin_zone, route::LOCAL, service_zone};
use crate::pipeline::{Cookie, Family, Flow, Table, act, ip, reg};

pub(super) fn base() -> [Flow; 3] {
    let any = |table, instructions| Flow::new(table, 0, Match::new(), Cookie::pipeline(), instructions);
    let hairpin = act::flag(Match::new(), reg::HAIRPIN);
    [
        any(Table::Deliver, act::goto(Table::Output)),
        any(Table::Output, act::apply(vec![act::output_reg(reg::OUT)])),
        Flow::new(Table::Output, 100, hairpin, Cookie::pipeline(), act::apply(vec![act::output_in_port()])),
    ]
}

/// What backends on any node answer carries the virtual address again, for those whom this node translated it; and the
/// replies of an endpoint to itself, of which the source is still to be translated back.
pub(super) fn network(network: &Network) -> Vec<Flow> {
    let back = || act::apply(vec![act::ct_nat(service_zone(network), Table::Output)]);
    let of = |family: Family| {
        let within = || family.any(Match::new().reg(reg::NETWORK, network.id));
        [
            Flow::new(Table::Deliver, 100, act::flag(within(), reg::SERVED), Cookie::pipeline(), back()),
            Flow::new(Table::Deliver, 300, act::flag(within(), reg::HAIRPIN), Cookie::pipeline(), back()),
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
    let itself = ip::itself(Match::new().reg(reg::NETWORK, network.id), ip);
    // To a link-local address a socket that is bound to none would answer from another one.
    let client = Family::of(ip).bounced();
    let actions = vec![act::set_flag(reg::HAIRPIN), act::ct_snat(hairpin_zone(network), client, Table::Output)];
    Flow::new(Table::Deliver, 200, itself, cookie, act::apply(actions))
}
