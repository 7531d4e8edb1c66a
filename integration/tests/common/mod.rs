//! What the end-to-end tests share.
#![allow(dead_code, missing_docs, unused_macros)]

pub mod mesh;

use std::fmt::Display;
use std::fs;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use api::status::{Flow, FlowDump};
use integration::client::{self, sdnctl_json};
use integration::traffic::{Connection, Server};
use integration::{Config, HostId, Place, Pod, PodSpec, Scoped, Testbed, Tunnel, ready, tool};
use serde_json::Value;

/// Host number `n`.
pub fn host(n: u16) -> HostId {
    format!("h{n}").parse().expect("n is at least 1")
}

/// Host number `n` as a place to run things.
pub fn at(n: u16) -> Place {
    Place::from(host(n))
}

pub fn pod_at(pod: &Pod) -> Place {
    Place::Pod(pod.name.clone())
}

pub fn ip_of(pod: &Pod) -> IpAddr {
    pod.ip.parse().expect("an address")
}

/// Another address of the node that `pod` is on.
pub fn neighbour(pod: &Pod, last: u8) -> String {
    let (subnet, _) = pod.ip.rsplit_once('.').expect("IPv4");
    format!("{subnet}.{last}")
}

/// Hosts with Open vSwitch and nothing of the product.
pub fn bare(name: &str, hosts: u16) -> Scoped {
    let config = Config { hosts, ..Config::new(name) };
    Scoped::up_hosts(&config, &mut quiet).expect("hosts come up")
}

pub fn quiet(_: &str) {}

/// Tests of one kind, one for each encapsulation: `$run` gets the name of a testbed, which begins with `$prefix`, and the
/// encapsulation.
macro_rules! for_each_tunnel {
    ($run:ident, $prefix:literal) => {
        for_each_tunnel!($run, $prefix, vxlan Vxlan, gre Gre, geneve Geneve);
    };
    ($run:ident, $prefix:literal, $($name:ident $tunnel:ident),+) => {
        $(#[test]
        fn $name() {
            $run(concat!($prefix, "-", stringify!($name)), integration::Tunnel::$tunnel);
        })+
    };
}

/// The largest IP packet of an endpoint, in bytes, where the underlay takes 1,500 and has addresses of this version.
pub fn mtu(tunnel: Tunnel, underlay: u8) -> u32 {
    let outer = if underlay == 4 { 20 } else { 40 };
    let encapsulated = match tunnel {
        Tunnel::Vxlan | Tunnel::Geneve => 8 + 8 + 14,
        Tunnel::Gre => 8 + 14,
    };
    1500 - outer - encapsulated
}

/// A whole testbed, its mesh ready.
pub fn up(name: &str, hosts: u16) -> Scoped {
    up_with(&Config { hosts, ..Config::new(name) })
}

pub fn up_with(config: &Config) -> Scoped {
    let since = Instant::now();
    let mut say = |step: &str| println!("{:5.1} s  {step}", since.elapsed().as_secs_f64());
    // What a test left behind that was killed.
    Testbed::down(&config.name).expect("an earlier testbed of this name ends");
    match Testbed::up(config, &mut say) {
        Ok(testbed) => Scoped::from(testbed),
        Err(error) => {
            let logs = logs(config);
            let _ = Testbed::down(&config.name);
            panic!("{error:#}\n{logs}");
        }
    }
}

/// The end of every log of the product.
fn logs(config: &Config) -> String {
    let state = integration::state::StateDir::of(&config.name);
    let hosts = config.host_ids().map(|host| state.host(host).join("agent.log"));
    let mut text = String::new();
    for path in hosts.chain(config.controller_places().map(|place| state.path().join(format!("{place}.log")))) {
        let log = fs::read_to_string(&path).unwrap_or_default();
        let tail = log.lines().count().saturating_sub(20);
        text += &format!("-- {}\n", path.display());
        log.lines().skip(tail).for_each(|line| text += &format!("{line}\n"));
    }
    text
}

pub fn add(testbed: &Testbed, name: &str, n: u16) -> Pod {
    testbed.pod_add(&PodSpec::new(name, host(n))).unwrap_or_else(|error| panic!("pod {name}: {error:#}"))
}

/// Runs `command` (words split at blanks) and returns what it printed; panics with its error.
pub fn sh(testbed: &Testbed, place: &Place, command: &str) -> String {
    try_sh(testbed, place, command).unwrap_or_else(|error| panic!("{place}: {command}: {error:#}"))
}

pub fn try_sh(testbed: &Testbed, place: &Place, command: &str) -> anyhow::Result<String> {
    let words: Vec<_> = command.split_whitespace().collect();
    testbed.run(place, &words)
}

pub fn sdnctl(testbed: &Testbed, command: &str) -> String {
    client::sdnctl(testbed, command).unwrap_or_else(|error| panic!("sdnctl {command}: {error:#}"))
}

/// Whether one of three pings comes back.
pub fn pings(testbed: &Testbed, from: &Place, to: impl Display) -> bool {
    try_sh(testbed, from, &format!("ping -c 3 -i 0.2 -W 1 {to}")).is_ok()
}

