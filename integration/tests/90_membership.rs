//! Which hosts are there: one without power leaves the mesh at once, one that only the controller has lost stays, and
//! nobody else can speak up among the agents.

mod common;
#[path = "common/datagram.rs"]
mod datagram;

use std::thread;
use std::time::{Duration, Instant};

use api::status::Event;
use api::{AgentConfig, GossipCounts, List, NodeStatus, Rejection};
use common::{add, at, eventually, host, ip_of, pings_all, pod_at, sdnctl, settle, sh, up, up_with};
use datagram::Packet;
use integration::client::sdnctl_json;
use integration::ping::Ping;
use integration::process::Daemon;
use integration::{Config, Mesh, Place, Target, Testbed, control};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const GOSSIP: u16 = 6681;

/// What is made of a host.
fn state(testbed: &Testbed, node: &str) -> String {
    let list: List<NodeStatus> = sdnctl_json(testbed, "node ls").expect("nodes");
    let status = list.items.into_iter().find(|status| status.node.name.as_str() == node).expect("it is listed");
    status.membership.expect("it is known").state
}

/// What became of a host's standing so far, like `suspect, was alive`.
fn course(testbed: &Testbed, node: &str) -> Vec<String> {
    let events: Vec<Event> = sdnctl_json(testbed, "events").expect("events");
    let of = |event: &Event| event.kind == "member" && event.node.as_ref().is_some_and(|name| name.as_str() == node);
    events.into_iter().filter(of).map(|event| event.message).collect()
}

fn went_down(testbed: &Testbed, node: &str) -> usize {
    course(testbed, node).iter().filter(|what| what.starts_with("down")).count()
}

/// Every host sees every other.
fn acquainted(testbed: &Testbed) {
    let others = usize::from(testbed.config().hosts) - 1;
    eventually("all hosts see each other", 15, || {
        let list: List<NodeStatus> = sdnctl_json(testbed, "node ls").expect("nodes");
        let seen = |status: &NodeStatus| status.membership.as_ref().is_some_and(|found| found.seen_by == others);
        list.items.iter().all(seen)
    });
}

/// What a host's own switch has of another one: tunnel ports, flows and buckets.
fn traces(testbed: &Testbed, of: u16) -> [usize; 3] {
    let ofctl = |what: &str| sh(testbed, &at(1), &format!("ovs-ofctl -O OpenFlow13 {what} kbr0"));
    let ports = sh(testbed, &at(1), "ovs-vsctl list-ports kbr0");
    let port = format!("kbr0-to-{of:04x}");
    let flows = ofctl("dump-flows");
    let routes = flows.lines().filter(|flow| flow.contains(&format!("nw_dst=10.244.{of}.0/24")));
    let groups = ofctl("dump-groups");
    let buckets = groups.matches(&format!("dst=10.244.{of}.")).count();
    [ports.lines().filter(|name| *name == port).count(), routes.count(), buckets]
}

#[test]
fn a_host_without_power_leaves_everything_within_three_seconds() {
    let testbed = up_with(&Config { hosts: 4, mesh: Mesh::Static, ..Config::new("m90-power") });
    let pods: Vec<_> = (1..=4).map(|n| add(&testbed, &format!("web{n}"), n)).collect();
    let backends: String = pods.iter().map(|pod| format!(" --backend {}", pod.ip)).collect();
    sdnctl(&testbed, &format!("service create web --vip 10.96.0.10 --port 80:8080/tcp{backends}"));
    acquainted(&testbed);
    let before = traces(&testbed, 3);
    assert!(before[0] == 1 && before[1] > 0 && before[2] > 0, "{before:?}");
    let others = Ping::start(&testbed, &pod_at(&pods[0]), ip_of(&pods[1])).unwrap();

    let cut = Instant::now();
    testbed.partition(&at(3), None).unwrap();
    eventually("h3 to leave", 10, || traces(&testbed, 3) == [0; 3]);
    let took = cut.elapsed();
    println!("out of tunnels, routes and groups after {took:.2?}");
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert_eq!(course(&testbed, "h3"), ["suspect, was alive", "down, was suspect"]);
    assert_eq!(state(&testbed, "h3"), "down");
    // Nobody waits for it.
    sdnctl(&testbed, "service create other --vip 10.96.0.11 --port 80 --backend 10.244.1.2 --timeout 2");
    assert_eq!(others.finish().unwrap().lost, 0, "h1 and h2 are not concerned");

    testbed.heal().unwrap();
    // Shares are dealt out anew: how many buckets a backend has may differ.
    eventually("h3 to be back", 30, || {
        let now = traces(&testbed, 3);
        now[..2] == before[..2] && now[2] > 0
    });
    settle(&testbed);
    assert!(pings_all(&testbed, &pod_at(&pods[0]), &pods[2].ip));
    assert!(!common::flows(&testbed, "h3 --owner service/other").is_empty());
}

