//! Random values that a switch would take.

use openflow::action::{
    BitRange, Bundle, Controller2, ControllerProperty, Ct, CtFlags, DecTtlCntIds, DeleteField, Learn, LearnDst,
    LearnFlags, LearnSpec, LearnSrc, MemberType, Nat, NatFlags, Subfield,
};
use openflow::msg::flow::{FlowMod, FlowModFlags};
use openflow::msg::group::{Bucket, GroupMod, GroupType};
use openflow::types::{Blob, PortNo};
use openflow::{Action, Field, Instruction, Match, Oxm, OxmId};

/// A small generator (xorshift), so that a seed gives the same values anywhere.
pub struct Rng {
    state: u64,
    /// Whether fields are set by actions that OpenFlow 1.3 needs no more, or with a mask, for which OpenFlow 1.3 has no text of its own.
    masked_sets: bool,
}

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, masked_sets: true }
    }

    /// The same without masks where a field is set.
    pub fn with_whole_sets(seed: u64) -> Self {
        Self { masked_sets: false, ..Self::new(seed) }
    }

    pub fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 16) % n
    }

    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }

    /// A number that is often small, zero or all ones.
    pub fn number(&mut self, bits: u16) -> u128 {
        let wide = u128::from(self.next()) << 64 | u128::from(self.next());
        let all = if bits >= 128 { u128::MAX } else { (1 << bits) - 1 };
        match self.below(6) {
            0 => wide & 1,
            1 => wide & 0xff & all,
            2 => all,
            _ => wide & all,
        }
    }
}

/// What there is to mask.
#[derive(Clone, Copy, PartialEq)]
enum Masks {
    None,
    Any,
}

fn bytes(value: u128, size: usize) -> Vec<u8> {
    value.to_be_bytes()[16 - size..].to_vec()
}

fn field_of(rng: &mut Rng, field: Field, masks: Masks) -> Oxm {
    let info = field.info().expect("named");
    let size = usize::from(info.size);
    let value = rng.number(info.bits);
    if masks == Masks::Any && rng.one_in(2) {
        let mask = rng.number(info.bits).max(1);
        return Oxm::from_bytes(field, &bytes(value & mask, size), Some(&bytes(mask, size))).expect("sizes");
    }
    Oxm::from_bytes(field, &bytes(value, size), None).expect("sizes")
}

fn maybe(rng: &mut Rng, m: Match, field: Field, masks: Masks, odds: u64) -> Match {
    if rng.one_in(odds) { m.with(field_of(rng, field, masks)) } else { m }
}

/// Fields that need nothing else.
const FREE: &[(Field, Masks)] = &[
    (Field::OXM_OF_METADATA, Masks::Any),
    (Field::NXM_NX_PKT_MARK, Masks::Any),
    (Field::NXM_NX_DP_HASH, Masks::Any),
    (Field::NXM_NX_RECIRC_ID, Masks::None),
    (Field::NXM_NX_CONJ_ID, Masks::None),
    (Field::NXM_NX_CT_ZONE, Masks::None),
    (Field::NXM_NX_CT_MARK, Masks::Any),
    (Field::NXM_NX_CT_LABEL, Masks::Any),
    (Field::OXM_OF_TUNNEL_ID, Masks::Any),
    (Field::NXM_NX_TUN_IPV4_SRC, Masks::Any),
    (Field::NXM_NX_TUN_IPV4_DST, Masks::Any),
    (Field::NXM_NX_TUN_IPV6_SRC, Masks::Any),
    (Field::NXM_NX_TUN_GBP_ID, Masks::Any),
    (Field::NXM_NX_TUN_GBP_FLAGS, Masks::Any),
    (Field::NXM_NX_TUN_FLAGS, Masks::Any),
    (Field::NXOXM_ET_GTPU_FLAGS, Masks::Any),
    (Field::NXOXM_ET_GTPU_MSGTYPE, Masks::Any),
    (Field::NXOXM_ET_ERSPAN_VER, Masks::None),
    (Field::NXOXM_ET_ERSPAN_IDX, Masks::Any),
    (Field::NXOXM_ET_ERSPAN_HWID, Masks::Any),
    (Field::OXM_OF_ETH_SRC, Masks::Any),
    (Field::OXM_OF_ETH_DST, Masks::Any),
];

