//! Services from everyone, by every node, to backends wherever they are: TCP and UDP, IPv4 and IPv6.

mod common;
#[path = "common/udp.rs"]
mod udp;

use std::collections::BTreeSet;
use std::net::IpAddr;

use common::{add, at, eventually, host, pod_at, sdnctl, up_with};
use integration::traffic::{Server, ask};
use integration::{Config, Place, Pod, Testbed};
use udp::{UdpServer, ask_udp};

const VIP: &str = "10.96.0.10";
const VIP6: &str = "fd00:10:96::10";

/// Who answers TCP connections from `place`, asked until all of `names` did.
fn all_answer(testbed: &Testbed, place: &Place, ip: IpAddr, port: u16, names: &BTreeSet<String>) {
    let mut answered = BTreeSet::new();
    for _ in 0..40 {
        let answer = ask(testbed, place, ip, port);
        answered.insert(answer.unwrap_or_else(|error| panic!("{place} by {ip}: {error:#}")).0);
        if answered == *names {
            return;
        }
    }
    panic!("{place} by {ip}: {answered:?} only");
}

/// Backends on the first two of three hosts, for a service of each family.
fn published(testbed: &Testbed) -> Vec<Pod> {
    let pods: Vec<Pod> = [("web1", 1), ("web2", 2)].map(|(name, n)| add(testbed, name, n)).into();
    let six = |pod: &Pod| pod.ip6.clone().expect("an IPv6 address");
    for (name, vip, port, ips) in [
        ("web", VIP, 30_080, pods.iter().map(|pod| pod.ip.clone()).collect::<Vec<_>>()),
        ("web6", VIP6, 30_086, pods.iter().map(six).collect()),
    ] {
        let backends = ips.iter().map(|ip| format!("--backend {ip} ")).collect::<String>();
        sdnctl(testbed, &format!("service create {name} --vip {vip} --port 80:8080/tcp --port 53:5353/udp {backends}"));
        sdnctl(testbed, &format!("service publish {name} {port}:80"));
        sdnctl(testbed, &format!("service publish {name} {port}:53"));
    }
    pods
}

#[test]
fn everyone_reaches_every_backend_by_every_node() {
    let testbed = up_with(&Config { ipv6: true, ..Config::new("t48-everyone") });
    let pods = published(&testbed);
    // It takes IPv4, too.
    let serve = |pod| Server::start6(&testbed, &pod_at(pod), 8080).expect("a free port");
    let _tcp: Vec<Server> = pods.iter().map(serve).collect();
    let _udp: Vec<UdpServer> = pods.iter().map(|pod| UdpServer::start(&testbed, &pod_at(pod), 5353)).collect();
    let names: BTreeSet<String> = pods.iter().map(|pod| pod.name.clone()).collect();
    let inside = pod_at(&add(&testbed, "client", 3));
    let published = |n: u16| [(IpAddr::from(host(n).ip()), 30_080), (IpAddr::from(host(n).ip6()), 30_086)];
    let ready = |n| published(n).iter().all(|(ip, port)| ask(&testbed, &Place::External, *ip, *port).is_ok());
    eventually("published", 5, || (1..=3).all(ready));
    let everyone = [inside, pod_at(&pods[0]), pod_at(&pods[1]), at(1), at(2), at(3)];
    let by_node: Vec<(IpAddr, u16)> = (1..=3).flat_map(published).collect();
    for from in everyone.iter().chain([&Place::External]) {
        for (ip, port) in &by_node {
            all_answer(&testbed, from, *ip, *port, &names);
            assert!(ask_udp(&testbed, from, *ip, *port).is_some(), "UDP from {from} by {ip}");
        }
    }
    for (from, vip) in everyone.iter().flat_map(|from| [VIP, VIP6].map(|vip| (from, vip))) {
        let vip: IpAddr = vip.parse().expect("an address");
        all_answer(&testbed, from, vip, 80, &names);
        // Each from another port, of which the hash on some datapaths knows.
        let unanswered = (0..8).filter(|_| ask_udp(&testbed, from, vip, 53).is_none()).count();
        assert_eq!(unanswered, 0, "UDP from {from} to {vip}");
    }
}

#[test]
fn who_reaches_itself_by_udp_is_answered_by_itself() {
    let testbed = up_with(&Config { hosts: 1, ipv6: true, ..Config::new("t48-itself") });
    let web = add(&testbed, "web", 1);
    let _udp = UdpServer::start(&testbed, &pod_at(&web), 5353);
    for (name, vip, backend) in [("dns", VIP, &web.ip), ("dns6", VIP6, web.ip6.as_ref().expect("an IPv6 address"))] {
        sdnctl(&testbed, &format!("service create {name} --vip {vip} --port 53:5353/udp --backend {backend}"));
        let answer = ask_udp(&testbed, &pod_at(&web), vip.parse().expect("an address"), 53);
        assert_eq!(answer.map(|(name, _)| name).as_deref(), Some("web"), "by {vip}");
    }
}