#[test]
fn a_host_that_only_the_controller_lost_stays_and_so_does_one_without_agent() {
    let testbed = up("m90-stays", 3);
    let [here, far] = [("here", 1), ("far", 3)].map(|(name, n)| add(&testbed, name, n));
    acquainted(&testbed);
    let ping = Ping::start(&testbed, &pod_at(&here), ip_of(&far)).unwrap();
    testbed.partition(&at(3), Some(&Place::Controller)).unwrap();
    thread::sleep(Duration::from_secs(12));
    assert_eq!(state(&testbed, "h3"), "alive");
    testbed.heal().unwrap();
    settle(&testbed);
    testbed.kill(Target::Agent(host(3))).unwrap();
    thread::sleep(Duration::from_secs(5));
    assert_eq!(went_down(&testbed, "h3"), 0, "its switch answers: {:?}", course(&testbed, "h3"));
    testbed.start(Target::Agent(host(3))).unwrap();
    settle(&testbed);
    acquainted(&testbed);
    assert_eq!(ping.finish().unwrap().lost, 0);
    assert_eq!(went_down(&testbed, "h3"), 0);
}

#[test]
fn a_host_that_comes_and_goes_is_damped_and_nobody_else_notices() {
    let testbed = up("m90-flaps", 4);
    let [here, far] = [("here", 1), ("far", 2)].map(|(name, n)| add(&testbed, name, n));
    acquainted(&testbed);
    let ping = Ping::start(&testbed, &pod_at(&here), ip_of(&far)).unwrap();
    for _ in 0..6 {
        testbed.partition(&at(4), None).unwrap();
        thread::sleep(Duration::from_secs(2));
        testbed.heal().unwrap();
        thread::sleep(Duration::from_secs(2));
    }
    let downs = went_down(&testbed, "h4");
    assert!((1..=3).contains(&downs), "{:?}", course(&testbed, "h4"));
    assert_eq!(ping.finish().unwrap().lost, 0);
    for others in ["h1", "h2", "h3"] {
        assert_eq!(went_down(&testbed, others), 0, "{others}");
    }
    eventually("h4 to be back for good", 40, || state(&testbed, "h4") == "alive");
    settle(&testbed);
}

#[test]
fn a_host_that_was_frozen_comes_back_with_all_it_missed() {
    let testbed = up("m90-frozen", 3);
    let pod = add(&testbed, "web", 1);
    acquainted(&testbed);
    let (config, files) = (testbed.config(), testbed.state());
    let ovs = |name| Daemon::new(config.netns(&at(3)), &files.host(host(3)), name);
    let daemons = [control::agent(config, files, host(3)), ovs("ovsdb-server"), ovs("ovs-vswitchd")];
    let signal = |signal| {
        for daemon in &daemons {
            kill(Pid::from_raw(daemon.pid().expect("it runs")), signal).expect("it is ours");
        }
    };
    signal(Signal::SIGSTOP);
    eventually("h3 to be down", 10, || state(&testbed, "h3") == "down");
    sdnctl(&testbed, &format!("service create web --vip 10.96.0.10 --port 80:8080 --backend {} --timeout 3", pod.ip));
    thread::sleep(Duration::from_secs(12));
    signal(Signal::SIGCONT);
    eventually("h3 to be back", 30, || state(&testbed, "h3") == "alive");
    settle(&testbed);
    assert!(!common::flows(&testbed, "h3 --owner service/web").is_empty());
    assert!(common::flows(&testbed, "h3 --diff").is_empty());
    assert!(pings_all(&testbed, &at(3), &pod.ip));
}

