//! A host that has not joined gets nothing in.

mod common;

use common::{add, eventually, host, packets, pod_at, sh, try_sh, up_with};
use integration::{Config, Place};

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
    let heard = || sh(&testbed, &pod_at(&pod), "cat /proc/net/snmp");
    let (before, quiet) = (dropped(), heard());
    assert!(try_sh(&testbed, &Place::External, &format!("ping -c 20 -i 0.05 -W 1 {}", pod.ip)).is_err());
    eventually("all of them to be counted", 5, || dropped() >= before + 20);
    let echoes = |text: &str| {
        let mut icmp = text.lines().filter(|line| line.starts_with("Icmp:"));
        let names = icmp.next().expect("names").split_whitespace();
        let at = names.into_iter().position(|name| name == "InEchos").expect("InEchos");
        icmp.next().expect("values").split_whitespace().nth(at).expect("a value").to_owned()
    };
    assert_eq!(echoes(&heard()), echoes(&quiet), "the pod hears none of it");
}
