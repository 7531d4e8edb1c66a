//! Who reaches whom, as whom, through which flow, and with how large packets: for every encapsulation.

#[macro_use]
mod common;

use std::net::IpAddr;

use common::{add, at, host, ip_of, iperf, mtu, packets, pings_all, pod_at, sh, source_seen, up_with};
use integration::plan::EXTERNAL_IP;
use integration::{Config, Place, Pod, Testbed, Tunnel};

for_each_tunnel!(reaches, "t20");

fn reaches(name: &str, tunnel: Tunnel) {
    let testbed = up_with(&Config { tunnel, ..Config::new(name) });
    let pods = [("a1", 1), ("b1", 1), ("a2", 2), ("a3", 3)].map(|(name, n)| add(&testbed, name, n));
    pods_reach_pods(&testbed, &pods);
    sources_are_true(&testbed, &pods);
    outside_sees_the_host(&testbed, &pods[0]);
    full_size_packets_pass(&testbed, &pods, mtu(tunnel, 4));
    traffic_meets_its_flows(&testbed, &pods[0], &pods[2]);
}

fn pods_reach_pods(testbed: &Testbed, pods: &[Pod]) {
    for from in pods {
        for to in pods {
            assert!(pings_all(testbed, &pod_at(from), &to.ip), "{} to {}", from.name, to.name);
        }
    }
}

fn sources_are_true(testbed: &Testbed, pods: &[Pod]) {
    let [a1, b1, a2, _] = pods else { panic!("four pods") };
    for (from, to) in [(a1, b1), (a1, a2)] {
        assert_eq!(source_seen(testbed, &pod_at(from), &pod_at(to), ip_of(to)), ip_of(from));
    }
    for n in [1, 2] {
        let underlay = IpAddr::from(host(n).ip());
        assert_eq!(source_seen(testbed, &pod_at(a1), &at(n), underlay), ip_of(a1), "h{n} sees a1");
    }
    for to in [a1, a2] {
        let seen = source_seen(testbed, &at(1), &pod_at(to), ip_of(to));
        let addresses = sh(testbed, &at(1), "ip -4 -o addr");
        assert!(addresses.contains(&format!(" {seen}/")), "{} sees h1 as {seen}, not its own:\n{addresses}", to.name);
    }
    for n in 1..=3 {
        for pod in pods {
            assert!(pings_all(testbed, &at(n), &pod.ip), "h{n} to {}", pod.name);
            assert!(pings_all(testbed, &pod_at(pod), host(n).ip()), "{} to h{n}", pod.name);
        }
    }
}

fn outside_sees_the_host(testbed: &Testbed, pod: &Pod) {
    let outside = Place::External;
    assert!(pings_all(testbed, &pod_at(pod), EXTERNAL_IP));
    let seen = source_seen(testbed, &pod_at(pod), &outside, EXTERNAL_IP.into());
    assert_eq!(seen, IpAddr::from(host(1).ip()));
}

fn full_size_packets_pass(testbed: &Testbed, pods: &[Pod], mtu: u32) {
    let [a1, b1, a2, _] = pods else { panic!("four pods") };
    let device = sh(testbed, &pod_at(a1), "ip link show eth0");
    assert!(device.contains(&format!(" mtu {mtu} ")), "{device}");
    for to in [b1, a2] {
        let size = mtu - 28;
        sh(testbed, &pod_at(a1), &format!("ping -c 3 -i 0.01 -W 1 -M do -s {size} {}", to.ip));
        let received = iperf(testbed, &pod_at(a1), &pod_at(to), &to.ip, "-n 20M");
        assert!(received > 10 << 20, "only {received} bytes arrived");
    }
    let received = iperf(testbed, &at(3), &pod_at(a1), &a1.ip, "-n 5M");
    assert!(received > 2 << 20, "only {received} bytes arrived from a host");
    let received = iperf(testbed, &pod_at(a1), &Place::External, EXTERNAL_IP, "-n 5M");
    assert!(received > 2 << 20, "only {received} bytes arrived outside");
}

/// The kernel sees every frame that Open vSwitch sees. If it forwarded any of them, as it did for others, the
/// counts of the flows would not go up by what was sent.
fn traffic_meets_its_flows(testbed: &Testbed, from: &Pod, to: &Pod) {
    const SENT: u64 = 200;
    let to_peer = |node: &str, subnet: &str| {
        let subnet = subnet.to_owned();
        packets(testbed, &format!("{node} --table route"), move |flow| flow.matching.contains(&subnet))
    };
    let requests = || to_peer("h1", &format!("nw_dst={}/24", common::neighbour(to, 0)));
    let arrivals = || to_peer("h2", &format!("nw_dst={}", to.ip));
    let before = (requests(), arrivals());
    let printed = sh(testbed, &pod_at(from), &format!("ping -q -c {SENT} -i 0.002 -W 1 {}", to.ip));
    assert!(printed.contains(&format!("{SENT} packets transmitted, {SENT} received")), "{printed}");
    common::eventually("every request in its flow on h1", 5, || requests() - before.0 >= SENT);
    common::eventually("every request in its flow on h2", 5, || arrivals() - before.1 >= SENT);
}