/// A match with all its prerequisites.
pub fn matching(rng: &mut Rng) -> Match {
    let mut m = Match::new();
    for (field, masks) in FREE {
        m = maybe(rng, m, *field, *masks, 18);
    }
    if rng.one_in(3) {
        m = m.in_port(PortNo(rng.pick(&[1, 2, 7, 0xfeff, 0xffff_fffe, 0xffff_fffd])));
    }
    if rng.one_in(12) {
        let port = rng.pick(&[1_u32, 0xffff_fff7, 0xffff_fffd]);
        m = m.with(Oxm::new(Field::ONFOXM_ET_ACTSET_OUTPUT, port));
    }
    m = registers(rng, m);
    m = vlan(rng, m);
    if rng.one_in(6) {
        m = m.with(tun_metadata(rng));
    }
    if rng.one_in(5) {
        let mask = (rng.number(8) as u32).max(1);
        let value = rng.number(8) as u32 & mask;
        // tracked goes with any other bit
        m = m.ct_state(value | 0x20, mask | 0x20);
    }
    match rng.below(8) {
        0 | 1 => ipv4(rng, m),
        2 | 3 => ipv6(rng, m),
        4 => arp(rng, m),
        5 => mpls(rng, m),
        6 => {
            let kind = rng.pick(&[0x88cc, 0x0600, 0x8035, 0x86dd, 0x0800, 0x1234]);
            m.eth_type(kind)
        }
        _ => m,
    }
}

fn registers(rng: &mut Rng, mut m: Match) -> Match {
    if rng.one_in(8) {
        return m.with(field_of(rng, Field::xxreg(1), Masks::Any));
    }
    if rng.one_in(8) {
        return m.with(field_of(rng, Field::OXM_OF_PKT_REG6, Masks::Any));
    }
    for n in 0..16 {
        m = maybe(rng, m, Field::reg(n), Masks::Any, 12);
    }
    m
}

fn vlan(rng: &mut Rng, m: Match) -> Match {
    let vid = rng.below(4096) as u16;
    match rng.below(10) {
        0 => m.vlan_none(),
        1 => m.vlan_vid(vid),
        2 => m.vlan_vid(vid).vlan_pcp(rng.below(8) as u8),
        3 => {
            let mask = rng.number(12) as u16;
            m.vlan_vid_masked(0x1000 | vid & mask, 0x1000 | mask)
        }
        4 => {
            let mask = rng.pick(&[0xffff, 0x1fff, 0xf000, 0x0fff, 0x1000, 0x10f0]);
            m.with(Oxm::masked(Field::NXM_OF_VLAN_TCI, (vid | 0x7000) & mask, mask))
        }
        _ => m,
    }
}

fn tun_metadata(rng: &mut Rng) -> Oxm {
    let field = Field::tun_metadata(rng.below(64) as u8);
    let size = 4 * (1 + rng.below(6)) as usize;
    let value: Vec<u8> = (0..size).map(|_| rng.number(8) as u8).collect();
    if rng.one_in(2) {
        return Oxm::from_bytes(field, &value, None).expect("sizes");
    }
    let mask: Vec<u8> = (0..size).map(|_| rng.number(8) as u8).collect();
    let value: Vec<u8> = value.iter().zip(&mask).map(|(v, m)| v & m).collect();
    Oxm::from_bytes(field, &value, Some(&mask)).expect("sizes")
}

