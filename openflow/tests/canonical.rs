//! What we send and what Open vSwitch answers, brought into one form.
#![cfg(feature = "net")]

mod common;

use std::net::{Ipv4Addr, Ipv6Addr};

use openflow::action::{BitRange, Ct, Nat, Subfield};
use openflow::conn::{Config, Event};
use openflow::msg::flow::{FlowMod, FlowRequest, FlowStats};
use openflow::multipart::{MultipartReply, MultipartReplyBody, MultipartRequestBody};
use openflow::net::{self, Handle};
use openflow::{Action, Body, Field, Instruction, Match, Oxm, OxmId, PortNo, TableId};

const IP: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const A4: Ipv4Addr = Ipv4Addr::new(10, 1, 2, 3);
const A6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 7);
const MAC: openflow::Mac = openflow::Mac([2, 0, 0, 0, 0, 9]);

fn ip() -> Match {
    Match::new().eth_type(IP)
}

fn with(m: Match, field: Field, bytes: &[u8], mask: Option<&[u8]>) -> Match {
    m.with(Oxm::from_bytes(field, bytes, mask).unwrap())
}

/// Pairs of fields that mean the same, with a value for each and what they need.
fn matches() -> Vec<Match> {
    let a4 = A4.octets();
    let a6 = A6.octets();
    let new = Match::new;
    let tcp = || ip().ip_proto(6);
    let arp = || new().eth_type(0x0806);
    let nd = || new().eth_type(IPV6).ip_proto(58).icmpv6_type(135).icmpv6_code(0);
    let trk = || ip().ct_state(0x22, 0x22);
    vec![
        new(),
        new().in_port(PortNo(3)),
        with(new(), Field::NXM_OF_IN_PORT, &[0, 3], None),
        with(new(), Field::NXM_OF_IN_PORT, &[0xff, 0xfe], None),
        new().eth_dst(MAC).eth_src(MAC),
        with(new(), Field::NXM_OF_ETH_DST, &MAC.0, None),
        with(new(), Field::NXM_OF_ETH_SRC, &MAC.0, Some(&[0xff, 0, 0, 0, 0, 0xff])),
        with(new(), Field::NXM_OF_ETH_TYPE, &[8, 0], None),
        new().vlan_vid(5),
        new().vlan_vid(5).vlan_pcp(3),
        new().vlan_none(),
        new().vlan_vid_masked(0x1000, 0x1000),
        with(new(), Field::NXM_OF_VLAN_TCI, &[0x10, 5], Some(&[0x1f, 0xff])),
        with(new(), Field::NXM_OF_VLAN_TCI, &[0x70, 5], None),
        with(new(), Field::NXM_OF_VLAN_TCI, &[0, 0], None),
        with(new(), Field::NXM_OF_VLAN_TCI, &[0x10, 0], Some(&[0x10, 0])),
        ip().ipv4_src((A4, 16)).ipv4_dst(A4),
        with(
            with(ip(), Field::NXM_OF_IP_SRC, &a4, None),
            Field::NXM_OF_IP_DST,
            &[10, 1, 2, 0],
            Some(&[255, 255, 255, 0]),
        ),
        with(ip(), Field::OXM_OF_IPV4_DST, &a4, Some(&[0xff; 4])),
        with(ip(), Field::OXM_OF_IPV4_DST, &[10, 1, 0, 0], Some(&[255, 255, 0, 0])),
        with(ip(), Field::OXM_OF_IPV4_DST, &[0; 4], Some(&[0; 4])),
        with(ip(), Field::NXM_OF_IP_TOS, &[0x28], None),
        ip().ip_dscp(10).ip_ecn(2).ip_ttl(64),
        with(ip(), Field::NXM_NX_IP_ECN, &[1], None),
        with(ip(), Field::NXM_OF_IP_PROTO, &[17], None).udp_dst(53),
        ip().ip_frag(1),
        ip().ip_frag_masked(1, 1),
        tcp().tcp_src(80).tcp_dst_masked(0x1f00, 0xff00),
        with(tcp(), Field::NXM_OF_TCP_DST, &[0, 80], None),
        with(ip().ip_proto(17), Field::NXM_OF_UDP_SRC, &[0, 80], Some(&[0xff, 0xf0])),
        tcp().tcp_flags(2),
        with(tcp(), Field::NXM_NX_TCP_FLAGS, &[0, 2], Some(&[0, 2])),
        with(tcp(), Field::ONFOXM_ET_TCP_FLAGS, &[0, 2], Some(&[0x0f, 0xff])),
        ip().ip_proto(132).sctp_dst(5),
        ip().ip_proto(1).icmpv4_type(8).icmpv4_code(0),
        with(ip().ip_proto(1), Field::NXM_OF_ICMP_TYPE, &[8], None),
        arp().arp_op(1).arp_spa(A4).arp_tpa((A4, 24)).arp_sha(MAC).arp_tha(MAC),
        with(with(arp(), Field::NXM_OF_ARP_OP, &[0, 1], None), Field::NXM_NX_ARP_SHA, &MAC.0, None),
        new().eth_type(IPV6).ipv6_src(A6).ipv6_dst((A6, 64)),
        with(new().eth_type(IPV6), Field::NXM_NX_IPV6_SRC, &a6, None),
        with(new().eth_type(IPV6), Field::NXM_NX_IPV6_LABEL, &[0, 1, 2, 3], None),
        with(new().eth_type(IPV6), Field::OXM_OF_IPV6_FLABEL, &[0, 1, 2, 3], Some(&[0, 0x0f, 0xff, 0xff])),
        nd().nd_target(A6).nd_sll(MAC),
        with(nd(), Field::NXM_NX_ND_TARGET, &a6, None),
        new().eth_type(0x8847).mpls_label(77),
        new().metadata(7),
        new().metadata_masked(7, 15),
        new().reg(0, 1).reg(15, 9).reg_masked(3, 0x10, 0xf0),
        new().xxreg(0, 5),
        new().xxreg_masked(1, 0x55 << 64, 0xff << 64),
        with(new(), Field::OXM_OF_PKT_REG1, &[0, 0, 0, 1, 0, 0, 0, 2], None),
        with(new(), Field::OXM_OF_PKT_REG2, &[0, 0, 0, 0, 0, 0, 0, 2], Some(&[0, 0, 0, 0, 0, 0, 0, 0xff])),
        new().tunnel_id(5),
        with(new(), Field::NXM_NX_TUN_ID, &[0, 0, 0, 0, 0, 0, 0, 9], None),
        new().tun_src(A4).tun_dst((A4, 8)),
        new().tun_ipv6_dst(A6),
        new().tun_flags_masked(1, 1),
        new().pkt_mark(7),
        new().conj_id(5),
        trk(),
        ip().ct_state(0x21, 0x21).ct_zone(9).ct_mark_masked(1, 3).ct_label(7),
        trk().ct_nw_src(A4).ct_nw_proto(6).ct_tp_dst(80),
        trk().ct_mark(1).metadata(5).reg(2, 1).pkt_mark(3).tunnel_id(8).tun_dst(A4).eth_src(MAC).vlan_vid(3),
        ip().ip_ttl(3).ip_dscp(1).ip_ecn(1).ip_frag(0).ipv4_dst(A4).ipv4_src(A4),
        new().eth_type(IPV6).ip_dscp(1).ip_proto(6).ipv6_dst(A6).tcp_dst(4).tcp_src(9).tcp_flags(1),
        new().eth_type(IPV6).ip_proto(58).icmpv6_type(136).icmpv6_code(0).nd_tll(MAC).nd_target(A6),
        with(new().eth_type(IPV6).ip_ttl(3), Field::OXM_OF_IPV6_FLABEL, &[0, 0, 0, 3], None).ip_frag(0).ipv6_src(A6),
        with(new().eth_type(0x8847), Field::OXM_OF_MPLS_TC, &[3], None).mpls_label(7),
        new().reg(7, 3).in_port(PortNo(1)).eth_type(IP).ipv4_dst(A4).metadata(1),
    ]
}

