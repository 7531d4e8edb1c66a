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
    let tries = (low..=high).flat_map(|address| ports.iter().map(move |port| (address, *port)));
    let candidates = tries.take(MAX_TRIES).map(|(address, port)| {
        let mut reply = reply.clone();
        if translates_src {
            (reply.dst, reply.dst_port) = (address, port);
        } else {
            (reply.src, reply.src_port) = (address, port);
        }
        reply
    });
    candidates.into_iter().find(|reply| is_free(reply))
}

fn addresses(nat: &Nat, is_ipv6: bool) -> (Option<u128>, Option<u128>) {
    let v4 = |a: Option<std::net::Ipv4Addr>| a.map(|a| u128::from(u32::from(a)));
    match is_ipv6 {
        true => (nat.ipv6_min.map(u128::from), nat.ipv6_max.map(u128::from)),
        false => (v4(nat.ipv4_min), v4(nat.ipv4_max)),
    }
}

/// The ports to try. Without a range a destination keeps its port; a source keeps its own while
/// that is free, and else takes one from 1024 up.
fn ports(original: &Tuple, nat: &Nat, translates_src: bool) -> Vec<u16> {
    let own = if translates_src { original.src_port } else { original.dst_port };
    match (nat.proto_min, nat.proto_max) {
        _ if !original.has_ports() => vec![own],
        (Some(low), high) => (low..=high.unwrap_or(low)).collect(),
        (None, _) if translates_src => std::iter::once(own).chain(1024..=u16::MAX).collect(),
        (None, _) => vec![own],
    }
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