/// Whether each of ten pings comes back, and each once. Without a deadline ping would wait for the last ones no longer
/// than twice the time of the others; with one it sends more until ten are answered.
pub fn pings_all(testbed: &Testbed, from: &Place, to: impl Display) -> bool {
    let printed =
        try_sh(testbed, from, &format!("ping -c 10 -i 0.01 -w 2 {to}")).unwrap_or_else(|error| error.to_string());
    let all = (1..=10).all(|seq| printed.contains(&format!("icmp_seq={seq} ttl")));
    if !all {
        println!("{from} to {to}: {printed}");
    }
    all && !printed.contains("DUP")
}

/// The address from which `server` sees a connection of `client` to `ip` come.
pub fn source_seen(testbed: &Testbed, client: &Place, server: &Place, ip: IpAddr) -> IpAddr {
    let _server = Server::start(testbed, server, 9000).expect("port 9000 is free");
    let connection = Connection::open(testbed, client, ip, 9000).unwrap_or_else(|error| panic!("{error:#}"));
    assert_eq!(connection.server, server.to_string());
    connection.seen_as
}

/// Flows of a node, read from its switch: `options` of `sdnctl flows dump`, the node's name first.
pub fn flows(testbed: &Testbed, options: &str) -> Vec<Flow> {
    let dump: FlowDump = sdnctl_json(testbed, &format!("flows dump {options}")).expect("flows");
    dump.flows
}

/// Packets that met those of the flows that `wanted` picks.
pub fn packets(testbed: &Testbed, options: &str, wanted: impl Fn(&Flow) -> bool) -> u64 {
    flows(testbed, options).iter().filter(|flow| wanted(flow)).map(|flow| flow.packets).sum()
}

/// Packets under addresses of the default network that host number `n` dropped because of where they came from.
pub fn from_strangers(testbed: &Testbed, n: u16) -> u64 {
    let printed = sh(testbed, &at(n), "nft list counter ip sdn strangers-10.244.0.0/16");
    let count = printed.split("packets ").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok());
    count.unwrap_or_else(|| panic!("no counter: {printed}"))
}

/// Waits until the mesh is ready again.
pub fn settle(testbed: &Testbed) {
    ready::wait(testbed, ready::PATIENCE, &mut quiet).unwrap_or_else(|error| panic!("{error:#}"));
}

/// Waits up to `seconds` until `done`.
pub fn eventually(what: &str, seconds: u64, done: impl FnMut() -> bool) {
    tool::wait_until(what, Duration::from_secs(seconds), done).unwrap_or_else(|error| panic!("{error:#}"));
}

/// Congestion control, whatever the machine's own is: BBR takes one answer after a long silence for the path's rate, and
/// then paces its next packet by many seconds.
const CUBIC: &str = "-C cubic";

/// Bytes that arrive at `to` of one iperf3 run from `from` with `options`.
pub fn iperf(testbed: &Testbed, from: &Place, to: &Place, ip: impl Display, options: &str) -> u64 {
    let mut server = testbed.spawn(to, &["iperf3", "-s", "-1"]).expect("iperf3 is there");
    let listens = || try_sh(testbed, to, "ss -Hltn").is_ok_and(|ports| ports.contains(":5201"));
    eventually("iperf3 server", 5, listens);
    let client = format!("iperf3 -J -c {ip} --connect-timeout 3000 {CUBIC} {options}");
    let printed = try_sh(testbed, from, &client);
    if printed.is_err() {
        let _ = server.kill();
    }
    server.wait().expect("the server is ours");
    let printed = printed.unwrap_or_else(|error| panic!("{from}: {client}: {error:#}"));
    let report: Value = serde_json::from_str(&printed).expect("iperf3 prints JSON");
    report["end"]["sum_received"]["bytes"].as_u64().expect("a number of bytes")
}

/// Bytes that arrive at `to` in each of so many seconds of one TCP connection from `from`.
pub fn iperf_for(testbed: &Testbed, from: &Place, to: &Place, ip: impl Display, seconds: u32) -> Vec<u64> {
    let mut server = testbed.spawn(to, &["iperf3", "-s", "-1", "-J"]).expect("iperf3 is there");
    let listens = || try_sh(testbed, to, "ss -Hltn").is_ok_and(|ports| ports.contains(":5201"));
    eventually("iperf3 server", 5, listens);
    let client = format!("iperf3 -c {ip} --connect-timeout 3000 -t {seconds} -b 50M {CUBIC}");
    let printed = try_sh(testbed, from, &client);
    if printed.is_err() {
        let _ = server.kill();
    }
    let output = server.wait_with_output().expect("the server is ours");
    printed.unwrap_or_else(|error| panic!("{from}: {client}: {error:#}"));
    let report: Value = serde_json::from_slice(&output.stdout).expect("iperf3 prints JSON");
    let intervals = report["intervals"].as_array().expect("intervals");
    intervals.iter().map(|interval| interval["sum"]["bytes"].as_u64().expect("a number of bytes")).collect()
}
