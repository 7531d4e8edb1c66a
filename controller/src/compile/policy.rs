//! The policy tables, for what endpoints send (egress) and receive (ingress).
//!
//! ```text
//! …_policy   from, or to, an endpoint subject to policy ── ct(its zone) ──► …_rules     all others ──► on
//! …_rules    an answer ──► on;  allowed, or not isolated that way ──► …_commit;  else dropped
//! …_commit   known and not cut ──► on;  else ct(commit, its zone) ──► on
//! ```
//!
//! A rule is a conjunction: one flow per endpoint it is about (on that endpoint's node), one per address of its peers and
//! one per block of ports, not one for each of their combinations. Each policy has a priority of its own, so that what two
//! of them say of one address does not collide. Every packet but answers is judged anew: a connection that is allowed no
//! more is marked as cut, and its answers end, too.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use api::{Endpoint, Kind, Network, Policy, PolicyRule};
use ipnet::IpNet;
use openflow::{Action, Instruction, Match, oxm::ct_state};

use super::View;
use crate::pipeline::{Cookie, Family, Flow, Reason, Table, act, ip, reg};

#[cfg(test)]
pub(super) mod tests;

/// An answer, or nothing that conntrack understands.
const RPL_OR_INV: u32 = ct_state::RPL | ct_state::INV;

const TCP: u8 = 6;
const SYN: u16 = 2;

/// Ports from here on are those that clients take for themselves, by Linux' defaults.
const CLIENT_PORTS: u16 = 0x8000;

/// Added to a policy's id, its flows' priority: above what is dropped if no policy allows it, below what needs none.
const PRIORITY: u32 = 1000;

/// A clause of a conjunction: the conjunction, which of its clauses, and how many it has.
type Clause = (u32, u8, u8);

/// Which way a packet goes, as seen from the endpoint that is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Egress,
    Ingress,
}

use Direction::{Egress, Ingress};

impl Direction {
    const ALL: [Self; 2] = [Egress, Ingress];

    fn policy(self) -> Table {
        if self == Egress { Table::EgressPolicy } else { Table::IngressPolicy }
    }

    fn rules(self) -> Table {
        if self == Egress { Table::EgressRules } else { Table::IngressRules }
    }

    fn commit(self) -> Table {
        if self == Egress { Table::EgressCommit } else { Table::IngressCommit }
    }

    fn next(self) -> Table {
        if self == Egress { Table::Route } else { Table::Deliver }
    }

    /// What a policy says of this direction; none if it does not isolate.
    fn of(self, policy: &Policy) -> Option<&[PolicyRule]> {
        if self == Egress { policy.spec.egress.as_deref() } else { policy.spec.ingress.as_deref() }
    }

    /// Packets of the endpoint that is judged.
    fn subject(self, network: &Network, ip: IpAddr) -> Match {
        let within = within(network);
        if self == Egress { ip::from(within, ip) } else { ip::to(within, ip) }
    }

    /// Packets that have to do with a peer.
    fn peer(self, network: &Network, net: impl Into<IpNet>) -> Match {
        let within = within(network);
        if self == Egress { ip::to(within, net) } else { ip::from(within, net) }
    }

    /// The number of a rule's conjunction.
    fn conjunction(self, policy: &Policy, nth: usize) -> u32 {
        policy.id << 8 | u32::from(self == Ingress) << 7 | (nth as u32 & 0x7f)
    }
}

fn within(network: &Network) -> Match {
    Match::new().reg(reg::NETWORK, network.id)
}

fn state(matching: Match, set: u32, clear: u32) -> Match {
    matching.ct_state(set | ct_state::TRK, set | clear | ct_state::TRK)
}

/// What holds for all that is subject to policy.
pub(super) fn base(view: &View<'_>) -> Vec<Flow> {
    let of = |direction: Direction| {
        let packets = view.families().flat_map(move |family| base_of(direction, family));
        others(direction).into_iter().chain(packets)
    };
    Direction::ALL.into_iter().flat_map(of).collect()
}

