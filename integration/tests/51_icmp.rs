//! ICMP errors reach whom they are about through a service, though they come to one address and are about another.

mod common;
#[path = "common/datagram.rs"]
mod datagram;

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use common::{add, at, eventually, host, pod_at, sdnctl, sh, up_with};
use datagram::Packet;
use integration::plan::{EXTERNAL_IP, EXTERNAL_IP6};
use integration::traffic::unreachable;
use integration::{Config, Place, Pod, Scoped, Testbed, netns};

const VIPS: [&str; 2] = ["10.96.0.53", "fd00:10:96::53"];
const PORTS: [u16; 2] = [30_053, 30_056];
const UDP: u8 = 17;

/// A backend on host 2 of a service of each family, published.
fn services(name: &str) -> (Scoped, Pod) {
    let testbed = up_with(&Config { ipv6: true, ..Config::new(name) });
    let dns = add(&testbed, "dns", 2);
    for (n, ip) in addresses(&dns).into_iter().enumerate() {
        sdnctl(&testbed, &format!("service create dns{n} --vip {} --port 53:5353/udp --backend {ip}", VIPS[n]));
        sdnctl(&testbed, &format!("service publish dns{n} {}:53", PORTS[n]));
    }
    (testbed, dns)
}

fn addresses(pod: &Pod) -> [IpAddr; 2] {
    [&pod.ip, pod.ip6.as_ref().unwrap()].map(|ip| ip.parse().unwrap())
}

fn node(n: u16) -> [IpAddr; 2] {
    [host(n).ip().into(), host(n).ip6().into()]
}

#[test]
fn who_asks_a_backend_where_nobody_listens_is_told_so() {
    let (testbed, _) = services("t51-unheard");
    let [near, far] = [add(&testbed, "near", 2), add(&testbed, "far", 1)].map(|pod| pod_at(&pod));
    for family in 0..2 {
        let vip = VIPS[family].parse().unwrap();
        for from in [&near, &far, &at(1), &at(2)] {
            eventually(&format!("{from} is told by {vip}"), 5, || unreachable(&testbed, from, vip, 53));
        }
        for (from, n) in [(&Place::External, 1), (&Place::External, 2), (&far, 1), (&far, 3)] {
            let (ip, port) = (node(n)[family], PORTS[family]);
            eventually(&format!("{from} is told by {ip}"), 5, || unreachable(&testbed, from, ip, port));
        }
    }
}

#[test]
fn a_backend_hears_that_what_it_answers_is_too_big() {
    let (testbed, dns) = services("t51-big");
    let far = add(&testbed, "far", 1);
    let outside = [IpAddr::from(EXTERNAL_IP), EXTERNAL_IP6.into()];
    for family in 0..2 {
        let server = bound(&testbed, &pod_at(&dns), SocketAddr::new(addresses(&dns)[family], 5353));
        let vip: IpAddr = VIPS[family].parse().unwrap();
        let asked = [
            (Place::External, outside[family], SocketAddr::new(node(1)[family], PORTS[family])),
            (pod_at(&far), addresses(&far)[family], SocketAddr::new(vip, 53)),
        ];
        for (place, ip, service) in asked {
            let client = bound(&testbed, &place, SocketAddr::new(ip, 40_053));
            eventually(&format!("{place} is answered by {service}"), 5, || {
                let _ = client.send_to(b"who?", service);
                let asked = server.recv_from(&mut [0; 16]).map(|(_, from)| server.send_to(b"me", from));
                asked.is_ok() && client.recv_from(&mut [0; 16]).is_ok_and(|(_, from)| from == service)
            });
            let before = knows(&testbed, &dns, ip);
            too_big(service, SocketAddr::new(ip, 40_053)).send(&testbed, &place);
            eventually(&format!("the backend of {place} knows"), 2, || knows(&testbed, &dns, ip) > before);
        }
    }
}

/// How often an endpoint has heard that about one of its own sockets. Of UDP over IPv6, Open vSwitch 3.1 passes on a
/// wrong size: it takes that for a checksum.
fn knows(testbed: &Testbed, pod: &Pod, client: IpAddr) -> u64 {
    if client.is_ipv4() {
        return sh(testbed, &pod_at(pod), &format!("ip route get {client}")).contains("mtu 1300").into();
    }
    let counted = sh(testbed, &pod_at(pod), "cat /proc/net/snmp6");
    let count = |name: &str| {
        let line = counted.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|count| count.trim().parse::<u64>().ok()).unwrap_or_else(|| panic!("no {name}: {counted}"))
    };
    count("Icmp6InPktTooBigs ").saturating_sub(count("Icmp6InErrors "))
}

fn bound(testbed: &Testbed, place: &Place, to: SocketAddr) -> UdpSocket {
    let socket = netns::within(&testbed.config().netns(place), || Ok(UdpSocket::bind(to)?)).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    socket
}

/// Says of an answer of `service` to `client` that a link has no more than 1,300 bytes (RFC 1191 section 4, RFC 4443
/// section 3.2).
fn too_big(service: SocketAddr, client: SocketAddr) -> Packet {
    let datagram = [service.port(), client.port(), 8, 0].map(u16::to_be_bytes).concat();
    let answer = Packet::between(service.ip(), client.ip(), UDP, &datagram);
    let pseudo = |protocol: u8, length: usize| match (client.ip(), service.ip()) {
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            [&from.octets()[..], &to.octets(), &(length as u32).to_be_bytes(), &[0, 0, 0, protocol]].concat()
        }
        _ => Vec::new(),
    };
    let (protocol, head) = if client.is_ipv4() { (1, [3, 4]) } else { (58, [2, 0]) };
    let mut error = [&head[..], &[0, 0, 0, 0, 5, 20], answer.bytes()].concat();
    let sum = checksum(&[pseudo(protocol, error.len()), error.clone()].concat());
    error[2..4].copy_from_slice(&sum.to_be_bytes());
    Packet::between(client.ip(), service.ip(), protocol, &error)
}

/// RFC 1071.
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)));
    let sum = words.sum::<u32>();
    let folded = (sum >> 16) + (sum & 0xffff);
    !((folded >> 16) + folded) as u16
}