fn ip_common(rng: &mut Rng, mut m: Match) -> Match {
    for field in [Field::OXM_OF_IP_DSCP, Field::OXM_OF_IP_ECN, Field::NXM_NX_IP_TTL] {
        m = maybe(rng, m, field, Masks::None, 6);
    }
    let (value, mask) = rng.pick(&[(0, 3), (1, 3), (3, 3), (0, 1), (1, 1), (0, 2), (2, 2)]);
    if rng.one_in(6) { m.ip_frag_masked(value, mask) } else { m }
}

fn ports(rng: &mut Rng, m: Match, fields: [Field; 2]) -> Match {
    let m = maybe(rng, m, fields[0], Masks::Any, 2);
    maybe(rng, m, fields[1], Masks::Any, 2)
}

fn transport(rng: &mut Rng, m: Match, icmp: (u8, [Field; 2])) -> Match {
    match rng.below(7) {
        0 => {
            let m = ports(rng, m.ip_proto(6), [Field::OXM_OF_TCP_SRC, Field::OXM_OF_TCP_DST]);
            maybe(rng, m, Field::ONFOXM_ET_TCP_FLAGS, Masks::Any, 3)
        }
        1 => ports(rng, m.ip_proto(17), [Field::OXM_OF_UDP_SRC, Field::OXM_OF_UDP_DST]),
        2 => ports(rng, m.ip_proto(132), [Field::OXM_OF_SCTP_SRC, Field::OXM_OF_SCTP_DST]),
        3 => {
            let m = maybe(rng, m.ip_proto(icmp.0), icmp.1[0], Masks::None, 2);
            maybe(rng, m, icmp.1[1], Masks::None, 2)
        }
        4 => m.ip_proto(rng.pick(&[2, 47, 58, 1, 0, 255])),
        _ => m,
    }
}

fn conntrack(rng: &mut Rng, m: Match, src: Field, dst: Field) -> Match {
    let tracked = m.get(Field::NXM_NX_CT_STATE).is_some();
    if !tracked || rng.one_in(2) {
        return m;
    }
    let m = maybe(rng, m, src, Masks::Any, 2);
    let m = maybe(rng, m, dst, Masks::Any, 2);
    if rng.one_in(2) {
        return m;
    }
    let m = m.ct_nw_proto(6);
    let m = maybe(rng, m, Field::NXM_NX_CT_TP_SRC, Masks::Any, 2);
    maybe(rng, m, Field::NXM_NX_CT_TP_DST, Masks::Any, 2)
}

fn ipv4(rng: &mut Rng, m: Match) -> Match {
    let m = m.eth_type(0x0800);
    let m = maybe(rng, m, Field::OXM_OF_IPV4_SRC, Masks::Any, 2);
    let m = maybe(rng, m, Field::OXM_OF_IPV4_DST, Masks::Any, 2);
    let m = conntrack(rng, m, Field::NXM_NX_CT_NW_SRC, Field::NXM_NX_CT_NW_DST);
    let m = ip_common(rng, m);
    transport(rng, m, (1, [Field::OXM_OF_ICMPV4_TYPE, Field::OXM_OF_ICMPV4_CODE]))
}

fn ipv6(rng: &mut Rng, m: Match) -> Match {
    let m = m.eth_type(0x86dd);
    let m = maybe(rng, m, Field::OXM_OF_IPV6_SRC, Masks::Any, 2);
    let m = maybe(rng, m, Field::OXM_OF_IPV6_DST, Masks::Any, 2);
    let m = maybe(rng, m, Field::OXM_OF_IPV6_FLABEL, Masks::Any, 4);
    let m = conntrack(rng, m, Field::NXM_NX_CT_IPV6_SRC, Field::NXM_NX_CT_IPV6_DST);
    let m = ip_common(rng, m);
    if rng.one_in(6) {
        return neighbour(rng, m.ip_proto(58));
    }
    transport(rng, m, (58, [Field::OXM_OF_ICMPV6_TYPE, Field::OXM_OF_ICMPV6_CODE]))
}

