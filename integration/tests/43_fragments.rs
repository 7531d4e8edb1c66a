//! Packets of which a switch sees no ports, or other than the usual: fragments, IP options, unusual protocols. None of
//! them gets round a policy, and none is lost without a reason.

mod common;
#[path = "common/datagram.rs"]
mod datagram;

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::thread;
use std::time::Duration;

use common::{eventually, host, ip_of, packets, pod_at, sdnctl, up};
use datagram::Packet;
use integration::{Place, Pod, PodSpec, Testbed, netns};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, setsockopt, socket, sockopt};
use nix::sys::time::TimeVal;
use serde_json::json;

const VIP: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 96, 0, 10));

/// More than one packet holds.
const LARGE: usize = 3000;

const UDP: u8 = 17;

fn labelled(testbed: &Testbed, name: &str, n: u16) -> Pod {
    let labels = vec![format!("app={name}")];
    testbed.pod_add(&PodSpec { labels, ..PodSpec::new(name, host(n)) }).unwrap()
}

/// Sends back what it gets, for as long as the test runs.
fn echo(testbed: &Testbed, place: &Place, port: u16) {
    let open = || Ok(UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port))?);
    let socket = netns::within(&testbed.config().netns(place), open).unwrap();
    thread::spawn(move || {
        let mut buffer = vec![0; 65_535];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let _ = socket.send_to(&buffer[..length], from);
        }
    });
}

fn client(testbed: &Testbed, place: &Place, ip: IpAddr, port: u16) -> UdpSocket {
    let open = || {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        socket.connect(SocketAddr::new(ip, port))?;
        socket.set_read_timeout(Some(Duration::from_secs(1)))?;
        Ok(socket)
    };
    netns::within(&testbed.config().netns(place), open).unwrap()
}

/// Whether a datagram of this length comes back.
fn comes_back(socket: &UdpSocket, length: usize) -> bool {
    let sent = vec![7; length];
    socket.send(&sent).unwrap();
    let mut buffer = vec![0; 65_535];
    socket.recv(&mut buffer).is_ok_and(|received| buffer[..received] == sent)
}

fn isolate(testbed: &Testbed, app: &str, rule: &serde_json::Value) {
    let file = tempfile::NamedTempFile::new().unwrap();
    let spec = json!({"selector": {"app": app}, "ingress": [rule]});
    fs::write(file.path(), json!({"kind": "policy", "name": app, "spec": spec}).to_string()).unwrap();
    sdnctl(testbed, &format!("apply -f {}", file.path().display()));
}

fn dropped(testbed: &Testbed, node: &str, reason: &str) -> u64 {
    packets(testbed, node, |flow| flow.reason.as_deref() == Some(reason))
}

#[test]
fn fragments_follow_their_connection_and_meet_the_policy() {
    let testbed = up("t43-fragments", 2);
    let (asking, web) = (labelled(&testbed, "client", 1), labelled(&testbed, "web", 2));
    [8080, 8090].iter().for_each(|port| echo(&testbed, &pod_at(&web), *port));
    sdnctl(&testbed, &format!("service create web --vip {VIP} --port 80:8080/udp --backend {}", web.ip));
    let from = |ip, port| client(&testbed, &pod_at(&asking), ip, port);
    let plain = from(ip_of(&web), 8080);
    assert!(comes_back(&plain, LARGE), "no service, no policy");

    let balanced = from(VIP, 80);
    assert!(comes_back(&balanced, 100));
    assert!(comes_back(&balanced, LARGE), "of a connection that there is, both ways");
    let unknown = || dropped(&testbed, "h1", "fragment that belongs to no known connection");
    assert_eq!(unknown(), 0);
    let begins = from(VIP, 80);
    assert!(!comes_back(&begins, LARGE), "no connection begins with a fragment");
    eventually("it is counted", 5, || unknown() >= 2);
    assert!(comes_back(&begins, 100) && comes_back(&begins, LARGE));

    isolate(&testbed, "web", &json!({"ports": [{"protocol": "udp", "port": 8080}]}));
    let denied = || dropped(&testbed, "h2", "no policy allows it");
    assert!(!comes_back(&balanced, LARGE), "the endpoint's own zone does not know it yet");
    assert!(comes_back(&balanced, 100) && comes_back(&balanced, LARGE), "what is allowed goes on");
    let direct = from(ip_of(&web), 8080);
    assert!(comes_back(&direct, 100) && comes_back(&direct, LARGE), "and begins, in one piece");
    let before = denied();
    assert!(!comes_back(&from(ip_of(&web), 8090), LARGE), "the port is not allowed, also where it is not seen");
    eventually("it is counted", 5, || denied() >= before + 3);
    // A first fragment too small to be honest.
    let invalid = || dropped(&testbed, "h2", "invalid connection state");
    let before = invalid();
    let [a, b, c, d] = web_v4(&web).octets();
    let tiny = [&[0x45, 0, 0, 36, 0, 9, 0x20, 0, 64, UDP, 0, 0, 0, 0, 0, 0, a, b, c, d][..], &[0; 16]].concat();
    (0..3).for_each(|_| Packet::of(tiny.clone()).send(&testbed, &pod_at(&asking)));
    eventually("it is counted", 5, || invalid() >= before + 3);
}

