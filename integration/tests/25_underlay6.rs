//! Hosts that have IPv6 addresses only: tunnels, gossip, probes and sessions go by these.

#[macro_use]
mod common;

use std::collections::BTreeSet;

use api::{BfdState, status::Flow};
use common::mesh::{mesh, whole};
use common::{
    add, at, eventually, flows, host, iperf, mtu, packets, pings, pings_all, pod_at, sdnctl, settle, sh, try_sh,
    up_with,
};
use integration::plan::EXTERNAL_IP6;
use integration::traffic::{Server, ask};
use integration::{Config, Place, Pod, Target, Testbed, Tunnel};

/// Everybody reaches everybody, by both families.
fn matrix(testbed: &Testbed, pods: &[Pod]) {
    for (from, to) in pods.iter().flat_map(|from| pods.iter().map(move |to| (from, to))) {
        for ip in [Some(&to.ip), to.ip6.as_ref()].into_iter().flatten() {
            assert!(pings_all(testbed, &pod_at(from), ip), "{} to {ip}", from.name);
        }
    }
    for (n, pod) in (1..=3).flat_map(|n| pods.iter().map(move |pod| (n, pod))) {
        for ip in [Some(&pod.ip), pod.ip6.as_ref()].into_iter().flatten() {
            assert!(pings_all(testbed, &at(n), ip), "h{n} to {ip}");
        }
        if pod.ip6.is_some() {
            assert!(pings_all(testbed, &pod_at(pod), host(n).ip6()), "{} to h{n}", pod.name);
        }
    }
}

for_each_tunnel!(reaches, "t25");

fn reaches(name: &str, tunnel: Tunnel) {
    let mtu = mtu(tunnel, 6);
    let testbed = up_with(&Config { tunnel, ipv6: true, underlay6: true, ..Config::new(name) });
    let addresses = sh(&testbed, &at(1), "ip -4 -o addr show dev br-phy");
    assert_eq!(addresses, "", "no IPv4 on the underlay");
    let pods = [("a1", 1), ("b1", 1), ("a2", 2), ("a3", 3)].map(|(name, n)| add(&testbed, name, n));
    matrix(&testbed, &pods);
    eventually("all pairs to be known good", 15, || whole(&testbed, mtu));
    let [a1, _, a2, _] = &pods;
    assert!(pings_all(&testbed, &pod_at(a1), EXTERNAL_IP6), "to outside");
    let size = |mtu: u32| format!("ping -c 3 -i 0.05 -W 1 -M do -s {} {}", mtu - 28, a2.ip);
    sh(&testbed, &pod_at(a1), &size(mtu));
    assert!(try_sh(&testbed, &pod_at(a1), &size(mtu + 1)).is_err(), "larger than the MTU");
    let received = iperf(&testbed, &pod_at(a1), &pod_at(a2), &a2.ip, "-n 20M");
    assert!(received > 10 << 20, "only {received} bytes arrived");

    sdnctl(&testbed, "mesh set static");
    let bfd = || {
        mesh(&testbed).links.iter().filter(|link| link.bfd.as_ref().is_some_and(|it| it.state == BfdState::Up)).count()
    };
    eventually("BFD to be up", 15, || bfd() == 6);
    matrix(&testbed, &pods);
    for n in 1..=3 {
        assert!(flows(&testbed, &format!("h{n} --diff")).is_empty());
    }
}

/// Whether a flow is about packets of IPv6 between endpoints, and not about tunnels by way of it.
fn is_ipv6(flow: &Flow) -> bool {
    let protocols = ["ipv6", "icmp6", "tcp6", "udp6", "sctp6", "dl_type=0x86dd", "eth_type=0x86dd"];
    let fields = ["ipv6_", "icmpv6_", "nd_"];
    let mut parts = flow.matching.split(',').map(str::trim);
    parts.any(|part| protocols.contains(&part) || fields.iter().any(|field| part.starts_with(field)))
}

#[test]
fn pods_of_ipv4_alone_have_services_and_live_through_restarts_and_losses() {
    let testbed = up_with(&Config { underlay6: true, ..Config::new("t25-service") });
    let pods = [("client", 1), ("near", 1), ("far", 2), ("third", 3)].map(|(name, n)| add(&testbed, name, n));
    matrix(&testbed, &pods);
    let six: Vec<Flow> = flows(&testbed, "h1").into_iter().filter(is_ipv6).collect();
    assert!(six.is_empty(), "flows of IPv6 for endpoints: {six:#?}");
    let [client, near, far, _] = &pods;
    let _servers = [near, far].map(|pod| Server::start(&testbed, &pod_at(pod), 8080).expect("port 8080 is free"));
    sdnctl(
        &testbed,
        &format!("service create web --vip 10.96.0.10 --port 80:8080/tcp --backend {} --backend {}", near.ip, far.ip),
    );
    let vip = "10.96.0.10".parse().expect("an address");
    let answered = |_| ask(&testbed, &pod_at(client), vip, 80).unwrap_or_else(|error| panic!("{error:#}")).0;
    let met: BTreeSet<String> = (0..40).map(answered).collect();
    assert_eq!(met.len(), 2, "{met:?}");

    for target in [Target::Controller, Target::Agent(host(2)), Target::Ovs(host(3))] {
        testbed.kill(target).unwrap();
        testbed.start(target).unwrap();
        settle(&testbed);
    }
    matrix(&testbed, &pods);
    testbed.partition(&at(3), None).unwrap();
    eventually("h3 to be lost", 10, || sdnctl(&testbed, "node inspect h3").contains("\"down\""));
    assert!(!pings(&testbed, &pod_at(client), &pods[3].ip));
    testbed.heal().unwrap();
    eventually("h3 to be back", 20, || pings_all(&testbed, &pod_at(client), &pods[3].ip));
}

#[test]
fn what_a_stranger_sends_over_ipv6_is_dropped_and_counted() {
    let testbed = up_with(&Config { hosts: 2, underlay6: true, ..Config::new("t25-stranger") });
    let pod = add(&testbed, "web", 1);
    let outside = |command: &str| sh(&testbed, &Place::External, command);
    outside(&format!("ip link add vx0 type vxlan id 1 remote {} dstport 4789 dev eth1", host(1).ip6()));
    outside("ip addr add 10.244.77.2/16 dev vx0");
    outside("ip link set vx0 up");
    outside(&format!("ip neigh replace {} lladdr {} dev vx0", pod.ip, pod.mac));
    let dropped = || {
        packets(&testbed, "h1 --table classify", |flow| flow.reason.as_deref() == Some("tunnel packet from no member"))
    };
    let before = dropped();
    assert!(try_sh(&testbed, &Place::External, &format!("ping -c 20 -i 0.05 -W 1 {}", pod.ip)).is_err());
    eventually("all of them to be counted", 5, || dropped() >= before + 20);
}
