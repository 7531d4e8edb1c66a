//! Tables track and service: from a virtual address to a backend.
//!
//! ```text
//! track    to VIP:port ── ct(zone, nat) ──► service
//! service  established: conntrack has put the backend in the destination
//!          new: select group ── ct(commit, zone, nat(dst=backend)) ──► egress_policy
//!          new, many backends: chooser ── slice of the hash ──► slice
//! slice    select group of this slice ── ct(commit, zone, nat(dst=backend)) ──► egress_policy
//!          with affinity, buckets only choose: see [`affinity`]
//!
//! track    from backend:port, on its node: marked as served, which travels in the tunnel's id
//! deliver  marked, on the client's node: ct(zone, nat) puts VIP:port back into the source
//! ```
//!
//! A client may use a port of which conntrack still knows a connection to a virtual address once more, straight to the
//! backend. So the answer to a SYN is looked up before it is translated: where it is invalid, what was known is forgotten.
//!
//! Ports of fragments are not seen: all of them to virtual addresses, and from endpoints that are backends, go this way.
//! Conntrack puts them together and translates those of connections that it knows; no connection begins with one. So do
//! ICMP errors, from whatever endpoint: a client hears that nobody listens at its backend, a backend that its packets are
//! too big.
//!
//! A stranger, who is outside of all networks, comes in by some node N: its kernel sends the packet on to the bridge.
//! The backend sees the stranger's address, and its answers would leave by its own node B. So they go back to N:
//!
//! ```text
//! N track     to VIP:port from a stranger: marked as from outside, which travels in the tunnel's id
//! B track     marked, from N's tunnel: ct(commit, zone, ct_mark=N)
//! B answer    from backend:port to no endpoint: ct(zone, nat) ──► answered
//! B answered  ct_mark=N: to N by the tunnel with both marks. Nothing known: as any other packet
//! N route     both marks: ──► deliver ── ct(zone, nat) puts VIP:port back ──► the host's kernel
//! ```

use std::net::IpAddr;

use api::{Network, Protocol, Service, ServicePort};
use ipnet::IpNet;
use openflow::{Instruction, Match, oxm::ct_state};

use super::{View, affinity, balance, hairpin_zone, service_zone};
use crate::pipeline::{Cookie, Family, Flow, Group, Reason, Table, act, group, ip, reg};

/// A backend of a service.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backend {
    /// Its endpoint's number.
    pub id: u32,
    pub ip: IpAddr,
    /// Its share among the others; with none it gets no new connection, and keeps those it has.
    pub weight: u16,
}

/// Backends of a service, group by group: see [`Intent::slices`](crate::intent::Intent::slices).
#[derive(Clone, Debug)]
pub(super) struct Slices {
    /// The backends of each group.
    pub groups: Vec<Vec<Backend>>,
    /// How many of the groups are chosen among, a power of two; the others only keep connections.
    pub chosen: usize,
    /// Whether they are for connections from outside only.
    pub external: bool,
    /// Whether there are backends that this node may not send connections to.
    pub elsewhere: bool,
}

/// One port of a service, in front of its backends.
pub(super) fn frontend(
    network: &Network,
    service: &Service,
    vip: IpAddr,
    (nth, port): (usize, &ServicePort),
    cookie: Cookie,
    slices: &Slices,
) -> (Vec<Flow>, Vec<Group>) {
    let zone = service_zone(network);
    let mut to_vip = to_vip(network, vip, port);
    let mut flows = vec![Flow::new(Table::Track, 100, to_vip.clone(), cookie, translate(network))];
    let (class, priority) = if slices.external { (group::EXTERNAL, 105) } else { (0, 100) };
    if slices.external {
        to_vip = act::flag(to_vip, reg::STRANGER);
        flows.clear();
    }
    let id = |slice| class | group::id(service.id, nth, slice);
    let to_backend = |backend: &Backend| match service.affinity {
        Some(_) if backend.weight > 0 => affinity::pick(backend),
        _ => vec![act::ct_dnat(zone, backend.ip, target(port), Table::EgressPolicy)],
    };
    let group = |(at, slice): (usize, &Vec<Backend>)| {
        let weights: Vec<u16> = slice.iter().map(|backend| backend.weight).collect();
        let open = balance::buckets(&weights).into_iter().map(|(of, weight)| (weight, to_backend(&slice[of])));
        // A backend that is gone from a group loses its connections.
        let shut = slice.iter().filter(|backend| backend.weight == 0).map(|backend| (0, to_backend(backend)));
        Group::select(id(at), open.chain(shut))
    };
    let groups = slices.groups.iter().enumerate().filter(|(_, slice)| !slice.is_empty()).map(group).collect();
    let is_open = |slice: &Vec<Backend>| slice.iter().any(|backend| backend.weight > 0);
    let chosen = &slices.groups[..slices.chosen.min(slices.groups.len())];
    let Some(fallback) = chosen.iter().position(is_open) else {
        flows.push(match slices.elsewhere {
            true => Flow::drop(Table::Service, priority, to_vip, Reason::NoLocalBackend),
            false => refuse(network, to_vip, priority),
        });
        return (flows, groups);
    };
    let choose = match chosen.len() {
        1 => vec![act::group(id(0))],
        count => vec![act::load(reg::GROUP, id(0)), act::group(count.ilog2())],
    };
    let enter = match service.affinity {
        None => act::apply(choose),
        Some(affinity) => {
            let open = chosen.iter().flatten().filter(|backend| backend.weight > 0);
            flows.extend(affinity::bind(
                (service.id, port, Family::of(vip), affinity),
                (id(0), zone, cookie),
                open,
                choose,
            ));
            affinity::enter(id(0))
        }
    };
    flows.push(Flow::new(Table::Service, priority, state(to_vip, ct_state::NEW), cookie, enter));
    if chosen.len() > 1 {
        flows.extend(chosen.iter().enumerate().map(|(at, slice)| {
            let chosen = Match::new().reg(reg::GROUP, id(at));
            let there = if is_open(slice) { at } else { fallback };
            Flow::new(Table::Slice, 100, chosen, cookie, act::apply(vec![act::group(id(there))]))
        }));
    }
    (flows, groups)
}

