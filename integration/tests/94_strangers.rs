//! A host that has not joined gets nothing in, be it through a tunnel or by plain routing.

mod common;

use common::{add, at, eventually, from_strangers, host, packets, pings_all, pod_at, sh, try_sh, up_with};
use integration::plan::EXTERNAL_IP;
use integration::{Config, Place, Pod, Testbed};

/// How many pings a pod has been sent.
fn heard(testbed: &Testbed, pod: &Pod) -> u64 {
    let text = sh(testbed, &pod_at(pod), "cat /proc/net/snmp");
    let mut icmp = text.lines().filter(|line| line.starts_with("Icmp:"));
    let names = icmp.next().expect("names").split_whitespace();
    let at = names.into_iter().position(|name| name == "InEchos").expect("InEchos");
    let values = icmp.next().expect("values").split_whitespace().nth(at);
    values.expect("a value").parse().expect("a number")
}

#[test]
fn plain_packets_of_a_stranger_under_an_endpoints_address_are_dropped_and_counted() {
    let testbed = up_with(&Config { hosts: 2, ipv6: true, ..Config::new("n94-plain") });
    let (pod, other) = (add(&testbed, "web", 1), add(&testbed, "other", 2));
    let outside = |command: &str| sh(&testbed, &Place::External, command);
    outside(&format!("ip addr add {}/32 dev lo", other.ip));
    outside(&format!("ip route add {}/32 via {}", pod.ip, host(1).ip()));
    let send = |from: &str| {
        let _ = try_sh(&testbed, &Place::External, &format!("ping -c 10 -i 0.05 -W 1 -I {from} {}", pod.ip));
    };
    let dropped = || from_strangers(&testbed, 1);
    assert!(pings_all(&testbed, &pod_at(&other), &pod.ip), "who has that address is heard");
    let before = heard(&testbed, &pod);
    assert_eq!(dropped(), 0, "nothing of the cluster's own is taken for a stranger's");
    send(&other.ip);
    eventually("all of them to be counted", 3, || dropped() == 10);
    assert_eq!(heard(&testbed, &pod), before, "the pod hears none of it");
    send(&EXTERNAL_IP.to_string());
    assert_eq!(heard(&testbed, &pod), before + 10, "under its own address it is heard");
    for (from, to) in [(&pod, &other), (&other, &pod)] {
        assert!(pings_all(&testbed, &pod_at(from), &to.ip));
        assert!(pings_all(&testbed, &pod_at(from), to.ip6.as_ref().expect("an address")));
    }
    for n in [1, 2] {
        assert!(pings_all(&testbed, &at(n), &pod.ip) && pings_all(&testbed, &pod_at(&pod), host(n).ip()));
    }
    assert_eq!(dropped(), 10);
}

#[test]
fn tunnel_packets_of_a_stranger_are_dropped_and_counted() {
    let testbed = up_with(&Config::new("n94-stranger"));
    let pod = add(&testbed, "web", 1);
    let outside = |command: &str| sh(&testbed, &Place::External, command);
    outside(&format!("ip link add vx0 type vxlan id 1 remote {} dstport 4789 dev eth1", host(1).ip()));
    outside("ip addr add 10.244.77.2/16 dev vx0");
    outside("ip link set vx0 up");
    outside(&format!("ip neigh replace {} lladdr {} dev vx0", pod.ip, pod.mac));
    let dropped = || {
        packets(&testbed, "h1 --table classify", |flow| flow.reason.as_deref() == Some("tunnel packet from no member"))
    };
    let (before, quiet) = (dropped(), heard(&testbed, &pod));
    assert!(try_sh(&testbed, &Place::External, &format!("ping -c 20 -i 0.05 -W 1 {}", pod.ip)).is_err());
    eventually("all of them to be counted", 5, || dropped() >= before + 20);
    assert_eq!(heard(&testbed, &pod), quiet, "the pod hears none of it");
}
