//! Several controllers as one: each switch has one master, one that dies loses no packet, and one that is cut off cannot
//! write.

mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use api::status::Status;
use common::{add, at, eventually, flows, ip_of, pings_all, pod_at, sdnctl, sh, up_with};
use integration::ping::Ping;
use integration::{Config, Place, Target, Testbed, client, control, ready};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use openflow::Body;
use openflow::conn::{Config as OfConfig, Event};
use openflow::msg::config::{Role, RoleMsg};
use openflow::msg::flow::FlowMod;
use openflow::net::{self, Events, Handle};

const CONTROLLERS: u16 = 3;

fn three(name: &str, hosts: u16) -> Config {
    Config { hosts, controllers: CONTROLLERS, ..Config::new(name) }
}

/// What a controller says, if it answers.
fn ask(testbed: &Testbed, number: u16) -> Option<Status> {
    ready::status_at(testbed, &Place::controller(number)).ok()
}

/// Which of the controllers `asked` the switches take writes from.
fn masters(testbed: &Testbed, asked: &[u16]) -> BTreeMap<String, Vec<u16>> {
    let mut masters: BTreeMap<String, Vec<u16>> = BTreeMap::new();
    for number in asked {
        for switch in ask(testbed, *number).map(|status| status.switches).unwrap_or_default() {
            let of = masters.entry(switch.node.to_string()).or_default();
            of.extend(switch.mastered_here.then_some(*number));
        }
    }
    masters
}

fn one_master_each(testbed: &Testbed, asked: &[u16]) -> bool {
    let masters = masters(testbed, asked);
    masters.len() == usize::from(testbed.config().hosts) && masters.values().all(|of| of.len() == 1)
}

fn flow_mods(testbed: &Testbed, asked: &[u16]) -> u64 {
    let sent = |number: &u16| {
        client::metric_at(testbed, &Place::controller(*number), "sdn_flow_mods_sent_total").expect("it answers") as u64
    };
    asked.iter().map(sent).sum()
}

fn target(number: u16) -> Target {
    if number == 1 { Target::Controller } else { Target::Replica(number) }
}

/// The flows of a host, without their counters.
fn dump(testbed: &Testbed, n: u16) -> String {
    let dump = sh(testbed, &at(n), "ovs-ofctl -O OpenFlow13 --no-stats dump-flows kbr0");
    let mut lines: Vec<_> = dump.lines().filter(|line| line.contains("priority")).map(str::trim).collect();
    lines.sort_unstable();
    lines.join("\n")
}

#[test]
fn killing_a_master_loses_no_packet_and_sends_no_flow() {
    let testbed = up_with(&three("t45-kill", 6));
    let all = [1, 2, 3];
    eventually("one master for each switch", 20, || one_master_each(&testbed, &all));
    let before = masters(&testbed, &all);
    for number in all {
        let has = before.values().filter(|of| of.contains(&number)).count();
        assert_eq!(has, 2, "spread evenly: {before:?}");
    }
    let victim = before["h2"][0];
    let left: Vec<u16> = all.into_iter().filter(|number| *number != victim).collect();
    let [here, far] = [("here", 1), ("far", 2)].map(|(name, n)| add(&testbed, name, n));
    let sent = flow_mods(&testbed, &left);
    let ping = Ping::start(&testbed, &pod_at(&here), ip_of(&far)).unwrap();
    thread::sleep(Duration::from_secs(1));
    testbed.kill(target(victim)).unwrap();
    let killed = Instant::now();
    eventually("another master for each switch", 10, || one_master_each(&testbed, &left));
    let took = killed.elapsed();
    println!("another master for each switch after {:.2} s", took.as_secs_f64());
    thread::sleep(Duration::from_secs(2));
    let loss = ping.finish().unwrap();
    println!("{loss:?}");
    assert_eq!(loss.lost, 0, "{loss:?}");
    assert_eq!(flow_mods(&testbed, &left) - sent, 0, "nothing had changed");
    assert!(took < Duration::from_secs(3), "{took:?}");

    // The others go on, for all hosts.
    let more: Vec<_> = (1..=6).map(|n| add(&testbed, &format!("more{n}"), n).ip).collect();
    for ip in &more {
        assert!(pings_all(&testbed, &pod_at(&here), ip), "{ip}");
    }
    testbed.start(target(victim)).unwrap();
    eventually("it has its share again", 30, || {
        let masters = masters(&testbed, &all);
        one_master_each(&testbed, &all) && masters.values().filter(|of| of.contains(&victim)).count() == 2
    });
    eventually("each to have read its switches back", 5, || {
        all.iter().all(|number| ask(&testbed, *number).is_some_and(|status| status.converged))
    });
    let statuses: Vec<Status> = all.iter().map(|number| ask(&testbed, *number).expect("it answers")).collect();
    for status in &statuses {
        assert_eq!(status.revision, statuses[0].revision);
        let digests = |status: &Status| status.switches.iter().map(|s| s.digest.clone()).collect::<Vec<_>>();
        assert_eq!(digests(status), digests(&statuses[0]));
        assert_eq!(status.controllers.iter().filter(|c| c.alive).count(), 3, "{:?}", status.controllers);
    }
}

