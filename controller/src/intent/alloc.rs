//! Numbers and addresses: never one that is in use, nor an address that rests.

use std::{collections::BTreeSet, net::IpAddr};

use api::Name;
use ipnet::IpNet;

use super::{Intent, Refused, hosts::HOST};

/// Ids of endpoints are 23 bits wide: they stand in cookies, in 24 bits of which the first tells hosts apart.
pub(super) const MAX_ENDPOINT_ID: u64 = HOST as u64 - 1;

/// The OpenFlow ports that endpoints may have: below are tunnels, above is what Open vSwitch picks by itself.
pub const ENDPOINT_PORTS: std::ops::Range<u32> = 256..16_384;

/// The next id within 1 to `max` that is not used. Ids come round again only when all were given once.
pub(super) fn next_id(given: &mut u64, max: u64, used: impl Fn(u32) -> bool) -> Result<u32, Refused> {
    for _ in 0..max {
        let id = (*given % max + 1) as u32;
        *given += 1;
        if *given <= max || !used(id) {
            return Ok(id);
        }
    }
    Err(Refused::Exhausted(format!("all {max} ids are in use")))
}

/// The OpenFlow port of a new endpoint on `node`: derived from its id, so that a freed one is not reused at once.
pub(super) fn port(intent: &Intent, node: &Name, id: u32) -> Result<u32, Refused> {
    let size = ENDPOINT_PORTS.end - ENDPOINT_PORTS.start;
    (0..size)
        .map(|step| ENDPOINT_PORTS.start + (id - 1 + step) % size)
        .find(|port| intent.endpoint_on_port(node, *port).is_none())
        .ok_or_else(|| Refused::Exhausted(format!("node {node} has no OpenFlow port left for an endpoint")))
}

/// The address after the highest one taken in `cidr`, or else the lowest that is neither taken nor resting; network,
/// gateway and broadcast stay free, and so do the addresses of `but`.
pub(super) fn address(
    intent: &Intent,
    network: &Name,
    cidr: &IpNet,
    but: Option<&IpNet>,
    now: u64,
) -> Result<IpAddr, Refused> {
    let first = number(cidr.network()).saturating_add(2);
    let last = number(cidr.broadcast()).saturating_sub(1);
    let ip = |number: u128| address_of(cidr, number);
    let after = intent.last_address(network, ip(first), ip(last)).map_or(first, |taken| number(taken) + 1);
    let free = |ip: &IpAddr| {
        intent.endpoint_at(network, *ip).is_none()
            && !intent.rests(network, *ip, now)
            && !but.is_some_and(|but| but.contains(ip))
    };
    (after..=last).chain(first..=last.min(after)).map(ip).find(free).ok_or_else(|| {
        let resting = intent.resting_in(network, cidr, now);
        Refused::Exhausted(format!(
            "{cidr} has no free address ({resting} were freed lately and rest); remove endpoints or wait a minute"
        ))
    })
}

fn number(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(v4) => u128::from(u32::from(v4)),
        IpAddr::V6(v6) => u128::from(v6),
    }
}

/// The address with this number, of the family of `cidr`.
fn address_of(cidr: &IpNet, number: u128) -> IpAddr {
    match cidr {
        IpNet::V4(_) => IpAddr::V4((number as u32).into()),
        IpNet::V6(_) => IpAddr::V6(number.into()),
    }
}

/// The lowest share of `prefix` bits in `subnet` that no node has.
pub(super) fn share(intent: &Intent, network: &Name, subnet: &IpNet, prefix: u8) -> Result<IpNet, Refused> {
    let of_network = intent.subnets.values().filter(|subnet| subnet.network == *network);
    let taken: BTreeSet<IpNet> = of_network.flat_map(|share| share.cidrs()).collect();
    let mut shares = subnet.subnets(prefix).into_iter().flatten();
    // The first share stays free: `10.244.0.0/24` reads like the network itself.
    let first = shares.next();
    shares
        .chain(first)
        .find(|share| !taken.contains(share))
        .ok_or_else(|| Refused::Exhausted(format!("network {network} has no /{prefix} left for another node")))
}

impl Intent {
    /// Whether a freed address still rests.
    pub(super) fn rests(&self, network: &Name, ip: IpAddr, now: u64) -> bool {
        self.resting.get(&(network.clone(), ip)).is_some_and(|until| *until > now)
    }

    /// How many freed addresses of `cidr` still rest.
    pub(super) fn resting_in(&self, network: &Name, cidr: &IpNet, now: u64) -> usize {
        let resting = self.resting.range((network.clone(), cidr.network())..=(network.clone(), cidr.broadcast()));
        resting.filter(|(_, until)| **until > now).count()
    }
}
