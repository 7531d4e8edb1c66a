//! The model by itself, and a controller's session with it.
#![cfg(all(feature = "model", feature = "net"))]

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use openflow::action::{Ct, Learn, LearnDst, LearnFlags, LearnSpec, LearnSrc, Nat};
use openflow::conn::{Config, Event, RequestError};
use openflow::model::{self, Choices, Packet, Refusal, Switch};
use openflow::msg::config::{Role, RoleMsg};
use openflow::msg::flow::{FlowMod, FlowModCommand, FlowModFlags, FlowRemovedReason, FlowRequest};
use openflow::msg::group::{Bucket, GroupMod, GroupType};
use openflow::msg::packet::PacketOut;
use openflow::multipart::{MultipartReply, MultipartReplyBody, MultipartRequestBody};
use openflow::net::{self, Events, Handle};
use openflow::oxm::ct_state;
use openflow::{Action, Body, Field, GroupId, Match, PortNo, TableId};
use proptest::prelude::*;

fn ip() -> Match {
    Match::new().eth_type(0x0800)
}

fn tcp(src: Ipv4Addr, dst: Ipv4Addr, ports: (u16, u16), flags: u16) -> Packet {
    let m = ip().ip_proto(6).ipv4_src(src).ipv4_dst(dst).ip_ttl(64);
    Packet::from(m.tcp_src(ports.0).tcp_dst(ports.1).tcp_flags(flags))
}

const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const VIP: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 10);
const BACKEND: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const SYN: u16 = 2;
const SYN_ACK: u16 = 0x12;
const ACK: u16 = 0x10;

/// A service as the controller compiles it: translated on the way in, translated back on the way out.
#[test]
fn load_balancer() {
    let mut switch = Switch::with_ports(1, 1..=2);
    let nat = |ip| Action::from(Ct::new(7).commit().table(50).nat(Nat::dst(ip).port(8080)));
    let track = |table: u8| [Action::from(Ct::new(7).nat(Nat::existing()).table(table))];
    let state = |m: Match, bits: u32| m.ct_state(bits | ct_state::TRK, bits | ct_state::TRK);
    let all: Vec<Body> = vec![
        GroupMod::add(1, GroupType::SELECT, vec![Bucket::new([nat(BACKEND)])]).into(),
        FlowMod::add(0, 10, ip().ipv4_dst(VIP)).apply(track(40)).into(),
        FlowMod::add(0, 10, ip().ipv4_src(BACKEND)).apply(track(50)).into(),
        FlowMod::add(40, 10, state(ip(), ct_state::NEW)).apply([Action::group(1)]).into(),
        FlowMod::add(40, 1, Match::new()).goto(50).into(),
        FlowMod::add(50, 10, ip().ipv4_dst(BACKEND)).apply([Action::DecNwTtl, Action::output(PortNo(2))]).into(),
        FlowMod::add(50, 10, ip().ipv4_dst(CLIENT)).apply([Action::output(PortNo(1))]).into(),
    ];
    switch.apply_all(&all).unwrap();

    let sent = |switch: &mut Switch, port: u32, packet: &Packet| {
        let trace = switch.packet(PortNo(port), packet).unwrap();
        let (port, packet) = trace.outputs()[0];
        (port, packet.clone(), trace.passes.len())
    };
    let (port, packet, passes) = sent(&mut switch, 1, &tcp(CLIENT, VIP, (5000, 80), SYN));
    assert_eq!((port, passes), (PortNo(2), 3), "new: tracked, then committed");
    assert_eq!(packet.get(Field::OXM_OF_IPV4_DST), u128::from(u32::from(BACKEND)));
    assert_eq!(packet.get(Field::OXM_OF_TCP_DST), 8080);
    assert_eq!(packet.get(Field::NXM_NX_IP_TTL), 63);

    let (port, packet, _) = sent(&mut switch, 2, &tcp(BACKEND, CLIENT, (8080, 5000), SYN_ACK));
    assert_eq!(port, PortNo(1));
    assert_eq!(packet.get(Field::OXM_OF_IPV4_SRC), u128::from(u32::from(VIP)));
    assert_eq!(packet.get(Field::OXM_OF_TCP_SRC), 80);
    let reply = u128::from(ct_state::TRK | ct_state::EST | ct_state::RPL | ct_state::SNAT);
    assert_eq!(packet.get(Field::NXM_NX_CT_STATE), reply);

    let (port, packet, passes) = sent(&mut switch, 1, &tcp(CLIENT, VIP, (5000, 80), ACK));
    assert_eq!((port, passes), (PortNo(2), 2), "established: no second commit");
    assert_eq!(packet.get(Field::OXM_OF_TCP_DST), 8080);
    assert_eq!(switch.conntrack().connections().len(), 1);
}

