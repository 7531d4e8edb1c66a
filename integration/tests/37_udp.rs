//! UDP from one source port that never pauses: conntrack must forget a backend as soon as it is gone.

mod common;

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::{add, at, eventually, host, pod_at, sdnctl, sh, up};
use integration::traffic::{Connection, Echo, Server};
use integration::{Place, Pod, Testbed, netns};

const VIP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 96, 0, 53));

fn socket(testbed: &Testbed, place: &Place, port: u16) -> UdpSocket {
    let bound = netns::within(&testbed.config().netns(place), || Ok(UdpSocket::bind(("0.0.0.0", port))?));
    let socket = bound.unwrap_or_else(|error| panic!("{place}: {error:#}"));
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    socket
}

/// A server that answers with its name, until it is dropped.
struct Names(Arc<AtomicBool>);

impl Names {
    fn start(testbed: &Testbed, pod: &Pod) -> Self {
        let (socket, name) = (socket(testbed, &pod_at(pod), 5353), pod.name.clone());
        let ends = Arc::new(AtomicBool::new(false));
        let ended = ends.clone();
        thread::spawn(move || {
            let mut buffer = [0; 64];
            while !ended.load(Ordering::Relaxed) {
                if let Ok((_, from)) = socket.recv_from(&mut buffer) {
                    let _ = socket.send_to(name.as_bytes(), from);
                }
            }
        });
        Self(ends)
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A client that never changes its port.
struct Client {
    socket: UdpSocket,
    place: Place,
}

/// What a client hears.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Heard {
    Name(String),
    Refused,
    Nothing,
}

impl Client {
    fn new(testbed: &Testbed, place: &Place, to: SocketAddr) -> Self {
        let socket = socket(testbed, place, 40_053);
        socket.connect(to).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        Self { socket, place: place.clone() }
    }

    fn ask(&self) -> Heard {
        let refused = |error: &std::io::Error| error.kind() == ErrorKind::ConnectionRefused;
        if let Err(error) = self.socket.send(b"who?") {
            return if refused(&error) { Heard::Refused } else { Heard::Nothing };
        }
        let mut buffer = [0; 64];
        match self.socket.recv(&mut buffer) {
            Ok(length) => Heard::Name(String::from_utf8_lossy(&buffer[..length]).into_owned()),
            Err(error) if refused(&error) => Heard::Refused,
            Err(_) => Heard::Nothing,
        }
    }

