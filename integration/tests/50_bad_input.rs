//! Hostile input on the controller's ports: a clear end for who sent it, one line in the log, and nothing else.

mod common;

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use api::status::Status;
use common::{add, ip_of, pod_at, sdnctl, settle, up};
use integration::ping::Ping;
use integration::{Scoped, Testbed, client};

const OPENFLOW: u16 = 6653;
const OVSDB: u16 = 6640;

/// A mesh with traffic, and what must be the same after the bad input.
struct Healthy {
    testbed: Scoped,
    ping: Option<Ping>,
    objects: Status,
}

impl Healthy {
    fn up(name: &str) -> Self {
        let testbed = up(name, 2);
        let [here, far] = [("here", 1), ("far", 2)].map(|(name, n)| add(&testbed, name, n));
        let ping = Ping::start(&testbed, &pod_at(&here), ip_of(&far)).unwrap();
        let objects = status(&testbed);
        Self { testbed, ping: Some(ping), objects }
    }

    fn still_is(mut self) {
        settle(&self.testbed);
        let now = status(&self.testbed);
        assert_eq!(now.revision, self.objects.revision);
        assert_eq!(now.objects, self.objects.objects);
        assert_eq!(now.switches.len(), 2);
        assert!(now.uptime_seconds > self.objects.uptime_seconds, "the controller restarted");
        for (now, then) in now.switches.iter().zip(&self.objects.switches) {
            assert_eq!(now.flow_mods_sent, then.flow_mods_sent, "{now:?}");
        }
        let loss = self.ping.take().unwrap().finish().unwrap();
        assert_eq!(loss.lost, 0, "{loss:?}");
    }
}

fn status(testbed: &Testbed) -> Status {
    client::sdnctl_json(testbed, "status").unwrap()
}

fn log(testbed: &Testbed) -> Vec<String> {
    let text = fs::read_to_string(testbed.state().path().join("controller.log")).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// Sends `bytes` and waits for the controller to end the session. Returns what it said before.
fn ended_after(testbed: &Testbed, port: u16, bytes: &[u8], limit: Duration) -> Vec<u8> {
    let mut stream = client::connect(testbed, port).unwrap();
    stream.set_read_timeout(Some(limit)).unwrap();
    stream.write_all(bytes).unwrap();
    let mut said = Vec::new();
    match stream.read_to_end(&mut said) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("still open after {limit:?}: {error}"),
        _ => said,
    }
}

/// One log line came for one bad session. Returns it.
fn one_line_since(testbed: &Testbed, before: usize) -> String {
    let quiet = Duration::from_millis(300);
    common::eventually("a line in the log", 5, || log(testbed).len() > before);
    std::thread::sleep(quiet);
    let lines = log(testbed).split_off(before);
    assert_eq!(lines.len(), 1, "{lines:#?}");
    lines.into_iter().next().unwrap()
}

#[test]
fn a_bad_switch_loses_its_own_session() {
    let healthy = Healthy::up("t50-openflow");
    let hello = [4, 0, 0, 8, 0, 0, 0, 1];
    let noise: Vec<u8> = (0u32..5000).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let cases: [(&str, Vec<u8>); 5] = [
        ("random bytes", noise),
        ("a length below 8", [&hello[..], &[4, 2, 0, 7, 0, 0, 0, 2]].concat()),
        ("a hello of OpenFlow 1.0 alone", vec![1, 0, 0, 8, 0, 0, 0, 1]),
        ("a web browser", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec()),
        ("a flow-mod cut short inside", [&hello[..], &[4, 14, 0, 12, 0, 0, 0, 3, 0, 0, 0, 0]].concat()),
    ];
    for (what, bytes) in cases {
        let before = log(&healthy.testbed).len();
        let said = ended_after(&healthy.testbed, OPENFLOW, &bytes, Duration::from_secs(10));
        let line = one_line_since(&healthy.testbed, before);
        println!("{what}: said {said:02x?}, logged {line}");
        assert!(line.contains("127.0.0.1"), "{what}: who it was is not in {line}");
    }
    healthy.still_is();
}

#[test]
fn a_peer_without_a_common_version_is_told_so() {
    let healthy = Healthy::up("t50-version");
    let said = ended_after(&healthy.testbed, OPENFLOW, &[1, 0, 0, 8, 0, 0, 0, 1], Duration::from_secs(10));
    let messages: Vec<u8> = message_types(&said);
    assert!(messages.contains(&1), "no OFPT_ERROR among message types {messages:?}");
    healthy.still_is();
}

fn message_types(mut bytes: &[u8]) -> Vec<u8> {
    let mut types = Vec::new();
    while let [_, kind, high, low, ..] = bytes {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        assert!(length >= 8, "our own message has length {length}");
        types.push(*kind);
        bytes = bytes.get(length..).unwrap_or_default();
    }
    types
}

#[test]
fn half_a_message_and_silence_ends_in_time() {
    let healthy = Healthy::up("t50-silence");
    for (port, half) in [(OPENFLOW, &[4u8, 0, 0, 16, 0][..]), (OVSDB, b"{\"method\":\"echo\",\"par")] {
        let since = Instant::now();
        let before = log(&healthy.testbed).len();
        ended_after(&healthy.testbed, port, half, Duration::from_secs(60));
        println!("port {port}: {}", one_line_since(&healthy.testbed, before));
        assert!(since.elapsed() > Duration::from_millis(500), "a slow peer has some time");
    }
    healthy.still_is();
}