fn neighbour(rng: &mut Rng, m: Match) -> Match {
    let solicit = rng.one_in(2);
    let m = m.icmpv6_type(if solicit { 135 } else { 136 }).icmpv6_code(0);
    let m = maybe(rng, m, Field::OXM_OF_IPV6_ND_TARGET, Masks::Any, 2);
    let link = if solicit { Field::OXM_OF_IPV6_ND_SLL } else { Field::OXM_OF_IPV6_ND_TLL };
    maybe(rng, m, link, Masks::Any, 2)
}

fn arp(rng: &mut Rng, m: Match) -> Match {
    let m = m.eth_type(rng.pick(&[0x0806, 0x8035]));
    let m = if rng.one_in(2) { m.arp_op(rng.below(256) as u16) } else { m };
    let m = maybe(rng, m, Field::OXM_OF_ARP_SPA, Masks::Any, 2);
    let m = maybe(rng, m, Field::OXM_OF_ARP_TPA, Masks::Any, 2);
    let m = maybe(rng, m, Field::OXM_OF_ARP_SHA, Masks::Any, 2);
    maybe(rng, m, Field::OXM_OF_ARP_THA, Masks::Any, 2)
}

fn mpls(rng: &mut Rng, mut m: Match) -> Match {
    m = m.eth_type(rng.pick(&[0x8847, 0x8848]));
    for field in [Field::OXM_OF_MPLS_LABEL, Field::OXM_OF_MPLS_TC, Field::NXM_NX_MPLS_TTL, Field::OXM_OF_MPLS_BOS] {
        m = maybe(rng, m, field, Masks::None, 2);
    }
    m
}

/// Fields that an action may set without any match.
const WRITABLE: &[(Field, bool)] = &[
    (Field::NXM_NX_REG0, true),
    (Field::NXM_NX_REG15, true),
    (Field::OXM_OF_PKT_REG2, true),
    (Field::NXM_NX_XXREG3, true),
    (Field::OXM_OF_METADATA, true),
    (Field::OXM_OF_TUNNEL_ID, true),
    (Field::NXM_NX_TUN_IPV4_DST, true),
    (Field::NXM_NX_TUN_IPV6_SRC, true),
    (Field::NXM_NX_PKT_MARK, true),
    (Field::OXM_OF_ETH_SRC, true),
    (Field::OXM_OF_ETH_DST, true),
    (Field::OXM_OF_IN_PORT, false),
    (Field::NXM_NX_TUN_GBP_ID, true),
];

fn set_field(rng: &mut Rng) -> Action {
    let (field, maskable) = rng.pick(WRITABLE);
    let masks = if maskable && rng.masked_sets { Masks::Any } else { Masks::None };
    if field == Field::OXM_OF_IN_PORT {
        return Action::set_field(field, rng.pick(&[0_u32, 5, 0xffff_fffe]));
    }
    set(field_of(rng, field, masks))
}

/// OpenFlow 1.3 has no mask in its own action.
fn set(field: Oxm) -> Action {
    if field.mask().is_some() { Action::NxRegLoad2 { field } } else { Action::SetField { field } }
}

const SUBFIELDS: &[Field] = &[
    Field::NXM_NX_REG0,
    Field::NXM_NX_REG7,
    Field::OXM_OF_METADATA,
    Field::NXM_NX_TUN_ID,
    Field::NXM_OF_ETH_SRC,
    Field::NXM_NX_XXREG1,
];

fn subfield(rng: &mut Rng, bits: u16) -> Subfield {
    let field = rng.pick(SUBFIELDS);
    let n = OxmId::new(field).n_bits();
    let bits = bits.min(n);
    Subfield::new(field, rng.below(u64::from(n - bits) + 1) as u16, bits)
}

