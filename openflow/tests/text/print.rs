//! The text form of values built by hand.

use openflow::action::{Ct, Nat};
use openflow::msg::flow::{FlowModFlags, FlowStats};
use openflow::msg::group::{Bucket, GroupDesc, GroupType};
use openflow::{Action, Field, Instruction, Match, text};
use std::net::Ipv4Addr;

fn web() -> Match {
    Match::new().eth_type(0x0800).ip_proto(6).ipv4_dst((Ipv4Addr::new(10, 0, 0, 0), 24)).tcp_dst(80)
}

#[test]
fn a_flow_reads_like_a_line_of_dump_flows() {
    let flow = FlowStats {
        table_id: 7.into(),
        duration_sec: 1,
        duration_nsec: 234_000_000,
        priority: 100,
        idle_timeout: 5,
        hard_timeout: 0,
        flags: FlowModFlags::SEND_FLOW_REM,
        cookie: 0xabc,
        packet_count: 3,
        byte_count: 180,
        matching: web().reg(0, 1),
        instructions: vec![Instruction::goto(20), Instruction::apply([Action::set_reg(1, 2), Action::output(3)])],
    };
    assert_eq!(
        text::FlowStats(&flow).to_string(),
        "cookie=0xabc, duration=1.234s, table=7, n_packets=3, n_bytes=180, idle_timeout=5, send_flow_rem \
         priority=100,tcp,reg0=0x1,nw_dst=10.0.0.0/24,tp_dst=80 actions=set_field:0x2->reg1,output:3,goto_table:20"
    );
}

#[test]
fn a_match_is_the_same_however_it_is_numbered() {
    let by_oxm = Match::new().vlan_vid(5).vlan_pcp(3).xxreg(0, 1 << 96 | 7);
    let by_nxm = Match::new()
        .with(openflow::Oxm::new(Field::NXM_OF_VLAN_TCI, 0x7005_u16))
        .reg(0, 1)
        .reg(1, 0)
        .reg(2, 0)
        .reg(3, 7);
    let expected = "reg0=0x1,reg1=0,reg2=0,reg3=0x7,dl_vlan=5,dl_vlan_pcp=3";
    assert_eq!(text::Match(&by_oxm).to_string(), expected);
    assert_eq!(text::Match(&by_nxm).to_string(), expected);
    assert_eq!(text::Match(&Match::new()).to_string(), "");
}

#[test]
fn a_group_reads_like_a_line_of_dump_groups() {
    let nat = Ct::new(9).commit().table(50).nat(Nat::dst(Ipv4Addr::new(10, 0, 0, 5)).port(8080));
    let group = GroupDesc {
        group_type: GroupType::SELECT,
        group_id: 1.into(),
        buckets: vec![Bucket::new([nat.into()]).weight(10), Bucket::new([Action::output(2)])],
    };
    assert_eq!(
        text::GroupDesc(&group).to_string(),
        "group_id=1,type=select,bucket=weight:10,actions=ct(commit,table=50,zone=9,nat(dst=10.0.0.5:8080)),\
         bucket=actions=output:2"
    );
}

#[test]
fn no_instructions_are_a_drop() {
    assert_eq!(text::Instructions(&[]).to_string(), "drop");
    assert_eq!(text::Instructions(&[Instruction::apply([])]).to_string(), "drop");
}
