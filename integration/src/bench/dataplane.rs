//! Packets between two hosts: TCP from pod to pod, and new connections to a service; ours, those of OVN, and those of a
//! bridge with two flows on each host.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::socket::{self, AddressFamily, SockFlag, SockType, SockaddrIn};

use super::ovn::{self, Ovn};
use super::table::{Figure, Row};
use crate::ovs::Ovs;
use crate::plan::{Config, HostId, Place};
use crate::pod::PodSpec;
use crate::testbed::{Scoped, Testbed};
use crate::{client, netns, tool};

const ROUNDS: usize = 3;
const SECONDS: u64 = 3;
const PATIENCE: Duration = Duration::from_secs(10);
/// Where pods and the service answer.
const PORT: u16 = 8080;
/// Clients one after the other, and at once; for how long each time; and their service. Each have backends of their own
/// and little time, for none is to use a port again that conntrack still knows: the Open vSwitch 3.1 of OVN's hosts dies
/// of it, by an assertion in `conn_update_state`.
const CLIENTS_OF: [(usize, Duration, Ipv4Addr, u16); 2] = [
    (1, Duration::from_secs(3), Ipv4Addr::new(10, 96, 0, 10), PORT),
    (16, Duration::from_secs(1), Ipv4Addr::new(10, 96, 0, 11), PORT + 1),
];
/// From which ports clients ask.
const PORTS: &str = "10000 65535";
/// The largest packets that VXLAN and Geneve as OVN has it leave room for.
const VXLAN_MTU: u32 = 1450;
const OVN_MTU: u32 = 1442;

/// Who can be a client: so many, and a range of the underlay for them.
const CLIENTS: u16 = 1000;
const CLIENT_RANGE: &str = "172.30.64.0/20";
const FIRST_CLIENT: u32 = 0xac1e_4001;
const NODE_PORT: u16 = 30_080;

/// Two hosts, a pod on each, and one more beside the first.
struct Side {
    testbed: Scoped,
    /// Namespaces of the client, of the far pod, and of the near one.
    pods: [String; 3],
    /// Address of the far pod.
    far: Ipv4Addr,
    /// And of the near one.
    near: Ipv4Addr,
    /// Namespaces that are not the testbed's own.
    made: Vec<String>,
}

impl Drop for Side {
    fn drop(&mut self) {
        let _ = netns::remove(&self.made);
    }
}

/// Measures all three, in turns.
///
/// # Errors
/// When a step fails.
pub fn measure(say: &mut dyn FnMut(&str)) -> Result<Vec<Row>> {
    say("two hosts of this controller, two of OVN, two with a bridge and two flows");
    let sides = [Side::ours()?, Side::ovn()?, Side::bare()?];
    let mut rates = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        for (side, rates) in sides.iter().zip(&mut rates) {
            rates.push(side.throughput()?);
        }
    }
    let [ours, ovn, bare] = rates.map(median);
    let whose = format!("OVN {}", ovn::version()?);
    let row = |what: &str, ours, peer, must: &str| Row { what: what.into(), ours, peer: Some(peer), must: must.into() };
    let mut rows = vec![
        row(
            "TCP from pod to pod on another host, Mbit/s",
            Figure::Rate(ours),
            (Figure::Rate(ovn), whose.clone()),
            "1.5 times theirs",
        ),
        row("the same", Figure::Rate(ours), (Figure::Rate(bare), "two flows".into()), "0.95 times theirs"),
    ];
    say("connections to a service");
    sides.iter().take(2).try_for_each(Side::greet)?;
    for (clients, time, vip, port) in CLIENTS_OF {
        let [(ours, lost), (theirs, theirs_lost)] = connections(&sides, clients, time, (vip, port))?;
        let what = format!("new connections per second by a virtual address, clients: {clients}");
        // The dead have no rate.
        let (what, peer) = match sides[1].lives() {
            true => (format!("{what} ({lost} and {theirs_lost} lost)"), Some((Figure::Rate(theirs), whose.clone()))),
            false => (format!("{what} ({lost} lost; an ovs-vswitchd of OVN's died)"), None),
        };
        rows.push(Row { what, ours: Figure::Rate(ours), peer, must: "1.3 times theirs".into() });
    }
    say("1,000 connections, and 1,000 clients outside");
    let after_100 = |few| (Figure::Count(few), "after 100".to_owned());
    let (few, many) = sides[0].asked_by_a_pod()?;
    let what = "datapath flows of a host after 1,000 connections of a pod to a service";
    rows.push(row(what, Figure::Count(many), after_100(few), "no more"));
    let (few, many) = sides[0].asked_outside()?;
    let what = "after 1,000 addresses outside asked, each with its ARP on the underlay";
    rows.push(row(what, Figure::Count(many), after_100(few), ""));
    Ok(rows)
}

