//! The mesh is laid out in another way while it is live.

#[macro_use]
mod common;

use std::thread;
use std::time::{Duration, Instant};

use common::mesh::mesh;
use common::{add, at, eventually, flows, host, ip_of, pings_all, pod_at, sdnctl, settle, sh, try_sh, up_with};
use integration::client::sdnctl_json;
use integration::ping::Ping;
use integration::{Config, Mesh, Place, Pod, PodSpec, Target, Testbed, Tunnel};

/// The tunnel ports of a host.
fn ports(testbed: &Testbed, n: u16) -> Vec<String> {
    let listed = sh(testbed, &at(n), "ovs-vsctl list-ports kbr0");
    listed.lines().filter(|name| name.starts_with("kbr0-")).map(str::to_owned).collect()
}

/// Changes the mode under a ping each millisecond between all pairs; how many each of them lost.
fn change(testbed: &Testbed, pods: &[Pod], command: &str, expected: impl Fn(u16, &[String]) -> bool) {
    let pairs = pods.iter().flat_map(|from| pods.iter().map(move |to| (from, to)));
    let pairs: Vec<_> = pairs.filter(|(from, to)| from.name != to.name).collect();
    let start = |(from, to): &(&Pod, &Pod)| Ping::start(testbed, &pod_at(from), ip_of(to)).expect("ping starts");
    let pings: Vec<Ping> = pairs.iter().map(start).collect();
    thread::sleep(Duration::from_secs(1));
    let begun = Instant::now();
    sdnctl(testbed, &format!("mesh {command}"));
    println!("{command}: acknowledged after {:.2?}", begun.elapsed());
    thread::sleep(Duration::from_secs(3));
    let lost: Vec<_> = pings.into_iter().map(|ping| ping.finish().expect("it counted")).collect();
    println!("{command}: lost by pair {:?}", lost.iter().map(|loss| loss.lost).collect::<Vec<_>>());
    // Where nothing is answered, one is sent each ten milliseconds.
    assert!(lost.iter().all(|loss| loss.sent > 200 && loss.lost <= 100), "more than a second: {lost:?}");
    for n in 1..=3 {
        assert!(expected(n, &ports(testbed, n)), "h{n} after {command}: {:?}", ports(testbed, n));
        assert!(flows(testbed, &format!("h{n} --diff")).is_empty());
    }
    for (from, to) in pairs {
        assert!(pings_all(testbed, &pod_at(from), &to.ip), "{} to {}", from.name, to.name);
    }
}

fn is_any(name: &str, tunnel: Tunnel) -> bool {
    name == format!("kbr0-{tunnel}")
}

fn is_one(name: &str) -> bool {
    name.starts_with("kbr0-to-")
}

/// By which way each pair of hosts goes, as the mesh says: in order, each pair once.
fn ways(testbed: &Testbed) -> Vec<String> {
    let links = mesh(testbed).links.into_iter().filter(|link| link.from < link.to);
    links.map(|link| format!("{}-{} {}", link.from, link.to, link.way)).collect()
}

/// Changes how hosts reach each other under a ping each millisecond between all pairs, which lose no more than a second
/// of them; then each of the first hosts has `any` ports for all others and so many for one.
fn switch(testbed: &Testbed, pods: &[Pod], command: &str, expected: [(usize, usize); 3]) {
    let tunnel = testbed.config().tunnel;
    change(testbed, pods, command, |n, ports| {
        let count = |of: &dyn Fn(&str) -> bool| ports.iter().filter(|name| of(name)).count();
        (count(&|name| is_any(name, tunnel)), count(&is_one)) == expected[usize::from(n) - 1]
    });
}

fn changes(name: &str, tunnel: Tunnel) {
    let zones = ["a", "a", "b"].map(str::to_owned).to_vec();
    let testbed = up_with(&Config { tunnel, zones, ..Config::new(name) });
    let pods: Vec<Pod> = (1..=3).map(|n| add(&testbed, &format!("p{n}"), n)).collect();
    let two = |ports: &[String]| ports.len() == 2 && ports.iter().all(|name| is_one(name));
    assert_eq!(ports(&testbed, 1), [format!("kbr0-{tunnel}")]);
    switch(&testbed, &pods, "set static", [(0, 2); 3]);
    assert!(sdnctl(&testbed, "mesh").contains("Mode static"));
    testbed.kill(Target::Controller).unwrap();
    testbed.start(Target::Controller).unwrap();
    settle(&testbed);
    assert!(two(&ports(&testbed, 2)), "the choice outlives the controller");
    let late = add(&testbed, "late", 2);
    eventually("a late pod", 5, || pings_all(&testbed, &pod_at(&pods[0]), &late.ip));
    switch(&testbed, &pods, "set mixed", [(1, 1), (1, 1), (1, 0)]);
    assert_eq!(ways(&testbed), ["h1-h2 static", "h1-h3 flow", "h2-h3 flow"]);
    switch(&testbed, &pods, "pair h3 h1 static", [(1, 2), (1, 1), (1, 1)]);
    assert_eq!(ways(&testbed), ["h1-h2 static", "h1-h3 static", "h2-h3 flow"]);
    assert!(sdnctl(&testbed, "mesh").contains("Chosen between h1 and h3: static"));
    switch(&testbed, &pods, "pair h1 h2 flow", [(1, 1), (1, 0), (1, 1)]);
    switch(&testbed, &pods, "set flow", [(1, 1), (1, 0), (1, 1)]);
    switch(&testbed, &pods, "pair h1 h3 default", [(1, 0); 3]);
    switch(&testbed, &pods, "set static", [(1, 1), (1, 1), (0, 2)]);
    switch(&testbed, &pods, "pair h1 h2 default", [(0, 2); 3]);
    switch(&testbed, &pods, "set flow", [(1, 0); 3]);
}