fn nat(rng: &mut Rng) -> Nat {
    if rng.one_in(4) {
        return Nat::existing();
    }
    let v4 = || std::net::Ipv4Addr::from(0x0a00_0001_u32);
    let mut nat = Nat { flags: rng.pick(&[NatFlags::SRC, NatFlags::DST]), ..Nat::default() };
    match rng.below(4) {
        0 => return nat,
        1 => nat.ipv6_min = Some(std::net::Ipv6Addr::from(rng.number(128).max(1))),
        _ => nat.ipv4_min = Some(v4()),
    }
    if rng.one_in(3) && nat.ipv4_min.is_some() {
        nat.ipv4_max = Some(std::net::Ipv4Addr::from(0x0a00_00ff_u32));
    }
    if rng.one_in(2) {
        nat.proto_min = Some(1 + rng.below(1000) as u16);
        if rng.one_in(2) {
            nat.proto_max = Some(2000 + rng.below(1000) as u16);
        }
    }
    let more = [NatFlags::NONE, NatFlags::PROTO_HASH, NatFlags::PROTO_RANDOM, NatFlags::PERSISTENT];
    nat.flags = nat.flags | rng.pick(&more);
    nat
}

fn ct(rng: &mut Rng) -> Action {
    let mut ct = if rng.one_in(3) {
        Ct::new(Subfield::new(Field::NXM_NX_REG0, 0, 16))
    } else {
        Ct::new(rng.pick(&[0_u16, 1, 9, 65535]))
    };
    if rng.one_in(2) {
        ct = ct.commit();
        if rng.one_in(4) {
            ct.flags = ct.flags | CtFlags::FORCE;
        }
    }
    if rng.one_in(2) {
        ct = ct.table(rng.below(254) as u8);
    }
    let committed = ct.flags.contains(CtFlags::COMMIT);
    if committed {
        ct.alg = rng.pick(&[0, 0, 21, 69]);
    }
    if rng.one_in(2) {
        ct = ct.nat(if committed { nat(rng) } else { Nat::existing() });
    }
    if committed && rng.one_in(3) {
        let masks = if rng.masked_sets { Masks::Any } else { Masks::None };
        let mark = field_of(rng, Field::NXM_NX_CT_MARK, masks);
        ct = ct.with(set(mark));
        if rng.one_in(2) {
            ct = ct.with(Action::copy(Field::NXM_NX_REG3, Subfield::new(Field::NXM_NX_CT_LABEL, 32, 32)));
        }
    }
    ct.into()
}

fn learn(rng: &mut Rng) -> Action {
    let whole = OxmId::new(Field::NXM_OF_ETH_DST);
    let specs = vec![
        LearnSpec {
            n_bits: 12,
            src: LearnSrc::Field(OxmId::new(Field::NXM_OF_VLAN_TCI), 0),
            dst: LearnDst::Match(OxmId::new(Field::NXM_OF_VLAN_TCI), 0),
        },
        LearnSpec {
            n_bits: 48,
            src: LearnSrc::Field(OxmId::new(Field::NXM_OF_ETH_SRC), 0),
            dst: LearnDst::Match(whole, 0),
        },
        LearnSpec {
            n_bits: 16,
            src: LearnSrc::Immediate(Blob::from(vec![0x08, 0x00])),
            dst: LearnDst::Match(OxmId::new(Field::NXM_OF_ETH_TYPE), 0),
        },
        LearnSpec {
            n_bits: 8,
            src: LearnSrc::Immediate(Blob::from(vec![0, rng.number(8) as u8])),
            dst: LearnDst::Load(OxmId::new(Field::NXM_NX_REG0), 3),
        },
        LearnSpec { n_bits: 16, src: LearnSrc::Field(OxmId::new(Field::NXM_OF_IN_PORT), 0), dst: LearnDst::Output },
    ];
    Action::NxLearn(Box::new(Learn {
        idle_timeout: rng.below(3) as u16,
        hard_timeout: rng.below(3) as u16,
        priority: rng.pick(&[0x8000, 5]),
        cookie: rng.number(64) as u64,
        flags: rng.pick(&[LearnFlags::NONE, LearnFlags::SEND_FLOW_REM, LearnFlags::DELETE_LEARNED]),
        table_id: (rng.below(255) as u8).into(),
        fin_idle_timeout: rng.below(2) as u16,
        fin_hard_timeout: rng.below(2) as u16,
        specs,
    }))
}