#[test]
fn options_and_unusual_protocols_meet_the_policy() {
    let testbed = up("t43-options", 2);
    let (asking, web) = (labelled(&testbed, "client", 1), labelled(&testbed, "web", 2));
    let [a, b, c, d] = web_v4(&web).octets();
    // With four bytes of options: no operation, three times, and their end.
    let to = |port: u16| {
        let header = [0x46, 0, 0, 36, 0, 7, 0, 0, 64, UDP, 0, 0, 0, 0, 0, 0, a, b, c, d, 1, 1, 1, 0];
        let [high, low] = port.to_be_bytes();
        Packet::of([&header[..], &[0x9c, 0x40, high, low, 0, 12, 0, 0], b"ping"].concat())
    };
    let receiver = |port: u16| {
        let open = || {
            let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port))?;
            socket.set_read_timeout(Some(Duration::from_secs(1)))?;
            Ok(socket)
        };
        netns::within(&testbed.config().netns(&pod_at(&web)), open).unwrap()
    };
    let (open, shut) = (receiver(8080), receiver(8090));
    let arrives = |socket: &UdpSocket, packet: &Packet| {
        packet.send(&testbed, &pod_at(&asking));
        socket.recv(&mut [0; 64]).is_ok_and(|length| length == 4)
    };
    assert!(arrives(&open, &to(8080)) && arrives(&shut, &to(8090)));
    isolate(&testbed, "web", &json!({"ports": [{"protocol": "udp", "port": 8080}]}));
    let denied = || dropped(&testbed, "h2", "no policy allows it");
    assert!(arrives(&open, &to(8080)), "ports are seen behind options");
    let before = denied();
    assert!(!arrives(&shut, &to(8090)));
    eventually("it is counted", 5, || denied() > before);

    // Protocols that conntrack knows nothing of are not let through to who is isolated.
    let stopped = || denied() + dropped(&testbed, "h2", "invalid connection state");
    for protocol in [0, 255] {
        let before = stopped();
        let header = [0x45, 0, 0, 28, 0, 8, 0, 0, 64, protocol, 0, 0, 0, 0, 0, 0, a, b, c, d];
        let packet = Packet::of([&header[..], &[0; 8]].concat());
        (0..3).for_each(|_| packet.send(&testbed, &pod_at(&asking)));
        eventually("it is counted", 5, || stopped() >= before + 3);
    }
}

fn web_v4(pod: &Pod) -> Ipv4Addr {
    pod.ip.parse().unwrap()
}

/// The next packet of a protocol that arrives at a pod: its destination, and what follows its header.
fn arrives(testbed: &Testbed, pod: &Pod, protocol: u8, send: impl FnOnce()) -> Option<(Ipv4Addr, Vec<u8>)> {
    let open = || Ok(socket(AddressFamily::Packet, SockType::Raw, SockFlag::empty(), SockProtocol::EthAll)?);
    let socket = netns::within(&testbed.config().netns(&pod_at(pod)), open).unwrap();
    setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::new(1, 0)).unwrap();
    send();
    let mut frame = [0; 2048];
    while let Ok(length) = recv(socket.as_raw_fd(), &mut frame, MsgFlags::empty()) {
        let packet = frame.get(14..length).unwrap_or_default();
        if packet.len() >= 20 && packet[0] == 0x45 && packet[9] == protocol {
            let to: [u8; 4] = packet[16..20].try_into().unwrap();
            return Some((to.into(), packet[20..].to_vec()));
        }
    }
    None
}

