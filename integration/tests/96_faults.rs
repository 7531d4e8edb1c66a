//! What breaks on one host or link, under a probe each millisecond between all pairs of pods: who is not hit loses
//! nothing.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

use api::{Endpoint, List, NodeStatus, status::Status};
use common::{add, at, bare, eventually, flows, host, ip_of, pings, pings_all, pod_at, settle, up};
use integration::client::sdnctl_json;
use integration::ping::{Loss, Ping};
use integration::{Place, Pod, PodSpec, Target, Testbed};

/// A pod on each host.
fn pods(testbed: &Testbed) -> Vec<Pod> {
    testbed.config().host_ids().zip(1..).map(|(host, n)| add(testbed, &format!("on-{host}"), n)).collect()
}

/// A ping of every directed pair, by the numbers of their hosts.
fn probes(testbed: &Testbed, pods: &[Pod]) -> BTreeMap<(usize, usize), Ping> {
    let numbered = || (1..).zip(pods);
    let pairs = numbered().flat_map(|(a, from)| numbered().map(move |(b, to)| ((a, b), from, to)));
    let start = |from: &Pod, to: &Pod| Ping::start(testbed, &pod_at(from), ip_of(to)).expect("ping starts");
    pairs.filter(|((a, b), ..)| a != b).map(|(pair, from, to)| (pair, start(from, to))).collect()
}

/// What was lost, by the numbers of the hosts.
type Losses = BTreeMap<(usize, usize), Loss>;

/// What each pair lost; the pairs in which `hit` is true may, the others must not.
fn judge(probes: BTreeMap<(usize, usize), Ping>, hit: impl Fn(usize, usize) -> bool) -> Losses {
    judge_by(probes, |from, to| if hit(from, to) { u64::MAX } else { 0 })
}

/// What each pair lost, which must not be more than `most`.
fn judge_by(probes: BTreeMap<(usize, usize), Ping>, most: impl Fn(usize, usize) -> u64) -> Losses {
    let losses: Losses = probes.into_iter().map(|(pair, ping)| (pair, ping.finish().expect("it counted"))).collect();
    for ((from, to), loss) in &losses {
        println!("h{from} to h{to}: {} of {} lost", loss.lost, loss.sent);
    }
    for ((from, to), loss) in &losses {
        assert!(loss.sent > 100, "h{from} to h{to}: {loss:?}");
        assert!(loss.lost <= most(*from, *to), "h{from} to h{to}: {loss:?}");
    }
    losses
}

/// Everybody is there and sees everybody.
fn acquainted(testbed: &Testbed) {
    let others = usize::from(testbed.config().hosts) - 1;
    eventually("all hosts see each other", 20, || {
        let list: List<NodeStatus> = sdnctl_json(testbed, "node ls").expect("nodes");
        let sees = |n: &NodeStatus| n.membership.as_ref().is_some_and(|m| m.state == "alive" && m.seen_by == others);
        list.items.iter().all(sees)
    });
}

fn all_reach_all(testbed: &Testbed, pods: &[Pod]) {
    for from in pods {
        for to in pods {
            eventually("pods to reach each other", 10, || pings_all(testbed, &pod_at(from), &to.ip));
        }
    }
}

#[test]
fn ovs_vswitchd_killed() {
    let testbed = up("f96-vswitchd", 3);
    let pods = pods(&testbed);
    acquainted(&testbed);
    let probes = probes(&testbed, &pods);
    testbed.kill(Target::Vswitchd(host(3))).unwrap();
    thread::sleep(Duration::from_secs(1));
    testbed.start(Target::Vswitchd(host(3))).unwrap();
    let started = Instant::now();
    settle(&testbed);
    println!("settled {:.1?} after its start", started.elapsed());
    judge(probes, |from, to| from == 3 || to == 3);
    all_reach_all(&testbed, &pods);
    assert!(flows(&testbed, "h3 --diff").is_empty());
}

/// With the userspace datapath the switch of a host forwards nothing while it has no database: it gives up its lock there,
/// and does not begin again before it has it back, seconds later. That is Open vSwitch's own, as
/// `open_vswitch_alone_stands_still_without_its_database` shows; what is ours is that no port is made anew for it, and that
/// nobody else notices.
#[test]
fn ovsdb_server_killed() {
    let testbed = up("f96-ovsdb", 3);
    let pods = pods(&testbed);
    acquainted(&testbed);
    let probes = probes(&testbed, &pods);
    testbed.kill(Target::Ovsdb(host(3))).unwrap();
    thread::sleep(Duration::from_secs(2));
    testbed.start(Target::Ovsdb(host(3))).unwrap();
    let started = Instant::now();
    eventually("h3 to forward again", 10, || pings_all(&testbed, &pod_at(&pods[0]), &pods[2].ip));
    println!("h3 forwards again {:.1?} after the start", started.elapsed());
    settle(&testbed);
    judge(probes, |from, to| from == 3 || to == 3);
    all_reach_all(&testbed, &pods);
    assert!(flows(&testbed, "h3 --diff").is_empty());
    let log = std::fs::read_to_string(testbed.state().host(host(3)).join("ovs-vswitchd.log")).unwrap();
    assert!(!log.contains("deleted interface"), "{log}");
    let late = add(&testbed, "late", 3);
    assert!(pings_all(&testbed, &pod_at(&pods[0]), &late.ip));
}

