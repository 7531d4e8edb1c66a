//! What breaks on one host or link, under a probe each millisecond between all pairs of pods: who is not hit loses
//! nothing.

mod common;

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use api::{List, NodeStatus};
use common::{add, at, eventually, flows, host, ip_of, pings_all, pod_at, settle, up};
use integration::client::sdnctl_json;
use integration::traffic::{Loss, Ping};
use integration::{Pod, Target, Testbed};

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

/// What each pair lost; the pairs in which `hit` is true may, the others must not.
fn judge(probes: BTreeMap<(usize, usize), Ping>, hit: impl Fn(usize, usize) -> bool) {
    let losses: BTreeMap<(usize, usize), Loss> =
        probes.into_iter().map(|(pair, ping)| (pair, ping.finish().expect("it counted"))).collect();
    for ((from, to), loss) in &losses {
        println!("h{from} to h{to}: {} of {} lost", loss.lost, loss.sent);
    }
    for ((from, to), loss) in losses {
        assert!(loss.sent > 100, "h{from} to h{to}: {loss:?}");
        assert!(hit(from, to) || loss.lost == 0, "h{from} to h{to} was not hit: {loss:?}");
    }
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
    judge(probes, |from, to| from.min(to) == 1 && from.max(to) == 2);
    all_reach_all(&testbed, &pods);
}
