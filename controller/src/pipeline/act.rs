//! The actions and instructions our flows are made of, in the forms in which Open vSwitch reads them back.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use api::Protocol;
use ipnet::IpNet;
use openflow::{
    Action, Field, Instruction, Mac, Match, PortNo,
    action::{Ct, Nat, Subfield},
    oxm::ct_state,
};

use super::{Table, reg};

const ARP_REPLY: u16 = 2;

/// The ICMPv6 type that asks who is at an address (RFC 4861 section 4.3).
pub const ND_SOLICITATION: u8 = 135;
/// The ICMPv6 type that answers it (RFC 4861 section 4.4).
pub const ND_ADVERTISEMENT: u8 = 136;
/// The option of an answer (RFC 4861 section 4.6.1).
const ND_TARGET_ADDRESS: u8 = 2;

/// Flags of an advertisement: from a router; and solicited, overriding what was known before.
const ND_ROUTER: u32 = 0x8000_0000;
const ND_ANSWER: u32 = 0x6000_0000;

/// The mark of connections that were allowed and are no more.
pub const CUT: u32 = 1;

/// The flags that travel in the upper ones of the 24 bits of a tunnel's id, with their places; those below are the
/// network's id.
const MARKS: [(u8, u16); 2] = [(reg::SERVED, 23), (reg::OUTSIDE, 22)];

/// How many bits of a tunnel's id are the network's.
const NETWORK_BITS: u16 = 22;

/// Does these now.
pub fn apply(actions: Vec<Action>) -> Vec<Instruction> {
    vec![Instruction::apply(actions)]
}

/// Goes on in another table.
pub fn goto(table: Table) -> Vec<Instruction> {
    vec![Instruction::goto(table.id())]
}

/// Does these now and goes on in another table.
pub fn then(actions: Vec<Action>, table: Table) -> Vec<Instruction> {
    vec![Instruction::apply(actions), Instruction::goto(table.id())]
}

/// Sets a register.
pub fn load(reg: u8, value: u32) -> Action {
    Action::set_reg(reg, value)
}

/// Sets a bit of [`reg::FLAGS`].
pub fn set_flag(bit: u8) -> Action {
    Action::load(flag_bit(bit), 1)
}

/// Clears a bit of [`reg::FLAGS`].
pub fn clear_flag(bit: u8) -> Action {
    Action::load(flag_bit(bit), 0)
}

/// Sets one bit of [`reg::FLAGS`] if another is.
pub fn copy_flag(from: u8, to: u8) -> Action {
    Action::copy(flag_bit(from), flag_bit(to))
}

fn flag_bit(bit: u8) -> Subfield {
    Subfield::new(Field::reg(reg::FLAGS), u16::from(bit), 1)
}

/// Adds that a bit of [`reg::FLAGS`] is set.
pub fn flag(matching: Match, bit: u8) -> Match {
    flags(matching, &[bit], &[])
}

/// Adds that these bits of [`reg::FLAGS`] are set, and those are not.
pub fn flags(matching: Match, set: &[u8], unset: &[u8]) -> Match {
    let bits = |bits: &[u8]| bits.iter().fold(0, |sum, bit| sum | 1 << bit);
    matching.reg_masked(reg::FLAGS, bits(set), bits(set) | bits(unset))
}

/// Network and flags as the tunnel carried them.
pub fn from_tunnel_id() -> [Action; 3] {
    let network = Action::copy(tunnel_id(0, NETWORK_BITS), Subfield::new(Field::reg(reg::NETWORK), 0, NETWORK_BITS));
    let [served, outside] = MARKS.map(|(flag, place)| Action::copy(tunnel_id(place, 1), flag_bit(flag)));
    [network, served, outside]
}

/// Network and flags as the tunnel is to carry them.
pub fn to_tunnel_id(network: u32) -> [Action; 3] {
    let [served, outside] = MARKS.map(|(flag, place)| Action::copy(flag_bit(flag), tunnel_id(place, 1)));
    [Action::set_field(Field::OXM_OF_TUNNEL_ID, u64::from(network)), served, outside]
}

/// Network as in its register, and both flags: an answer on its way to the node where its connection came in.
pub fn answer_to_tunnel_id() -> [Action; 2] {
    let network = Subfield::new(Field::reg(reg::NETWORK), 0, NETWORK_BITS);
    let marks: u64 = MARKS.iter().map(|(_, place)| 1u64 << place).sum();
    let set = Action::set_field(Field::OXM_OF_TUNNEL_ID, marks);
    [set, Action::copy(network, tunnel_id(0, NETWORK_BITS))]
}

