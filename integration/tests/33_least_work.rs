//! What packets cost in the datapath: no conntrack but for services, two passes at the most; and nobody poses as a service.

mod common;
#[path = "common/datagram.rs"]
mod datagram;

use std::net::IpAddr;

use common::{add, at, eventually, ip_of, neighbour, packets, pings, pod_at, sdnctl, sh, try_sh, up, up_with};
use datagram::Packet;
use integration::traffic::{Connection, Echo, Server};
use integration::{Config, Testbed};

const VIP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 96, 0, 10));
const VIP6: &str = "fd00:10:96::10";
const UDP: u8 = 17;
const ECHOES: u64 = 60;

/// A flow of the datapath that carried the connection, not only its beginning or its end.
struct Busy {
    /// Whether packets had been through the datapath before they met it.
    again: bool,
    /// Whether it sends them through conntrack.
    tracks: bool,
}

fn busy(testbed: &Testbed, host: u16) -> Vec<Busy> {
    let dump = sh(testbed, &at(host), "ovs-appctl dpctl/dump-flows");
    let carried = |line: &&str| {
        let count = line.split("packets:").nth(1).and_then(|rest| rest.split(',').next()).map(str::parse::<u64>);
        matches!(count, Some(Ok(count)) if count >= ECHOES * 8 / 10)
    };
    let busy = |line: &str| Busy {
        again: line.contains("recirc_id(0x"),
        tracks: line.split("actions:").nth(1).is_some_and(|actions| actions.contains("ct(")),
    };
    dump.lines().filter(carried).map(busy).collect()
}

fn echo(connection: &mut Connection) {
    (0..ECHOES).for_each(|_| assert_eq!(connection.echo(), Echo::Answered));
}

#[test]
fn only_services_meet_conntrack_and_twice_through_the_datapath_is_enough() {
    let testbed = up("t33-passes", 2);
    let (client, web) = (add(&testbed, "client", 1), add(&testbed, "web", 2));
    let _server = Server::start(&testbed, &pod_at(&web), 8080).unwrap();
    let mut plain = Connection::open(&testbed, &pod_at(&client), ip_of(&web), 8080).unwrap();
    echo(&mut plain);
    for host in [1, 2] {
        eventually("the datapath has counted", 5, || busy(&testbed, host).len() >= 2);
        assert!(busy(&testbed, host).iter().all(|flow| !flow.again && !flow.tracks), "h{host}: pod to pod");
    }
    sdnctl(&testbed, &format!("service create web --vip {VIP} --port 80:8080/tcp --backend {}", web.ip));
    let mut balanced = Connection::open(&testbed, &pod_at(&client), VIP, 80).unwrap();
    echo(&mut balanced);
    let passes = |host| busy(&testbed, host).iter().filter(|flow| flow.again).count();
    eventually("the datapath has counted", 5, || passes(1) >= 2);
    assert_eq!((passes(1), passes(2)), (2, 0), "one more for each direction, and only where it is balanced");
}

#[test]
fn who_poses_as_a_service_or_a_gateway_is_dropped_and_counted() {
    let testbed = up_with(&Config { ipv6: true, ..Config::new("t33-spoof") });
    let (liar, other) = (add(&testbed, "liar", 1), add(&testbed, "other", 2));
    let other6 = other.ip6.clone().unwrap();
    sdnctl(&testbed, &format!("service create web --vip {VIP} --port 80:8080/tcp --backend {}", other.ip));
    // The gateway's Ethernet address is known from then on: what follows is no ARP.
    assert!(pings(&testbed, &pod_at(&liar), &other.ip));
    let counted = || packets(&testbed, "h1", |flow| flow.reason.as_deref() == Some("spoofed source"));
    for source in [VIP.to_string(), "10.244.2.1".into(), "169.254.77.1".into()] {
        let before = counted();
        sh(&testbed, &pod_at(&liar), &format!("ip addr add {source}/32 dev eth0"));
        assert!(try_sh(&testbed, &pod_at(&liar), &format!("ping -c 2 -i 0.2 -W 1 -I {source} {}", other.ip)).is_err());
        eventually("it is counted", 5, || counted() >= before + 2);
    }
    sdnctl(&testbed, &format!("service create web6 --vip {VIP6} --port 80:8080/udp --backend {other6}"));
    assert!(pings(&testbed, &pod_at(&liar), &other6));
    let gateways = [neighbour(&other, 1), "169.254.77.1".into(), "169.254.96.1".into(), neighbour(&liar, 1)];
    let gateways6 = [other6.rsplit_once("::").unwrap().0.to_owned() + "::1", "fda9:fe4d:35:1::1".into()];
    let sources = [VIP.to_string(), VIP6.into()].into_iter().chain(gateways).chain(gateways6);
    for source in sources.map(|source| source.parse::<IpAddr>().unwrap()) {
        let before = counted();
        let to = if source.is_ipv4() { ip_of(&other) } else { other6.parse().unwrap() };
        // From port 80 to port 9000, without a checksum.
        Packet::between(source, to, UDP, &[0, 80, 0x23, 0x28, 0, 8, 0, 0]).send(&testbed, &pod_at(&liar));
        eventually(&format!("UDP from {source} is counted"), 5, || counted() > before);
    }
}
