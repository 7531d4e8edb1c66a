//! Which address and port a translation takes.

use super::Tuple;
use crate::action::{Nat, NatFlags};
use crate::model::packet::Packet;

/// Tuples tried before a translation gives up.
const MAX_TRIES: usize = 1 << 16;

/// What replies to a translated connection carry: the first that is free, lowest address and
/// port first. Open vSwitch begins at an address it finds by hash where there are several.
pub(super) fn reply_tuple(original: &Tuple, nat: &Nat, is_free: impl Fn(&Tuple) -> bool) -> Option<Tuple> {
    let reply = original.reversed();
    let translates_src = nat.flags.contains(NatFlags::SRC);
    let (low, high) = addresses(nat, original.is_ipv6);
    let kept = if translates_src { reply.dst } else { reply.src };
    let (low, high) = (low.unwrap_or(kept), high.or(low).unwrap_or(kept));
    let ports = ports(original, nat, translates_src);
    let with = |address: u128, port: u16| {
        let mut reply = reply.clone();
        if translates_src {
            (reply.dst, reply.dst_port) = (address, port);
        } else {
            (reply.src, reply.src_port) = (address, port);
        }
        reply
    };
    // if no port of the destination is free, that of the source gives way
    let sources = if translates_src || !original.has_ports() { Vec::new() } else { next_ports(original.src_port) };
    let last = ports.last().copied().unwrap_or(original.dst_port);
    let candidates = (low..=high).flat_map(|address| {
        let own = ports.iter().map(move |port| with(address, *port));
        own.chain(sources.iter().map(move |port| Tuple { dst_port: *port, ..with(address, last) }))
    });
    candidates.take(MAX_TRIES).find(|reply| is_free(reply))
}

fn addresses(nat: &Nat, is_ipv6: bool) -> (Option<u128>, Option<u128>) {
    let v4 = |a: Option<std::net::Ipv4Addr>| a.map(|a| u128::from(u32::from(a)));
    match is_ipv6 {
        true => (nat.ipv6_min.map(u128::from), nat.ipv6_max.map(u128::from)),
        false => (v4(nat.ipv4_min), v4(nat.ipv4_max)),
    }
}

/// The ports to try. Without a range a destination keeps its port; a source keeps its own while
/// that is free, and else takes the next of its kind.
fn ports(original: &Tuple, nat: &Nat, translates_src: bool) -> Vec<u16> {
    let own = if translates_src { original.src_port } else { original.dst_port };
    match (nat.proto_min, nat.proto_max) {
        _ if !original.has_ports() => vec![own],
        (Some(low), high) => (low..=high.unwrap_or(low)).collect(),
        (None, _) if translates_src => next_ports(own),
        (None, _) => vec![own],
    }
}

/// A source port, and those of its kind that are tried when it is taken, in order: below 512, below
/// 1024, or above.
fn next_ports(own: u16) -> Vec<u16> {
    let (low, high) = match own {
        0..512 => (1, 511),
        512..1024 => (600, 1023),
        1024.. => (1024, u16::MAX),
    };
    std::iter::once(own).chain(own.saturating_add(1)..=high).chain(low..own).collect()
}

/// Translates as `ofproto/trace` does: to the lowest address and port.
pub(in crate::model) fn simulate_nat(packet: &mut Packet, nat: &Nat) {
    let Some([src, dst, src_port, dst_port]) = Tuple::fields(packet) else { return };
    let is_ipv6 = packet.has(crate::Field::OXM_OF_IPV6_SRC);
    let (address, port) = if nat.flags.contains(NatFlags::SRC) { (src, src_port) } else { (dst, dst_port) };
    if let Some(low) = addresses(nat, is_ipv6).0 {
        packet.set(address, low);
    }
    if let Some(low) = nat.proto_min {
        packet.set(port, u128::from(low));
    }
}
