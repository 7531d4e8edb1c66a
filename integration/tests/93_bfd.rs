//! BFD on tunnel ports that lead to one peer each: up by itself, down within seconds of a break, and in nobody's way.

mod common;

use std::net::UdpSocket;
use std::thread;
use std::time::{Duration, Instant};

use api::{BfdState, NodeStatus};
use common::mesh::{events, mesh};
use common::{add, at, eventually, packets, pings_all, pod_at, sdnctl, sh, up_with};
use integration::client::sdnctl_json;
use integration::{Config, Mesh, Pod, Testbed, Tunnel, netns};

/// UDP port of BFD (RFC 5881 section 4).
const BFD: u16 = 3784;

/// How many directions have a session that is up, and how many have another one.
fn sessions(testbed: &Testbed) -> (usize, usize) {
    let states: Vec<BfdState> = mesh(testbed).links.iter().filter_map(|link| Some(link.bfd.as_ref()?.state)).collect();
    let up = states.iter().filter(|state| **state == BfdState::Up).count();
    (up, states.len() - up)
}

fn comes_up(name: &str, tunnel: Tunnel) {
    let testbed = up_with(&Config { hosts: 2, tunnel, mesh: Mesh::Static, ..Config::new(name) });
    let dropped = |n: u16| packets(&testbed, &format!("h{n}"), |flow| flow.reason.is_some());
    let before = [1, 2].map(dropped);
    eventually("BFD to be up", 15, || sessions(&testbed) == (2, 0));
    thread::sleep(Duration::from_secs(5));
    assert_eq!(sessions(&testbed), (2, 0));
    let shown = sh(&testbed, &at(1), "ovs-appctl bfd/show");
    println!("{shown}");
    assert!(shown.contains("Remote Session State: up"), "{shown}");
    let to_bfd = |flow: &api::status::Flow| flow.matching.contains("169.254.1.");
    assert_eq!(packets(&testbed, "h1", to_bfd), 0);
    println!("dropped before and after: {before:?} {:?}", [1, 2].map(dropped));
}

#[test]
fn sessions_come_up_through_vxlan() {
    comes_up("m93-bfd-vxlan", Tunnel::Vxlan);
}

#[test]
fn sessions_come_up_through_gre() {
    comes_up("m93-bfd-gre", Tunnel::Gre);
}

#[test]
fn sessions_come_up_through_geneve() {
    comes_up("m93-bfd-geneve", Tunnel::Geneve);
}

#[test]
fn a_break_is_told_and_shown_and_what_others_change_is_put_right() {
    let testbed = up_with(&Config { mesh: Mesh::Static, ..Config::new("m93-bfd") });
    eventually("BFD to be up", 15, || sessions(&testbed) == (6, 0));
    let node: NodeStatus = sdnctl_json(&testbed, "node inspect h1").expect("a node");
    assert!(node.bfd.len() == 2 && node.bfd.iter().all(|session| session.bfd.state == BfdState::Up), "{:?}", node.bfd);

    testbed.partition(&at(1), Some(&at(2))).unwrap();
    let cut = Instant::now();
    eventually("both ends to be down", 10, || sessions(&testbed) == (4, 2));
    println!("down after {:.1?}:\n{}", cut.elapsed(), sdnctl(&testbed, "mesh"));
    let told = |what: &str| {
        events(&testbed).into_iter().filter(|event| event.starts_with("BFD") && event.contains(what)).count()
    };
    eventually("it is told", 3, || told("went down") == 2);
    assert!(sdnctl(&testbed, "mesh").contains("BFD is down at h1 to h2"));
    testbed.heal().unwrap();
    eventually("all to be up again", 15, || sessions(&testbed) == (6, 0));
    eventually("that is told", 3, || told("is up again") == 2);

    testbed.partition(&at(3), None).unwrap();
    eventually("h3 to be lost", 10, || sdnctl(&testbed, "node inspect h3").contains("\"down\""));
    thread::sleep(Duration::from_secs(8));
    assert_eq!(told("went down"), 2, "of a host that is gone nothing is told: {:?}", events(&testbed));
    testbed.heal().unwrap();
    eventually("h3 to be back", 30, || sessions(&testbed) == (6, 0));
    assert_eq!((told("went down"), told("is up again")), (2, 2));

    let port = sh(&testbed, &at(1), "ovs-vsctl list-ports kbr0");
    let port = port.lines().find(|name| name.starts_with("kbr0-to-")).expect("a port to a peer").to_owned();
    sh(&testbed, &at(1), &format!("ovs-vsctl set interface {port} bfd:enable=false"));
    let right = || sh(&testbed, &at(1), &format!("ovs-vsctl get interface {port} bfd:enable")).contains("true");
    eventually("it is put right", 2, right);
    eventually("all to be up again", 15, || sessions(&testbed) == (6, 0));
    sdnctl(&testbed, "mesh set flow");
    eventually("no session is left", 5, || sessions(&testbed) == (0, 0));
}

/// Sends a datagram to each of `ports` of `to`.
fn send(testbed: &Testbed, from: &Pod, to: &Pod, ports: impl Iterator<Item = u16> + Send) {
    netns::within(&testbed.config().netns(&pod_at(from)), || {
        let socket = UdpSocket::bind("0.0.0.0:0")?;
        ports.for_each(|port| drop(socket.send_to(b"hello", (to.ip.as_str(), port))));
        Ok(())
    })
    .expect("a socket");
}

#[test]
fn bfd_splits_no_datapath_flow_and_takes_nothing_of_endpoints() {
    let testbed = up_with(&Config { hosts: 2, mesh: Mesh::Static, ..Config::new("m93-bfd-udp") });
    let (client, server) = (add(&testbed, "client", 1), add(&testbed, "server", 2));
    eventually("BFD to be up", 15, || sessions(&testbed) == (2, 0));
    assert!(pings_all(&testbed, &pod_at(&client), &server.ip));
    send(&testbed, &client, &server, 20_000..20_100);
    let dump = sh(&testbed, &at(2), "ovs-appctl dpctl/dump-flows");
    let by_port = dump.lines().filter(|line| line.contains("udp(dst=20")).count();
    assert_eq!(by_port, 0, "{dump}");

    let socket = netns::within(&testbed.config().netns(&pod_at(&server)), || Ok(UdpSocket::bind(("0.0.0.0", BFD))?));
    let socket = socket.expect("the port is free");
    socket.set_read_timeout(Some(Duration::from_secs(3))).expect("a timeout");
    send(&testbed, &client, &server, std::iter::once(BFD));
    assert_eq!(socket.recv(&mut [0; 16]).expect("BFD of endpoints passes"), 5);
}