fn controller(rng: &mut Rng) -> Action {
    let mut properties = Vec::new();
    if rng.one_in(2) {
        properties.push(ControllerProperty::MaxLen(rng.number(16) as u16));
    }
    if rng.one_in(2) {
        properties.push(ControllerProperty::ControllerId(rng.number(16) as u16));
    }
    if rng.one_in(2) {
        properties.push(ControllerProperty::Reason(rng.below(3) as u8));
    }
    if rng.one_in(2) {
        properties.push(ControllerProperty::Userdata(Blob::from(vec![1, 0, rng.number(8) as u8])));
    }
    if rng.one_in(3) {
        properties.push(ControllerProperty::Pause);
    }
    Action::NxController2(Controller2 { properties })
}

fn output(rng: &mut Rng) -> Action {
    match rng.below(7) {
        0 => Action::output(rng.pick(&[PortNo::IN_PORT, PortNo::LOCAL, PortNo::NORMAL, PortNo::FLOOD, PortNo::ALL])),
        1 => Action::Output { port: PortNo::CONTROLLER, max_len: rng.number(16) as u16 },
        2 => Action::output_reg(subfield(rng, 16)),
        3 => Action::NxOutputTrunc { port: rng.pick(&[1, 0xfffe]), max_len: 14 + rng.below(1000) as u32 },
        4 => controller(rng),
        _ => Action::output(rng.below(0xff00) as u32),
    }
}

fn sample(rng: &mut Rng) -> Action {
    Action::NxSample3 {
        probability: 1 + rng.below(65535) as u16,
        collector_set_id: rng.number(32) as u32,
        obs_domain_id: rng.number(32) as u32,
        obs_point_id: rng.number(32) as u32,
        sampling_port: rng.pick(&[1, 0xffff, 0xfffe]),
        direction: rng.below(3) as u8,
    }
}

/// One action; `depth` bounds those within others.
pub fn action(rng: &mut Rng, depth: u8) -> Action {
    let bits = rng.pick(&[1, 7, 16, 32]);
    match rng.below(if depth == 0 { 19 } else { 20 }) {
        0..=3 => output(rng),
        4 => set_field(rng),
        5 => {
            let dst = subfield(rng, bits);
            Action::load(dst, rng.number(dst.bits.n_bits.min(64)) as u64)
        }
        6 => Action::copy(Subfield::new(Field::NXM_NX_REG3, 0, bits), subfield(rng, bits)),
        7 => Action::NxResubmit { in_port: rng.pick(&[1, 0xfff8]) },
        8 => {
            let in_port = rng.pick(&[1, 0xfff8, 0xfffe]);
            let table_id = (rng.below(256) as u8).into();
            if rng.one_in(4) {
                Action::NxResubmitTableCt { in_port, table_id }
            } else {
                Action::NxResubmitTable { in_port, table_id }
            }
        }
        9 => ct(rng),
        10 => learn(rng),
        11 => Action::SetQueue { queue_id: (rng.number(32) as u32).into() },
        12 => {
            let field = subfield(rng, bits);
            let (ofs, n_bits, field) = (field.bits.ofs, field.bits.n_bits, field.id);
            if rng.one_in(2) {
                Action::NxStackPush { ofs, field, n_bits }
            } else {
                Action::NxStackPop { ofs, field, n_bits }
            }
        }
        13 => choice(rng),
        14 => sample(rng),
        15 => simple(rng),
        16 => Action::NxNote { note: Blob::from((0..6).map(|_| rng.number(8) as u8).collect::<Vec<_>>()) },
        17 => Action::group(rng.below(1000) as u32),
        18 => Action::NxCheckPktLarger { pkt_len: rng.number(16) as u16, ofs: 3, dst: OxmId::new(Field::NXM_NX_REG2) },
        _ => Action::NxClone { actions: actions(rng, depth - 1) },
    }
}

