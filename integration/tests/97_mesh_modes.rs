//! The mesh is laid out in another way while it is live.

mod common;

use std::thread;
use std::time::{Duration, Instant};

use common::{add, at, eventually, flows, ip_of, pings_all, pod_at, sdnctl, settle, sh, up_with};
use integration::traffic::Ping;
use integration::{Config, Pod, Target, Testbed, Tunnel};

/// The tunnel ports of a host.
fn ports(testbed: &Testbed, n: u16) -> Vec<String> {
    let listed = sh(testbed, &at(n), "ovs-vsctl list-ports kbr0");
    listed.lines().filter(|name| name.starts_with("kbr0-")).map(str::to_owned).collect()
}

/// Changes the mode under a ping each millisecond between all pairs; how many each of them lost.
fn change(testbed: &Testbed, pods: &[Pod], mode: &str, expected: impl Fn(&[String]) -> bool) {
    let pairs = pods.iter().flat_map(|from| pods.iter().map(move |to| (from, to)));
    let pairs: Vec<_> = pairs.filter(|(from, to)| from.name != to.name).collect();
    let start = |(from, to): &(&Pod, &Pod)| Ping::start(testbed, &pod_at(from), ip_of(to)).expect("ping starts");
    let pings: Vec<Ping> = pairs.iter().map(start).collect();
    thread::sleep(Duration::from_secs(1));
    let begun = Instant::now();
    sdnctl(testbed, &format!("mesh set {mode}"));
    println!("{mode}: acknowledged after {:.2?}", begun.elapsed());
    thread::sleep(Duration::from_secs(3));
    let lost: Vec<_> = pings.into_iter().map(|ping| ping.finish().expect("it counted")).collect();
    println!("{mode}: lost by pair {:?}", lost.iter().map(|loss| loss.lost).collect::<Vec<_>>());
    assert!(lost.iter().all(|loss| loss.sent > 200 && loss.lost <= 1000), "more than a second: {lost:?}");
    for n in 1..=3 {
        assert!(expected(&ports(testbed, n)), "h{n}: {:?}", ports(testbed, n));
        assert!(flows(testbed, &format!("h{n} --diff")).is_empty());
    }
    for (from, to) in pairs {
        assert!(pings_all(testbed, &pod_at(from), &to.ip), "{} to {}", from.name, to.name);
    }
}

fn changes(name: &str, tunnel: Tunnel) {
    let testbed = up_with(&Config { tunnel, ..Config::new(name) });
    let pods: Vec<Pod> = (1..=3).map(|n| add(&testbed, &format!("p{n}"), n)).collect();
    let one = |ports: &[String]| ports == [format!("kbr0-{tunnel}")];
    let two = |ports: &[String]| ports.len() == 2 && ports.iter().all(|name| name.starts_with("kbr0-to-"));
    assert!(one(&ports(&testbed, 1)));
    change(&testbed, &pods, "static", two);
    assert!(sdnctl(&testbed, "mesh").contains("Mode static"));
    testbed.kill(Target::Controller).unwrap();
    testbed.start(Target::Controller).unwrap();
    settle(&testbed);
    assert!(two(&ports(&testbed, 2)), "the choice outlives the controller");
    let late = add(&testbed, "late", 2);
    eventually("a late pod", 5, || pings_all(&testbed, &pod_at(&pods[0]), &late.ip));
    change(&testbed, &pods, "flow", one);
}

#[test]
fn vxlan_changes_while_it_is_live() {
    changes("m97-vxlan", Tunnel::Vxlan);
}

#[test]
fn gre_changes_while_it_is_live() {
    changes("m97-gre", Tunnel::Gre);
}

#[test]
fn geneve_changes_while_it_is_live() {
    changes("m97-geneve", Tunnel::Geneve);
}