#[test]
fn a_bad_database_loses_its_own_session() {
    let healthy = Healthy::up("t50-ovsdb");
    let deep = "[".repeat(100_000);
    for bad in ["rubbish", "{\"id\":1}", "[]", "{\"method\":7,\"params\":[],\"id\":1}", deep.as_str()] {
        let before = log(&healthy.testbed).len();
        ended_after(&healthy.testbed, OVSDB, bad.as_bytes(), Duration::from_secs(30));
        let line = one_line_since(&healthy.testbed, before);
        println!("{bad:.40}: {line:.200}");
        assert!(line.len() < 1000, "a log line of {} bytes", line.len());
    }
    healthy.still_is();
}

#[test]
fn a_flood_of_connections_leaves_the_mesh_alone() {
    let healthy = Healthy::up("t50-flood");
    let held: Vec<_> = (0..300).filter_map(|_| client::connect(&healthy.testbed, OPENFLOW).ok()).collect();
    std::thread::sleep(Duration::from_secs(1));
    sdnctl(&healthy.testbed, "status");
    for stream in &held {
        let _ = stream.shutdown(Shutdown::Both);
    }
    drop(held);
    healthy.still_is();
}

#[test]
fn a_bad_request_is_refused_by_name() {
    let healthy = Healthy::up("t50-api");
    let testbed = &healthy.testbed;
    let good = r#"{"name":"web","spec":{"network":"default","vip":"10.96.0.10",
        "ports":[{"port":80,"target_port":8080}]}}"#;
    let cases = [
        ("{", ""),
        ("[]", ""),
        ("\"text\"", ""),
        (&good.replace("\"vip\"", "\"colour\":\"red\",\"vip\""), "colour"),
        (&good.replace("10.96.0.10", "10.96.0"), "10.96.0"),
        (&good.replace("10.96.0.10", "192.0.2.1"), "192.0.2.1"),
        (&good.replace("default", "nowhere"), "nowhere"),
        (&good.replace("\"web\"", "\"../web\""), "../web"),
        (&good.replace("80,", "0,"), "port"),
        (&good.replace("80,", "65536,"), "65536"),
        (&good.replace("\"ports\"", "\"network\":\"default\",\"ports\""), "network"),
    ];
    for (body, named) in cases {
        let answer = client::http(testbed, "POST", "/v1/services", body.as_bytes()).unwrap();
        println!("{body}: {} {}", answer.status, answer.body);
        assert!([400, 404, 422].contains(&answer.status), "{body}: {answer:?}");
        let error: serde_json::Value = serde_json::from_str(&answer.body).expect("a JSON body");
        assert!(error.to_string().contains(named), "{body}: {answer:?} does not name {named}");
    }
    for (method, path, status) in
        [("GET", "/v1/nothing", 404), ("GET", "/v1/services/none", 404), ("PATCH", "/v1/services", 405)]
    {
        assert_eq!(client::http(testbed, method, path, b"").unwrap().status, status, "{method} {path}");
    }
    healthy.still_is();
}

#[test]
fn a_hundred_megabytes_are_not_read() {
    let healthy = Healthy::up("t50-large");
    let before = rss_mb(&healthy.testbed);
    let body = vec![b' '; 100 << 20];
    let answer = client::http(&healthy.testbed, "POST", "/v1/services", &body).unwrap();
    assert_eq!(answer.status, 413, "{answer:?}");
    let after = rss_mb(&healthy.testbed);
    assert!(after < before + 20, "memory went from {before} to {after} MB");
    healthy.still_is();
}

fn rss_mb(testbed: &Testbed) -> u64 {
    let daemon = integration::control::controller(testbed.config(), testbed.state(), 1);
    integration::process::memory_kb(daemon.pid().expect("it runs")).expect("it is there") >> 10
}

#[test]
fn a_duplicate_is_refused_and_a_wrong_command_line_costs_one_line() {
    let healthy = up("t50-cli", 1);
    sdnctl(&healthy, "service create web --vip 10.96.0.10 --port 80");
    for (command, named) in [
        ("service create web --vip 10.96.0.11 --port 80", "web"),
        ("service create other --vip 10.96.0.10 --port 80", "10.96.0.10"),
        ("service create x --vip 10.96.0.12", "--port"),
        ("service create x --vip ten --port 80", "ten"),
        ("service rm none", "none"),
        ("frobnicate", "frobnicate"),
        ("flows dump h9", "h9"),
    ] {
        let error = format!("{:#}", client::sdnctl(&healthy, command).expect_err(command));
        assert!(error.contains(named) && !error.contains('\n'), "{command}: {error}");
    }
    let words =
        ["sh", "-c", "sdnctl frobnicate 2>&1; echo $?; sdnctl --server http://127.0.0.1:1 status 2>&1; echo $?"];
    let printed = healthy.run(&integration::Place::Controller, &words).unwrap();
    let lines: Vec<_> = printed.lines().collect();
    assert_eq!(lines.len(), 4, "{printed}");
    assert_eq!((lines[1], lines[3]), ("2", "1"), "{printed}");
}
