//! Connections, as the conntrack of the userspace datapath keeps them. TCP is known by its flags
//! only: sequence numbers and windows are not looked at.

mod nat;
mod tuple;

pub use tuple::Tuple;

pub(super) use nat::simulate_nat;

use super::packet::Packet;
use super::walk::clear_conntrack;
use crate::action::{Nat, NatFlags};
use crate::oxm::{Field, ct_state};

/// The connections of a switch.
#[derive(Clone, Debug, Default)]
pub struct Conntrack {
    connections: Vec<Connection>,
}

/// A connection that is committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Its zone.
    pub zone: u16,
    /// What packets of the first direction carry before translation.
    pub original: Tuple,
    /// What replies carry before translation.
    pub reply: Tuple,
    /// Its mark.
    pub mark: u32,
    /// Its label.
    pub label: u128,
    /// Which of the addresses is translated.
    pub nat: NatFlags,
    /// Whether packets went both ways.
    pub is_established: bool,
    /// The ends that sent a TCP FIN; a RST is both.
    closing: [bool; 2],
}

/// What a ct with `commit` says.
pub(super) struct Commit {
    pub force: bool,
    pub nat: Option<Nat>,
    pub mark: Option<u32>,
    pub label: Option<u128>,
}

/// TCP flags.
const FIN: u128 = 1;
const SYN: u128 = 2;
const RST: u128 = 4;
const ACK: u128 = 16;

impl Conntrack {
    /// The connections, oldest first.
    pub fn connections(&self) -> &[Connection] {
        &self.connections
    }

    /// Forgets all connections.
    pub fn flush(&mut self) {
        self.connections.clear();
    }

    /// Sends a packet through a zone: sets its `ct_` fields, and translates it if `nat`.
    pub(super) fn track(&mut self, packet: &mut Packet, zone: u16, nat: bool, commit: Option<Commit>) {
        clear_conntrack(packet);
        packet.set(Field::NXM_NX_CT_ZONE, u128::from(zone));
        let Some(tuple) = Tuple::of(packet) else {
            return set_state(packet, ct_state::INV);
        };
        if commit.as_ref().is_some_and(|c| c.force) {
            self.connections.retain(|c| !(c.zone == zone && c.reply == tuple));
        }
        let mut found = self.find(zone, &tuple, is_request(packet));
        if let Some((i, _)) = found
            && self.is_renewed(i, packet)
        {
            self.connections.remove(i);
            found = None;
        }
        match (found, commit) {
            (Some((i, reply)), commit) => self.existing(i, reply, packet, nat, commit),
            (None, _) if !may_begin(packet) => set_state(packet, ct_state::INV),
            (None, None) => {
                set_original(packet, &tuple);
                set_state(packet, ct_state::NEW);
            }
            (None, Some(commit)) => self.create(zone, tuple, packet, nat, commit),
        }
    }

    /// The connection of a tuple, and whether it is of the reply direction. Of ICMP only requests go
    /// in the original direction, and only their answers in the other.
    fn find(&self, zone: u16, tuple: &Tuple, request: Option<bool>) -> Option<(usize, bool)> {
        let of = |c: &Connection| match () {
            () if c.zone != zone => None,
            () if c.original == *tuple && request != Some(false) => Some(false),
            () if c.reply == *tuple && request != Some(true) => Some(true),
            () => None,
        };
        self.connections.iter().enumerate().find_map(|(i, c)| of(c).map(|reply| (i, reply)))
    }

    /// Whether a packet begins a closed connection anew.
    fn is_renewed(&self, i: usize, packet: &Packet) -> bool {
        let closed = self.connections.get(i).is_some_and(|c| c.closing == [true, true]);
        closed && is_tcp(packet) && tcp_flags(packet) & (SYN | ACK) == SYN
    }

    fn existing(&mut self, i: usize, reply: bool, packet: &mut Packet, nat: bool, commit: Option<Commit>) {
        let Some(connection) = self.connections.get_mut(i) else { return };
        let state = connection.advance(packet, reply);
        if let Some(Commit { mark, label, .. }) = commit {
            connection.mark = mark.unwrap_or(connection.mark);
            connection.label = label.unwrap_or(connection.label);
        }
        let connection = connection.clone();
        if nat && connection.nat != NatFlags::NONE {
            connection.translate(packet, reply);
        }
        packet.set(Field::NXM_NX_CT_MARK, u128::from(connection.mark));
        packet.set(Field::NXM_NX_CT_LABEL, connection.label);
        set_original(packet, &connection.original);
        set_state(packet, state | connection.nat_state(reply, nat));
    }

