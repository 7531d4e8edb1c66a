//! Processes on the nodes themselves behind a service, for clients wherever they are.

mod common;
#[path = "common/udp.rs"]
mod udp;

use std::net::IpAddr;

use common::{add, at, eventually, flows, host, ip_of, pod_at, sdnctl, up, up_with};
use integration::traffic::{Connection, Echo, Server, ask, refused};
use integration::{Config, Place, Pod, Testbed, client};
use udp::{UdpServer, ask_udp};

const VIP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 96, 0, 10));
const VIP6: IpAddr = IpAddr::V6(std::net::Ipv6Addr::new(0xfd00, 0x10, 0x96, 0, 0, 0, 0, 0x10));

#[test]
fn a_process_on_a_node_answers_endpoints_hosts_itself_and_the_outside() {
    let testbed = up("t44-hosts", 3);
    let (far, near) = (add(&testbed, "far", 1), add(&testbed, "near", 2));
    let _server = Server::start(&testbed, &at(2), 8080).unwrap();
    sdnctl(&testbed, &format!("service create web --vip {VIP} --port 80:8080/tcp --backend {}", host(2).ip()));
    for from in [&far, &near] {
        let answer = ask(&testbed, &pod_at(from), VIP, 80).unwrap();
        assert_eq!(answer, ("h2".to_owned(), ip_of(from)), "endpoints are seen as what they are");
    }
    for from in [1, 2, 3] {
        assert_eq!(ask(&testbed, &at(from), VIP, 80).unwrap().0, "h2", "from h{from}");
    }
    sdnctl(&testbed, "service publish web 30080");
    for node in [1, 2, 3] {
        // Each agent writes its own table.
        eventually("published", 5, || ask(&testbed, &Place::External, host(node).ip().into(), 30_080).is_ok());
        assert_eq!(ask(&testbed, &Place::External, host(node).ip().into(), 30_080).unwrap().0, "h2", "by h{node}");
    }
    assert!(sdnctl(&testbed, "service inspect web").contains(&host(2).ip().to_string()));
    assert!(["h1", "h2", "h3"].iter().all(|node| flows(&testbed, &format!("{node} --diff")).is_empty()));

    let refused_by = client::sdnctl(&testbed, "service create no --port 80 --backend 172.30.0.99").unwrap_err();
    assert!(refused_by.to_string().contains("no node's address"), "{refused_by:#}");
}

#[test]
fn a_process_answers_at_its_nodes_ipv6_address_beside_ipv4() {
    everyone_by_ipv6(&up_with(&Config { ipv6: true, ..Config::new("t44-six") }));
}

#[test]
fn a_process_answers_at_its_nodes_only_address_of_ipv6() {
    everyone_by_ipv6(&up_with(&Config { ipv6: true, underlay6: true, ..Config::new("t44-under") }));
}

/// A process on h2, for endpoints, hosts, itself and the outside, by TCP and UDP.
fn everyone_by_ipv6(testbed: &Testbed) {
    let (far, near) = (add(testbed, "far", 1), add(testbed, "near", 2));
    let _servers = (Server::start6(testbed, &at(2), 8080).unwrap(), UdpServer::start(testbed, &at(2), 5353));
    let node = |n| IpAddr::from(host(n).ip6());
    let ports = "--port 80:8080/tcp --port 53:5353/udp";
    sdnctl(testbed, &format!("service create web --vip {VIP6} {ports} --backend {}", node(2)));
    let udp = |from: &Place, ip, port| ask_udp(testbed, from, ip, port).is_some_and(|(server, _)| server == "h2");
    eventually("the host knows its port", 5, || udp(&pod_at(&far), VIP6, 53));
    for pod in [&far, &near] {
        let seen: IpAddr = pod.ip6.as_ref().unwrap().parse().unwrap();
        assert_eq!(ask(testbed, &pod_at(pod), VIP6, 80).unwrap(), ("h2".to_owned(), seen), "{}", pod.name);
        assert!((0..5).all(|_| udp(&pod_at(pod), VIP6, 53)), "UDP from {}", pod.name);
    }
    for n in [1, 2, 3] {
        assert_eq!(ask(testbed, &at(n), VIP6, 80).unwrap().0, "h2", "from h{n}");
        assert!((0..5).all(|_| udp(&at(n), VIP6, 53)), "UDP from h{n}");
    }
    sdnctl(testbed, "service publish web 30086:80");
    sdnctl(testbed, "service publish web 30053:53");
    let outside = Place::External;
    for n in [1, 2, 3] {
        eventually("published", 5, || {
            ask(testbed, &outside, node(n), 30_086).is_ok() && udp(&outside, node(n), 30_053)
        });
        for from in [&outside, &pod_at(&far), &pod_at(&near)] {
            assert_eq!(ask(testbed, from, node(n), 30_086).unwrap().0, "h2", "{from} by h{n}");
            assert!((0..5).all(|_| udp(from, node(n), 30_053)), "UDP from {from} by h{n}");
        }
    }
    // The service is not the only way there.
    for pod in [&far, &near] {
        assert!(udp(&pod_at(pod), node(2), 5353) && udp(&pod_at(pod), gateway6(&near), 5353), "{}", pod.name);
        assert_eq!(ask(testbed, &pod_at(pod), node(2), 8080).unwrap().0, "h2", "straight, from {}", pod.name);
    }
    assert!(["h1", "h2", "h3"].iter().all(|node| flows(testbed, &format!("{node} --diff")).is_empty()));
}

