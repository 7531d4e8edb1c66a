//! What someone else changes on `kbr0` is noticed within a second, reported with who-what-where, and put right.

mod common;

use std::time::{Duration, Instant};

use api::status::Event;
use common::{add, at, pings_all, pod_at, sdnctl, sh, up};
use integration::{Testbed, client::sdnctl_json};

/// How long until `holds`, which must be so within a second and some for looking.
fn within_a_second(what: &str, holds: impl Fn() -> bool) {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < Duration::from_millis(1500), "{what}: not put right");
    }
    println!("{what}: put right after {:.0} ms", since.elapsed().as_secs_f64() * 1000.0);
}

fn drifts(testbed: &Testbed) -> Vec<Event> {
    let events: Vec<Event> = sdnctl_json(testbed, "events").unwrap();
    events.into_iter().filter(|event| event.kind == "drift").collect()
}

#[test]
fn foreign_changes_are_reported_and_put_right() {
    let testbed = up("t41-drift", 2);
    let [here, far] = [("here", 1), ("far", 2)].map(|(name, n)| add(&testbed, name, n));
    sdnctl(&testbed, &format!("service create web --vip 10.96.0.10 --port 80:8080/tcp --backend {}", far.ip));
    assert!(drifts(&testbed).is_empty(), "what we do ourselves is no drift: {:?}", drifts(&testbed));
    let host = |command: &str| sh(&testbed, &at(1), command);
    let ofctl = |command: &str| host(&format!("ovs-ofctl -O OpenFlow13 {command}"));

    ofctl("del-flows kbr0 table=50");
    within_a_second("flows removed", || ofctl("dump-flows kbr0 table=50").contains(&here.ip));
    ofctl("add-flow kbr0 table=0,priority=9999,actions=drop");
    within_a_second("flow added", || !ofctl("dump-flows kbr0 table=0").contains("priority=9999"));
    ofctl("mod-group kbr0 group_id=256,type=all,bucket=actions=drop");
    within_a_second("group changed", || !ofctl("dump-groups kbr0").contains("type=all"));
    host("ovs-vsctl set bridge kbr0 fail_mode=standalone");
    within_a_second("fail_mode changed", || host("ovs-vsctl get bridge kbr0 fail_mode").trim() == "secure");
    host("ovs-vsctl del-port kbr0 kbr0-vxlan");
    within_a_second("port removed", || host("ovs-vsctl list-ports kbr0").contains("kbr0-vxlan"));
    common::eventually("pods meet", 5, || pings_all(&testbed, &pod_at(&here), &far.ip));

    let seen = drifts(&testbed);
    let reported = |owner: Option<&str>, what: &str| {
        let found = seen.iter().any(|event| event.owner.as_deref() == owner && event.message.contains(what));
        assert!(found, "no report of {what} ({owner:?}) in {seen:#?}");
    };
    assert!(seen.iter().all(|event| event.node.as_ref().is_some_and(|node| node.as_str() == "h1")));
    reported(Some("endpoint/here"), "was removed by someone else");
    reported(None, "priority 9999 was added by someone else");
    reported(Some("service/web"), "group 256 was changed by someone else");
    reported(None, "fail_mode");
    reported(None, "port kbr0-vxlan is not there");
}

#[test]
fn other_bridges_are_never_touched() {
    let testbed = up("t41-others", 1);
    let host = |command: &str| sh(&testbed, &at(1), command);
    host("ovs-vsctl add-br other -- set bridge other datapath_type=netdev fail_mode=standalone");
    host("ovs-ofctl add-flow other priority=7,actions=drop");
    add(&testbed, "pod", 1);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(host("ovs-vsctl get bridge other fail_mode").trim(), "standalone");
    assert!(host("ovs-ofctl dump-flows other").contains("priority=7"));
    assert!(drifts(&testbed).is_empty(), "{:?}", drifts(&testbed));
}