fn tunnel_id(place: u16, bits: u16) -> Subfield {
    Subfield::new(Field::OXM_OF_TUNNEL_ID, place, bits)
}

/// The other end of a tunnel whose port leaves that open.
pub fn set_tunnel_dst(ip: IpAddr) -> Action {
    match ip {
        IpAddr::V4(ip) => Action::set_field(Field::NXM_NX_TUN_IPV4_DST, ip),
        IpAddr::V6(ip) => Action::set_field(Field::NXM_NX_TUN_IPV6_DST, ip),
    }
}

/// The Ethernet destination.
pub fn set_eth_dst(mac: Mac) -> Action {
    Action::set_field(Field::OXM_OF_ETH_DST, mac)
}

/// The source address.
pub fn set_ip_src(ip: IpAddr) -> Action {
    match ip {
        IpAddr::V4(ip) => Action::set_field(Field::OXM_OF_IPV4_SRC, ip),
        IpAddr::V6(ip) => Action::set_field(Field::OXM_OF_IPV6_SRC, ip),
    }
}

/// Takes one from the time to live.
pub fn dec_ttl() -> Action {
    Action::DecNwTtl
}

/// Hands the packet to a group.
pub fn group(id: u32) -> Action {
    Action::group(id)
}

/// Bits of Open vSwitch's hash of the packet above those that groups look at, into the place of the slice in
/// [`reg::GROUP`].
pub fn hash_to_slice(bits: u16) -> Action {
    let place = Subfield::new(Field::reg(reg::GROUP), 24, bits);
    Action::copy(Subfield::new(Field::NXM_NX_DP_HASH, 8, bits), place)
}

/// Goes on in another table, from within a group.
pub fn resubmit(table: Table) -> Action {
    Action::resubmit(table.id())
}

/// Out of the port that a register names.
pub fn output_reg(reg: u8) -> Action {
    Action::output_reg(Field::reg(reg))
}

/// Back out of the port the packet came in by.
pub fn output_in_port() -> Action {
    Action::output(PortNo::IN_PORT)
}

/// Turns an ARP request into the answer "`ip` is at `mac`" and sends it back.
pub fn arp_reply(mac: Mac, ip: Ipv4Addr) -> Vec<Action> {
    let addresses =
        [Action::copy(Field::OXM_OF_ARP_SPA, Field::OXM_OF_ARP_TPA), Action::set_field(Field::OXM_OF_ARP_SPA, ip)];
    arp_answer(mac, addresses)
}

/// Turns an ARP request into the answer "what you ask for is at `mac`" and sends it back.
pub fn arp_reply_for_target(mac: Mac) -> Vec<Action> {
    let kept = Field::reg(reg::OUT);
    let addresses = [
        Action::copy(Field::OXM_OF_ARP_TPA, kept),
        Action::copy(Field::OXM_OF_ARP_SPA, Field::OXM_OF_ARP_TPA),
        Action::copy(kept, Field::OXM_OF_ARP_SPA),
    ];
    arp_answer(mac, addresses)
}

/// The answer of `mac` to an ARP request, once `addresses` has exchanged the IP addresses.
fn arp_answer(mac: Mac, addresses: impl IntoIterator<Item = Action>) -> Vec<Action> {
    let mut actions = vec![
        Action::copy(Field::OXM_OF_ETH_SRC, Field::OXM_OF_ETH_DST),
        Action::set_field(Field::OXM_OF_ETH_SRC, mac),
        Action::set_field(Field::OXM_OF_ARP_OP, ARP_REPLY),
        Action::copy(Field::OXM_OF_ARP_SHA, Field::OXM_OF_ARP_THA),
        Action::set_field(Field::OXM_OF_ARP_SHA, mac),
    ];
    actions.extend(addresses);
    actions.push(output_in_port());
    actions
}

/// Turns a neighbour solicitation into an advertisement of the same target, and begins the table anew: Open vSwitch lets
/// only a flow that matches advertisements say who answers.
pub fn nd_advertise(table: Table) -> Vec<Action> {
    vec![
        Action::set_field(Field::OXM_OF_ICMPV6_TYPE, ND_ADVERTISEMENT),
        Action::set_field(Field::ERICOXM_OF_ICMPV6_ND_OPTIONS_TYPE, ND_TARGET_ADDRESS),
        resubmit(table),
    ]
}

