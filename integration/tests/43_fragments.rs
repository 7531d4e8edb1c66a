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

use common::{at, eventually, host, ip_of, packets, pod_at, sdnctl, up, up_with};
use datagram::Packet;
use integration::plan::{EXTERNAL_IP, EXTERNAL_IP6};
use integration::{Config, Place, Pod, PodSpec, Testbed, netns};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, setsockopt, socket, sockopt};
use nix::sys::time::TimeVal;
use serde_json::json;

const VIP: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 96, 0, 10));

/// More than one packet holds.
const LARGE: usize = 3000;

const UDP: u8 = 17;
const SCTP: u8 = 132;

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

fn isolate(testbed: &Testbed, app: &str, mut spec: serde_json::Value) {
    let file = tempfile::NamedTempFile::new().unwrap();
    spec["selector"] = json!({"app": app});
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

    isolate(&testbed, "web", json!({"ingress": [{"ports": [{"protocol": "udp", "port": 8080}]}]}));
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
    isolate(&testbed, "web", json!({"ingress": [{"ports": [{"protocol": "udp", "port": 8080}]}], "egress": []}));
    let denied = || dropped(&testbed, "h2", "no policy allows it");
    assert!(arrives(&open, &to(8080)), "ports are seen behind options");
    let before = denied();
    assert!(!arrives(&shut, &to(8090)));
    eventually("it is counted", 5, || denied() > before);

    // Protocols that conntrack knows nothing of are not let through to who is isolated, nor from there, nor to services.
    sdnctl(&testbed, &format!("service create web --vip {VIP} --port 80:8080/udp --backend {}", web.ip));
    let stopped = |node: &str| {
        dropped(&testbed, node, "no policy allows it") + dropped(&testbed, node, "invalid connection state")
    };
    let to_no_port = |node: &str| dropped(&testbed, node, "no service has this address and port");
    for protocol in [0, 253, 255] {
        for (from, to, node, count) in [
            (&asking, ip_of(&web), "h2", &stopped as &dyn Fn(&str) -> u64),
            (&asking, VIP, "h1", &to_no_port),
            (&web, ip_of(&asking), "h2", &stopped),
            (&web, VIP, "h2", &stopped),
        ] {
            let (before, packet) = (count(node), Packet::between(ip_of(from), to, protocol, &[0; 8]));
            (0..3).for_each(|_| packet.send(&testbed, &pod_at(from)));
            eventually(&format!("{protocol} from {} to {to} is counted", from.name), 5, || count(node) >= before + 3);
        }
    }
}

fn web_v4(pod: &Pod) -> Ipv4Addr {
    pod.ip.parse().unwrap()
}

/// The next packet of a protocol that arrives at a pod: its destination, and what follows its header.
fn arrives(testbed: &Testbed, pod: &Pod, protocol: u8, send: impl FnOnce()) -> Option<(IpAddr, Vec<u8>)> {
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
        if packet.len() >= 40 && packet[0] == 0x60 && packet[6] == protocol {
            let to: [u8; 16] = packet[24..40].try_into().unwrap();
            return Some((to.into(), packet[40..].to_vec()));
        }
    }
    None
}

