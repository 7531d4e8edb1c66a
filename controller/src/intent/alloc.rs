//! Numbers and addresses: never one that is in use, nor an address that rests.

use std::{collections::BTreeSet, net::IpAddr};

use api::Name;
use ipnet::IpNet;

use super::{Intent, Refused};

/// Ids are 24 bits wide: they stand in cookies and on the wire as VNI.
const MAX_ID: u32 = 0x00ff_ffff;

/// The OpenFlow ports that endpoints may have: below are tunnels, above is what Open vSwitch picks by itself.
pub const ENDPOINT_PORTS: std::ops::Range<u32> = 256..16_384;

/// The next id after `last` that is not used, and moves `last` on.
pub(super) fn next_id(last: &mut u32, max: Option<u32>, used: impl Fn(u32) -> bool) -> Result<u32, Refused> {
    let max = max.unwrap_or(MAX_ID);
    let mut candidates = (*last + 1..=max).chain(1..=*last);
    let id = candidates.find(|id| !used(*id)).ok_or_else(|| Refused::Exhausted(format!("all {max} ids are in use")))?;
    *last = id;
    Ok(id)
}

/// The OpenFlow port of a new endpoint on `node`: derived from its id, so that a freed one is not reused at once.
pub(super) fn port(intent: &Intent, node: &Name, id: u32) -> Result<u32, Refused> {
    let taken: BTreeSet<u32> =
        intent.on_node.get(node).map(|ports| ports.keys().copied().collect()).unwrap_or_default();
    let size = ENDPOINT_PORTS.end - ENDPOINT_PORTS.start;
    (0..size)
        .map(|step| ENDPOINT_PORTS.start + (id - 1 + step) % size)
        .find(|port| !taken.contains(port))
        .ok_or_else(|| Refused::Exhausted(format!("node {node} has no OpenFlow port left for an endpoint")))
}

/// The lowest address of `cidr` that is neither taken nor resting; network, gateway and broadcast stay free.
pub(super) fn address(intent: &Intent, network: &Name, cidr: &IpNet, now: u64) -> Result<IpAddr, Refused> {
    let free = |ip: &IpAddr| {
        let key = (network.clone(), *ip);
        !intent.addresses.contains_key(&key) && !intent.rests(&key, now)
    };
    cidr.hosts().skip(1).find(free).ok_or_else(|| {
        let resting = intent.resting.range((network.clone(), cidr.network())..=(network.clone(), cidr.broadcast()));
        let resting = resting.filter(|(_, until)| **until > now).count();
        Refused::Exhausted(format!(
            "{cidr} has no free address ({resting} were freed lately and rest); remove endpoints or wait a minute"
        ))
    })
}

/// The lowest share of `prefix` bits in `subnets` that no node has.
pub(super) fn share(intent: &Intent, network: &Name, subnets: &[IpNet], prefix: u8) -> Result<IpNet, Refused> {
    let of_network = intent.subnets.values().filter(|subnet| subnet.network == *network);
    let taken: BTreeSet<IpNet> = of_network.map(|subnet| subnet.cidr).collect();
    let mut shares = subnets.iter().filter_map(|net| net.subnets(prefix).ok()).flatten();
    // The first share stays free: `10.244.0.0/24` reads like the network itself.
    let first = shares.next();
    shares
        .chain(first)
        .find(|share| !taken.contains(share))
        .ok_or_else(|| Refused::Exhausted(format!("network {network} has no /{prefix} left for another node")))
}

impl Intent {
    /// Whether a freed address still rests.
    pub(super) fn rests(&self, key: &(Name, IpAddr), now: u64) -> bool {
        self.resting.get(key).is_some_and(|until| *until > now)
    }
}
