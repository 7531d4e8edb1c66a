//! A service: one address for pods on three hosts.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use common::{add, at, eventually, host, ip_of, pod_at, sdnctl, up};
use integration::traffic::{Connection, Echo, Server, ask};
use integration::{Place, Pod, PodSpec, Testbed};

const VIP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 96, 0, 10));

/// A backend on each host, listening on 8080.
fn backends(testbed: &Testbed) -> (Vec<Pod>, Vec<Server>) {
    let pods: Vec<_> = (1..=3).map(|n| labelled(testbed, &format!("web{n}"), n)).collect();
    let serve = |pod| Server::start(testbed, &pod_at(pod), 8080).unwrap();
    let servers = pods.iter().map(serve).collect();
    (pods, servers)
}

fn labelled(testbed: &Testbed, name: &str, n: u16) -> Pod {
    let labels = vec!["app=web".to_owned()];
    testbed.pod_add(&PodSpec { labels, ..PodSpec::new(name, host(n)) }).unwrap()
}

fn create(testbed: &Testbed, backends: &[Pod]) {
    let backends: String = backends.iter().map(|pod| format!(" --backend {}", pod.ip)).collect();
    sdnctl(testbed, &format!("service create web --vip {VIP} --port 80:8080/tcp{backends}"));
}

fn count(testbed: &Testbed, from: &Place, times: usize) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for _ in 0..times {
        let (server, _) = ask(testbed, from, VIP, 80).unwrap_or_else(|error| panic!("{error:#}"));
        *counts.entry(server).or_default() += 1;
    }
    counts
}

#[test]
fn every_pod_and_every_host_reaches_every_backend() {
    let testbed = up("t30-reach", 3);
    let (pods, _servers) = backends(&testbed);
    let client = add(&testbed, "client", 2);
    create(&testbed, &pods);
    let clients = [pod_at(&client), at(1), at(2), at(3)];
    for from in &clients {
        let counts = count(&testbed, from, 60);
        assert_eq!(counts.len(), 3, "from {from}: {counts:?}");
    }
    let (_, seen) = ask(&testbed, &pod_at(&client), VIP, 80).unwrap();
    assert_eq!(seen, ip_of(&client), "backends see the client");
    assert!(ask(&testbed, &pod_at(&client), VIP, 81).is_err(), "only its port is open");
}

#[test]
fn a_backend_reaches_its_own_service() {
    let testbed = up("t30-hairpin", 3);
    let (pods, _servers) = backends(&testbed);
    create(&testbed, &pods);
    for pod in &pods {
        let counts = count(&testbed, &pod_at(pod), 40);
        assert!(counts.contains_key(&pod.name), "{} never met itself: {counts:?}", pod.name);
        assert_eq!(counts.len(), 3, "{counts:?}");
    }
}

#[test]
fn no_connection_hangs_on_a_backend_that_was_taken_out() {
    let testbed = up("t30-out", 3);
    let (pods, _servers) = backends(&testbed);
    let client = pod_at(&add(&testbed, "client", 1));
    create(&testbed, &pods);
    let mut held = hold(&testbed, &client, &pods);
    sdnctl(&testbed, &format!("service backends web --rm {}", pods[2].ip));
    let counts = count(&testbed, &client, 40);
    assert_eq!(counts.keys().collect::<Vec<_>>(), [&pods[0].name, &pods[1].name]);
    for connection in &mut held {
        let server = connection.server.clone();
        let echo = connection.echo();
        assert_ne!(echo, Echo::Hangs, "to {server}");
        assert!(server == pods[2].name || echo == Echo::Answered, "{server}: {echo:?}");
    }
}

#[test]
fn no_connection_hangs_on_a_pod_that_went() {
    let testbed = up("t30-gone", 3);
    let (pods, mut servers) = backends(&testbed);
    let client = pod_at(&add(&testbed, "client", 1));
    sdnctl(&testbed, &format!("service create web --vip {VIP} --port 80:8080/tcp --selector app=web"));
    let mut held = hold(&testbed, &client, &pods);
    testbed.pod_rm(&pods[2].name).unwrap();
    drop(servers.pop());
    let counts = count(&testbed, &client, 40);
    assert!(!counts.contains_key(&pods[2].name), "{counts:?}");
    for connection in &mut held {
        let server = connection.server.clone();
        let expected = if server == pods[2].name { Echo::Ended } else { Echo::Answered };
        assert_eq!(connection.echo(), expected, "to {server}");
    }
}

/// Connections that together hold on to every one of `pods`.
fn hold(testbed: &Testbed, client: &Place, pods: &[Pod]) -> Vec<Connection> {
    let mut held: Vec<Connection> = Vec::new();
    for _ in 0..100 {
        held.push(Connection::open(testbed, client, VIP, 80).unwrap());
        let servers: BTreeSet<_> = held.iter().map(|connection| &connection.server).collect();
        if servers.len() == pods.len() {
            return held;
        }
    }
    panic!("some of {pods:?} never answered");
}