    /// Asks without a pause until it hears that; within a second of the change.
    fn until(&self, what: &str, wanted: impl Fn(&Heard) -> bool) -> Heard {
        let since = Instant::now();
        let mut asked = 0;
        loop {
            asked += 1;
            let heard = self.ask();
            if wanted(&heard) {
                println!("{}: {what}: {heard:?} after {:.0} ms", self.place, since.elapsed().as_secs_f64() * 1e3);
                return heard;
            }
            assert!(
                since.elapsed() < Duration::from_secs(2),
                "{}: {what}: still {heard:?} ({asked} asked)",
                self.place
            );
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn named(&self, what: &str) -> String {
        match self.until(what, |heard| matches!(heard, Heard::Name(_))) {
            Heard::Name(name) => name,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_backend_that_leaves_a_service_keeps_its_connections_of_others() {
    let testbed = up("t37-two", 2);
    let (server, client) = (add(&testbed, "server", 2), pod_at(&add(&testbed, "client", 1)));
    let _server = Server::start(&testbed, &pod_at(&server), 8080).unwrap();
    let vips = [61, 62].map(|n| std::net::Ipv4Addr::new(10, 96, 0, n));
    for vip in vips {
        sdnctl(
            &testbed,
            &format!("service create s{} --vip {vip} --port 80:8080 --backend {}", vip.octets()[3], server.ip),
        );
    }
    let known = || {
        let all = sh(&testbed, &at(1), "ovs-appctl dpctl/dump-conntrack");
        vips.map(|vip| all.contains(&format!("dst={vip},")))
    };
    for gone in ["service backends s61 --rm", "service rm s61"] {
        let mut held = vips.map(|vip| Connection::open(&testbed, &client, vip.into(), 80).unwrap());
        assert_eq!(known(), [true; 2]);
        let backend = if gone.ends_with("--rm") { server.ip.to_string() } else { String::new() };
        sdnctl(&testbed, &format!("{gone} {backend}"));
        // Once more is forgotten a second later.
        let since = Instant::now();
        while since.elapsed() < Duration::from_millis(1500) {
            eventually("forgotten", 5, || !known()[0]);
            assert!(known()[1], "{gone}: the other service's is known");
            assert_eq!(held[1].echo(), Echo::Answered);
        }
        if !backend.is_empty() {
            sdnctl(&testbed, &format!("service backends s61 --add {backend}"));
        }
    }
}

#[test]
fn from_one_backend_to_another_to_none_and_back() {
    let testbed = up("t37-udp", 2);
    let pods = [add(&testbed, "dns1", 1), add(&testbed, "dns2", 2)];
    let _names: Vec<Names> = pods.iter().map(|pod| Names::start(&testbed, pod)).collect();
    let _servers: Vec<Server> = pods.iter().map(|pod| Server::start(&testbed, &pod_at(pod), 8080).unwrap()).collect();
    let inside = pod_at(&add(&testbed, "client", 1));
    let ports = "--port 53:5353/udp --port 80:8080/tcp";
    sdnctl(
        &testbed,
        &format!("service create dns --vip {VIP} {ports} --backend {} --backend {}", pods[0].ip, pods[1].ip),
    );
    sdnctl(&testbed, "service publish dns 30053:53");
    let direct = SocketAddr::new(VIP, 53);
    let published = SocketAddr::new(host(1).ip().into(), 30_053);
    let clients = [(inside.clone(), direct), (at(1), direct), (Place::External, published)];
    let clients: Vec<Client> = clients.iter().map(|(place, to)| Client::new(&testbed, place, *to)).collect();
    eventually("published", 5, || clients[2].ask() != Heard::Nothing);
    let other = |name: &str| pods.iter().find(|pod| pod.name != name).unwrap();
    for client in &clients {
        let first = client.named("at first");
        let (gone, stays) = (other(&other(&first).name), other(&first));
        let mut held: Vec<Connection> = Vec::new();
        while held.is_empty() {
            let open = Connection::open(&testbed, &inside, VIP, 80).unwrap();
            held.extend((open.server == stays.name).then_some(open));
        }
        sdnctl(&testbed, &format!("service backends dns --rm {}", gone.ip));
        client.until("its backend is gone", |heard| *heard == Heard::Name(stays.name.clone()));
        assert_eq!(held[0].echo(), Echo::Answered, "TCP to who stays");
        sdnctl(&testbed, &format!("service backends dns --rm {}", stays.ip));
        client.until("all are gone", |heard| *heard == Heard::Refused);
        sdnctl(&testbed, &format!("service backends dns --add {}", gone.ip));
        client.until("one is back", |heard| *heard == Heard::Name(gone.name.clone()));
        sdnctl(&testbed, &format!("service backends dns --add {}", stays.ip));
        for _ in 0..20 {
            assert_eq!(client.ask(), Heard::Name(gone.name.clone()), "one more moves nobody");
        }
    }
}

#[test]
fn a_port_of_two_protocols_is_published_of_both_or_of_one() {
    let testbed = up("t37-both", 1);
    let dns = add(&testbed, "dns", 1);
    let _names = Names::start(&testbed, &dns);
    let ports = "--port 53:5353/udp --port 53:8080/tcp --port 80:8080/tcp";
    sdnctl(&testbed, &format!("service create dns --vip {VIP} {ports} --backend {}", dns.ip));
    let hears = |port: u16| Client::new(&testbed, &Place::External, SocketAddr::new(host(1).ip().into(), port)).ask();
    assert!(sdnctl(&testbed, "service publish dns 30053:53/udp").contains("at port 30053 of every node"));
    let answered = Heard::Name("dns".into());
    eventually("UDP is published", 5, || hears(30_053) == answered);
    assert!(sdnctl(&testbed, "service ls").contains("53:5353/udp@30053,53:8080/tcp,"), "and TCP is not");
    sdnctl(&testbed, "service publish dns 30054:53");
    let listed = sdnctl(&testbed, "service ls");
    assert!(["53:8080/tcp@30054", "53:5353/udp@30054"].iter().all(|port| listed.contains(port)), "{listed}");
    eventually("both are published", 5, || hears(30_054) == answered);
    let unclear = integration::client::sdnctl(&testbed, "service publish dns 30055").unwrap_err().to_string();
    assert!(unclear.contains("say which port"), "{unclear}");
}