#[test]
fn sctp_is_balanced_by_address() {
    const SCTP: u8 = 132;
    let testbed = up("t43-sctp", 2);
    let (asking, web) = (labelled(&testbed, "client", 1), labelled(&testbed, "web", 2));
    sdnctl(&testbed, &format!("service create web --vip {VIP} --port 80/sctp --backend {}", web.ip));
    // An INIT from port 40000 to port 80; nobody looks at its checksum.
    let chunk = [&[0x9c, 0x40, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 20][..], &[7; 16]].concat();
    let header = [0x45, 0, 0, 52, 0, 6, 0, 0, 64, SCTP, 0, 0, 0, 0, 0, 0, 10, 96, 0, 10];
    let asked = Packet::of([&header[..], &chunk].concat());
    let there = arrives(&testbed, &web, SCTP, || asked.send(&testbed, &pod_at(&asking)));
    assert_eq!(there, Some((web_v4(&web), chunk.clone())), "to the backend, as it was");

    let answer = [&[0, 80, 0x9c, 0x40][..], &chunk[4..]].concat();
    let to = web_v4(&asking).octets();
    let back = Packet::of([&header[..16], &to, &answer].concat());
    let back = arrives(&testbed, &asking, SCTP, || back.send(&testbed, &pod_at(&web)));
    assert_eq!(back, Some((web_v4(&asking), answer)));
    let seen = common::sh(&testbed, &common::at(1), "ovs-appctl dpctl/dump-conntrack");
    let known = seen.lines().find(|line| line.starts_with("sctp") && line.contains(&format!("reply=(src={}", web.ip)));
    assert!(known.is_some(), "{seen}");

    let other = integration::client::sdnctl(&testbed, "service create two --port 80:8080/sctp --selector app=web");
    assert!(other.unwrap_err().to_string().contains("SCTP"), "its port would not be translated");
}

/// An INIT to port `to`, with the checksum that kernels ask for (RFC 9260 section 6.8 and appendix A).
fn init(to: u16) -> Vec<u8> {
    let [high, low] = to.to_be_bytes();
    let chunk = [1, 0, 0, 20, 0, 0, 0, 7, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1];
    let mut bytes = [&[0x9c, 0x40, high, low, 0, 0, 0, 0, 0, 0, 0, 0][..], &chunk].concat();
    let crc = bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 })
    });
    bytes[8..12].copy_from_slice(&(!crc).to_le_bytes());
    bytes
}

/// The ICMP error that a packet is answered with, as type and code.
fn error(testbed: &Testbed, place: &Place, packet: &Packet) -> Option<(u8, u8)> {
    let open = || Ok(socket(AddressFamily::Inet, SockType::Raw, SockFlag::empty(), SockProtocol::Icmp)?);
    let socket = netns::within(&testbed.config().netns(place), open).unwrap();
    setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::new(1, 0)).unwrap();
    packet.send(testbed, place);
    let mut answer = [0; 2048];
    let length = recv(socket.as_raw_fd(), &mut answer, MsgFlags::empty()).ok()?;
    (length > 22).then(|| (answer[20], answer[21]))
}

#[test]
fn sctp_is_published_and_refused_inside() {
    const SCTP: u8 = 132;
    const UNREACHABLE: (u8, u8) = (3, 3);
    let testbed = up("t43-sctp-out", 2);
    let (asking, web) = (labelled(&testbed, "client", 1), labelled(&testbed, "web", 2));
    sdnctl(&testbed, &format!("service create web --vip {VIP} --port 80/sctp --backend {}", web.ip));
    sdnctl(&testbed, "service publish web 30080:80");
    let to = |[a, b, c, d]: [u8; 4], port: u16| {
        let header = [0x45, 0, 0, 52, 0, 6, 0, 0, 64, SCTP, 0, 0, 0, 0, 0, 0, a, b, c, d];
        Packet::of([&header[..], &init(port)].concat())
    };
    let published = |n: u16| to(host(n).ip().octets(), 30_080);
    let mut there = None;
    eventually("it is published", 5, || {
        there = arrives(&testbed, &web, SCTP, || published(1).send(&testbed, &Place::External));
        there.is_some()
    });
    let (ip, packet) = there.unwrap();
    assert_eq!((ip, &packet[..4]), (web_v4(&web), &[0x9c, 0x40, 0, 80][..]), "at its own port");
    sdnctl(&testbed, &format!("service backends web --rm {}", web.ip));
    for place in [pod_at(&asking), common::at(1)] {
        let packet = to([10, 96, 0, 10], 80);
        let what = format!("{place} is refused");
        eventually(&what, 5, || error(&testbed, &place, &packet) == Some(UNREACHABLE));
    }
}
