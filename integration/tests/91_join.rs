//! Hosts join with a token and are known by their certificates from then on: nobody speaks for another.

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use api::status::{Event, Status};
use common::{add, at, eventually, host, ip_of, pings_all, pod_at, sdnctl, settle, sh, try_sh, up_with};
use integration::client::sdnctl_json;
use integration::ping::Ping;
use integration::{Config, Place, Target, Testbed, control, plan};

fn secure(name: &str, hosts: u16) -> Config {
    Config { hosts, secure: true, ..Config::new(name) }
}

/// A host's certificate and key.
fn credential(testbed: &Testbed, n: u16) -> PathBuf {
    testbed.state().host(host(n)).join(format!("agent/h{n}.pem"))
}

/// What `sdnctl` says to a host that shows its own certificate.
fn as_host(testbed: &Testbed, n: u16, command: &str) -> Result<String, String> {
    let credential = credential(testbed, n);
    let command = format!("sdnctl --credential {} {command}", credential.display());
    try_sh(testbed, &at(n), &command).map_err(|error| format!("{error:#}"))
}

/// What `sdn-agent join` says where it cannot join.
fn refused(testbed: &Testbed, place: &Place, node: &str, token: &str) -> String {
    let dir = testbed.state().path().join("elsewhere");
    let command = format!(
        "timeout 10 sdn-agent join {} --token {token} --node {node} --state-dir {} --socket {}/s",
        plan::CONTROLLER_IP,
        dir.display(),
        dir.display()
    );
    let error = try_sh(testbed, place, &command).expect_err("it must not join");
    format!("{error:#}")
}

#[test]
fn a_token_is_all_a_host_needs() {
    let since = Instant::now();
    let testbed = up_with(&secure("t91-join", 2));
    println!("2 hosts joined and ready after {:.1?}", since.elapsed());
    let [here, far] = [("here", 1), ("far", 2)].map(|(name, n)| add(&testbed, name, n));
    assert!(pings_all(&testbed, &pod_at(&here), &far.ip));

    let targets = sh(&testbed, &at(1), "ovs-vsctl --bare --columns=target list Manager");
    let targets = targets + &sh(&testbed, &at(1), "ovs-vsctl --bare --columns=target list Controller");
    assert!(targets.contains("ssl:172.30.255.254:6640") && targets.contains("ssl:172.30.255.254:6653"), "{targets}");
    assert!(!targets.contains("tcp:"), "{targets}");
    let secret = [credential(&testbed, 1), control::credential(testbed.state(), 1)];
    for file in secret {
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{}", file.display());
    }
    let events: Vec<Event> = sdnctl_json(&testbed, "events").unwrap();
    assert_eq!(events.iter().filter(|event| event.kind == "join").count(), 2);

    // Only a hash of what makes the token good is kept.
    let token = fs::read_to_string(testbed.state().path().join("token")).unwrap();
    let (name, rest) = token.split_once('.').unwrap();
    assert!(sdnctl(&testbed, "token ls").contains(name));
    let store = fs::read(testbed.state().path().join("controller/store.redb")).unwrap();
    let secret = rest.split('.').next().unwrap().as_bytes();
    assert!(!store.windows(secret.len()).any(|part| part == secret));

    // Who shows no certificate is told nothing; neither is who does not speak TLS.
    let curl = |options: &str| sh(&testbed, &Place::Controller, &format!("curl -s {options}"));
    let strange = curl("-k https://127.0.0.1:6680/v1/nodes");
    assert!(strange.contains("one without a certificate may not GET /v1/nodes"), "{strange}");
    assert_eq!(curl("-k -o /dev/null -w %{http_code} https://127.0.0.1:6680/v1/backup"), "401");
    assert_eq!(curl("-k https://127.0.0.1:6680/healthz"), "ok\n");
    let plain = try_sh(&testbed, &Place::Controller, "curl -s http://127.0.0.1:6680/v1/nodes");
    assert!(plain.is_err(), "{plain:?}");

    // All of it is there after a restart.
    let ping = Ping::start(&testbed, &pod_at(&here), ip_of(&far)).unwrap();
    testbed.kill(Target::Controller).unwrap();
    testbed.kill(Target::Agent(host(1))).unwrap();
    testbed.start(Target::Controller).unwrap();
    testbed.start(Target::Agent(host(1))).unwrap();
    settle(&testbed);
    thread::sleep(Duration::from_secs(1));
    assert_eq!(ping.finish().unwrap().lost, 0);
    let status: Status = sdnctl_json(&testbed, "status").unwrap();
    assert!(status.switches.iter().all(|switch| switch.flow_mods_sent == 0), "{status:?}");
}