/// Of ours and of OVN: the median of connections per second, and how many were lost in all.
fn connections(sides: &[Side; 3], clients: usize, time: Duration, service: (Ipv4Addr, u16)) -> Result<[(f64, u32); 2]> {
    let (mut rates, mut lost) = ([const { Vec::new() }; 2], [0; 2]);
    for _ in 0..ROUNDS {
        for (n, side) in sides.iter().take(2).enumerate() {
            let (rate, failed) = side.connections(clients, time, service)?;
            rates[n].push(rate);
            lost[n] += failed;
        }
    }
    let [ours, theirs] = rates.map(median);
    Ok([(ours, lost[0]), (theirs, lost[1])])
}

impl Side {
    fn ours() -> Result<Self> {
        let config = Config { hosts: 2, ..Config::new("bench-data") };
        let testbed = Scoped::up(&config, &mut |_| {})?;
        let hosts = hosts(&config)?;
        let pod = |name: &str, host| testbed.pod_add(&PodSpec::new(name, host));
        let pods = [pod("pa", hosts[0])?, pod("pb", hosts[1])?, pod("pc", hosts[0])?];
        let [_, far, near] = &pods;
        let backends = format!("--backend {} --backend {}", far.ip, near.ip);
        for (n, (_, _, vip, port)) in CLIENTS_OF.iter().enumerate() {
            client::sdnctl(&testbed, &format!("service create web{n} --vip {vip} --port 80:{port}/tcp {backends}"))?;
        }
        client::sdnctl(&testbed, &format!("service publish web0 {NODE_PORT}"))?;
        let (far, near) = (far.ip.parse()?, near.ip.parse()?);
        let pods = pods.map(|pod| config.netns(&Place::Pod(pod.name)));
        Self { testbed, pods, far, near, made: Vec::new() }.ready()
    }

    fn ovn() -> Result<Self> {
        let config = Config { hosts: 2, ..Config::new("bench-data-ovn") };
        let testbed = Scoped::up_hosts(&config, &mut |_| {})?;
        let hosts = hosts(&config)?;
        Ovn::of(&testbed).start()?;
        let side = Self::plugged(testbed, &config, OVN_MTU, |testbed, n, device| {
            let id = format!("external_ids:iface-id=p{n}");
            let host = Place::from(hosts[usize::from(n == 1)]);
            testbed.run(&host, &["ovs-vsctl", "add-port", "br-int", device, "--", "set", "Interface", device, &id])
        })?;
        let ovn = Ovn::of(&side.testbed);
        let mut words: Vec<String> = ["--wait=hv", "--timeout=60", "ls-add", "ls"].map(str::to_owned).into();
        for n in 0..3 {
            let (port, addresses) = (format!("p{n}"), format!("0a:02:00:00:00:{n:02x} {}", address(n)));
            words.extend(["--", "lsp-add", "ls", &port].map(str::to_owned));
            words.extend(["--", "lsp-set-addresses", &port, &addresses].map(str::to_owned));
        }
        // Addresses of another subnet need a router.
        let router = "-- lr-add lr -- lrp-add lr lrp 0a:02:00:00:00:fe 10.99.0.254/24 -- lsp-add ls lsr -- lsp-set-type lsr \
            router -- lsp-set-addresses lsr router -- lsp-set-options lsr router-port=lrp";
        words.extend(router.split_whitespace().map(str::to_owned));
        for (_, _, vip, port) in CLIENTS_OF {
            let backends = format!("{}:{port},{}:{port}", address(1), address(2));
            words.extend(["--", "lb-add", "lb", &format!("{vip}:80"), &backends, "tcp"].map(str::to_owned));
        }
        words.extend("-- ls-lb-add ls lb -- lr-lb-add lr lb".split(' ').map(str::to_owned));
        ovn.nbctl(&words)?;
        side.ready()
    }

