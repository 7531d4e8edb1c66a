//! Certificates that are good for half a minute: all of them are renewed, and nobody notices; a host that slept too long
//! says what it needs, and joins again with a token; and all go over to another authority.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use api::status::{Event, Status};
use api::{Endpoint, List};
use common::{add, at, eventually, host, ip_of, pings_all, pod_at, sdnctl, settle, try_sh, up_with};
use integration::client::sdnctl_json;
use integration::ping::Ping;
use integration::{Config, Place, Target, Testbed, control, plan};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// In seconds.
const LIFETIME: u32 = 30;

fn short_lived(name: &str) -> Config {
    Config { hosts: 2, secure: true, cert_lifetime: Some(LIFETIME), ..Config::new(name) }
}

fn credential(testbed: &Testbed, n: u16) -> PathBuf {
    testbed.state().host(host(n)).join(format!("agent/h{n}.pem"))
}

fn agent_log(testbed: &Testbed, n: u16) -> String {
    fs::read_to_string(testbed.state().host(host(n)).join("agent.log")).expect("it logs")
}

fn shell(testbed: &Testbed, place: &Place, command: &str) -> String {
    testbed.run(place, &["sh", "-c", command]).unwrap_or_else(|error| panic!("{command}: {error:#}"))
}

/// The certificates that hosts have and the controller shows, to switches and to everyone else.
fn certificates(testbed: &Testbed) -> BTreeMap<String, String> {
    let host_of = |n| {
        let pem = api::Credential::load(&credential(testbed, n)).expect("a whole credential at any time");
        (format!("node h{n}"), pem.fingerprint().expect("a certificate"))
    };
    let shown = |port: u16| {
        let cert = credential(testbed, 1);
        let command = format!(
            "openssl s_client -connect 127.0.0.1:{port} -cert {0} -key {0} </dev/null 2>/dev/null \
             | openssl x509 -noout -fingerprint -sha256",
            cert.display()
        );
        (format!("controller at {port}"), shell(testbed, &Place::Controller, &command))
    };
    [host_of(1), host_of(2), shown(6640), shown(6653), shown(6680)].into_iter().collect()
}

fn status(testbed: &Testbed) -> Status {
    sdnctl_json(testbed, "status").expect("a status")
}

fn unsettling(testbed: &Testbed) -> Vec<Event> {
    let events: Vec<Event> = sdnctl_json(testbed, "events").expect("events");
    events.into_iter().filter(|event| ["session", "member", "certificate"].contains(&event.kind.as_str())).collect()
}

fn flow_mods(status: &Status) -> Vec<u64> {
    status.switches.iter().map(|switch| switch.flow_mods_sent).collect()
}

#[test]
fn all_are_renewed_twice_and_nobody_notices() {
    let testbed = up_with(&short_lived("t92-renewed"));
    let pods = [("here", 1), ("far", 2)].map(|(name, n)| add(&testbed, name, n));
    settle(&testbed);
    let (events, sent) = (unsettling(&testbed), flow_mods(&status(&testbed)));
    let ping = Ping::start(&testbed, &pod_at(&pods[0]), ip_of(&pods[1])).expect("ping starts");

    let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let since = Instant::now();
    while since.elapsed() < Duration::from_secs(2 * u64::from(LIFETIME)) {
        for (holder, print) in certificates(&testbed) {
            seen.entry(holder).or_default().insert(print);
        }
        let status = status(&testbed);
        let well = status.converged && status.mesh_ready && status.ending_certificates.is_empty();
        assert!(well && status.switches.iter().all(|switch| switch.ready), "{status:?}");
        let endpoints: List<Endpoint> = sdnctl_json(&testbed, "endpoint ls").expect("endpoints");
        assert_eq!(endpoints.items.len(), 2);
        thread::sleep(Duration::from_secs(1));
    }
    for (holder, prints) in &seen {
        println!("{holder}: {} certificates in {:.0?}", prints.len(), since.elapsed());
        assert!(prints.len() >= 3, "{holder}: {prints:?}");
    }
    assert_eq!(unsettling(&testbed), events, "no session ended, no host was suspect, no certificate late");
    assert_eq!(flow_mods(&status(&testbed)), sent);

    // Open vSwitch shows the renewed ones when it comes again: those it began with have ended.
    testbed.kill(Target::Controller).expect("it ran");
    testbed.kill(Target::Agent(host(1))).expect("it ran");
    testbed.start(Target::Controller).expect("it starts");
    testbed.start(Target::Agent(host(1))).expect("it starts");
    settle(&testbed);
    assert_eq!(flow_mods(&status(&testbed)), [0, 0]);
    let loss = ping.finish().expect("it counted");
    println!("{} of {} lost", loss.lost, loss.sent);
    assert!(loss.sent > 10_000 && loss.lost == 0, "{loss:?}");
}