fn choice(rng: &mut Rng) -> Action {
    let bits = BitRange::new(0, 16);
    let (fields, basis) = (rng.below(7) as u16, rng.number(16) as u16);
    if rng.one_in(2) {
        let (algorithm, max_link) = (rng.below(4) as u16, rng.below(100) as u16);
        let dst = OxmId::new(Field::NXM_NX_REG1);
        return Action::NxMultipath { fields, basis, algorithm, max_link, arg: rng.number(32) as u32, bits, dst };
    }
    let algorithm = rng.below(2) as u16;
    let members = vec![1, 2, 0xfffe];
    let bundle = Bundle { algorithm, fields, basis, member_type: MemberType::PORT, bits, dst: None, members };
    if rng.one_in(2) {
        let dst = Some(OxmId::new(Field::NXM_NX_REG4));
        return Action::NxBundleLoad(Bundle { dst, ..bundle });
    }
    Action::NxBundle(Bundle { bits: BitRange::new(0, 1), ..bundle })
}

fn simple(rng: &mut Rng) -> Action {
    match rng.below(7) {
        0 if rng.masked_sets => Action::NxSetTunnel { tun_id: rng.number(32) as u32 },
        1 => Action::NxPopQueue,
        2 => Action::NxExit,
        3 => Action::NxCtClear,
        4 => Action::PushVlan { ethertype: rng.pick(&[0x8100, 0x88a8]) },
        5 => Action::NxDeleteField(DeleteField { field: OxmId::with_length(Field::tun_metadata(3), 124) }),
        _ if rng.masked_sets => Action::NxSetTunnel64 { tun_id: rng.number(64) as u64 },
        _ => Action::NxPopQueue,
    }
}

/// A list of actions, never empty.
pub fn actions(rng: &mut Rng, depth: u8) -> Vec<Action> {
    let n = 1 + rng.below(4);
    (0..n).map(|_| action(rng, depth)).collect()
}

/// A flow that a switch would take.
pub fn flow_mod(rng: &mut Rng) -> FlowMod {
    let table = rng.below(200) as u8;
    let mut flow = FlowMod::add(table, rng.pick(&[0x8000, 0, 1, 100, 65535]), matching(rng));
    if rng.one_in(3) {
        flow.cookie = rng.number(64) as u64;
    }
    flow.idle_timeout = rng.pick(&[0, 0, 10, 65535]);
    flow.hard_timeout = rng.pick(&[0, 0, 30]);
    flow.flags = FlowModFlags(rng.pick(&[0, 0, 1, 4, 2, 24, 31]));
    if rng.one_in(8) {
        flow = flow.instruction(Instruction::Meter { meter_id: 3.into() });
    }
    let ip = flow.matching.get(Field::OXM_OF_ETH_TYPE).and_then(|t| t.value_u128()) == Some(0x0800);
    if rng.one_in(12) {
        let clauses =
            (0..1 + rng.below(3)).map(|_| Action::conjunction(rng.number(32) as u32, 1 + rng.below(2) as u8, 3));
        return flow.apply(clauses.collect::<Vec<_>>());
    }
    if !rng.one_in(6) {
        let mut list = actions(rng, 2);
        if ip && rng.one_in(2) {
            list.insert(0, Action::DecNwTtl);
            list.insert(0, Action::SetNwTtl { nw_ttl: rng.number(8) as u8 });
            list.insert(0, Action::NxDecTtlCntIds(DecTtlCntIds { controller_ids: vec![1, 2] }));
        }
        flow = flow.apply(list);
    }
    if rng.one_in(8) {
        flow = flow.instruction(Instruction::ClearActions);
    }
    if rng.one_in(8) {
        let actions = vec![Action::set_reg(4, 5), Action::output(3)];
        flow = flow.instruction(Instruction::WriteActions { actions });
    }
    if rng.one_in(8) {
        let metadata_mask = rng.number(64) as u64;
        flow = flow.instruction(Instruction::WriteMetadata { metadata: 5 & metadata_mask, metadata_mask });
    }
    if rng.one_in(3) {
        flow = flow.goto(table + 1);
    }
    flow
}

