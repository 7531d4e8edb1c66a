//! Random actions.

use openflow::action::{
    BitRange, Bundle, Controller2, ControllerProperty, Ct, CtFlags, DeleteField, Learn, LearnDst, LearnFlags,
    LearnSpec, LearnSrc, MemberType, Nat, NatFlags, Subfield,
};
use openflow::types::{Blob, PortNo};
use openflow::{Action, Field, Oxm, OxmId};

use super::Rng;
use super::matching::{Masks, field_of};

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
fn action(rng: &mut Rng, depth: u8) -> Action {
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
        return Action::NxBundleLoad(Box::new(Bundle { dst, ..bundle }));
    }
    Action::NxBundle(Box::new(Bundle { bits: BitRange::new(0, 1), ..bundle }))
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