fn flow(table: Table, priority: u16, matching: Match, instructions: Vec<Instruction>) -> Flow {
    Flow::new(table, priority, matching, Cookie::pipeline(), instructions)
}

fn others(direction: Direction) -> [Flow; 3] {
    [
        flow(direction.policy(), 0, Match::new(), act::goto(direction.next())),
        flow(direction.rules(), 0, Match::new(), act::goto(direction.commit())),
        Flow::drop(direction.commit(), 0, Match::new(), Reason::NotIpv4),
    ]
}

fn base_of(direction: Direction, family: Family) -> Vec<Flow> {
    let (rules, commit, next) = (direction.rules(), direction.commit(), direction.next());
    let ip = || family.any(Match::new());
    let on = || act::goto(next);
    // A server may be the first to speak in a connection that was there before the policy: it did not begin it.
    let server = state(ip().ip_proto(TCP).tcp_src_masked(0, CLIENT_PORTS).tcp_flags_masked(0, SYN), ct_state::NEW, 0);
    vec![
        flow(rules, 60_001, state(ip().ct_mark(0), ct_state::RPL, ct_state::INV), on()),
        flow(rules, 60_001, state(ip().ct_mark(0), ct_state::REL, ct_state::INV), on()),
        Flow::drop(rules, 60_000, state(ip(), ct_state::RPL, 0), Reason::Denied),
        // Nobody tells their ports, conntrack does tell the connection; without the first fragment, which is judged as any
        // other packet, they are nothing.
        flow(rules, 60_000, state(ip::later_fragment(ip()).ct_mark(0), ct_state::EST, RPL_OR_INV), act::goto(commit)),
        Flow::drop(rules, 60_000, state(ip(), ct_state::INV, 0), Reason::InvalidState),
        flow(commit, 20, state(ip().ct_mark(0), ct_state::EST, 0), on()),
        flow(commit, 10, server, on()),
        flow(commit, 1, ip(), act::apply(vec![act::ct_allow(next)])),
    ]
}

/// What an endpoint has with its own host needs no policy.
pub(super) fn host(ip: IpAddr, cookie: Cookie) -> [Flow; 2] {
    let from = |from| Match::new().reg(reg::FROM, from);
    let pass = |direction: Direction, matching| {
        Flow::new(direction.policy(), 300, matching, cookie, act::goto(direction.next()))
    };
    [pass(Egress, ip::to(from(reg::FROM_ENDPOINT), ip)), pass(Ingress, ip::from(from(reg::FROM_GATEWAY), ip))]
}

/// What makes an endpoint subject to the policies that are about it; nothing if there are none.
pub(super) fn endpoint(endpoint: &Endpoint, ip: IpAddr, network: &Network, policies: &[&Policy]) -> Vec<Flow> {
    let Some(first) = policies.first() else { return Vec::new() };
    let cookie = |policy: &Policy| Cookie::new(Kind::Policy, policy.id, policy.revision.max(endpoint.revision));
    let mut flows = Vec::new();
    for direction in Direction::ALL {
        let subject = || direction.subject(network, ip);
        let entered = match direction {
            Egress => subject().reg(reg::FROM, reg::FROM_ENDPOINT),
            Ingress => subject(),
        };
        let itself = ip::itself(within(network), ip);
        let judge = act::apply(act::ct_judge(zone(endpoint), direction.rules()));
        flows.push(Flow::new(direction.policy(), 100, entered, cookie(first), judge));
        flows.push(Flow::new(direction.policy(), 200, itself, cookie(first), act::goto(direction.next())));
        let mut isolating = policies.iter().filter(|policy| direction.of(policy).is_some()).peekable();
        if let Some(policy) = isolating.peek() {
            let cut = act::apply(vec![act::ct_cut()]);
            let known = state(subject(), ct_state::EST, 0);
            flows.push(Flow::new(direction.rules(), 101, known, cookie(policy), cut));
            flows.push(Flow::new(direction.rules(), 100, subject(), cookie(policy), Vec::new()));
        }
        flows.extend(isolating.filter_map(|policy| {
            let instructions = subject_to(direction, policy)?;
            Some(Flow::new(direction.rules(), priority(policy), subject(), cookie(policy), instructions))
        }));
    }
    flows
}