/// The gateway's address of IPv6 on the node that `pod` is on.
fn gateway6(pod: &Pod) -> IpAddr {
    let ip: std::net::Ipv6Addr = pod.ip6.as_ref().unwrap().parse().unwrap();
    let mut octets = ip.octets();
    octets[8..].copy_from_slice(&1u64.to_be_bytes());
    IpAddr::from(octets)
}

#[test]
fn hosts_and_endpoints_share_a_service_and_leave_it() {
    let testbed = up("t44-both", 2);
    let (web, asking) = (add(&testbed, "web", 1), pod_at(&add(&testbed, "client", 1)));
    let _servers = [at(2), pod_at(&web)].map(|place| Server::start(&testbed, &place, 8080).unwrap());
    let node = host(2).ip();
    sdnctl(
        &testbed,
        &format!("service create web --vip {VIP} --port 80:8080/tcp --backend {} --backend {node}", web.ip),
    );
    let mut there = Vec::new();
    eventually("both answer", 10, || {
        there.push(Connection::open(&testbed, &asking, VIP, 80).unwrap());
        ["h2", "web"].iter().all(|name| there.iter().any(|connection| connection.server == *name))
    });
    sdnctl(&testbed, "node drain h2");
    for _ in 0..10 {
        assert_eq!(ask(&testbed, &asking, VIP, 80).unwrap().0, "web", "nothing new on a drained node");
    }
    assert!(there.iter_mut().all(|connection| connection.echo() == Echo::Answered), "what is there goes on");
    sdnctl(&testbed, "node drain h2 --undo");
    sdnctl(&testbed, &format!("service backends web --rm {}", web.ip));
    assert_eq!(ask(&testbed, &asking, VIP, 80).unwrap().0, "h2");
    sdnctl(&testbed, &format!("service backends web --rm {node}"));
    eventually("nobody is left", 5, || refused(&testbed, &asking, VIP, 80));
}

#[test]
fn a_process_that_is_bound_to_no_address_answers_by_udp() {
    let testbed = up("t44-udp", 3);
    let (far, near) = (add(&testbed, "far", 1), add(&testbed, "near", 2));
    let _server = UdpServer::start(&testbed, &at(2), 5353);
    sdnctl(&testbed, &format!("service create dns --vip {VIP} --port 53:5353/udp --backend {}", host(2).ip()));
    sdnctl(&testbed, "service publish dns 30053");
    let answers =
        |from: &Place, ip: IpAddr, port: u16| ask_udp(&testbed, from, ip, port).is_some_and(|it| it.0 == "h2");
    eventually("the host knows its port", 5, || answers(&pod_at(&far), VIP, 53));
    for from in [pod_at(&far), pod_at(&near), at(1), at(2), at(3)] {
        assert!((0..5).all(|_| answers(&from, VIP, 53)), "from {from}");
    }
    for n in [1, 2, 3] {
        let node = host(n).ip().into();
        eventually("published", 5, || answers(&Place::External, node, 30_053));
        assert!((0..5).all(|_| answers(&Place::External, node, 30_053)), "by h{n}");
    }
    // The service is not the only way there.
    let gateway: IpAddr = common::neighbour(&near, 1).parse().unwrap();
    for (from, to) in [(&far, gateway), (&near, gateway), (&far, host(2).ip().into())] {
        assert!(answers(&pod_at(from), to, 5353), "{} at {to}", from.name);
    }
}