/// Seconds that a host's certificate is still good, as the controller's metrics have it.
fn seconds_left(testbed: &Testbed, node: &str) -> i64 {
    let cert = control::credential(testbed.state(), 1);
    let page = shell(
        testbed,
        &Place::Controller,
        &format!("curl -sk --cert {} https://127.0.0.1:6680/metrics", cert.display()),
    );
    let wanted = format!("sdn_certificate_seconds_left{{kind=\"node\",name=\"{node}\"}} ");
    let value = page.lines().find_map(|line| line.strip_prefix(&wanted)).unwrap_or_else(|| panic!("{page}"));
    value.parse().expect("seconds")
}

#[test]
fn a_host_that_slept_too_long_says_so_and_joins_again_with_a_token() {
    let testbed = up_with(&short_lived("t92-slept"));
    let pods = [("here", 1), ("far", 2)].map(|(name, n)| add(&testbed, name, n));
    assert!(pings_all(&testbed, &pod_at(&pods[0]), &pods[1].ip));
    let agent = control::agent(testbed.config(), testbed.state(), host(2)).pid().expect("it runs");
    kill(Pid::from_raw(agent), Signal::SIGSTOP).expect("it sleeps");

    eventually("the controller to say that h2 is late", u64::from(LIFETIME), || {
        let late = status(&testbed).ending_certificates;
        late.len() == 1 && late[0].holder == "node h2"
    });
    assert!(sdnctl(&testbed, "status").contains("the certificate of node h2 was not renewed"));
    eventually("the event", 5, || unsettling(&testbed).iter().any(|event| event.kind == "certificate"));
    eventually("the end", u64::from(LIFETIME), || seconds_left(&testbed, "h2") < 0);

    // Its name is still its own: a token alone gives it to nobody else.
    let token = sdnctl(&testbed, "token create");
    let dir = testbed.state().path().join("elsewhere");
    let command = format!(
        "timeout 10 sdn-agent join {} --token {} --node h2 --state-dir {2} --socket {2}/s",
        plan::CONTROLLER_IP,
        token.trim(),
        dir.display()
    );
    let said = format!("{:#}", try_sh(&testbed, &Place::External, &command).expect_err("it must not join"));
    assert!(said.contains("another host has joined as h2"), "{said}");

    // Open vSwitch of h2 cannot come again either, and its agent says what to do.
    testbed.kill(Target::Controller).expect("it ran");
    testbed.start(Target::Controller).expect("it starts");
    eventually("h1 to be back", 20, || {
        let status = sdnctl_json::<Status>(&testbed, "status");
        status.is_ok_and(|status| status.switches.iter().any(|switch| switch.openflow && switch.ovsdb))
    });
    kill(Pid::from_raw(agent), Signal::SIGCONT).expect("it wakes");
    eventually("the agent to say so", 10, || {
        agent_log(&testbed, 2).contains("it has ended; join again: sdn-agent join")
    });
    let file = credential(&testbed, 2);
    let asked = try_sh(&testbed, &at(2), &format!("sdnctl --credential {} node inspect h2", file.display()));
    assert!(asked.is_err(), "{asked:?}");
    let there: Vec<bool> = status(&testbed).switches.iter().map(|switch| switch.openflow || switch.ovsdb).collect();
    assert_eq!(there, [true, false]);

    // The testbed gives agents a token when it starts them.
    testbed.kill(Target::Agent(host(2))).expect("it ran");
    testbed.start(Target::Agent(host(2))).expect("it starts");
    settle(&testbed);
    assert!(status(&testbed).ending_certificates.is_empty());
    assert!(seconds_left(&testbed, "h2") > 0);
    assert!(pings_all(&testbed, &pod_at(&pods[0]), &pods[1].ip));
}

#[test]
fn another_authority_takes_over_with_a_backup() {
    let config = Config { hosts: 2, secure: true, ..Config::new("t92-authority") };
    let testbed = up_with(&config);
    let pods = [("here", 1), ("far", 2)].map(|(name, n)| add(&testbed, name, n));
    settle(&testbed);
    let ping = Ping::start(&testbed, &pod_at(&pods[0]), ip_of(&pods[1])).expect("ping starts");
    let backup = testbed.state().path().join("backup.json");
    sdnctl(&testbed, &format!("backup {}", backup.display()));

    testbed.kill(Target::Controller).expect("it ran");
    fs::remove_dir_all(testbed.state().path().join("controller")).expect("it is lost");
    testbed.start(Target::Controller).expect("it starts");
    control::make_token(testbed.config(), testbed.state()).expect("a token of the new authority");
    sdnctl(&testbed, &format!("restore {} --force --wait false", backup.display()));
    for n in 1..=2 {
        testbed.kill(Target::Agent(host(n))).expect("it ran");
        testbed.start(Target::Agent(host(n))).expect("it joins");
    }
    settle(&testbed);
    assert_eq!(flow_mods(&status(&testbed)), [0, 0]);
    thread::sleep(Duration::from_secs(5));
    let loss = ping.finish().expect("it counted");
    println!("{} of {} lost", loss.lost, loss.sent);
    assert!(loss.sent > 1_000 && loss.lost == 0, "{loss:?}");
    assert!(pings_all(&testbed, &at(2), &pods[0].ip));
}