/// Conntrack still knows the connection that a port was used for last.
#[test]
fn a_port_that_spoke_to_a_service_speaks_straight_to_its_backend() {
    let testbed = up("t30-reused", 3);
    let (pods, _servers) = backends(&testbed);
    let client = pod_at(&add(&testbed, "client", 1));
    create(&testbed, &pods);
    let vip = std::net::Ipv4Addr::new(10, 96, 0, 10);
    for (n, from) in (0..30).zip(40_000..) {
        let one = Connection::open_from(&testbed, &client, from, vip, 80).unwrap_or_else(|e| panic!("{e:#}"));
        let pod = pods.iter().find(|pod| pod.name == one.server).unwrap();
        if n % 2 == 0 {
            one.end().unwrap()
        } else {
            one.reset().unwrap()
        }
        // The numbers of another connection are outside of this one's window after some milliseconds (RFC 6528).
        std::thread::sleep(std::time::Duration::from_millis(50));
        let to = pod.ip.parse().unwrap();
        let mut straight = Connection::open_from(&testbed, &client, from, to, 8080)
            .unwrap_or_else(|error| panic!("{n}, {} itself: {error:#}", pod.name));
        assert_eq!(straight.server, pod.name);
        assert_eq!(straight.echo(), Echo::Answered);
        straight.reset().unwrap();
    }
    // And the other way round: what was forgotten is begun anew.
    for from in (40_001..40_030).step_by(2) {
        let mut one = Connection::open_from(&testbed, &client, from, vip, 80).unwrap_or_else(|e| panic!("{e:#}"));
        assert_eq!(one.echo(), Echo::Answered);
    }
}

#[test]
fn backends_follow_a_selector_and_a_removed_service_is_gone() {
    let testbed = up("t30-selector", 2);
    let client = pod_at(&add(&testbed, "client", 2));
    sdnctl(&testbed, &format!("service create web --vip {VIP} --port 80:8080/tcp --selector app=web"));
    assert!(ask(&testbed, &client, VIP, 80).is_err(), "nobody is there yet");
    let pod = labelled(&testbed, "web1", 1);
    let _server = Server::start(&testbed, &pod_at(&pod), 8080).unwrap();
    eventually("the first backend answers", 3, || ask(&testbed, &client, VIP, 80).is_ok());
    sdnctl(&testbed, "service rm web");
    assert!(ask(&testbed, &client, VIP, 80).is_err());
    assert!(!sdnctl(&testbed, "service ls").contains("web"));
}

#[test]
fn shares_are_as_the_weights_and_with_none_a_backend_keeps_what_it_has() {
    const TIMES: usize = 600;
    let testbed = up("t30-weights", 3);
    let (pods, _servers) = backends(&testbed);
    let client = pod_at(&add(&testbed, "client", 1));
    let wrong = |command: &str| integration::client::sdnctl(&testbed, command).unwrap_err().to_string();
    let backend = |pod: &Pod, weight: u16| format!(" --backend {}={weight}", pod.ip);
    let create = format!("service create web --vip {VIP} --port 80:8080/tcp --backend {}", pods[1].ip);
    assert!(wrong(&(create.clone() + &backend(&pods[0], 101))).contains("not within 0 to 100"));
    assert!(wrong(&(create.clone() + " --backend 10.244.1.2=much")).contains("IP=WEIGHT"));
    sdnctl(&testbed, &(create + &backend(&pods[0], 3) + &backend(&pods[2], 2)));
    let counts = count(&testbed, &client, TIMES);
    for (pod, weight) in pods.iter().zip([3.0, 1.0, 2.0]) {
        let (got, fair) = (counts[&pod.name] as f64, TIMES as f64 * weight / 6.0);
        // With one share of 600 chance alone makes 15 % of that one time in ten, with three one time in a hundred.
        assert!((got / fair - 1.0).abs() < 0.15 + 2.0 / fair.sqrt(), "{}: {got} where {fair} are fair", pod.name);
    }
    assert!(counts[&pods[0].name] > counts[&pods[2].name] && counts[&pods[2].name] > counts[&pods[1].name]);
    let mut held = hold(&testbed, &client, &pods);
    sdnctl(&testbed, &format!("service backends web --weight {}=0 --weight {}=1", pods[0].ip, pods[2].ip));
    let counts = count(&testbed, &client, 60);
    assert_eq!(counts.keys().collect::<Vec<_>>(), [&pods[1].name, &pods[2].name]);
    assert!(held.iter_mut().all(|connection| connection.echo() == Echo::Answered), "what there was goes on");
    let shown = sdnctl(&testbed, "service inspect web");
    assert!(shown.lines().any(|line| line.starts_with(&pods[0].name) && line.contains("closed")), "{shown}");
    assert!(wrong("service backends web --weight 10.244.9.9=2").contains("10.244.9.9 is no backend"));
}