#[test]
fn sctp_is_balanced_by_address() {
    let testbed = up("t43-sctp", 2);
    let (asking, web) = (labelled(&testbed, "client", 1), labelled(&testbed, "web", 2));
    sdnctl(&testbed, &format!("service create web --vip {VIP} --port 80/sctp --backend {}", web.ip));
    // An INIT from port 40000 to port 80; nobody looks at its checksum.
    let chunk = [&[0x9c, 0x40, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 20][..], &[7; 16]].concat();
    let header = [0x45, 0, 0, 52, 0, 6, 0, 0, 64, SCTP, 0, 0, 0, 0, 0, 0, 10, 96, 0, 10];
    let asked = Packet::of([&header[..], &chunk].concat());
    let there = arrives(&testbed, &web, SCTP, || asked.send(&testbed, &pod_at(&asking)));
    assert_eq!(there, Some((ip_of(&web), chunk.clone())), "to the backend, as it was");

    let answer = [&[0, 80, 0x9c, 0x40][..], &chunk[4..]].concat();
    let to = web_v4(&asking).octets();
    let back = Packet::of([&header[..16], &to, &answer].concat());
    let back = arrives(&testbed, &asking, SCTP, || back.send(&testbed, &pod_at(&web)));
    assert_eq!(back, Some((ip_of(&asking), answer)));
    let seen = common::sh(&testbed, &at(1), "ovs-appctl dpctl/dump-conntrack");
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

/// Whether an INIT is answered by an ICMP error about just that: to this address and port.
fn is_refused(testbed: &Testbed, place: &Place, from: IpAddr, to: IpAddr, port: u16) -> bool {
    // Of IPv4 a raw socket shows the header, too.
    let (family, protocol, before, unreachable, destination, header) = match to {
        IpAddr::V4(_) => (AddressFamily::Inet, SockProtocol::Icmp, 20, [3, 3], 16..20, 20),
        IpAddr::V6(_) => (AddressFamily::Inet6, SockProtocol::IcmpV6, 0, [1, 4], 24..40, 40),
    };
    let open = || Ok(socket(family, SockType::Raw, SockFlag::empty(), protocol)?);
    let socket = netns::within(&testbed.config().netns(place), open).unwrap();
    setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::new(1, 0)).unwrap();
    let sent = Packet::between(from, to, SCTP, &init(port));
    sent.send(testbed, place);
    let target =
        |packet: &[u8]| Some((packet.get(destination.clone())?.to_vec(), packet.get(header..header + 4)?.to_vec()));
    let mut answer = [0; 2048];
    while let Ok(length) = recv(socket.as_raw_fd(), &mut answer, MsgFlags::empty()) {
        let error = answer.get(before..length).unwrap_or_default();
        if error.starts_with(&unreachable) && target(error.get(8..).unwrap_or_default()) == target(sent.bytes()) {
            return true;
        }
    }
    false
}

/// Also clients who had a backend, and several of one service: conntrack tells them apart by their addresses alone.
#[test]
fn sctp_is_published_and_refused_to_everyone_when_its_last_backend_leaves() {
    const PORTS: [u16; 2] = [30_080, 30_086];
    let testbed = up_with(&Config { ipv6: true, ..Config::new("t43-sctp-out") });
    let (asking, web) = (labelled(&testbed, "client", 1), labelled(&testbed, "web", 2));
    let addresses = |pod: &Pod| [&pod.ip, pod.ip6.as_ref().unwrap()].map(|ip| ip.parse::<IpAddr>().unwrap());
    let nodes = [IpAddr::from(host(1).ip()), host(1).ip6().into()];
    let outside = [IpAddr::from(EXTERNAL_IP), EXTERNAL_IP6.into()];
    let ask = |n: usize| Packet::between(outside[n], nodes[n], SCTP, &init(PORTS[n])).send(&testbed, &Place::External);
    // Who begins before the service is published goes on from the same port, as clients of SCTP do.
    (0..2).for_each(ask);
    for (n, vip) in ["10.96.0.10", "fd00:10:96::10"].into_iter().enumerate() {
        let backend = addresses(&web)[n];
        sdnctl(&testbed, &format!("service create web{n} --vip {vip} --port 80/sctp --backend {backend}"));
        sdnctl(&testbed, &format!("service publish web{n} {}:80", PORTS[n]));
        let mut there = None;
        eventually("it is published", 5, || {
            there = arrives(&testbed, &web, SCTP, || ask(n));
            there.is_some()
        });
        let (ip, packet) = there.unwrap();
        assert_eq!((ip, &packet[..4]), (backend, &[0x9c, 0x40, 0, 80][..]), "at its own port");
        sdnctl(&testbed, &format!("service backends web{n} --rm {backend}"));
        for (place, own) in [(Place::External, outside), (at(1), nodes), (pod_at(&asking), addresses(&asking))] {
            let refused = |to, port| is_refused(&testbed, &place, own[n], to, port);
            eventually(&format!("{place} is refused at {}", nodes[n]), 5, || refused(nodes[n], PORTS[n]));
            let vip = vip.parse().unwrap();
            let inside = place != Place::External;
            eventually(&format!("{place} is refused at {vip}"), 5, || !inside || refused(vip, 80));
        }
    }
}