/// The port of the backends, if it is to be translated: the userspace datapath knows SCTP by addresses alone, and would forget
/// none of its connections by port.
pub(super) fn target(port: &ServicePort) -> Option<u16> {
    let stays = port.protocol == Protocol::Sctp && port.port == port.target_port;
    (!stays).then_some(port.target_port)
}

/// Connections of an endpoint to itself and of a host's kernel to itself: replies.
pub(super) fn hairpin_replies(network: &Network) -> impl Iterator<Item = Flow> {
    let to = |net: IpNet| {
        let matching = ip::to(Match::new().reg(reg::NETWORK, network.id), net);
        let marks = [reg::HAIRPIN, reg::SERVED].map(act::set_flag);
        let untranslate = act::ct_nat(hairpin_zone(network), Table::EgressPolicy);
        let actions = marks.into_iter().chain([untranslate]).collect();
        Flow::new(Table::Track, 100, matching, Cookie::pipeline(), act::apply(actions))
    };
    Family::of_all(&network.spec.subnets).map(Family::bounced).map(to)
}

/// A service without backends: the kernel of the host refuses it, by TCP RST or ICMP. From an internal network nothing
/// gets there.
fn refuse(network: &Network, to_vip: Match, priority: u16) -> Flow {
    if network.spec.internal {
        return Flow::drop(Table::Service, priority, to_vip, Reason::NoBackend);
    }
    let refuse = act::then(vec![act::set_flag(reg::KERNEL)], Table::Route);
    Flow::new(Table::Service, priority, to_vip, Cookie::drop(Reason::NoBackend), refuse)
}

/// What an endpoint sends from a port at which it is a backend.
pub(super) fn served(network: &Network, ip: IpAddr, (protocol, port): (Protocol, u16), cookie: Cookie) -> Flow {
    let from = ip::from(Match::new().reg(reg::NETWORK, network.id), ip).ip_proto(protocol.number());
    Flow::new(Table::Track, 50, act::transport_src(from, protocol, port), cookie, answer())
}

/// Fragments of what an endpoint that is a backend sends.
pub(super) fn served_fragments(network: &Network, ip: IpAddr, cookie: Cookie) -> Flow {
    let from = ip::fragment(ip::from(Match::new().reg(reg::NETWORK, network.id), ip));
    Flow::new(Table::Track, 50, from, cookie, answer())
}

/// What may be an answer of a backend.
fn answer() -> Vec<Instruction> {
    act::then(vec![act::set_flag(reg::SERVED)], Table::Answer)
}

/// Fragments and ICMP errors to virtual addresses: conntrack knows their connection.
pub(super) fn portless(view: &View<'_>, network: &Network) -> Vec<Flow> {
    let families: Vec<Family> = Family::of_all(&network.spec.subnets).collect();
    let ranges = view.settings.services.nets().filter(|net| families.contains(&Family::of(net.addr())));
    let track = |matching| Flow::new(Table::Track, 90, matching, Cookie::pipeline(), translate(network));
    let matches = |range: IpNet| {
        let to = ip::to(Match::new().reg(reg::NETWORK, network.id), range);
        [ip::fragment(to.clone())].into_iter().chain(Family::of(range.addr()).undelivered(to))
    };
    ranges.flat_map(matches).map(track).collect()
}

/// What a known connection translates, and whether it came from outside.
fn translate(network: &Network) -> Vec<Instruction> {
    act::apply(vec![act::copy_flag(reg::STRANGER, reg::OUTSIDE), act::ct_nat(service_zone(network), Table::Service)])
}