#[test]
fn learns() {
    let mut switch = Switch::with_ports(1, 1..=3);
    let field = |f: Field| LearnSrc::Field(f.into(), 0);
    let specs = vec![
        LearnSpec {
            n_bits: 48,
            src: field(Field::NXM_OF_ETH_SRC),
            dst: LearnDst::Match(Field::NXM_OF_ETH_DST.into(), 0),
        },
        LearnSpec { n_bits: 16, src: field(Field::NXM_OF_IN_PORT), dst: LearnDst::Output },
    ];
    let learn = Learn {
        idle_timeout: 5,
        hard_timeout: 0,
        priority: 9,
        cookie: 0x77,
        flags: LearnFlags::SEND_FLOW_REM,
        table_id: TableId(10),
        fin_idle_timeout: 0,
        fin_hard_timeout: 0,
        specs,
    };
    let flow = FlowMod::add(0, 1, Match::new()).apply([Action::NxLearn(Box::new(learn)), Action::resubmit(10)]);
    switch.apply(flow).unwrap();
    let frame = |src: u8, dst: u8| {
        let mac = |n| openflow::Mac([0, 0, 0, 0, 0, n]);
        Packet::from(Match::new().eth_src(mac(src)).eth_dst(mac(dst)))
    };
    assert!(switch.packet(PortNo(1), &frame(1, 2)).unwrap().is_drop());
    assert_eq!(switch.packet(PortNo(2), &frame(2, 1)).unwrap().ports(), [PortNo(1)]);
    assert_eq!(switch.packet(PortNo(1), &frame(1, 2)).unwrap().ports(), [PortNo(2)]);
    switch.advance(Duration::from_secs(5));
    let removed = switch.take_removed();
    assert_eq!(removed.len(), 2);
    assert!(removed.iter().all(|r| r.reason == FlowRemovedReason::IDLE_TIMEOUT && r.cookie == 0x77));
}

#[test]
fn select_follows_the_hash_by_weight() {
    let mut switch = Switch::with_ports(1, 1..=3);
    let bucket = |port, weight| Bucket::new([Action::output(PortNo(port))]).weight(weight);
    switch.apply(GroupMod::add(1, GroupType::SELECT, vec![bucket(2, 1), bucket(3, 3)])).unwrap();
    switch.apply(FlowMod::add(0, 1, Match::new()).apply([Action::group(1)])).unwrap();
    let mut counts: BTreeMap<PortNo, usize> = BTreeMap::new();
    for hash in 0..400 {
        let choices = Choices { hash, ..Choices::default() };
        let trace = switch.packet_with(PortNo(1), &Packet::new(), &choices).unwrap();
        *counts.entry(trace.ports()[0]).or_default() += 1;
    }
    assert_eq!(counts, BTreeMap::from([(PortNo(2), 100), (PortNo(3), 300)]));
}

#[test]
fn says_what_it_does_not_know() {
    let mut switch = Switch::with_ports(1, 1..=3);
    for action in [Action::output(PortNo::NORMAL), Action::PushMpls { ethertype: 0x8847 }] {
        switch.apply(FlowMod::add(0, 1, Match::new()).apply([action])).unwrap();
        switch.packet(PortNo(1), &Packet::new()).unwrap_err();
    }
}

async fn session(switch: &Arc<Mutex<Switch>>) -> (Handle, Events) {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let served = switch.clone();
    tokio::spawn(async move { model::serve(theirs, &served).await });
    let (handle, mut events) = net::spawn(ours, Config::default());
    assert!(matches!(events.recv().await, Some(Event::Up { features }) if features.datapath_id == 5));
    (handle, events)
}