#[test]
fn what_is_no_agents_gossip_is_rejected_and_keys_are_replaced() {
    let testbed = up("m90-forged", 3);
    acquainted(&testbed);
    let packet = Packet::sniff(&testbed, &at(2), host(1).ip(), GOSSIP);
    packet.send(&testbed, &at(2));
    packet.forged().send(&testbed, &at(2));
    packet.truncated(5).send(&testbed, &at(2));
    packet.of_node(99).send(&testbed, &Place::External);
    let words = "somebody who is no agent ".repeat(5);
    let stranger = format!("echo '{words}' > /dev/udp/{}/{GOSSIP}", host(1).ip());
    testbed.run(&Place::External, &["bash", "-c", &stranger]).unwrap();
    use Rejection::{Forged, NonMember, Replayed, Truncated, Version};
    let expected = [Replayed, Forged, Truncated, NonMember, Version];
    eventually("each to be rejected and counted", 10, || {
        let rejected = gossip(&testbed, "h1").rejected;
        expected.iter().all(|reason| rejected.contains_key(reason))
    });
    println!("{:?}", gossip(&testbed, "h1"));

    let key = |n: u16| {
        let path = testbed.state().host(host(n)).join("agent/config.json");
        let config: AgentConfig = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        config.gossip_keys.expect("the controller gives keys")
    };
    let before = key(1);
    assert_eq!(before.accept, None);
    sdnctl(&testbed, "gossip rotate");
    let replaced = |n| key(n).accept.is_none() && key(n).send != before.send;
    eventually("all to have another key", 15, || (1..=3).all(replaced));
    thread::sleep(Duration::from_secs(2));
    let mine = control::agent_socket(testbed.state(), host(1));
    let members = sh(&testbed, &at(1), &format!("sdn-agent members --socket {}", mine.display()));
    assert_eq!(members.matches("\"alive\"").count(), 2, "{members}");
    for n in 1..=3 {
        assert_eq!(course(&testbed, &format!("h{n}")), [""; 0]);
        assert!(!gossip(&testbed, &format!("h{n}")).rejected.contains_key(&Rejection::UnknownKey), "h{n}");
    }
    testbed.kill(Target::Controller).unwrap();
    testbed.start(Target::Controller).unwrap();
    settle(&testbed);
    assert!((1..=3).all(replaced) && key(1) == key(2), "a restart keeps the keys");
}

fn gossip(testbed: &Testbed, node: &str) -> GossipCounts {
    let status: NodeStatus = sdnctl_json(testbed, &format!("node inspect {node}")).expect("it is listed");
    status.membership.and_then(|found| found.gossip).expect("its agent reports")
}

#[test]
fn of_several_controllers_one_decides_and_all_agree() {
    let testbed = up_with(&Config { hosts: 3, controllers: 3, ..Config::new("m90-several") });
    acquainted(&testbed);
    testbed.partition(&at(2), None).unwrap();
    let down = |number| {
        let place = Place::controller(number);
        let text = testbed.run(&place, &["sdnctl", "node", "ls", "-o", "json"]).unwrap();
        let list: List<NodeStatus> = serde_json::from_str(&text).unwrap();
        let of = |status: &NodeStatus| (status.node.down, status.membership.clone().expect("known").state);
        list.items.iter().map(of).nth(1).expect("h2")
    };
    let both = |number| down(number) == (true, "down".to_owned());
    eventually("all controllers to have h2 down", 10, || (1..=3).all(both));
    testbed.heal().unwrap();
    let back = |number| down(number) == (false, "alive".to_owned());
    eventually("all controllers to have it back", 30, || (1..=3).all(back));
    settle(&testbed);
}