#[test]
fn a_master_that_is_cut_off_from_the_store_stops_and_the_switch_refuses_it() {
    let testbed = up_with(&three("t45-cut", 3));
    let all = [1, 2, 3];
    eventually("one master for each switch", 20, || one_master_each(&testbed, &all));
    let cut = masters(&testbed, &all)["h1"][0];
    let left: Vec<u16> = all.into_iter().filter(|number| *number != cut).collect();
    let [here, far] = [("here", 1), ("far", 2)].map(|(name, n)| add(&testbed, name, n));
    // Its own etcd is with it, without a majority; all hosts are still within its reach.
    for other in &left {
        testbed.partition(&Place::controller(cut), Some(&Place::controller(*other))).unwrap();
    }
    eventually("another master for each switch", 10, || one_master_each(&testbed, &left));
    eventually("it is master of nothing", 5, || {
        masters(&testbed, &[cut]).values().all(|of| of.is_empty()) && ask(&testbed, cut).is_some()
    });
    let before = dump(&testbed, 1);
    let word = ["sdnctl", "service", "create", "lost", "--vip", "10.96.0.99", "--port", "80", "--timeout", "5"];
    let refused = testbed.run(&Place::controller(cut), &word).expect_err("it cannot write");
    println!("{refused:#}");
    assert!(format!("{refused:#}").contains("etcd"), "{refused:#}");
    assert_eq!(dump(&testbed, 1), before);
    assert!(pings_all(&testbed, &pod_at(&here), &far.ip));
    testbed.heal().unwrap();
    eventually("all is spread again", 30, || one_master_each(&testbed, &all));
    assert!(!sdnctl(&testbed, "service ls").contains("lost"));
}

#[test]
fn a_master_that_slept_through_its_succession_changes_nothing() {
    let testbed = up_with(&three("t45-sleep", 3));
    let all = [1, 2, 3];
    eventually("one master for each switch", 20, || one_master_each(&testbed, &all));
    let sleeper = masters(&testbed, &all)["h1"][0];
    let left: Vec<u16> = all.into_iter().filter(|number| *number != sleeper).collect();
    let [here, far] = [("here", 1), ("far", 2)].map(|(name, n)| add(&testbed, name, n));
    let pid = control::controller(testbed.config(), testbed.state(), sleeper).pid().expect("it runs");
    kill(Pid::from_raw(pid), Signal::SIGSTOP).unwrap();
    eventually("another master for each switch", 10, || {
        let masters = masters(&testbed, &left);
        masters.values().all(|of| of.len() == 1)
    });
    // What the sleeper does not know of: it would undo this if it could.
    let create = format!("sdnctl service create web --vip 10.96.0.10 --port 80 --backend {}", far.ip);
    sh(&testbed, &Place::controller(left[0]), &create);
    let before = [1, 2, 3].map(|n| dump(&testbed, n));
    for other in &left {
        testbed.partition(&Place::controller(sleeper), Some(&Place::controller(*other))).unwrap();
    }
    kill(Pid::from_raw(pid), Signal::SIGCONT).unwrap();
    let awake = Instant::now();
    while awake.elapsed() < Duration::from_secs(5) {
        assert!(pings_all(&testbed, &pod_at(&here), &far.ip));
        assert_eq!([1, 2, 3].map(|n| dump(&testbed, n)), before);
    }
    assert!(masters(&testbed, &[sleeper]).values().all(|of| of.is_empty()));
    testbed.heal().unwrap();
    eventually("all is spread again", 30, || one_master_each(&testbed, &all));
    // The sleeper is master again, of what the others made meanwhile.
    assert_eq!([1, 2, 3].map(|n| dump(&testbed, n)), before);
    eventually("the first controller knows of it", 10, || !flows(&testbed, "h1 --owner service/web").is_empty());
}

/// What the fence rests on, of a real switch: an old generation is no master, and a former master writes nothing.
#[tokio::test]
async fn a_real_switch_refuses_an_overtaken_master() {
    let testbed = common::bare("t45-role", 1);
    sh(&testbed, &at(1), "ovs-vsctl add-br br-role -- set bridge br-role protocols=OpenFlow13 fail_mode=secure");
    sh(&testbed, &at(1), "ovs-vsctl set bridge br-role datapath_type=netdev");
    let socket = testbed.state().host(common::host(1)).join("br-role.mgmt");
    eventually("the switch listens", 10, || socket.exists());
    let ((old, _a), (new, _b)) = (session(&socket).await, session(&socket).await);
    let master = |generation| RoleMsg { role: Role::MASTER, generation_id: generation };
    old.request(Body::RoleRequest(master(7))).await.unwrap();
    old.bundle(vec![FlowMod::add(0, 1, openflow::Match::new()).into()]).await.unwrap();
    new.request(Body::RoleRequest(master(9))).await.unwrap();
    let before = sh(&testbed, &at(1), "ovs-ofctl -O OpenFlow13 --no-stats dump-flows br-role");
    assert!(before.contains("priority=1"), "{before}");
    let refused = old.bundle(vec![FlowMod::add(0, 2, openflow::Match::new()).into()]).await.unwrap_err();
    println!("a bundle of the overtaken master: {refused}");
    assert!(refused.to_string().contains("IS_SLAVE"), "{refused}");
    let stale = old.request(Body::RoleRequest(master(8))).await.unwrap_err();
    println!("its claim: {stale}");
    assert!(stale.to_string().contains("STALE"), "{stale}");
    assert_eq!(sh(&testbed, &at(1), "ovs-ofctl -O OpenFlow13 --no-stats dump-flows br-role"), before);
    new.bundle(vec![FlowMod::add(0, 3, openflow::Match::new()).into()]).await.unwrap();
}

async fn session(socket: &Path) -> (Handle, Events) {
    let stream = net::connect_unix(socket).await.expect("the switch listens");
    let (handle, mut events) = net::spawn(stream, OfConfig::default());
    assert!(matches!(events.recv().await, Some(Event::Up { .. })));
    (handle, events)
}