    fn bare() -> Result<Self> {
        let config = Config { hosts: 2, ..Config::new("bench-data-bare") };
        let testbed = Scoped::up_hosts(&config, &mut |_| {})?;
        let hosts = hosts(&config)?;
        for (host, other) in [(hosts[0], hosts[1]), (hosts[1], hosts[0])] {
            let (host, remote) = (Place::from(host), format!("options:remote_ip={}", other.ip()));
            let add = "ovs-vsctl add-br br0 -- set Bridge br0 datapath_type=netdev fail_mode=secure -- add-port br0 vx -- set \
                Interface vx type=vxlan options:key=7 ofport_request=2";
            testbed.run(&host, &add.split_whitespace().chain([&*remote]).collect::<Vec<_>>())?;
            for flow in ["in_port=1,actions=output:2", "in_port=2,actions=output:1"] {
                testbed.run(&host, &["ovs-ofctl", "add-flow", "br0", flow])?;
            }
        }
        Self::plugged(testbed, &config, VXLAN_MTU, |testbed, n, device| {
            let host = Place::from(hosts[usize::from(n == 1)]);
            // The third one has no part in it.
            let port = if n == 2 { "ofport_request=9" } else { "ofport_request=1" };
            testbed.run(&host, &["ovs-vsctl", "add-port", "br0", device, "--", "set", "Interface", device, port])
        })?
        .ready()
    }

    /// Namespaces with a device each, whose other end `plug` puts into a bridge.
    fn plugged(
        testbed: Scoped,
        config: &Config,
        mtu: u32,
        plug: impl Fn(&Testbed, u8, &str) -> Result<String>,
    ) -> Result<Self> {
        let hosts = hosts(config)?;
        let pods = [0, 1, 2].map(|n| format!("{}-p{n}", config.name));
        netns::add(&pods)?;
        let side = Self { testbed, pods: pods.clone(), far: address(1), near: address(2), made: pods.to_vec() };
        for (n, pod) in (0..3).zip(&pods) {
            let (host, device) = (Place::from(hosts[usize::from(n == 1)]), format!("v{n}"));
            netns::within(&config.netns(&host), || {
                tool::sysctl("ipv6/conf/default/disable_ipv6", "1")?;
                tool::ip_batch(&[
                    format!("link add {device} type veth peer name eth0 netns {pod}"),
                    format!("link set {device} up"),
                ])?;
                tool::sysctl(&format!("ipv4/conf/{device}/arp_ignore"), "8")
            })?;
            netns::within(pod, || {
                tool::ip_batch(&[
                    "link set lo up".into(),
                    format!("link set eth0 address 0a:02:00:00:00:{n:02x} mtu {mtu} up"),
                    format!("addr add {}/24 dev eth0", address(n)),
                    "route add default via 10.99.0.254".into(),
                ])?;
                tool::tx_offload_off("eth0")
            })?;
            plug(&side.testbed, n, &device)?;
        }
        Ok(side)
    }