#[test]
fn a_node_speaks_about_itself_only() {
    let testbed = up_with(&secure("t91-self", 2));
    let here = add(&testbed, "here", 1);
    assert!(as_host(&testbed, 2, "node inspect h2").unwrap().contains("172.30.0.2"));
    for (command, reason) in [
        ("node inspect h1", "node h2 may not GET /v1/nodes/h1"),
        ("node rm h1", "node h2 may not DELETE /v1/nodes/h1"),
        ("node ls", "node h2 may not GET /v1/nodes"),
        ("endpoint rm here", "node h2 may not speak for node h1"),
        ("token create", "node h2 may not POST /v1/tokens"),
        ("backup /dev/null", "node h2 may not GET /v1/backup"),
    ] {
        let said = as_host(&testbed, 2, command).expect_err(command);
        assert!(said.contains(reason), "{command}: {said}");
    }
    let body = r#"{"name":"theirs","spec":{"node":"h1","device":"x"}}"#;
    let file = credential(&testbed, 2);
    let curl = format!("curl -sk --cert {} https://172.30.255.254:6680/v1/endpoints -d {body}", file.display());
    let said = sh(&testbed, &at(2), &curl);
    assert!(said.contains("node h2 may not speak for node h1"), "{said}");

    // Neither may its switch: one of h2 that pretends to be that of h1 loses its own session.
    let disconnected = || {
        let events: Vec<Event> = sdnctl_json(&testbed, "events").unwrap();
        events.iter().filter(|event| event.message.contains("disconnected")).count()
    };
    let before = disconnected();
    let status: Status = sdnctl_json(&testbed, "status").unwrap();
    let id = &status.switches[0].datapath_id;
    sh(
        &testbed,
        &at(2),
        &format!(
            "ovs-vsctl add-br evil -- set Bridge evil datapath_type=netdev other-config:datapath-id={id} \
             protocols=OpenFlow13 -- set-controller evil ssl:172.30.255.254:6653"
        ),
    );
    let log = testbed.state().path().join("controller.log");
    eventually("the pretender to be turned away", 10, || {
        fs::read_to_string(&log).unwrap().contains("node h2 may not speak for node h1")
    });
    thread::sleep(Duration::from_secs(1));
    assert_eq!(disconnected(), before, "the true one is not disturbed");
    sh(&testbed, &at(2), "ovs-vsctl del-br evil");
    assert!(pings_all(&testbed, &at(2), &here.ip));
}

#[test]
fn only_a_good_token_of_this_controller_lets_a_host_in_and_only_under_a_name_of_its_own() {
    let testbed = up_with(&secure("t91-token", 2));
    let [here, far] = [("here", 1), ("far", 2)].map(|(name, n)| add(&testbed, name, n));
    let ping = Ping::start(&testbed, &pod_at(&here), ip_of(&far)).unwrap();
    let token = |options: &str| sdnctl(&testbed, &format!("token create {options}")).trim().to_owned();
    let good = token("--ttl 1h");
    let said = refused(&testbed, &Place::External, "h1", &good);
    assert!(said.contains("another host has joined as h1"), "{said}");

    let short = token("--ttl 1s");
    thread::sleep(Duration::from_secs(2));
    let revoked = token("");
    sdnctl(&testbed, &format!("token rm {}", revoked.split('.').next().unwrap()));
    let mut parts: Vec<&str> = good.split('.').collect();
    let guessed = "0".repeat(32);
    parts[1] = &guessed;
    for bad in [&short, &revoked, &parts.join(".")] {
        let said = refused(&testbed, &Place::External, "h9", bad);
        assert!(said.contains("the token is not good"), "{said}");
    }
    let mut parts: Vec<&str> = good.split('.').collect();
    let other = "ab".repeat(32);
    parts[2] = &other;
    let said = refused(&testbed, &Place::External, "h9", &parts.join("."));
    assert!(said.contains("the server is not the one that the token is for"), "{said}");
    let said = refused(&testbed, &Place::External, "h9", "nonsense");
    assert!(said.contains("not a token"), "{said}");
    assert_eq!(ping.finish().unwrap().lost, 0, "those who are members do not notice");
    settle(&testbed);
}

#[test]
fn a_node_that_is_removed_is_no_longer_known_and_may_join_again() {
    let testbed = up_with(&secure("t91-remove", 2));
    acquainted(&testbed);
    testbed.kill(Target::Agent(host(2))).unwrap();
    sdnctl(&testbed, "node rm h2 --wait false");
    let said = as_host(&testbed, 2, "node inspect h2").expect_err("it is not known");
    assert!(said.contains("whose certificate does not count"), "{said}");
    // The testbed gives the agent its token each time.
    testbed.start(Target::Agent(host(2))).unwrap();
    settle(&testbed);
    assert!(as_host(&testbed, 2, "node inspect h2").is_ok());
}

fn acquainted(testbed: &Testbed) {
    eventually("h2 to be there", 10, || sdnctl(testbed, "node ls").contains("h2"));
}

#[test]
fn several_controllers_share_one_authority() {
    let testbed = up_with(&Config { controllers: 3, ..secure("t91-several", 2) });
    for number in 1..=3 {
        let place = Place::controller(number);
        let knows =
            || try_sh(&testbed, &place, "sdnctl node ls").is_ok_and(|ls| ls.contains("h1") && ls.contains("h2"));
        eventually(&format!("controller {number}"), 10, knows);
    }
    // What is master of a switch elsewhere is asked there.
    sdnctl(&testbed, "service create web --vip 10.96.0.10 --port 80 --backend 10.244.1.2");
    testbed.kill(Target::Controller).unwrap();
    let survivor = Place::controller(2);
    eventually("another to take over", 15, || {
        let command = "sdnctl service create other --vip 10.96.0.11 --port 80 --backend 10.244.1.2 --timeout 2";
        let there = try_sh(&testbed, &survivor, "sdnctl service inspect other").is_ok();
        there || try_sh(&testbed, &survivor, command).is_ok()
    });
}
