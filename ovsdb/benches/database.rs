//! Figures against a real ovsdb-server: the first copy beside `ovsdb-client dump`, and how it grows
//! with the database, the server's share and ours apart; the cost of one row, pipelined
//! transactions beside what the server allows, memory of the replica.

#[path = "../tests/common/mod.rs"]
mod common;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{Server, text};
use nix::time::ClockId;
use nix::unistd::Pid;
use ovsdb::json::Scanner;
use ovsdb::{Client, Options, Session, Txn, Where};
use serde_json::json;

const ROUNDS: usize = 7;
/// Bytes read from a stream at once.
const READ: usize = 64 << 10;

fn everything() -> Options {
    let schema = std::fs::read(common::schema_file()).expect("schema");
    let schema = ovsdb::json::parse(&schema, 100).expect("json");
    let tables = schema["tables"].as_object().expect("tables");
    tables.keys().fold(Options::new("Open_vSwitch"), |options, table| options.whole_table(table))
}

/// A server with a bridge of so many ports.
async fn with_ports(count: usize) -> Server {
    let server = Server::start().expect("ovsdb-server");
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

/// The shortest times that a first copy took.
struct Copied {
    ports: usize,
    /// A client, from the connection to the whole replica.
    client: Duration,
    /// `ovsdb-client dump`.
    dump: Duration,
    /// Processor time of the server for the same requests, of whose answers the bytes are only
    /// counted.
    server: Duration,
    /// Processor time of this crate for the same bytes.
    ours: Duration,
}

async fn first_copy(server: &Server, ports: usize) -> Copied {
    let client = async || {
        let client = server.client(everything()).await;
        assert_eq!(client.replica().rows("Port").count(), ports + 1);
    };
    let dump = || {
        let mut dump = Command::new("ovsdb-client");
        dump.args(["dump", &server.remote()]).stdout(Stdio::null());
        assert!(dump.status().expect("ovsdb-client").success());
    };
    let (client, dump) = best(client, dump).await;
    let exchanges = exchanges(server);
    let theirs = nix::time::clock_getcpuclockid(Pid::from_raw(server.pid() as i32)).expect("clock");
    let server = busy(theirs, || raw_copy(server, &exchanges));
    let ours = busy(ClockId::CLOCK_THREAD_CPUTIME_ID, || replay(&exchanges));
    Copied { ports, client, dump, server, ours }
}

/// The shortest of several rounds on a clock that counts processor time: other load does not.
fn busy(clock: ClockId, mut work: impl FnMut()) -> Duration {
    let now = || Duration::from(clock.now().expect("time"));
    let rounds = (0..ROUNDS).map(|_| {
        let start = now();
        work();
        now() - start
    });
    rounds.min().expect("a round")
}

/// The first copy as it goes over the stream: what is sent, what comes back.
fn exchanges(server: &Server) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut stream = UnixStream::connect(server.socket()).expect("connect");
    let mut session = Session::new(everything(), Instant::now());
    let mut buffer = vec![0; READ];
    let mut exchanges: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    while !session.is_ready() {
        match session.poll_transmit() {
            Some(request) => {
                stream.write_all(&request).expect("write");
                exchanges.push((request, Vec::new()));
            }
            None => {
                let count = stream.read(&mut buffer).expect("read");
                exchanges.last_mut().expect("a request").1.extend_from_slice(&buffer[..count]);
                session.handle_input(&buffer[..count], Instant::now());
            }
        }
    }
    exchanges
}

fn replay(exchanges: &[(Vec<u8>, Vec<u8>)]) {
    let mut session = Session::new(everything(), Instant::now());
    for (request, answer) in exchanges {
        assert_eq!(session.poll_transmit().as_ref(), Some(request));
        for bytes in answer.chunks(READ) {
            session.handle_input(bytes, Instant::now());
        }
    }
    assert!(session.is_ready());
}

fn raw_copy(server: &Server, exchanges: &[(Vec<u8>, Vec<u8>)]) {
    let mut stream = UnixStream::connect(server.socket()).expect("connect");
    let mut buffer = vec![0; READ];
    for (request, answer) in exchanges {
        stream.write_all(request).expect("write");
        let mut left = answer.len();
        while left > 0 {
            let count = stream.read(&mut buffer).expect("read");
            left = left.checked_sub(count).expect("the same answer");
        }
    }
}

fn print_copies(copies: &[Copied]) {
    println!("first copy           client    ovsdb-client dump        server, cpu    this crate, cpu  us/port");
    let first = &copies[0];
    for copy in copies {
        let part = |of: fn(&Copied) -> Duration| {
            let grown = of(copy).as_secs_f64() / of(first).as_secs_f64();
            format!("{:8.1} ms {grown:5.1}x", of(copy).as_secs_f64() * 1e3)
        };
        let (client, dump) = (part(|c| c.client), part(|c| c.dump));
        let (server, ours) = (part(|c| c.server), part(|c| c.ours));
        let each = copy.ours.as_secs_f64() * 1e6 / copy.ports as f64;
        println!("{:6} ports {client}  {dump}  {server}  {ours}  {each:6.2}", copy.ports);
    }
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
    if Server::folder().is_none() {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().expect("runtime");
    runtime.block_on(async {
        let mut copies = Vec::new();
        for ports in [1000, 3000, 30_000] {
            copies.push(first_copy(&with_ports(ports).await, ports).await);
        }
        let large = with_ports(10_000).await;
        copies.insert(2, first_copy(&large, 10_000).await);
        print_copies(&copies);
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