    /// Waits until the far pod is reached.
    fn ready(self) -> Result<Self> {
        let far = self.far.to_string();
        let reached = || run(&self.pods[0], &["ping", "-c", "1", "-W", "1", &far]).is_ok();
        tool::wait_until("the other pod", PATIENCE, reached)?;
        Ok(self)
    }

    /// Whether all hosts' ovs-vswitchd are still there.
    fn lives(&self) -> bool {
        let config = self.testbed.config();
        config.host_ids().all(|host| Ovs::new(config, self.testbed.state(), host).switch_cpu().is_some())
    }

    /// Mbit/s of one TCP connection.
    fn throughput(&self) -> Result<f64> {
        let far = self.far.to_string();
        let mut server = netns::within(&self.pods[1], || {
            Ok(Command::new("iperf3").args(["-s", "-1"]).stdout(Stdio::null()).spawn()?)
        })?;
        let listens = || run(&self.pods[1], &["ss", "-Hltn"]).is_ok_and(|ports| ports.contains(":5201"));
        let printed = tool::wait_until("iperf3", PATIENCE, listens).and_then(|()| {
            run(&self.pods[0], &["iperf3", "-J", "-C", "cubic", "-t", &SECONDS.to_string(), "-c", &far])
        });
        if printed.is_err() {
            let _ = server.kill();
        }
        server.wait()?;
        let report: serde_json::Value = serde_json::from_str(&printed?)?;
        let bits = report["end"]["sum_received"]["bits_per_second"].as_f64().context("iperf3 names no rate")?;
        Ok(bits / 1e6)
    }

    /// A first word with each backend: who has not spoken yet is not known everywhere. Later it could come from a port that
    /// was a client of the service just before, whose answers the switch still knows as the service's.
    fn greet(&self) -> Result<()> {
        let _servers = [answer(&self.pods[1], PORT)?, answer(&self.pods[2], PORT)?];
        netns::within(&self.pods[0], || {
            for ip in [self.far, self.near] {
                TcpStream::connect_timeout(&SocketAddr::new(ip.into(), PORT), PATIENCE)
                    .with_context(|| format!("{ip} of {}", self.testbed.config().name))?;
            }
            Ok(())
        })
    }

    /// Connections to the service per second by so many clients of one pod, of which each asks again when it is answered;
    /// and how many came to nothing within a second.
    fn connections(&self, clients: usize, time: Duration, (vip, port): (Ipv4Addr, u16)) -> Result<(f64, u32)> {
        let to = SocketAddr::from((vip, 80));
        let _servers = [answer(&self.pods[1], port)?, answer(&self.pods[2], port)?];
        netns::within(&self.pods[0], || {
            tool::sysctl("ipv4/ip_local_port_range", PORTS)?;
            let mut last = None;
            let answers = tool::wait_until("an answer", PATIENCE, || ask(to).map_err(|e| last = Some(e)).is_ok());
            answers.with_context(|| format!("{last:?} from {to} of {}", self.testbed.config().name))?;
            let since = Instant::now();
            let client = || {
                let (mut count, mut lost) = (0u32, 0u32);
                while since.elapsed() < time {
                    *if ask(to).is_ok() { &mut count } else { &mut lost } += 1;
                }
                (count, lost)
            };
            let all = thread::scope(|scope| {
                let clients: Vec<_> = (0..clients).map(|_| scope.spawn(client)).collect();
                clients.into_iter().map(|client| client.join().unwrap_or_default()).collect::<Vec<_>>()
            });
            let (count, lost) = all.into_iter().fold((0, 0), |(count, lost), of| (count + of.0, lost + of.1));
            Ok((f64::from(count) / since.elapsed().as_secs_f64(), lost))
        })
    }

    /// Datapath flows of the first host after 100 connections of its pod to a service, and after 1,000.
    fn asked_by_a_pod(&self) -> Result<(u64, u64)> {
        let (_, _, vip, port) = CLIENTS_OF[1];
        self.asked(&self.pods[0], port, |_| ask(SocketAddr::from((vip, 80))))
    }