/// Connections of strangers that another node sends here, and the answers to them. What backends send to addresses of
/// the network needs no conntrack here: the node that translated is the one that it goes to.
pub(super) fn strangers(network: &Network) -> Vec<Flow> {
    Family::of_all(&network.spec.subnets).flat_map(|family| strangers_of(network, family)).collect()
}

fn strangers_of(network: &Network, family: Family) -> Vec<Flow> {
    let zone = service_zone(network);
    let within = || family.any(Match::new().reg(reg::NETWORK, network.id));
    let request = act::flags(within().reg(reg::FROM, reg::FROM_TUNNEL), &[reg::OUTSIDE], &[reg::SERVED]);
    let remember = act::apply(vec![act::ct_remember_peer(zone, Table::Route)]);
    let look = act::apply(vec![act::ct_nat(zone, Table::Answered)]);
    let mut flows = vec![
        Flow::new(Table::Track, 210, request, Cookie::pipeline(), remember),
        Flow::new(Table::Answer, 50, within(), Cookie::pipeline(), look),
    ];
    let subnets = network.spec.subnets.iter().filter(|subnet| Family::of(subnet.addr()) == family);
    flows.extend(subnets.map(|subnet| {
        let inside = ip::to(Match::new().reg(reg::NETWORK, network.id), *subnet);
        Flow::new(Table::Answer, 100, inside, Cookie::pipeline(), act::goto(Table::Service))
    }));
    flows
}

/// What conntrack calls invalid is dropped; tables track and service let everything else pass.
pub(super) fn base(view: &View<'_>) -> Vec<Flow> {
    let flow = |table, priority, matching, instructions| {
        Flow::new(table, priority, matching, Cookie::pipeline(), instructions)
    };
    let pass = |from, to| flow(from, 0, Match::new(), act::goto(to));
    // The kernel knows whom it is for: clients that are nodes would be reached by the tunnel, too, but not as who they asked.
    let translated = vec![act::clear_flag(reg::SERVED), act::set_flag(reg::KERNEL), act::ct_clear()];
    let tunnel = Match::new().reg(reg::FROM, reg::FROM_TUNNEL);
    let mut flows = vec![
        pass(Table::Track, Table::Service),
        flow(Table::Track, 200, tunnel, act::goto(Table::Route)),
        pass(Table::Answer, Table::Service),
        flow(Table::Answered, 0, Match::new(), act::then(vec![act::ct_clear()], Table::Service)),
        pass(Table::Service, Table::EgressPolicy),
        Flow::drop(Table::Slice, 0, Match::new(), Reason::NoBackend),
    ];
    flows.extend(view.families().map(|family| {
        flow(Table::Answered, 50, known(family.any(Match::new())), act::then(translated.clone(), Table::Service))
    }));
    let sent = |family: Family| family.any(Match::new()).reg(reg::FROM, reg::FROM_ENDPOINT);
    let errors = view.families().flat_map(|family| family.undelivered(sent(family)));
    flows.extend(errors.map(|error| flow(Table::Track, 40, error, answer())));
    flows.extend(view.families().map(|family| {
        let invalid = state(family.any(Match::new()), ct_state::INV);
        Flow::drop(Table::Service, 110, invalid, Reason::InvalidState)
    }));
    let ranges = view.settings.services.nets().filter(|net| net.addr().is_ipv4() || view.has_v6());
    flows.extend(ranges.map(|range| {
        let unknown = ip::fragment(ip::to(Match::new(), range));
        Flow::drop(Table::Service, 90, unknown, Reason::Fragment)
    }));
    flows
}

/// The groups that choose a slice, for any number of them.
pub(super) fn choosers() -> impl Iterator<Item = Group> {
    (1..=group::MAX_SLICE_BITS).map(group::chooser)
}

/// Adds that conntrack knows the connection of a packet, or what an ICMP error is about.
pub(super) fn known(matching: Match) -> Match {
    matching.ct_state(ct_state::TRK, ct_state::TRK | ct_state::NEW | ct_state::INV)
}

fn state(matching: Match, bits: u32) -> Match {
    matching.ct_state(bits | ct_state::TRK, bits | ct_state::TRK)
}

fn to_vip(network: &Network, vip: IpAddr, port: &ServicePort) -> Match {
    let matching = ip::to(Match::new().reg(reg::NETWORK, network.id), vip);
    act::transport_dst(matching.ip_proto(port.protocol.number()), port.protocol, port.port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_of_sctp_are_translated_only_where_they_differ() {
        let target = |text: &str| target(&text.parse().unwrap());
        assert_eq!(["80:80/tcp", "53/udp", "7:8/sctp", "7/sctp"].map(target), [Some(80), Some(53), Some(8), None]);
    }
}