#[test]
fn plain_packets_leave_the_tunnel_and_take_it_again_while_it_is_live() {
    let testbed = up_with(&Config::new("m97-direct"));
    let pods: Vec<Pod> = (1..=3).map(|n| add(&testbed, &format!("p{n}"), n)).collect();
    let go_direct = |count: usize| {
        let direct = || mesh(&testbed).links.iter().filter(|link| link.direct == Some(true)).count();
        eventually("plain packets to go as chosen", 5, || direct() == count);
    };
    switch(&testbed, &pods, "set direct", [(1, 0); 3]);
    assert_eq!(ways(&testbed), ["h1-h2 direct", "h1-h3 direct", "h2-h3 direct"]);
    go_direct(6);
    let ping = Ping::start(&testbed, &pod_at(&pods[0]), ip_of(&pods[1])).expect("ping starts");
    for n in [1, 2] {
        testbed.kill(Target::Agent(host(n))).unwrap();
        thread::sleep(Duration::from_secs(1));
        testbed.start(Target::Agent(host(n))).unwrap();
        thread::sleep(Duration::from_secs(3));
    }
    let loss = ping.finish().expect("it counted");
    println!("agents restarted: {loss:?}");
    assert_eq!(loss.lost, 0, "{loss:?}");
    settle(&testbed);
    go_direct(6);
    switch(&testbed, &pods, "set flow", [(1, 0); 3]);
    go_direct(0);
    let left =
        |n| ["ip route show table 93", "ip rule", "iptables -S FORWARD"].map(|of| sh(&testbed, &at(n), of)).concat();
    let clean = |n| !left(n).contains("93") && !left(n).contains("sdn direct");
    eventually("nothing of it to be left", 10, || (1..=3).all(clean));
    switch(&testbed, &pods, "pair h1 h2 direct", [(1, 0); 3]);
    assert_eq!(ways(&testbed), ["h1-h2 direct", "h1-h3 flow", "h2-h3 flow"]);
    go_direct(2);
    switch(&testbed, &pods, "set static", [(1, 1), (1, 1), (0, 2)]);
    go_direct(2);
    switch(&testbed, &pods, "pair h1 h2 default", [(0, 2); 3]);
    switch(&testbed, &pods, "set direct", [(1, 0); 3]);
    go_direct(6);
}

#[test]
fn a_host_that_goes_to_another_zone_is_reached_as_the_others_there() {
    let zones = ["a", "a", "b"].map(str::to_owned).to_vec();
    let testbed = up_with(&Config { mesh: Mesh::Mixed, zones, ..Config::new("m97-zones") });
    let pods: Vec<Pod> = (1..=3).map(|n| add(&testbed, &format!("p{n}"), n)).collect();
    assert_eq!(ways(&testbed), ["h1-h2 static", "h1-h3 flow", "h2-h3 flow"]);
    sdnctl(&testbed, "network create blue --subnet 10.50.0.0/24 --flat");
    let join = |name: &str, n: u16| {
        let spec = PodSpec { network: Some("blue".into()), ..PodSpec::new(name, host(n)) };
        testbed.pod_add(&spec).expect("it joins")
    };
    let flat: Vec<Pod> = (1..=3).map(|n| join(&format!("f{n}"), n)).collect();
    let node: serde_json::Value = sdnctl_json(&testbed, "node inspect h2").expect("a node");
    let mut spec = node["spec"].clone();
    spec["zone"] = "b".into();
    let put = format!("curl -sS --fail -X PUT -d {spec} http://127.0.0.1:6680/v1/nodes/h2");
    eventually("h2 goes to zone b", 10, || try_sh(&testbed, &Place::Controller, &put).is_ok());
    eventually("the ways follow", 5, || ways(&testbed) == ["h1-h2 flow", "h1-h3 flow", "h2-h3 static"]);
    for all in [&pods, &flat] {
        for (from, to) in all.iter().flat_map(|from| all.iter().map(move |to| (from, to))) {
            eventually("they reach each other", 5, || pings_all(&testbed, &pod_at(from), &to.ip));
        }
    }
    for n in 1..=3 {
        assert!(flows(&testbed, &format!("h{n} --diff")).is_empty());
    }
}

for_each_tunnel!(changes, "m97");
