//! Pods come and go: addresses, refusals, and what a restart of the agent leaves alone.

mod common;

use std::collections::BTreeSet;

use api::balance::Balance;
use common::{add, at, flows, host, neighbour, pings_all, pod_at, sdnctl, settle, sh, up};
use integration::client::sdnctl_json;
use integration::ping::Ping;
use integration::{PodSpec, Target, Testbed, client, netns};

#[test]
fn addresses_are_distinct_given_as_asked_and_refused_when_wrong() {
    let testbed = up("t22-addresses", 2);
    let some: Vec<_> = (0..5).map(|i| add(&testbed, &format!("p{i}"), 1)).collect();
    let distinct: BTreeSet<_> = some.iter().flat_map(|pod| [&pod.ip, &pod.mac]).collect();
    assert_eq!(distinct.len(), 10, "{some:?}");

    let with = |name: &str, ip: &str| testbed.pod_add(&PodSpec { ip: Some(ip.into()), ..PodSpec::new(name, host(1)) });
    let asked = neighbour(&some[0], 77);
    assert_eq!(with("asked", &asked).unwrap().ip, asked);
    for (ip, why) in [(asked, "taken"), ("192.0.2.1".to_owned(), "outside"), (neighbour(&some[0], 1), "the gateway's")]
    {
        let error = format!("{:#}", with("refused", &ip).expect_err(why));
        assert!(error.contains(&ip) && !error.contains('\n'), "{why}: {error}");
    }
    assert!(!netns::path("t22-addresses-pod-refused").exists(), "nothing is left of it");
    let error = format!("{:#}", testbed.pod_add(&PodSpec::new("asked", host(2))).expect_err("a duplicate"));
    assert!(error.contains("asked"), "{error}");
    assert!(testbed.pod_add(&PodSpec::new("lost", host(3))).is_err(), "no such host");
}

#[test]
fn a_removed_pod_leaves_nothing_behind() {
    let testbed = up("t22-remove", 2);
    let stays = add(&testbed, "stays", 2);
    let ports = || sh(&testbed, &at(1), "ovs-vsctl list-ports kbr0");
    let links = || sh(&testbed, &at(1), "ip -br link").lines().count();
    let shape = || flows(&testbed, "h1").into_iter().map(|flow| flow.matching).collect::<BTreeSet<_>>();
    let before = (ports(), links(), shape());
    let goes = add(&testbed, "goes", 1);
    assert!(pings_all(&testbed, &pod_at(&stays), &goes.ip));
    assert_ne!(ports(), before.0);
    testbed.pod_rm("goes").unwrap();
    assert!(testbed.pod_rm("goes").is_err());
    assert_eq!((ports(), links(), shape()), before);
    assert!(!sdnctl(&testbed, "endpoint ls").contains("goes"));
}

#[test]
fn a_freed_address_rests() {
    let testbed = up("t22-rest", 1);
    let first = add(&testbed, "first", 1);
    testbed.pod_rm("first").unwrap();
    testbed.kill(Target::Controller).unwrap();
    testbed.start(Target::Controller).unwrap();
    settle(&testbed);
    assert_ne!(add(&testbed, "second", 1).ip, first.ip);
}

#[test]
fn restarting_the_agent_changes_nothing_that_is_right() {
    let testbed = up("t22-agent", 2);
    let [near, far] = [("near", 1), ("far", 2)].map(|(name, n)| add(&testbed, name, n));
    let before = kernel_state(&testbed);
    let sent = client::flow_mods(&testbed).unwrap();
    let ping = Ping::start(&testbed, &pod_at(&near), common::ip_of(&far)).unwrap();
    let agent = Target::Agent(host(1));
    testbed.kill(agent).unwrap();
    std::thread::sleep(std::time::Duration::from_secs(1));
    testbed.start(agent).unwrap();
    settle(&testbed);
    std::thread::sleep(std::time::Duration::from_secs(2));
    let loss = ping.finish().unwrap();
    assert_eq!(loss.lost, 0, "{loss:?}");
    assert_eq!(kernel_state(&testbed), before);
    assert_eq!(client::flow_mods(&testbed).unwrap(), sent);
    add(&testbed, "later", 1);
    testbed.pod_rm("near").unwrap();
}

/// Devices, addresses, routes and rules of h1. Handles of nftables are new when a rule is.
fn kernel_state(testbed: &Testbed) -> [String; 4] {
    ["ip -o link", "ip -o -4 addr", "ip route", "nft -a list ruleset"].map(|command| sh(testbed, &at(1), command))
}

/// Between two of its sessions, too, as people look at it just then.
#[test]
fn a_restarted_switch_is_read_at_once_and_gets_everything_back() {
    let testbed = up("t22-ovs", 3);
    let [here, near, far] = [("here", 1), ("near", 1), ("far", 2)].map(|(name, n)| add(&testbed, name, n));
    let backends = format!("--backend {} --affinity 1h", near.ip);
    sdnctl(&testbed, &format!("service create web --vip 10.96.0.10 --port 80:8080/tcp {backends}"));
    let vswitchd = Target::Vswitchd(host(1));
    for pause in [0, 1000, 1400] {
        testbed.kill(vswitchd).unwrap();
        testbed.start(vswitchd).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(pause));
        flows(&testbed, "h1");
        let balance: Balance = sdnctl_json(&testbed, "service inspect web").unwrap();
        assert_eq!(balance.unread, []);
        settle(&testbed);
    }
    let ovs = Target::Ovs(host(1));
    testbed.kill(ovs).unwrap();
    testbed.start(ovs).unwrap();
    settle(&testbed);
    for (from, to) in [(&here, &near), (&here, &far), (&far, &here)] {
        common::eventually("pods reach each other again", 10, || pings_all(&testbed, &pod_at(from), &to.ip));
    }
    common::eventually("the host reaches its pod", 10, || pings_all(&testbed, &at(1), &here.ip));
    common::eventually("a pod reaches outside", 10, || {
        pings_all(&testbed, &pod_at(&here), integration::plan::EXTERNAL_IP)
    });
}