fn actions() -> Vec<Vec<Action>> {
    let load = |field: Field, ofs, n, v| Action::load(Subfield::new(field, ofs, n), v);
    let resubmit = |in_port, table| Action::NxResubmitTable { in_port, table_id: TableId(table) };
    vec![
        vec![Action::output(PortNo(1))],
        vec![Action::Output { port: PortNo(1), max_len: 100 }],
        vec![Action::to_controller()],
        vec![Action::Output { port: PortNo::CONTROLLER, max_len: 128 }],
        vec![Action::output(PortNo::IN_PORT), Action::output(PortNo::LOCAL)],
        vec![Action::set_reg(0, 5)],
        vec![load(Field::reg(1), 0, 32, 5)],
        vec![load(Field::reg(1), 4, 8, 5)],
        vec![load(Field::OXM_OF_METADATA, 0, 64, 5)],
        vec![load(Field::OXM_OF_ETH_SRC, 0, 48, 0x0200_0000_0001)],
        vec![load(Field::NXM_OF_ETH_DST, 0, 48, 0x0200_0000_0001)],
        vec![load(Field::NXM_NX_TUN_ID, 0, 64, 5)],
        vec![load(Field::NXM_NX_TUN_IPV4_DST, 0, 32, 0x0a00_0001)],
        vec![load(Field::NXM_OF_ARP_OP, 0, 16, 2)],
        vec![load(Field::xxreg(0), 32, 32, 7)],
        vec![load(Field::NXM_OF_IN_PORT, 0, 16, 0)],
        vec![Action::set_field(Field::OXM_OF_TUNNEL_ID, 9u64)],
        vec![Action::set_field(Field::NXM_NX_TUN_ID, 9u64)],
        vec![Action::set_field(Field::NXM_NX_XXREG1, 9u128)],
        vec![Action::set_field_masked(Field::reg(2), 0x50u32, 0xf0u32)],
        vec![Action::set_field_masked(Field::reg(2), 0x50u32, 0xffff_fff0u32)],
        vec![Action::set_field_masked(Field::NXM_NX_XXREG1, 5u128, 0xffu128)],
        vec![Action::set_field(Field::NXM_NX_TUN_IPV6_DST, A6)],
        vec![Action::NxRegLoad2 { field: Oxm::new(Field::reg(3), 7u32) }],
        vec![Action::NxRegLoad2 { field: Oxm::masked(Field::reg(3), 7u32, 15u32) }],
        vec![Action::copy(Field::OXM_OF_ETH_SRC, Field::OXM_OF_ETH_DST)],
        vec![Action::copy(Field::NXM_OF_ETH_SRC, Field::NXM_OF_ETH_DST)],
        vec![Action::copy(Field::NXM_OF_ARP_SPA, Field::NXM_OF_ARP_TPA)],
        vec![Action::copy(Field::NXM_NX_ARP_SHA, Field::OXM_OF_ARP_THA)],
        vec![Action::copy(Field::reg(1), Subfield::new(Field::NXM_NX_TUN_ID, 0, 32))],
        vec![Action::copy(Field::NXM_OF_IN_PORT, Subfield::new(Field::reg(2), 0, 16))],
        vec![Action::OnfCopyField {
            n_bits: 16,
            src_offset: 0,
            dst_offset: 16,
            src: OxmId::new(Field::reg(0)),
            dst: OxmId::new(Field::reg(1)),
        }],
        vec![Action::resubmit(20), Action::resubmit(30)],
        vec![resubmit(1, 20)],
        vec![Action::NxResubmit { in_port: 1 }],
        vec![Action::output_reg(Field::reg(5))],
        vec![Action::output_reg(Subfield::new(Field::reg(5), 0, 16))],
        vec![Action::NxSetTunnel { tun_id: 5 }],
        vec![Action::NxSetTunnel64 { tun_id: 5 }],
        vec![Ct::new(5).commit().table(20).into()],
        vec![Ct::new(Subfield::new(Field::reg(6), 0, 16)).table(3).into()],
        vec![Ct::new(5).commit().nat(Nat::dst(A4).port(80)).into()],
        vec![Ct::new(5).commit().with(Action::set_field(Field::NXM_NX_CT_MARK, 7u32)).into()],
        vec![Ct::new(5).commit().with(load(Field::NXM_NX_CT_MARK, 0, 32, 7)).into()],
        vec![Ct::new(5).commit().with(load(Field::NXM_NX_CT_LABEL, 0, 64, 7)).into()],
        vec![Ct::new(5).nat(Nat::existing()).table(4).into()],
        vec![Action::NxCtClear],
        vec![Action::conjunction(5, 1, 2)],
        vec![Action::NxClone { actions: vec![Action::set_reg(0, 1), Action::output(PortNo(2))] }],
        vec![Action::DecNwTtl],
        vec![Action::DecNwTtl, Action::SetNwTtl { nw_ttl: 9 }],
        vec![Action::NxNote { note: vec![1, 2, 3].into() }],
        vec![Action::NxOutputTrunc { port: 2, max_len: 100 }],
        vec![Action::SetQueue { queue_id: openflow::QueueId(2) }, Action::NxPopQueue],
        vec![Action::NxStackPush { ofs: 0, field: OxmId::new(Field::reg(1)), n_bits: 32 }],
        vec![Action::NxController { max_len: 0xffff, controller_id: 0, reason: 1 }],
        vec![Action::NxController { max_len: 0xffff, controller_id: 5, reason: 1 }],
        vec![Action::PushVlan { ethertype: 0x8100 }, Action::PopVlan],
        vec![Action::PushVlan { ethertype: 0x8100 }, Action::set_field(Field::OXM_OF_VLAN_VID, 0x1005u16)],
        vec![Action::set_field(Field::OXM_OF_IPV4_DST, A4), Action::set_field(Field::OXM_OF_IP_DSCP, 3u8)],
        vec![Action::NxExit],
        vec![Action::NxRegMove {
            n_bits: 8,
            src_ofs: 0,
            dst_ofs: 0,
            src: OxmId::new(Field::NXM_OF_IP_TOS),
            dst: OxmId::new(Field::reg(0)),
        }],
        vec![Action::NxRegLoad { bits: BitRange::new(0, 16), dst: OxmId::new(Field::NXM_OF_TCP_DST), value: 80 }],
    ]
}