/// Completes the advertisement as "`ip` is at `mac`", sent by a router or by a host, and sends it back.
pub fn nd_reply(mac: Mac, ip: Ipv6Addr, is_router: bool) -> Vec<Action> {
    let flags = ND_ANSWER | if is_router { ND_ROUTER } else { 0 };
    vec![
        Action::copy(Field::OXM_OF_ETH_SRC, Field::OXM_OF_ETH_DST),
        Action::set_field(Field::OXM_OF_ETH_SRC, mac),
        Action::copy(Field::OXM_OF_IPV6_SRC, Field::OXM_OF_IPV6_DST),
        Action::set_field(Field::OXM_OF_IPV6_SRC, ip),
        Action::set_field(Field::ERICOXM_OF_ICMPV6_ND_RESERVED, flags),
        Action::set_field(Field::OXM_OF_IPV6_ND_TLL, mac),
        output_in_port(),
    ]
}

/// Translates what belongs to a known connection.
pub fn ct_nat(zone: u16, next: Table) -> Action {
    Ct::new(zone).nat(Nat::existing()).table(next.id()).into()
}

/// Looks the connection up, and translates nothing.
pub fn ct_look(zone: u16, next: Table) -> Action {
    Ct::new(zone).table(next.id()).into()
}

/// Forgets the translated connection that the packet seems an answer of, which is itself left alone. Open vSwitch 3.1
/// finds a translated connection to forget only by an answer that is translated, too.
pub fn ct_forget(zone: u16) -> Action {
    let translate = Ct::new(zone).nat(Nat::existing()).into();
    Action::NxClone { actions: vec![ct_clear(), translate, Ct::new(zone).force().into()] }
}

/// Keeps the connection and translates its destination; without a port, that stays.
pub fn ct_dnat(zone: u16, ip: IpAddr, port: Option<u16>, next: Table) -> Action {
    let nat = Nat { proto_min: port, ..Nat::dst(ip) };
    Ct::new(zone).commit().nat(nat).table(next.id()).into()
}

/// Keeps the connection and translates its source to a free one from this address to the last of its subnet.
pub fn ct_snat(zone: u16, from: IpNet, next: Table) -> Action {
    let nat = Nat::src(from.addr()).up_to(from.broadcast());
    Ct::new(zone).commit().nat(nat).table(next.id()).into()
}

/// Through the conntrack of a zone, which the packet remembers.
pub fn ct_judge(zone: u16, next: Table) -> Vec<Action> {
    vec![load(reg::ZONE, u32::from(zone)), Ct::new(zone).table(next.id()).into()]
}

/// Keeps the connection in the zone the packet remembers, as one that was allowed.
pub fn ct_allow(next: Table) -> Action {
    ct_mark(0).table(next.id()).into()
}

/// Says of the connection in the zone the packet remembers that it is allowed no more. The packet ends here.
pub fn ct_cut() -> Action {
    ct_mark(CUT).into()
}

fn ct_mark(mark: u32) -> Ct {
    let zone = Subfield::new(Field::reg(reg::ZONE), 0, 16);
    Ct::new(zone).commit().with(Action::set_field(Field::NXM_NX_CT_MARK, mark))
}

/// Adds the destination ports of a block, as conntrack has them: it knows those of first fragments, too.
pub fn tracked_dst_block(matching: Match, protocol: Protocol, (value, mask): (u16, u16)) -> Match {
    let matching = matching.ip_proto(protocol.number());
    if mask == 0 {
        return matching;
    }
    let tracked = matching.ct_state(ct_state::TRK, ct_state::TRK | ct_state::INV);
    tracked.ct_nw_proto(protocol.number()).ct_tp_dst_masked(value, mask)
}

/// Keeps the connection, and where it came in: the node in [`reg::PEER`] as its mark.
pub fn ct_remember_peer(zone: u16, next: Table) -> Action {
    let mark = Action::copy(Field::reg(reg::PEER), Field::NXM_NX_CT_MARK);
    Ct::new(zone).commit().with(mark).table(next.id()).into()
}

/// Forgets what conntrack said.
pub fn ct_clear() -> Action {
    Action::NxCtClear
}

/// Adds the transport destination port.
pub fn transport_dst(matching: Match, protocol: Protocol, port: u16) -> Match {
    match protocol {
        Protocol::Tcp => matching.tcp_dst(port),
        Protocol::Udp => matching.udp_dst(port),
        Protocol::Sctp => matching.sctp_dst(port),
    }
}

/// Adds the transport source port.
pub fn transport_src(matching: Match, protocol: Protocol, port: u16) -> Match {
    match protocol {
        Protocol::Tcp => matching.tcp_src(port),
        Protocol::Udp => matching.udp_src(port),
        Protocol::Sctp => matching.sctp_src(port),
    }
}
