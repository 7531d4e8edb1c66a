//! Packets of IPv6 through the model of a switch.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use api::{Endpoint, Mac};
use openflow::{
    Field, Mac as OfMac, Match, PortNo,
    model::{Packet, Trace},
};

use super::super::{
    lab,
    tests::{commit, endpoint, json, name, node},
};
use crate::{
    compile::{Compiler, Mesh, Settings},
    intent::{Change, Intent},
    pipeline::{BOUNCED6, Cookie, ROUTER_IP6, Reason, flow_tunnel_port},
};

/// Two nodes, with two endpoints here and one there, and the switch of the first.
struct Lab {
    lab: lab::Lab,
}

fn v6(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

fn settings() -> Settings {
    Settings::new(Mesh::Flow, "10.96.0.0/12,fd00:10:96::/112".parse().unwrap())
}

fn compiled(subnets: &[&str], more: &[Change]) -> Compiler {
    let mut intent = Intent::default();
    let network = json(serde_json::json!({ "subnets": subnets }));
    commit(&mut intent, &Change::PutNetwork(name("default"), network)).unwrap();
    let places = [node(1, 1500), node(2, 1500), endpoint(1, 1, false), endpoint(1, 2, false), endpoint(2, 3, false)];
    for change in places.iter().chain(more) {
        let plan = intent.plan(std::slice::from_ref(change), &settings().services, 1000).unwrap();
        plan.txn.iter().for_each(|txn| intent.apply(txn));
    }
    Compiler::new(settings(), intent)
}

impl Lab {
    fn new(more: &[Change]) -> Self {
        Self { lab: lab::Lab::of(compiled(&["10.244.0.0/16", "fd00:10:244::/48"], more)) }
    }

    fn packet(&mut self, port: PortNo, packet: Match) -> Trace {
        self.lab.switch.packet(port, &Packet::from(packet)).unwrap()
    }

    fn endpoint(&self, n: u32) -> &Endpoint {
        &self.lab.compiler.intent().endpoints[&name(&format!("e{n}"))]
    }

    fn ip(&self, n: u32) -> Ipv6Addr {
        let IpAddr::V6(ip) = self.endpoint(n).ips[1] else { panic!("an IPv6 address") };
        ip
    }

    /// As endpoint `n` sends it, by its Ethernet address.
    fn send(&mut self, n: u32, packet: Match) -> Trace {
        let (port, mac) = (self.endpoint(n).port, OfMac(self.endpoint(n).mac.0));
        self.packet(PortNo(port), packet.eth_src(mac))
    }

    fn tcp(&mut self, n: u32, from: Ipv6Addr, to: Ipv6Addr) -> Trace {
        self.send(n, tcp(from, to))
    }

    fn ask(&mut self, n: u32, from: Ipv6Addr, target: Ipv6Addr, sll: Mac) -> Trace {
        self.send(n, ask(from, target, sll))
    }
}

fn tcp(from: Ipv6Addr, to: Ipv6Addr) -> Match {
    let packet = Match::new().eth_type(0x86dd).ipv6_src(from).ipv6_dst(to).ip_proto(6).ip_ttl(64);
    packet.tcp_src(40_000).tcp_dst(80).tcp_flags(2)
}

fn ask(from: Ipv6Addr, target: Ipv6Addr, sll: Mac) -> Match {
    let to = v6("ff02::1:ff00:1");
    let asked = Match::new().eth_type(0x86dd).ipv6_src(from).ipv6_dst(to).ip_proto(58).ip_ttl(255).icmpv6_type(135);
    asked.nd_target(target).nd_sll(OfMac(sll.0))
}

fn reason(trace: &Trace) -> Option<Reason> {
    assert!(trace.is_drop());
    Cookie::from_u64(trace.last_flow()?.cookie)?.reason()
}

fn bits(ip: Ipv6Addr) -> u128 {
    u128::from(ip)
}

fn number(mac: Mac) -> u128 {
    mac.0.iter().fold(0, |sum, byte| sum << 8 | u128::from(*byte))
}

#[test]
fn who_asks_for_a_neighbour_is_answered_by_the_switch_and_nobody_else_hears_it() {
    let mut lab = Lab::new(&[]);
    let [here, near] = [1, 2].map(|n| (lab.ip(n), lab.endpoint(n).mac, lab.endpoint(n).port));
    let gateway = lab.endpoint(1).ips[0];
    let gateway = Mac::of_ip(IpAddr::V4(Ipv4Addr::from(u32::from(super::super::v4(gateway).unwrap()) & !0xff | 1)));
    let answers = [
        (near.0, near.1, 0x6000_0000),
        (v6("fd00:10:244:1::1"), gateway, 0xe000_0000),
        (ROUTER_IP6, Mac::of_ip(ROUTER_IP6.into()), 0xe000_0000),
    ];
    for from in [here.0, here.1.link_local()] {
        for (target, mac, flags) in answers {
            let trace = lab.ask(1, from, target, here.1);
            let outputs = trace.outputs();
            let [(port, answer)] = &outputs[..] else { panic!("{target}: {outputs:?}") };
            assert_eq!(port.0, here.2, "back to who asked");
            let expected = [
                (Field::OXM_OF_ETH_SRC, number(mac)),
                (Field::OXM_OF_ETH_DST, number(here.1)),
                (Field::OXM_OF_IPV6_SRC, bits(target)),
                (Field::OXM_OF_IPV6_DST, bits(from)),
                (Field::OXM_OF_ICMPV6_TYPE, 136),
                (Field::OXM_OF_IPV6_ND_TARGET, bits(target)),
                (Field::OXM_OF_IPV6_ND_TLL, number(mac)),
                (Field::ERICOXM_OF_ICMPV6_ND_RESERVED, flags),
                (Field::ERICOXM_OF_ICMPV6_ND_OPTIONS_TYPE, 2),
                (Field::NXM_NX_IP_TTL, 255),
            ];
            for (field, value) in expected {
                assert_eq!(answer.get(field), value, "{field:?} of {target}");
            }
        }
    }
    let unknown = [lab.ip(3), v6("fd00:10:244:1::99"), v6("2001:db8::1")];
    for target in unknown {
        assert_eq!(reason(&lab.ask(1, here.0, target, here.1)), Some(Reason::UnknownNd), "{target}");
    }
}

#[test]
fn who_lies_about_itself_or_speaks_for_routers_goes_nowhere() {
    let mut lab = Lab::new(&[]);
    let (own, other, far) = (lab.ip(1), lab.ip(2), lab.ip(3));
    let [mac, victim] = [1, 2].map(|n| lab.endpoint(n).mac);
    let icmp = |from, to, kind| {
        Match::new().eth_type(0x86dd).ipv6_src(from).ipv6_dst(to).ip_proto(58).ip_ttl(255).icmpv6_type(kind)
    };
    let unspecified = Ipv6Addr::UNSPECIFIED;
    let cases = [
        (tcp(other, far), Reason::SpoofedIp),
        (tcp(mac.link_local(), far), Reason::SpoofedIp),
        (tcp(unspecified, far), Reason::SpoofedIp),
        (tcp(own, v6("ff02::1")), Reason::Multicast),
        (tcp(own, v6("ff0e::1")), Reason::Multicast),
        (tcp(own, victim.link_local()), Reason::LinkLocal),
        (tcp(own, v6("fd00:10:244:1::99")), Reason::NoEndpoint),
        (icmp(mac.link_local(), v6("ff02::16"), 143), Reason::Multicast),
        (icmp(mac.link_local(), v6("ff02::2"), 133), Reason::RouterNd),
        (icmp(own, other, 134), Reason::RouterNd),
        (icmp(own, other, 137), Reason::RouterNd),
        (icmp(own, other, 136).nd_target(own).nd_tll(OfMac(mac.0)), Reason::UnaskedNd),
        (icmp(own, other, 136).nd_target(far).nd_tll(OfMac(mac.0)), Reason::UnaskedNd),
        (ask(other, far, mac), Reason::SpoofedNd),
        (ask(own, other, victim), Reason::SpoofedNd),
        (ask(victim.link_local(), other, mac), Reason::SpoofedNd),
        (ask(unspecified, own, Mac([0; 6])), Reason::DuplicateNd),
    ];
    for (packet, expected) in cases {
        let trace = lab.send(1, packet.clone());
        assert_eq!(reason(&trace), Some(expected), "{packet:?}");
    }
    let port = PortNo(lab.endpoint(1).port);
    let lie = tcp(own, far).eth_src(OfMac(victim.0));
    assert_eq!(reason(&lab.packet(port, lie)), Some(Reason::SpoofedIp));
}

#[test]
fn packets_find_endpoints_here_and_there_the_host_and_the_outside() {
    let mut lab = Lab::new(&[]);
    let (own, near, far) = (lab.ip(1), lab.ip(2), lab.ip(3));
    let trace = lab.tcp(1, own, near);
    assert_eq!((trace.passes.len(), trace.outputs()[0].0.0), (1, lab.endpoint(2).port), "one pass, no conntrack");
    assert_eq!(trace.outputs()[0].1.get(Field::OXM_OF_ETH_DST), number(lab.endpoint(2).mac));

    let trace = lab.tcp(1, own, far);
    let (port, sent) = &trace.outputs()[0];
    assert_eq!((trace.passes.len(), port.0), (1, flow_tunnel_port(api::Tunnel::Vxlan)));
    assert_eq!(sent.get(Field::NXM_NX_TUN_IPV4_DST), u128::from(u32::from(Ipv4Addr::new(172, 30, 0, 2))));
    assert_eq!((sent.get(Field::OXM_OF_TUNNEL_ID), sent.get(Field::NXM_NX_IP_TTL)), (1, 63));

    for outside in [v6("2001:db8::1"), v6("fd00:10:244:1::1")] {
        let trace = lab.tcp(1, own, outside);
        assert_eq!(trace.outputs()[0].0, PortNo::LOCAL, "{outside}");
    }
    let arrives = tcp(far, own).tunnel_id(1);
    let trace = lab.packet(PortNo(1), arrives.clone().tun_src(Ipv4Addr::new(172, 30, 0, 2)));
    assert_eq!(trace.outputs()[0].0.0, lab.endpoint(1).port);
    let from_nobody = arrives.tun_src(Ipv4Addr::new(172, 30, 0, 9));
    assert_eq!(reason(&lab.packet(PortNo(1), from_nobody)), Some(Reason::NotAMember));
}

#[test]
fn policies_hold_for_both_families() {
    let rules = serde_json::json!({"ingress": [
        {"peers": [{"cidr": "fd00:10:244:2::/64"}], "ports": [{"port": 80}]}, {"peers": [{"cidr": "10.244.1.0/24"}]},
    ]});
    let mut lab = Lab::new(&[Change::PutPolicy(name("p"), json(rules))]);
    let (own, near, far) = (lab.ip(1), lab.ip(2), lab.ip(3));
    assert_eq!(reason(&lab.tcp(1, own, near)), Some(Reason::Denied));
    let arrives = tcp(far, own).tunnel_id(1).tun_src(Ipv4Addr::new(172, 30, 0, 2));
    assert!(!lab.packet(PortNo(1), arrives).is_drop());
    let answer = Match::new().eth_type(0x86dd).ipv6_src(own).ipv6_dst(far).ip_proto(6).ip_ttl(64);
    assert!(!lab.send(1, answer.tcp_src(80).tcp_dst(40_000).tcp_flags(0x12)).is_drop());
}

#[test]
fn a_service_leads_to_its_backends_which_answer_in_its_name() {
    let service = |backends: &[&str]| {
        let ports = [serde_json::json!({"port": 80, "target_port": 8080})];
        let spec = serde_json::json!({"vip": "fd00:10:96::10", "ports": ports, "backends": backends});
        Change::PutService(name("s"), json(spec))
    };
    let vip = v6("fd00:10:96::10");
    let mut lab = Lab::new(&[service(&["fd00:10:244:1::3"])]);
    let (client, backend) = (lab.ip(1), lab.ip(2));
    let trace = lab.tcp(1, client, vip);
    let (port, sent) = &trace.outputs()[0];
    assert_eq!((port.0, sent.get(Field::OXM_OF_IPV6_DST)), (lab.endpoint(2).port, bits(backend)));
    assert_eq!(sent.get(Field::OXM_OF_TCP_DST), 8080);
    let answer = Match::new().eth_type(0x86dd).ipv6_src(backend).ipv6_dst(client).ip_proto(6).ip_ttl(64);
    let trace = lab.send(2, answer.tcp_src(8080).tcp_dst(40_000).tcp_flags(0x12));
    let (port, sent) = &trace.outputs()[0];
    assert_eq!((port.0, sent.get(Field::OXM_OF_IPV6_SRC)), (lab.endpoint(1).port, bits(vip)));

    let trace = lab.tcp(2, backend, vip);
    let (port, sent) = &trace.outputs()[0];
    assert_eq!(port.0, lab.endpoint(2).port, "to itself");
    assert_eq!(sent.get(Field::OXM_OF_IPV6_SRC), bits(BOUNCED6.addr()));
    assert_eq!(reason(&lab.tcp(1, client, v6("fd00:10:96::11"))), Some(Reason::NoService));
    let mut empty = Lab::new(&[service(&[])]);
    let trace = empty.tcp(1, client, vip);
    assert_eq!(trace.outputs()[0].0, PortNo::LOCAL, "the host's kernel refuses it");
}

#[test]
fn without_a_subnet_of_ipv6_there_is_no_flow_of_it() {
    let compiler = compiled(&["10.244.0.0/16"], &[]);
    let state = compiler.state(&name("h1"));
    let v6 = state.flows.keys().filter(|key| format!("{:?}", key.matching).contains("IPV6")).count();
    let dual = compiled(&["10.244.0.0/16", "fd00:10:244::/48"], &[]).state(&name("h1")).flows.len();
    assert_eq!(v6, 0);
    assert!(dual > state.flows.len());
}

#[test]
fn an_endpoint_of_both_families_costs_nine_flows_and_a_node_seven() {
    let subnets = ["10.244.0.0/16", "fd00:10:244::/48"];
    let count = |more: &[Change]| compiled(&subnets, more).state(&name("h1")).flows.len();
    let before = count(&[]);
    assert_eq!(count(&[endpoint(1, 9, false)]) - before, 9);
    assert_eq!(count(&[endpoint(2, 9, false)]) - before, 0);
    assert_eq!(count(&[node(3, 1500)]) - before, 7);
}
