//! Figures against a real ovsdb-server: the first copy beside `ovsdb-client dump`, the cost of one
//! row, pipelined transactions beside what the server allows, memory of the replica.

#[path = "../tests/common/mod.rs"]
mod common;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{Server, available, text};
use ovsdb::json::Scanner;
use ovsdb::{Client, Options, Session, Txn, Where};
use serde_json::json;

const ROUNDS: usize = 7;

fn everything() -> Options {
    let schema = std::fs::read(common::schema_file()).expect("schema");
    let schema = ovsdb::json::parse(&schema, 100).expect("json");
    let tables = schema["tables"].as_object().expect("tables");
    tables.keys().fold(Options::new("Open_vSwitch"), |options, table| options.whole_table(table))
}

/// A server with a bridge of so many ports.
async fn with_ports(count: usize) -> Server {
    let server = Server::start();
    server.vsctl(&["add-br", "br0"]);
    let client = server.client(Options::new("Open_vSwitch")).await;
    for block in (0..count).collect::<Vec<_>>().chunks(1000) {
        let mut txn = Txn::new("Open_vSwitch");
        let mut ports = Vec::new();
        for n in block {
            let name = format!("veth{n:06}");
            let interface = txn
                .insert("Interface")
                .set("name", &name)
                .set("external_ids", [("iface-id", format!("pod-{n}")), ("attached-mac", mac(*n))])
                .id();
            let port = txn.insert("Port").set("name", &name).set("tag", (n % 4095) as i64);
            ports.push(port.set("interfaces", interface).id());
        }
        txn.mutate("Bridge", Where::eq("name", "br0")).insert("ports", ports);
        client.transact(txn).await.expect("ports");
    }
    server
}

fn mac(n: usize) -> String {
    format!("02:00:00:{:02x}:{:02x}:{:02x}", n >> 16 & 255, n >> 8 & 255, n & 255)
}

/// The shortest of several rounds of two ways to do the same, taken in turn.
async fn best(mut ours: impl AsyncFnMut(), mut theirs: impl FnMut()) -> (Duration, Duration) {
    let mut best = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        ours().await;
        best.0 = best.0.min(start.elapsed());
        let start = Instant::now();
        theirs();
        best.1 = best.1.min(start.elapsed());
    }
    best
}

async fn first_copy(server: &Server, ports: usize) -> (Duration, Duration) {
    let ours = async || {
        let client = server.client(everything()).await;
        assert_eq!(client.replica().rows("Port").count(), ports + 1);
    };
    let theirs = || {
        let mut dump = Command::new("ovsdb-client");
        dump.args(["dump", &server.remote()]).stdout(Stdio::null());
        assert!(dump.status().expect("ovsdb-client").success());
    };
    best(ours, theirs).await
}

/// The same copy, its bytes only counted: the server's share, and ours without any waiting.
fn shares(server: &Server) -> (Duration, Duration) {
    let mut best = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        let mut stream = UnixStream::connect(server.socket()).expect("connect");
        let mut session = Session::new(everything(), Instant::now());
        let mut buffer = vec![0; 1 << 20];
        let (mut scanner, mut stream_bytes, mut messages) = (Scanner::new(1 << 30, 100), Vec::new(), 0);
        let mut theirs = Duration::ZERO;
        let mut ours = Duration::ZERO;
        while !session.is_ready() {
            stream.write_all(&session.poll_transmit().unwrap_or_default()).expect("write");
            let wanted = messages + if messages == 0 { 2 } else { 1 };
            let start = Instant::now();
            stream_bytes.clear();
            while messages < wanted {
                let count = stream.read(&mut buffer).expect("read");
                let mut rest = &buffer[..count];
                stream_bytes.extend_from_slice(rest);
                while !rest.is_empty() {
                    messages += usize::from(scanner.feed(&mut rest).expect("json").complete);
                }
            }
            theirs += start.elapsed();
            let start = Instant::now();
            session.handle_input(&stream_bytes, Instant::now());
            ours += start.elapsed();
        }
        best = (best.0.min(theirs), best.1.min(ours));
    }
    best
}

async fn one_row(server: &Server) {
    let client = server.client(everything()).await;
    let before = client.replica();
    let mut txn = Txn::new("Open_vSwitch");
    txn.update("Interface", Where::eq("name", "veth000007")).set("mtu_request", 1400);
    client.transact(txn).await.expect("commit");
    let after = client.replica();
    let start = Instant::now();
    let changes = after.changes_since(&before);
    println!(
        "one row of {} changed: {} row written, {} change told, found in {:?}",
        after.tables().map(|(_, table)| table.len()).sum::<usize>(),
        after.rows_applied() - before.rows_applied(),
        changes.len(),
        start.elapsed(),
    );
    assert_eq!(after.rows_applied() - before.rows_applied(), 1);
}