    fn create(&mut self, zone: u16, tuple: Tuple, packet: &mut Packet, nat: bool, commit: Commit) {
        let (mark, label) = (commit.mark.unwrap_or(0), commit.label.unwrap_or(0));
        let flags = commit.nat.as_ref().map_or(NatFlags::NONE, |nat| NatFlags(nat.flags.0 & 3));
        let request = is_request(packet);
        let reply = match commit.nat {
            Some(nat) => nat::reply_tuple(&tuple, &nat, |reply| self.find(zone, reply, request.map(|r| !r)).is_none()),
            None => Some(tuple.reversed()),
        };
        let Some(reply) = reply else { return set_state(packet, ct_state::NEW | ct_state::INV) };
        let connection = Connection {
            zone,
            original: tuple.clone(),
            reply,
            mark,
            label,
            nat: flags,
            is_established: false,
            closing: [false, false],
        };
        if nat && flags != NatFlags::NONE {
            connection.translate(packet, false);
        }
        packet.set(Field::NXM_NX_CT_MARK, u128::from(mark));
        packet.set(Field::NXM_NX_CT_LABEL, label);
        set_original(packet, &tuple);
        set_state(packet, ct_state::NEW | connection.nat_state(false, nat));
        self.connections.push(connection);
    }
}

impl Connection {
    /// What a packet of it is, and what becomes of the connection with it.
    fn advance(&mut self, packet: &Packet, reply: bool) -> u32 {
        let direction = if reply { ct_state::RPL } else { 0 };
        if is_tcp(packet) {
            let flags = tcp_flags(packet);
            if flags & (SYN | ACK) == SYN && !reply && !self.is_established {
                return ct_state::NEW;
            }
            let [original, other] = &mut self.closing;
            *original |= flags & RST != 0 || (flags & FIN != 0 && !reply);
            *other |= flags & RST != 0 || (flags & FIN != 0 && reply);
            self.is_established |= reply;
            return ct_state::EST | direction;
        }
        self.is_established |= reply;
        if self.is_established { ct_state::EST | direction } else { ct_state::NEW }
    }

    /// Puts into a packet what the connection translates.
    fn translate(&self, packet: &mut Packet, reply: bool) {
        let to = if reply { self.original.reversed() } else { self.reply.reversed() };
        to.store(packet);
    }

    fn nat_state(&self, reply: bool, nat: bool) -> u32 {
        let (src, dst) = if reply { (ct_state::DNAT, ct_state::SNAT) } else { (ct_state::SNAT, ct_state::DNAT) };
        let bit = |flag: NatFlags, state: u32| if nat && self.nat.contains(flag) { state } else { 0 };
        bit(NatFlags::SRC, src) | bit(NatFlags::DST, dst)
    }
}

fn is_tcp(packet: &Packet) -> bool {
    packet.get(Field::OXM_OF_IP_PROTO) == 6
}

fn tcp_flags(packet: &Packet) -> u128 {
    packet.get(Field::ONFOXM_ET_TCP_FLAGS)
}

/// Whether a packet can be the first of a connection: of TCP anything but an answer, of ICMP
/// a request.
fn may_begin(packet: &Packet) -> bool {
    match packet.get(Field::OXM_OF_IP_PROTO) {
        6 => {
            let flags = tcp_flags(packet);
            flags & (SYN | ACK) != SYN | ACK && !is_nonsense(flags)
        }
        _ => is_request(packet) != Some(false),
    }
}

/// Whether a packet of ICMP is a request; `None` for others.
fn is_request(packet: &Packet) -> Option<bool> {
    match packet.get(Field::OXM_OF_IP_PROTO) {
        1 => Some(matches!(packet.get(Field::OXM_OF_ICMPV4_TYPE), 8 | 13 | 15)),
        58 => Some(packet.get(Field::OXM_OF_ICMPV6_TYPE) == 128),
        _ => None,
    }
}

/// Flags that do not go together.
fn is_nonsense(flags: u128) -> bool {
    let has = |bits: u128| flags & bits == bits;
    (has(SYN) && flags & (RST | FIN) != 0) || flags & (SYN | RST | ACK) == 0
}

fn set_state(packet: &mut Packet, state: u32) {
    packet.set(Field::NXM_NX_CT_STATE, u128::from(state | ct_state::TRK));
}

fn set_original(packet: &mut Packet, tuple: &Tuple) {
    tuple.store_original(packet);
}