async fn connect(switch: &common::Switch) -> Handle {
    let stream = net::connect_unix(switch.mgmt()).await.unwrap();
    let (handle, mut events) = net::spawn(stream, Config::default());
    assert!(matches!(events.recv().await, Some(Event::Up { .. })));
    tokio::spawn(async move { while events.recv().await.is_some() {} });
    handle
}

/// Replaces all flows by one and reads it back.
async fn back(handle: &Handle, flow: FlowMod) -> Result<FlowStats, String> {
    let delete = FlowMod::delete(TableId::ALL, Match::new());
    handle.bundle(vec![delete.into(), flow.into()]).await.map_err(|e| e.to_string())?;
    match handle.request(MultipartRequestBody::Flow(FlowRequest::default())).await {
        Ok(Body::MultipartReply(MultipartReply { body: MultipartReplyBody::Flow(mut flows), .. })) => {
            flows.pop().ok_or_else(|| "no flow".to_owned())
        }
        other => Err(format!("{other:?}")),
    }
}

#[tokio::test]
async fn forms_agree() {
    let Some(switch) = common::Switch::start() else { return };
    let handle = connect(&switch).await;
    let mut wrong = Vec::new();
    for m in matches() {
        match back(&handle, FlowMod::add(1, 1, m.clone())).await {
            Ok(got) if got.matching.canonical() == m.canonical() && got.matching.canonical() == got.matching => {}
            Ok(got) => wrong.push(format!("{m:?}\n  -> {:?}\n  ours {:?}", got.matching, m.canonical())),
            Err(error) => wrong.push(format!("{m:?}\n  {error}")),
        }
    }
    let tcp = ip().ip_proto(6);
    let arp = Match::new().eth_type(0x0806);
    for list in actions() {
        let text = format!("{list:?}");
        let base = if text.contains("ARP") { &arp } else { &tcp };
        match back(&handle, FlowMod::add(1, 1, base.clone()).apply(list.clone())).await {
            Ok(got) => {
                let theirs = match got.instructions.as_slice() {
                    [Instruction::ApplyActions { actions }] => actions.clone(),
                    other => panic!("{text}: {other:?}"),
                };
                let ours = openflow::action::canonical(&list);
                if openflow::action::canonical(&theirs) != ours || theirs != ours {
                    wrong.push(format!("{text}\n  -> {theirs:?}\n  ours {ours:?}"));
                }
            }
            Err(error) => wrong.push(format!("{text}\n  {error}")),
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}