#[test]
fn open_vswitch_alone_stands_still_without_its_database() {
    let testbed = bare("f96-alone", 2);
    let reaches = || pings_all(&testbed, &at(1), host(2).ip());
    eventually("the underlay", 5, reaches);
    testbed.kill(Target::Ovsdb(host(2))).unwrap();
    assert!(!pings(&testbed, &at(1), host(2).ip()));
    testbed.start(Target::Ovsdb(host(2))).unwrap();
    eventually("the underlay again", 10, reaches);
}

#[test]
fn one_way_loss_on_one_link() {
    let testbed = up("f96-oneway", 4);
    let pods = pods(&testbed);
    acquainted(&testbed);
    let probes = probes(&testbed, &pods);
    testbed.lose(&at(1), &at(2), 100).unwrap();
    thread::sleep(Duration::from_secs(15));
    let list: List<NodeStatus> = sdnctl_json(&testbed, "node ls").unwrap();
    assert!(list.items.iter().all(|status| !status.node.down), "nobody is down for it");
    testbed.heal().unwrap();
    thread::sleep(Duration::from_secs(1));
    let losses = judge(probes, |from, to| from.min(to) == 1 && from.max(to) == 2);
    for pair in [(1, 2), (2, 1)] {
        assert!(losses[&pair].lost > 500, "one each ten milliseconds: {:?}", losses[&pair]);
    }
    all_reach_all(&testbed, &pods);
}

/// Neither the cut nor the healing loses a packet. Endpoints that come and go do, now and then one of those that are in
/// tunnels of that host at that moment, at most one in ten changes: Open vSwitch forgets the kernel's routes while it
/// reads them again, which it does whenever a device of the host changes, and may translate flows anew just then (see
/// `settle` and `up_as_port` of the agent).
#[test]
fn half_the_hosts_cut_off_from_the_controller() {
    let testbed = up("f96-half", 4);
    let pods = pods(&testbed);
    acquainted(&testbed);
    let probes = probes(&testbed, &pods);
    for n in [3, 4] {
        testbed.partition(&at(n), Some(&Place::Controller)).unwrap();
    }
    // The sessions end within this time.
    thread::sleep(Duration::from_secs(12));
    println!("the cut:");
    judge(probes, |_, _| false);
    let probes = self::probes(&testbed, &pods);
    // Endpoints come and go meanwhile; those of the hosts that are cut off may come to nothing.
    let end = Instant::now() + Duration::from_secs(60);
    let (mut there, mut round): (Vec<Pod>, usize) = (Vec::new(), 0);
    while Instant::now() < end {
        let n = 1 + (round % 2) as u16;
        there.push(add(&testbed, &format!("new{round}"), n));
        if there.len() > 4 {
            testbed.pod_rm(&there.remove(0).name).unwrap();
        }
        if round.is_multiple_of(10) {
            let refused = testbed.pod_add(&PodSpec::new(&format!("cut{round}"), host(3)));
            assert!(refused.is_err(), "nobody can give it an address: {refused:?}");
        }
        round += 1;
        thread::sleep(Duration::from_millis(500));
    }
    println!("{round} endpoints came, {} are there:", there.len());
    let changes = (2 * round - there.len()) as u64;
    judge_by(probes, |_, _| changes / 10);
    let probes = self::probes(&testbed, &pods);
    thread::sleep(Duration::from_secs(1));
    testbed.heal().unwrap();
    let healed = Instant::now();
    // Switches ask again after a second at the most.
    eventually("all to be converged", 10, || converged(&testbed));
    let took = healed.elapsed();
    thread::sleep(Duration::from_secs(3));
    println!("converged {took:.1?} after it was healed:");
    judge(probes, |_, _| false);
    assert!(took < Duration::from_secs(5), "{took:?}");
    let list: List<Endpoint> = sdnctl_json(&testbed, "endpoint ls").unwrap();
    let addresses: BTreeSet<_> = list.items.iter().flat_map(|endpoint| &endpoint.ips).collect();
    assert_eq!(addresses.len(), list.items.len(), "no address twice");
    there.extend(pods);
    all_reach_all(&testbed, &there[..]);
    for n in 1..=4 {
        assert!(flows(&testbed, &format!("h{n} --diff")).is_empty(), "h{n}");
    }
    let late = add(&testbed, "late", 3);
    assert!(pings_all(&testbed, &pod_at(&late), &there[0].ip));
}

fn converged(testbed: &Testbed) -> bool {
    let status: Status = sdnctl_json(testbed, "status").expect("a status");
    status.converged && status.switches.iter().all(|switch| switch.ready)
}
