//! 50,000 flow-mods in one bundle to a real switch, through our session and by `ovs-ofctl`:
//! `cargo bench -p openflow --bench bundle`.
//!
//! Both start with nothing and end when the switch has committed: ours connects, makes the
//! messages and sends them, ovs-ofctl starts, connects and reads its file. They take turns, and
//! each starts with an empty table.

#[path = "../tests/common/mod.rs"]
#[allow(dead_code)]
mod common;

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::{Duration, Instant};

use openflow::conn::{Config, Event};
use openflow::msg::flow::{FlowMod, FlowRequest};
use openflow::multipart::{MultipartReply, MultipartReplyBody, MultipartRequestBody};
use openflow::net::{self, Handle};
use openflow::{Action, Body, Match, PortNo, TableId};

const FLOWS: u32 = 50_000;
const ROUNDS: usize = 7;

fn address(n: u32) -> Ipv4Addr {
    Ipv4Addr::from(0x0a00_0000 + n)
}

fn flow(n: u32) -> Body {
    let m = Match::new().eth_type(0x0800).ipv4_dst(address(n));
    FlowMod::add(1, 100, m).cookie(u64::from(n)).apply([Action::output(PortNo(n % 100 + 1))]).into()
}

/// The same flows as `ovs-ofctl` reads them.
fn flow_file(path: &Path) {
    let mut text = String::new();
    for n in 0..FLOWS {
        let (to, port) = (address(n), n % 100 + 1);
        writeln!(text, "table=1,priority=100,cookie={n},ip,nw_dst={to},actions=output:{port}").expect("a string");
    }
    std::fs::write(path, text).expect("can write to the directory");
}

async fn connect(socket: &Path) -> Handle {
    let stream = net::connect_unix(socket).await.expect("connects");
    let (handle, mut events) = net::spawn(stream, Config::default());
    assert!(matches!(events.recv().await, Some(Event::Up { .. })));
    tokio::spawn(async move { while events.recv().await.is_some() {} });
    handle
}

/// Empties the table; says how many flows there were.
async fn clear(handle: &Handle) -> u64 {
    let request = MultipartRequestBody::Aggregate(FlowRequest::default());
    let Ok(Body::MultipartReply(MultipartReply { body: MultipartReplyBody::Aggregate(sum), .. })) =
        handle.request(request).await
    else {
        panic!("no answer with a number of flows");
    };
    handle.request(FlowMod::delete(TableId::ALL, Match::new())).await.expect("deletes");
    u64::from(sum.flow_count)
}

async fn ours(socket: &Path) -> (Duration, Duration) {
    let start = Instant::now();
    let handle = connect(socket).await;
    let flows = (0..FLOWS).map(flow).collect();
    let made = start.elapsed();
    handle.bundle(flows).await.expect("committed");
    (start.elapsed(), made)
}

fn theirs(switch: &common::Switch, socket: &Path, file: &Path) -> Duration {
    let start = Instant::now();
    let mut command = switch.command("ovs-ofctl");
    command.args(["-O", "OpenFlow13", "--bundle", "add-flows"]).arg(format!("unix:{}", socket.display())).arg(file);
    assert!(command.status().expect("runs").success());
    start.elapsed()
}

fn median(times: &mut [Duration]) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e3
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let Some(switch) = common::Switch::start() else { return };
    let (socket, file) = (switch.mgmt(), switch.path("flows.txt"));
    flow_file(&file);
    let side = connect(&socket).await;
    let (mut a, mut b, mut made) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (all, before) = ours(&socket).await;
        assert_eq!(clear(&side).await, u64::from(FLOWS));
        a.push(all);
        made.push(before);
        b.push(theirs(&switch, &socket, &file));
        assert_eq!(clear(&side).await, u64::from(FLOWS));
    }
    let (ours, theirs, made) = (median(&mut a), median(&mut b), median(&mut made));
    println!("{FLOWS} flow-mods in one bundle to ovs-vswitchd, median of {ROUNDS}");
    println!("{:<44} {ours:>12.1} ms", "through our session");
    println!("{:<44} {made:>12.1} ms", "  of that until all messages are made");
    println!("{:<44} {theirs:>12.1} ms", "ovs-ofctl --bundle add-flows");
    println!("{:<44} {:>12.2}", "ratio (at most 1.1)", ours / theirs);
}