    /// The same after 100 clients outside, and after 1,000: of this host's own flows, the userspace datapath has one for
    /// each address that its kernel is to answer, for it looks among the ends of tunnels for it.
    fn asked_outside(&self) -> Result<(u64, u64)> {
        let config = self.testbed.config();
        let outside = config.netns(&Place::External);
        netns::within(&outside, || tool::ip_batch(&[format!("route add local {CLIENT_RANGE} dev lo")]))?;
        let first = hosts(config)?[0];
        self.asked(&outside, PORT, |n| ask_as(Ipv4Addr::from(FIRST_CLIENT + u32::from(n)), first.ip()))
    }

    fn asked(&self, from: &str, port: u16, ask: impl Fn(u16) -> Result<()> + Send + Sync) -> Result<(u64, u64)> {
        let first = Place::from(hosts(self.testbed.config())?[0]);
        let _servers = [answer(&self.pods[1], port)?, answer(&self.pods[2], port)?];
        let count = |mut clients: std::ops::Range<u16>| -> Result<u64> {
            netns::within(from, || clients.try_for_each(&ask))?;
            let flows = self.testbed.run(&first, &["ovs-appctl", "dpctl/dump-flows"])?;
            Ok(flows.lines().filter(|line| line.contains("actions:")).count() as u64)
        };
        Ok((count(0..CLIENTS / 10)?, count(CLIENTS / 10..CLIENTS)?))
    }
}

fn ask_as(source: Ipv4Addr, node: Ipv4Addr) -> Result<()> {
    let socket = socket::socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    let [a, b, c, d] = source.octets();
    socket::bind(socket.as_raw_fd(), &SockaddrIn::new(a, b, c, d, 0))?;
    let [a, b, c, d] = node.octets();
    socket::connect(socket.as_raw_fd(), &SockaddrIn::new(a, b, c, d, NODE_PORT))
        .with_context(|| format!("{source} to {node}"))?;
    Ok(())
}

/// One connection, with a question and an answer.
fn ask(to: SocketAddr) -> Result<()> {
    let mut stream = TcpStream::connect_timeout(&to, Duration::from_secs(1))?;
    stream.write_all(b"GET /i HTTP/1.0\r\n\r\n")?;
    stream.read_to_end(&mut Vec::new())?;
    Ok(())
}

/// A server that answers in a word.
struct Answering(TcpListener);

impl Drop for Answering {
    fn drop(&mut self) {
        let _ = socket::shutdown(self.0.as_raw_fd(), socket::Shutdown::Both);
    }
}

fn answer(ns: &str, port: u16) -> Result<Answering> {
    let bind = || Ok(TcpListener::bind((IpAddr::from(Ipv4Addr::UNSPECIFIED), port))?);
    let listener = netns::within(ns, bind)?;
    let accepting = listener.try_clone()?;
    thread::spawn(move || {
        while let Ok((mut stream, _)) = accepting.accept() {
            // A client that goes away, or of which nothing more is heard, is no matter, and keeps nobody waiting.
            let mut talk = move || {
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.read(&mut [0; 256]).and_then(|_| stream.write_all(b"ok\n"))
            };
            thread::spawn(move || talk().unwrap_or_default());
        }
    });
    Ok(Answering(listener))
}

fn run(ns: &str, words: &[&str]) -> Result<String> {
    netns::within(ns, || tool::run(Command::new(words[0]).args(&words[1..])))
}

fn hosts(config: &Config) -> Result<[HostId; 2]> {
    let hosts: Vec<HostId> = config.host_ids().collect();
    hosts.try_into().map_err(|_| anyhow::anyhow!("two hosts are needed"))
}

/// Address of pod `n` beside others' controllers.
fn address(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 99, 0, 11 + n)
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}