/// A group that a switch would take.
pub fn group_mod(rng: &mut Rng) -> GroupMod {
    let kind = rng.pick(&[GroupType::ALL, GroupType::SELECT, GroupType::INDIRECT, GroupType::FF]);
    let n = if kind == GroupType::INDIRECT { 1 } else { rng.below(4) };
    let buckets = (0..n).map(|_| {
        let mut bucket = Bucket::new(actions(rng, 1)).weight(rng.below(4) as u16);
        if kind == GroupType::FF {
            bucket.watch_port = PortNo(1 + rng.below(4) as u32);
        }
        if kind != GroupType::SELECT {
            bucket.weight = 0;
        }
        bucket
    });
    let buckets = buckets.collect();
    GroupMod::add(rng.below(0xffff_ff00) as u32, kind, buckets)
}

/// A packet, often cut short or with a byte changed.
pub fn packet(rng: &mut Rng) -> Vec<u8> {
    let mut data = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    for _ in 0..rng.below(8) / 3 {
        data.extend([rng.pick(&[[0x81, 0], [0x88, 0xa8]]), [rng.number(8) as u8, rng.number(8) as u8]].concat());
    }
    let kind = rng.pick(&[0x0800_u16, 0x0800, 0x86dd, 0x86dd, 0x0806, 0x8035, 0x8847, 0x88cc, 0x0040]);
    data.extend(kind.to_be_bytes());
    let proto = rng.pick(&[1, 2, 6, 17, 58, 132, 47]);
    let payload: Vec<u8> = match (kind, proto) {
        (0x86dd, 58) => neighbour_packet(rng),
        _ => (0..rng.below(50)).map(|_| rng.number(8) as u8).collect(),
    };
    match kind {
        0x0800 => {
            let total = (20 + payload.len()) as u16;
            let fragment = rng.pick(&[0_u16, 0, 0, 0x4000, 0x2000, 0x2010, 0x0010]);
            data.extend([0x45, rng.number(8) as u8]);
            data.extend(total.to_be_bytes());
            data.extend([0, 0]);
            data.extend(fragment.to_be_bytes());
            data.extend([64, proto, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        }
        0x86dd => {
            data.extend((0x6000_0000 | rng.number(28) as u32).to_be_bytes());
            data.extend((payload.len() as u16).to_be_bytes());
            data.extend([proto, 63]);
            data.extend(1_u128.to_be_bytes());
            data.extend(rng.number(128).to_be_bytes());
        }
        0x0806 | 0x8035 => {
            data.extend([0, 1, 8, 0, 6, 4, rng.number(1) as u8, 2]);
            data.extend((0..20).map(|n| n));
        }
        _ => {}
    }
    data.extend(payload);
    if rng.one_in(5) {
        data.truncate(rng.below(data.len() as u64) as usize);
    }
    if rng.one_in(4) && data.len() > 14 {
        let at = 12 + rng.below(data.len() as u64 - 12) as usize;
        data[at] = rng.number(8) as u8;
    }
    data
}

fn neighbour_packet(rng: &mut Rng) -> Vec<u8> {
    let mut data = vec![rng.pick(&[135, 136, 128]), 0, 1, 2, 0, 0, 0, 0];
    data.extend(rng.number(128).to_be_bytes());
    for _ in 0..rng.below(3) {
        data.extend([rng.pick(&[1, 2, 3]), rng.pick(&[1, 1, 1, 2, 0]), 2, 0, 0, 0, 0, 9]);
    }
    data
}
