//! What is found of real sockets, asked for both ways.

use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};

use super::*;

/// The first port that can be published and at which `open` succeeds.
fn at_a_free_port<T>(open: impl Fn(u16) -> std::io::Result<T>) -> (T, u16) {
    PUBLISHED_PORTS.rev().find_map(|port| Some((open(port).ok()?, port))).expect("a free port")
}

/// What both ways say of a port, which is to be the same: whether a socket of this kind that others reach holds it.
fn is_held(protocol: Protocol, family: Family, port: u16) -> bool {
    let [asked, printed] = [diag::waiting(protocol, family), table::waiting(protocol, family)]
        .map(|waiting| held(protocol, &waiting.unwrap()).contains(&HeldPort { protocol, port }));
    assert_eq!(asked, printed, "{protocol} {family:?} {port}");
    asked
}

#[test]
fn a_socket_that_waits_at_any_address_but_the_loopbacks_holds_its_port() {
    let addresses = [("0.0.0.0", true), ("127.0.0.1", false), ("127.0.0.9", false), ("::", true), ("::1", false)];
    for (address, expected) in addresses {
        let ip: std::net::IpAddr = address.parse().unwrap();
        let (family, other) = if ip.is_ipv4() { (Family::V4, Family::V6) } else { (Family::V6, Family::V4) };
        if UdpSocket::bind((ip, 0)).is_err() {
            eprintln!("skipped: this host has no {address}");
            continue;
        }
        let (_listens, port) = at_a_free_port(|port| TcpListener::bind((ip, port)));
        assert_eq!(is_held(Protocol::Tcp, family, port), expected, "tcp {address}");
        assert!(!is_held(Protocol::Tcp, other, port), "tcp {address}");
        let (_waits, port) = at_a_free_port(|port| UdpSocket::bind((ip, port)));
        assert_eq!(is_held(Protocol::Udp, family, port), expected, "udp {address}");
        assert_eq!(ports(&[]).contains(&HeldPort { protocol: Protocol::Udp, port }), expected);
    }
}

#[test]
fn a_socket_at_an_address_of_the_host_holds_its_port() {
    // Which address packets to elsewhere would have; no packet is sent.
    let probe = UdpSocket::bind("0.0.0.0:0").unwrap();
    let Some(own) = probe.connect("192.0.2.1:9").and_then(|()| probe.local_addr()).ok() else {
        eprintln!("skipped: this host has the loopback device only");
        return;
    };
    let (_listens, port) = at_a_free_port(|port| TcpListener::bind((own.ip(), port)));
    assert!(is_held(Protocol::Tcp, Family::V4, port));
}

#[test]
fn connections_hold_no_port_nor_do_sockets_elsewhere_than_at_published_ports() {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let listens = listener.local_addr().unwrap().port();
    assert!(PUBLISHED_PORTS.contains(&listens) || !is_held(Protocol::Tcp, Family::V4, listens));
    let (udp, port) = at_a_free_port(|port| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)));
    assert!(is_held(Protocol::Udp, Family::V4, port));
    udp.connect((Ipv4Addr::LOCALHOST, listens)).unwrap();
    assert!(!is_held(Protocol::Udp, Family::V4, port), "connected");
    let tcp = TcpStream::connect((Ipv4Addr::LOCALHOST, listens)).unwrap();
    let from = tcp.local_addr().unwrap().port();
    assert!(diag::waiting(Protocol::Tcp, Family::V4).unwrap().iter().all(|at| at.port() != from));
}

#[test]
fn a_loopback_address_of_ipv4_within_ipv6_is_nobody_elses_to_reach() {
    let at = |text: &str| text.parse::<SocketAddr>().unwrap();
    let waiting = [at("[::ffff:127.0.0.1]:30001"), at("[::ffff:192.0.2.1]:30002"), at("192.0.2.1:29999")];
    assert_eq!(held(Protocol::Tcp, &waiting), [HeldPort { protocol: Protocol::Tcp, port: 30_002 }]);
}

#[test]
fn hundreds_of_sockets_are_all_found() {
    let sockets: Vec<UdpSocket> = (0..900).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    let found = diag::waiting(Protocol::Udp, Family::V4).unwrap();
    for socket in &sockets {
        assert!(found.contains(&socket.local_addr().unwrap()));
    }
}

#[test]
fn a_port_of_the_agents_own_is_not_held() {
    let (_listens, port) = at_a_free_port(|port| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)));
    let own = Health { port, service: api::Name::new("web").unwrap(), backends: 1 };
    let tcp = HeldPort { protocol: Protocol::Tcp, port };
    assert!(ports(&[]).contains(&tcp));
    assert!(!ports(&[own]).contains(&tcp));
}