fn refused(result: Result<Body, RequestError>) -> String {
    match result {
        Err(RequestError::Switch(error)) => error.name().unwrap(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn controller_session() {
    let switch = Arc::new(Mutex::new(Switch::with_ports(5, 1..=2)));
    let (handle, mut events) = session(&switch).await;
    let flow = |n: u32| FlowMod::add(1, 100, ip().ipv4_dst(Ipv4Addr::from(n))).apply([Action::output(PortNo(1))]);
    handle.bundle((0..20_000).map(|n| flow(n).into()).collect()).await.unwrap();
    match handle.request(MultipartRequestBody::Flow(FlowRequest::default())).await.unwrap() {
        Body::MultipartReply(MultipartReply { body: MultipartReplyBody::Flow(flows), .. }) => {
            assert_eq!(flows.len(), 20_000);
        }
        other => panic!("{other:?}"),
    }
    let group = GroupMod::add(7, GroupType::ALL, vec![Bucket::new([Action::output(PortNo(1))])]);
    let to_missing = FlowMod::add(1, 100, Match::new()).apply([Action::group(99)]);
    let failed = handle.bundle(vec![group.clone().into(), to_missing.into(), flow(1).into()]).await.unwrap_err();
    assert_eq!((failed.index, failed.error.to_string().contains("BAD_OUT_GROUP")), (Some(1), true));
    assert!(switch.lock().unwrap().group(GroupId(7)).is_none());
    handle.request(group.clone()).await.unwrap();
    assert_eq!(refused(handle.request(group).await), "OFPGMFC_GROUP_EXISTS");
    let frame = Packet::from(ip().ipv4_dst(CLIENT).ip_ttl(3)).with_payload(vec![7; 40]).to_frame();
    handle.try_send(PacketOut::new([Action::to_controller()], frame.clone())).unwrap();
    let packet_in = loop {
        match events.recv().await {
            Some(Event::Async(message)) => match message.body {
                Body::PacketIn(packet_in) => break packet_in,
                // of the refused group-mod: the session reports the error alone
                Body::BarrierReply => {}
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((packet_in.data.0.clone(), packet_in.in_port()), (frame, Some(PortNo::CONTROLLER)));
    let role = |role, generation_id| Body::RoleRequest(RoleMsg { role, generation_id });
    handle.request(role(Role::MASTER, 5)).await.unwrap();
    assert_eq!(refused(handle.request(role(Role::SLAVE, 4)).await), "OFPRRFC_STALE");
    handle.request(role(Role::SLAVE, 6)).await.unwrap();
    assert_eq!(refused(handle.request(flow(1)).await), "OFPBRC_IS_SLAVE");
}

/// What a flow-mod does, in the plainest words: flows are `(port, dst)` as far as they are matched.
type Naive = BTreeMap<(u16, Option<u32>, Option<u32>), (u64, u32)>;

fn naive(flows: &mut Naive, op: &FlowMod, key: (u16, Option<u32>, Option<u32>), out: u32) -> Result<(), Refusal> {
    let (priority, port, dst) = key;
    let agree = |a: Option<u32>, b: Option<u32>| a.is_none() || b.is_none() || a == b;
    let covers = |k: &(u16, Option<u32>, Option<u32>)| (port.is_none() || port == k.1) && (dst.is_none() || dst == k.2);
    let meant = |k: &(u16, Option<u32>, Option<u32>), v: &(u64, u32)| {
        (v.0 ^ op.cookie) & op.cookie_mask == 0
            && match op.command {
                FlowModCommand::DELETE_STRICT | FlowModCommand::MODIFY_STRICT => *k == key,
                _ => covers(k),
            }
    };
    match op.command {
        FlowModCommand::ADD => {
            let overlap = |k: &(u16, Option<u32>, Option<u32>)| k.0 == priority && agree(k.1, port) && agree(k.2, dst);
            let is_new = !flows.contains_key(&key);
            if is_new && op.flags.contains(FlowModFlags::CHECK_OVERLAP) && flows.keys().any(overlap) {
                return Err(Refusal::OVERLAP);
            }
            flows.insert(key, (op.cookie, out));
        }
        FlowModCommand::MODIFY | FlowModCommand::MODIFY_STRICT => {
            flows.iter_mut().filter(|(k, v)| meant(k, v)).for_each(|(_, v)| v.1 = out);
        }
        _ => flows.retain(|k, v| !(meant(k, v) && (op.out_port == PortNo::ANY || op.out_port.0 == v.1))),
    }
    Ok(())
}

proptest! {
    /// Random flow-mods in small domains, against the plainest model there is.
    #[test]
    fn flow_mods_as_a_map(ops in prop::collection::vec((0u8..5, 0u16..3, 0u32..3, 0u32..3, 1u32..4, 0u64..4, 0u64..4, any::<bool>(), any::<bool>()), 1..60)) {
        let mut switch = Switch::with_ports(1, 1..=3);
        let mut flows = Naive::new();
        for (command, priority, port, dst, out, cookie, cookie_mask, overlap, filter) in ops {
            let some = |n: u32| (n > 0).then_some(n);
            let mut m = Match::new();
            if let Some(port) = some(port) { m = m.in_port(PortNo(port)); }
            if let Some(dst) = some(dst) { m = m.reg(0, dst); }
            let deletes = command > 2;
            let op = FlowMod {
                command: FlowModCommand(command),
                cookie,
                cookie_mask: if command == 0 { 0 } else { cookie_mask },
                flags: if overlap { FlowModFlags::CHECK_OVERLAP } else { FlowModFlags::NONE },
                out_port: if filter && deletes { PortNo(out) } else { PortNo::ANY },
                ..FlowMod::add(0, priority, m)
            }
            .apply([Action::output(PortNo(out))]);
            let expected = naive(&mut flows, &op, (priority, some(port), some(dst)), out);
            prop_assert_eq!(switch.apply(op), expected);
            let mut actual: Vec<(u16, u64, String)> = switch.flows(&FlowRequest::default()).into_iter()
                .map(|f| (f.priority, f.cookie, format!("{:?} {:?}", f.matching, f.instructions))).collect();
            let mut wanted: Vec<(u16, u64, String)> = flows.iter().map(|((priority, port, dst), (cookie, out))| {
                let mut m = Match::new();
                if let Some(port) = port { m = m.in_port(PortNo(*port)); }
                if let Some(dst) = dst { m = m.reg(0, *dst); }
                let actions = [openflow::Instruction::apply([Action::output(PortNo(*out))])];
                (*priority, *cookie, format!("{m:?} {actions:?}"))
            }).collect();
            actual.sort();
            wanted.sort();
            prop_assert_eq!(actual, wanted);
        }
    }
}
