//! Random flow-mods and group-mods, many of them wrong.

use openflow::action::{Ct, Nat, Subfield};
use openflow::msg::flow::{FlowMod, FlowModCommand, FlowModFlags};
use openflow::msg::group::{Bucket, GroupMod, GroupModCommand, GroupType};
use openflow::{Action, Body, Field, GroupId, Instruction, Match, Oxm, PortNo, TableId, text};

use crate::random::Random;

/// Groups that are there from the beginning.
pub fn groups() -> Vec<Body> {
    let bucket = || vec![Bucket::new([Action::output(1)])];
    (1..=2).map(|id| GroupMod::add(id, GroupType::ALL, bucket()).into()).collect()
}

pub fn change(random: &mut Random) -> Body {
    if random.chance(25) { group_mod(random).into() } else { flow_mod(random).into() }
}

fn flow_mod(random: &mut Random) -> FlowMod {
    let table = TableId(random.pick(&[0, 0, 1, 2, 3, 253, 255]));
    let mut flow = FlowMod::add(table, random.pick(&[1, 2, 3]), matching(random));
    if random.chance(30) {
        flow.command = FlowModCommand(random.below(6) as u8);
    }
    if random.chance(15) {
        flow.flags = random.pick(&[FlowModFlags::CHECK_OVERLAP, FlowModFlags::RESET_COUNTS]);
    }
    if random.chance(70) {
        flow = flow.apply(actions(random));
    }
    if random.chance(5) {
        flow = flow.instruction(Instruction::ClearActions);
    }
    if random.chance(15) {
        flow = flow.instruction(Instruction::WriteActions { actions: actions(random) });
    }
    if random.chance(10) {
        flow = flow.instruction(Instruction::WriteMetadata { metadata: 5, metadata_mask: 0xff });
    }
    if random.chance(20) {
        flow = flow.goto(random.pick(&[0, 1, 2, 3, 4, 253, 254, 255]));
    }
    if random.chance(3) {
        flow = flow.goto(7);
    }
    flow
}

fn matching(random: &mut Random) -> Match {
    let texts = [
        "",
        "arp",
        "ip",
        "ip",
        "tcp",
        "tcp",
        "udp",
        "ipv6",
        "tcp6",
        "icmp6",
        "dl_vlan=5,ip",
        "reg0=1",
        "in_port=2",
        "ip,ct_state=+trk+inv",
    ];
    let mut m = text::parse_match(random.pick(&texts)).unwrap();
    if random.chance(10) {
        let wrong = [
            Oxm::new(Field::OXM_OF_TCP_DST, 80u16),
            Oxm::new(Field::OXM_OF_IP_PROTO, 6u8),
            Oxm::new(Field::OXM_OF_ETH_TYPE, 0x0800u16),
            Oxm::masked(Field::OXM_OF_ETH_TYPE, 0x0800u16, 0xff00u16),
            Oxm::masked(Field::OXM_OF_METADATA, 3u64, 1u64),
            Oxm::new(Field::OXM_OF_IP_DSCP, 200u8),
            Oxm::new(Field::OXM_OF_VLAN_PCP, 1u8),
            Oxm::new(Field::OXM_OF_PBB_ISID, [0u8; 3]),
        ];
        m.push(random.pick(&wrong));
    }
    m
}

fn actions(random: &mut Random) -> Vec<Action> {
    (0..1 + random.below(3)).map(|_| one(random, 0)).collect()
}

