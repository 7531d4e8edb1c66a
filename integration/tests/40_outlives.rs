//! Traffic outlives the controller, and a returning controller sends nothing that is there already.

mod common;

use std::thread;
use std::time::Duration;

use common::{add, at, flows, host, ip_of, pings_all, pod_at, sdnctl, settle, up};
use integration::ping::Ping;
use integration::{Target, client};

#[test]
fn killing_the_controller_loses_no_packet_and_sends_no_flow() {
    let testbed = up("t40-kill", 3);
    let [here, far] = [("here", 1), ("far", 2)].map(|(name, n)| add(&testbed, name, n));
    sdnctl(&testbed, &format!("service create web --vip 10.96.0.10 --port 80:8080/tcp --backend {}", far.ip));
    let pods = Ping::start(&testbed, &pod_at(&here), ip_of(&far)).unwrap();
    let hosts = Ping::start(&testbed, &at(2), ip_of(&here)).unwrap();
    testbed.kill(Target::Controller).unwrap();
    thread::sleep(Duration::from_secs(3));
    testbed.start(Target::Controller).unwrap();
    settle(&testbed);
    thread::sleep(Duration::from_secs(3));
    for (ping, what) in [(pods, "pod to pod"), (hosts, "host to pod")] {
        let loss = ping.finish().unwrap();
        println!("{what}: {loss:?}");
        assert_eq!(loss.lost, 0, "{what}: {loss:?}");
        assert!(loss.sent > 3000, "{what}: {loss:?}");
    }
    assert_eq!(client::flow_mods(&testbed).unwrap(), 0);
    assert!(sdnctl(&testbed, "service ls").contains("10.96.0.10"), "intent survives kill -9");
    for flow in flows(&testbed, "h1") {
        assert!(flow.duration_seconds > 5.0, "this one is new: {flow:?}");
    }
}

#[test]
fn a_write_survives_a_kill_right_after_it() {
    let testbed = up("t40-write", 1);
    for round in 0..3 {
        let name = format!("s{round}");
        sdnctl(&testbed, &format!("service create {name} --vip 10.96.0.{} --port 80", 10 + round));
        testbed.kill(Target::Controller).unwrap();
        testbed.start(Target::Controller).unwrap();
        settle(&testbed);
        assert!(sdnctl(&testbed, "service ls").contains(&name), "{name}");
    }
}

#[test]
fn what_changes_while_the_controller_is_away_is_caught_up() {
    let testbed = up("t40-away", 2);
    let [here, far] = [("here", 1), ("far", 2)].map(|(name, n)| add(&testbed, name, n));
    testbed.kill(Target::Controller).unwrap();
    // Somebody else breaks one flow and adds another.
    let ofctl = |command: &str| common::sh(&testbed, &at(1), &format!("ovs-ofctl -O OpenFlow13 {command}"));
    ofctl("del-flows kbr0 table=70");
    ofctl("add-flow kbr0 table=0,priority=9999,udp,actions=drop");
    assert!(!pings_all(&testbed, &pod_at(&here), &far.ip));
    testbed.start(Target::Controller).unwrap();
    settle(&testbed);
    assert!(pings_all(&testbed, &pod_at(&here), &far.ip));
    assert!(!ofctl("dump-flows kbr0").contains("priority=9999"));
    let restored = client::flow_mods(&testbed).unwrap();
    assert!((1..20).contains(&restored), "only the difference: {restored} flow-mods");
}

#[test]
fn a_host_cut_off_keeps_its_pods_talking_and_comes_back() {
    let testbed = up("t40-cut", 2);
    let [here, near, far] = [("here", 1), ("near", 1), ("far", 2)].map(|(name, n)| add(&testbed, name, n));
    testbed.partition(&at(1), None).unwrap();
    assert!(!common::pings(&testbed, &pod_at(&here), &far.ip));
    assert!(pings_all(&testbed, &pod_at(&here), &near.ip));
    testbed.heal().unwrap();
    common::eventually("pods meet again", 30, || pings_all(&testbed, &pod_at(&here), &far.ip));
    settle(&testbed);
}

#[test]
fn traffic_goes_on_with_controller_and_agents_dead() {
    let testbed = up("t40-alone", 2);
    let [here, far] = [("here", 1), ("far", 2)].map(|(name, n)| add(&testbed, name, n));
    let bridge = common::sh(&testbed, &at(1), "ovs-vsctl --bare --columns=fail_mode,protocols list Bridge kbr0");
    assert_eq!(bridge.split_whitespace().collect::<Vec<_>>(), ["secure", "OpenFlow13"]);
    let ping = Ping::start(&testbed, &pod_at(&here), ip_of(&far)).unwrap();
    for target in [Target::Controller, Target::Agent(host(1)), Target::Agent(host(2))] {
        testbed.kill(target).unwrap();
    }
    thread::sleep(Duration::from_secs(3));
    let loss = ping.finish().unwrap();
    assert_eq!(loss.lost, 0, "{loss:?}");
    assert!(pings_all(&testbed, &at(1), &far.ip), "from a host too");
    assert!(pings_all(&testbed, &pod_at(&here), integration::plan::EXTERNAL_IP), "and to outside");
}

#[test]
fn a_foreign_edit_is_put_right() {
    let testbed = up("t40-edit", 1);
    let pods = ["one", "two"].map(|name| add(&testbed, name, 1));
    let ofctl = |command: &str| common::sh(&testbed, &at(1), &format!("ovs-ofctl -O OpenFlow13 {command}"));
    for edit in ["del-flows kbr0 table=70", "add-flow kbr0 table=0,priority=9999,actions=drop", "del-flows kbr0"] {
        ofctl(edit);
        common::eventually(edit, 5, || pings_all(&testbed, &pod_at(&pods[0]), &pods[1].ip));
    }
    assert!(!ofctl("dump-flows kbr0").contains("priority=9999"));
}

#[test]
fn a_write_names_the_switch_it_waits_for() {
    let testbed = up("t40-pending", 2);
    let far = add(&testbed, "far", 2);
    testbed.partition(&at(2), Some(&integration::Place::Controller)).unwrap();
    let create = format!("service create web --vip 10.96.0.10 --port 80 --backend {} --timeout 1", far.ip);
    let error = format!("{:#}", client::sdnctl(&testbed, &create).expect_err("h2 cannot acknowledge"));
    assert!(error.contains("h2") && !error.contains("h1"), "{error}");
    testbed.heal().unwrap();
    settle(&testbed);
    assert!(!flows(&testbed, "h2 --owner service/web").is_empty());
}