/// What a policy's rules make of packets of the endpoints it is about; none if it has no rule.
fn subject_to(direction: Direction, policy: &Policy) -> Option<Vec<Instruction>> {
    let rules = direction.of(policy).unwrap_or_default();
    if rules.iter().any(|rule| clauses(rule) == 1) {
        return Some(act::goto(direction.commit()));
    }
    let clause = |(nth, rule)| Action::conjunction(direction.conjunction(policy, nth), 1, clauses(rule));
    let clauses: Vec<Action> = rules.iter().enumerate().map(clause).collect();
    (!clauses.is_empty()).then(|| act::apply(clauses))
}

/// Of how many clauses a rule consists: whom it is about, and with whom and where to, if it says.
fn clauses(rule: &PolicyRule) -> u8 {
    1 + u8::from(!rule.peers.is_empty()) + u8::from(!rule.ports.is_empty())
}

/// The rules of a policy, but for whom they are about.
pub(super) fn policy(view: &View<'_>, policy: &Policy, network: &Network) -> Vec<Flow> {
    Direction::ALL.into_iter().flat_map(|direction| rules(view, direction, policy, network)).collect()
}

fn rules(view: &View<'_>, direction: Direction, policy: &Policy, network: &Network) -> Vec<Flow> {
    let cookie = Cookie::new(Kind::Policy, policy.id, policy.revision);
    let families = || Family::of_all(&network.spec.subnets);
    let mut flows = Vec::new();
    let mut parts: BTreeMap<Match, (Cookie, BTreeSet<Clause>)> = BTreeMap::new();
    let rules = direction.of(policy).unwrap_or_default().iter().enumerate();
    for (nth, rule) in rules.filter(|(_, rule)| clauses(rule) > 1) {
        let (id, clauses) = (direction.conjunction(policy, nth), clauses(rule));
        let mut put = |matching: Match, cookie: Cookie, clause: u8| {
            let part = parts.entry(matching).or_insert((cookie, BTreeSet::new()));
            part.0 = part.0.max(cookie);
            part.1.insert((id, clause, clauses));
        };
        for peer in &rule.peers {
            for endpoint in peer.selector.iter().flat_map(|selector| view.intent.selected(&network.name, selector)) {
                let cookie = Cookie::new(Kind::Policy, policy.id, policy.revision.max(endpoint.revision));
                endpoint.ips.iter().for_each(|ip| put(direction.peer(network, *ip), cookie, 2));
            }
            let prefixes = peer.prefixes().into_iter();
            for net in prefixes.filter(|net| families().any(|family| family == Family::of(net.addr()))) {
                put(direction.peer(network, net), cookie, 2);
            }
        }
        for (family, port) in families().flat_map(|family| rule.ports.iter().map(move |port| (family, port))) {
            for block in port.blocks() {
                let within = family.any(within(network));
                put(act::tracked_dst_block(within, port.protocol, block), cookie, clauses);
            }
        }
        let met = Match::new().conj_id(id);
        flows.push(Flow::new(direction.rules(), priority(policy), met, cookie, act::goto(direction.commit())));
    }
    flows.extend(parts.into_iter().map(|(matching, (cookie, parts))| {
        let parts = parts.into_iter().map(|(id, clause, of)| Action::conjunction(id, clause, of)).collect();
        Flow::new(direction.rules(), priority(policy), matching, cookie, act::apply(parts))
    }));
    flows
}

fn priority(policy: &Policy) -> u16 {
    (PRIORITY + policy.id) as u16
}

/// The conntrack zone of an endpoint of this node: above those of services.
pub(super) fn zone(endpoint: &Endpoint) -> u16 {
    0x8000 | endpoint.port as u16
}