fn one(random: &mut Random, depth: u8) -> Action {
    if depth < 2 && random.chance(8) {
        return Action::NxClone { actions: vec![one(random, depth + 1)] };
    }
    if depth < 2 && random.chance(10) {
        return ct(random, depth).into();
    }
    if random.chance(40) {
        let texts = [
            "output:1",
            "output:IN_PORT",
            "CONTROLLER",
            "LOCAL",
            "ALL",
            "FLOOD",
            "NORMAL",
            "group:1",
            "group:9",
            "push_vlan:0x8100",
            "push_vlan:0x1234",
            "pop_vlan",
            "dec_ttl",
            "dec_ttl(1,2)",
            "mod_nw_ttl:5",
            "resubmit(,2)",
            "resubmit(1,)",
            "exit",
            "note:00",
            "set_queue:3",
            "pop_queue",
            "ct_clear",
            "push:NXM_NX_REG0[]",
            "pop:NXM_NX_REG1[0..15]",
            "output:NXM_NX_REG0[0..15]",
            "set_tunnel:5",
            "fin_timeout(idle_timeout=5)",
            "conjunction(1,1/2)",
            "controller(reason=action,max_len=64,id=3)",
            "controller(userdata=01.02)",
            "learn(table=5,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],load:NXM_OF_IN_PORT[]->NXM_NX_REG0[0..15])",
            "learn(table=5,eth_type=0x800,nw_proto=6,NXM_OF_TCP_DST[]=NXM_OF_TCP_SRC[])",
            "multipath(eth_src,50,modulo_n,1,0,NXM_NX_REG0[])",
            "bundle(eth_src,0,hrw,ofport,members:1,2)",
            "check_pkt_larger(100)->NXM_NX_REG0[0]",
            "output(port=1,max_len=100)",
        ];
        return text::parse_actions(random.pick(&texts)).unwrap().remove(0);
    }
    let wide = |n| Subfield::new(Field::NXM_NX_REG0, 0, n);
    let all = [
        Action::output(PortNo::ANY),
        Action::output(PortNo(0xffff_ff01)),
        Action::output(PortNo(0xffff_ff00)),
        Action::output(PortNo::TABLE),
        Action::output(77),
        Action::set_reg(0, 5),
        Action::set_field(Field::OXM_OF_IPV4_DST, 5u32),
        Action::set_field(Field::OXM_OF_IPV6_DST, 5u128),
        Action::set_field(Field::OXM_OF_TCP_DST, 5u16),
        Action::set_field(Field::OXM_OF_UDP_SRC, 5u16),
        Action::set_field(Field::OXM_OF_IP_DSCP, 5u8),
        Action::set_field(Field::OXM_OF_IP_DSCP, 200u8),
        Action::set_field(Field::OXM_OF_ETH_TYPE, 5u16),
        Action::set_field(Field::OXM_OF_IP_PROTO, 5u8),
        Action::set_field(Field::OXM_OF_ARP_OP, 1u16),
        Action::set_field(Field::OXM_OF_VLAN_VID, 0x1005u16),
        Action::set_field(Field::OXM_OF_VLAN_VID, 5u16),
        Action::set_field(Field::OXM_OF_VLAN_PCP, 5u8),
        Action::set_field(Field::OXM_OF_METADATA, 5u64),
        Action::set_field(Field::NXM_NX_CT_MARK, 5u32),
        Action::set_field(Field::NXM_NX_CT_STATE, 5u32),
        Action::set_field(Field::NXM_NX_CONJ_ID, 5u32),
        Action::set_field(Field::OXM_OF_ICMPV4_TYPE, 5u8),
        Action::set_field(Field::OXM_OF_IN_PORT, 5u32),
        Action::load(wide(32), 5),
        Action::load(wide(4), 0xff),
        Action::load(Subfield::new(Field::NXM_NX_REG0, 30, 8), 1),
        Action::load(Field::NXM_OF_IP_DST, 5),
        Action::load(Field::NXM_NX_CT_MARK, 5),
        Action::copy(wide(32), Field::NXM_NX_REG1),
        Action::copy(Field::NXM_OF_IP_SRC, wide(32)),
        Action::copy(wide(16), Field::NXM_OF_TCP_DST),
        Action::copy(Subfield::new(Field::NXM_NX_REG0, 20, 32), Field::NXM_NX_REG1),
        Action::copy(Field::NXM_NX_CT_STATE, wide(32)),
        Action::SetMplsTtl { mpls_ttl: 5 },
        Action::DecMplsTtl,
        Action::CopyTtlIn,
        Action::PopPbb,
        Action::Experimenter { experimenter: 0x1234, data: vec![0; 8].into() },
        Nat::existing().into_action(),
    ];
    random.pick(&all)
}

trait IntoAction {
    fn into_action(self) -> Action;
}

impl IntoAction for Nat {
    fn into_action(self) -> Action {
        Action::NxNat(Box::new(self))
    }
}

fn ct(random: &mut Random, depth: u8) -> Ct {
    let mut ct = match random.below(4) {
        0 => Ct::new(Subfield::new(Field::NXM_NX_REG0, 0, 16)),
        1 => Ct::new(Subfield::new(Field::NXM_NX_REG0, 0, random.pick(&[8, 16, 32]))),
        _ => Ct::new(5),
    };
    if random.chance(50) {
        ct = ct.commit();
    }
    if random.chance(30) {
        ct = ct.table(random.pick(&[1, 2, 3]));
    }
    match random.below(5) {
        0 => ct.with(Action::set_field(Field::NXM_NX_CT_MARK, 5u32)),
        1 => ct.nat(Nat::src(std::net::Ipv4Addr::new(10, 0, 0, 1))),
        2 => ct.with(one(random, depth + 1)),
        _ => ct,
    }
}

fn group_mod(random: &mut Random) -> GroupMod {
    let id = GroupId(random.pick(&[1, 2, 3, 4, 0xffff_ff00, 0xffff_ff01, 0xffff_fffc, 0xffff_ffff]));
    let kind = GroupType(random.pick(&[0, 0, 1, 1, 2, 3, 7]));
    let buckets = (0..random.pick(&[0, 1, 1, 2])).map(|_| bucket(random)).collect();
    let mut group = GroupMod::add(id, kind, buckets);
    group.command = GroupModCommand(random.pick(&[0, 0, 0, 1, 1, 2, 9]));
    if group.command == GroupModCommand::DELETE {
        group = GroupMod::delete(id);
    }
    group
}

fn bucket(random: &mut Random) -> Bucket {
    let mut bucket = Bucket::new(actions(random));
    bucket.weight = random.pick(&[0, 0, 1, 5]);
    bucket.watch_port = random.pick(&[PortNo::ANY, PortNo::ANY, PortNo(1), PortNo(99)]);
    bucket.watch_group = random.pick(&[GroupId::ANY, GroupId::ANY, GroupId(1)]);
    bucket
}