const TRANSACTIONS: usize = 2000;

async fn pipelined(client: &Client) {
    let mut under_way = Vec::with_capacity(TRANSACTIONS);
    for n in 0..TRANSACTIONS {
        let mut txn = Txn::new("Open_vSwitch");
        txn.update("Interface", Where::eq("name", "br0")).set("mtu_request", (n % 1000 + 100) as i64);
        under_way.push(client.submit(txn).await.expect("sent"));
    }
    for submitted in under_way {
        submitted.outcome().await.expect("commit");
    }
}

/// The same transactions, written beforehand, and their answers only counted: the server's limit.
fn raw(server: &Server) {
    let mut stream = UnixStream::connect(server.socket()).expect("connect");
    let mut requests = Vec::new();
    for n in 0..TRANSACTIONS {
        let update = json!({"op": "update", "table": "Interface", "where": [["name", "==", "br0"]],
                            "row": {"mtu_request": n % 1000 + 100}});
        let request = json!({"id": n, "method": "transact", "params": ["Open_vSwitch", update]});
        requests.extend_from_slice(request.to_string().as_bytes());
    }
    let mut writer = stream.try_clone().expect("clone");
    let writing = std::thread::spawn(move || writer.write_all(&requests).expect("write"));
    let (mut scanner, mut buffer, mut answers) = (Scanner::new(1 << 20, 100), vec![0; 1 << 16], 0);
    while answers < TRANSACTIONS {
        let count = stream.read(&mut buffer).expect("read");
        let mut rest = &buffer[..count];
        while !rest.is_empty() {
            answers += usize::from(scanner.feed(&mut rest).expect("json").complete);
        }
    }
    writing.join().expect("writer");
}

fn load(socket: &str, options: Options) -> Session {
    let mut stream = UnixStream::connect(socket).expect("connect");
    let mut session = Session::new(options, Instant::now());
    let mut buffer = vec![0; 1 << 16];
    while !session.is_ready() {
        while let Some(bytes) = session.poll_transmit() {
            stream.write_all(&bytes).expect("write");
        }
        let count = stream.read(&mut buffer).expect("read");
        session.handle_input(&buffer[..count], Instant::now());
        while session.poll_event().is_some() {}
    }
    session
}

fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("statm");
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).expect("pages") * 4096
}

/// In a process of its own: what each further copy adds, after a first has warmed the allocator.
fn memory(socket: &str) {
    const COPIES: usize = 5;
    let schema = load(socket, Options::new("Open_vSwitch")).bytes_in();
    let first = load(socket, everything());
    let json = (first.bytes_in() - schema) as usize;
    let before = resident();
    let copies: Vec<Session> = (0..COPIES).map(|_| load(socket, everything())).collect();
    let each = (resident() - before) / COPIES;
    println!(
        "replica of 10,000 ports: {json} bytes of json, {each} resident ({:.2}x), {} by its own estimate",
        each as f64 / json as f64,
        copies[0].replica().bytes(),
    );
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|a| a == "--memory") {
        return memory(&arguments[at + 1]);
    }
    if !available() {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().expect("runtime");
    runtime.block_on(async {
        let (small, large) = (with_ports(1000).await, with_ports(10_000).await);
        let (ours_small, _) = first_copy(&small, 1000).await;
        let (ours, theirs) = first_copy(&large, 10_000).await;
        println!(
            "first copy of 10,000 ports: {ours:?}, ovsdb-client dump {theirs:?} ({:.2}x)",
            ours.as_secs_f64() / theirs.as_secs_f64()
        );
        println!(
            "first copy of 1,000 ports: {ours_small:?} (10,000 take {:.1}x)",
            ours.as_secs_f64() / ours_small.as_secs_f64()
        );
        let ((theirs_small, ours_small), (theirs, ours)) = (shares(&small), shares(&large));
        println!(
            "of that the server {theirs_small:?} and {theirs:?} ({:.1}x), this crate {ours_small:?} and {ours:?} ({:.1}x)",
            theirs.as_secs_f64() / theirs_small.as_secs_f64(),
            ours.as_secs_f64() / ours_small.as_secs_f64()
        );
        one_row(&large).await;
        let server = with_ports(0).await;
        let client = server.client(everything()).await;
        let (ours, theirs) = best(async || pipelined(&client).await, || raw(&server)).await;
        let rate = |time: Duration| TRANSACTIONS as f64 / time.as_secs_f64();
        println!("pipelined transactions: {:.0}/s, the server alone allows {:.0}/s", rate(ours), rate(theirs));
        let me = std::env::current_exe().expect("me");
        let status = Command::new(me).args(["--memory", &text(&large.socket())]).status();
        assert!(status.expect("memory").success());
    });
}
