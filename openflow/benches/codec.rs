//! What the codec costs: `cargo bench -p openflow`.
//!
//! Each figure is the best of several rounds, in nanoseconds for one message or bytes for a
//! second; memcpy of the same bytes stands beside it.

use std::hint::black_box;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use openflow::conn::{Config, Conn, Event};
use openflow::msg::config::{Capabilities, FeaturesReply};
use openflow::msg::flow::{FlowMod, FlowModFlags, FlowStats};
use openflow::msg::hello::Hello;
use openflow::msg::packet::{PacketIn, PacketInReason, PacketOut};
use openflow::multipart::{MultipartReply, MultipartReplyBody};
use openflow::types::{NO_BUFFER, WHOLE_PACKET};
use openflow::{Action, Body, Instruction, Match, Message, PortNo, TableId, text};

/// Rounds are short and many, so that some of them run undisturbed.
const ROUNDS: usize = 100;

fn flow_mod() -> Message {
    let m = Match::new().in_port(PortNo(3)).eth_type(0x0800).ip_proto(6).ipv4_dst(Ipv4Addr::new(10, 1, 2, 3));
    let flow = FlowMod::add(10, 100, m).cookie(7).apply([Action::set_reg(0, 5), Action::output(PortNo(9))]);
    Message::new(1, flow)
}

fn flow_stats(n: u32) -> FlowStats {
    let m = Match::new().in_port(PortNo(3)).eth_type(0x0800).ip_proto(6).ipv4_dst(Ipv4Addr::from(n));
    FlowStats {
        table_id: TableId(10),
        duration_sec: n,
        duration_nsec: 0,
        priority: 100,
        idle_timeout: 0,
        hard_timeout: 0,
        flags: FlowModFlags::NONE,
        cookie: u64::from(n),
        packet_count: 1,
        byte_count: 64,
        matching: m,
        instructions: vec![Instruction::apply([Action::set_reg(0, 5), Action::output(PortNo(9))])],
    }
}

/// The parts of an answer of 50,000 flows, as a switch cuts it.
fn flow_dump() -> Vec<Vec<u8>> {
    let all: Vec<FlowStats> = (0..50_000).map(flow_stats).collect();
    let part = |flows: &[FlowStats]| {
        let body: MultipartReply = MultipartReplyBody::Flow(flows.to_vec()).into();
        Message::new(1, body).encode().expect("encodes")
    };
    all.chunks(400).map(part).collect()
}

fn packet_in() -> Vec<u8> {
    let packet = PacketIn {
        buffer_id: NO_BUFFER,
        total_len: 60,
        reason: PacketInReason::NO_MATCH,
        table_id: TableId(0),
        cookie: u64::MAX,
        matching: Match::new().in_port(PortNo(1)),
        data: vec![0; 60].into(),
    };
    Message::new(0, packet).encode().expect("encodes")
}

/// The least time of one of `n` calls.
fn best(n: usize, mut call: impl FnMut()) -> Duration {
    let round = |call: &mut dyn FnMut()| {
        let start = Instant::now();
        (0..n).for_each(|_| call());
        start.elapsed() / n as u32
    };
    (0..ROUNDS).map(|_| round(&mut call)).min().unwrap_or_default()
}

fn show(what: &str, bytes: usize, time: Duration) {
    let rate = bytes as f64 / time.as_secs_f64() / 1e6;
    println!("{what:<44} {:>12} ns {rate:>10.0} MB/s", time.as_nanos());
}

fn main() {
    let message = flow_mod();
    let bytes = message.encode().expect("encodes");
    show(
        "decode flow-mod (4 fields, 2 actions)",
        bytes.len(),
        best(5_000, || {
            black_box(Message::decode(black_box(&bytes)).is_ok());
        }),
    );
    os_ken(&bytes);
    let mut out = Vec::with_capacity(1024);
    show(
        "encode flow-mod (4 fields, 2 actions)",
        bytes.len(),
        best(5_000, || {
            out.clear();
            black_box(black_box(&message).encode_into(&mut out).is_ok());
        }),
    );
    let mut copy = vec![0; bytes.len()];
    show(
        "memcpy of the same",
        bytes.len(),
        best(5_000, || {
            copy.copy_from_slice(black_box(&bytes));
            black_box(&copy);
        }),
    );
    let parts = flow_dump();
    let total = parts.iter().map(Vec::len).sum();
    show(
        "decode flow-stats reply of 50,000 flows",
        total,
        best(1, || {
            let decoded: Vec<Message> = parts.iter().filter_map(|p| Message::decode(p).ok()).collect();
            black_box(decoded);
        }),
    );
    let input = packet_in();
    show(
        "decode packet-in of 60 bytes",
        input.len(),
        best(5_000, || {
            black_box(Message::decode(black_box(&input)).is_ok());
        }),
    );
    text_form(&flow_stats(7));
    answer_packets(&input);
}

/// os-ken's decoder on the same bytes.
fn os_ken(bytes: &[u8]) {
    let what = "os-ken decodes the same";
    let Some(python) = std::env::var_os("OS_KEN_PYTHON") else {
        return println!("{what:<44} skipped: OS_KEN_PYTHON names no Python");
    };
    let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    let out = std::process::Command::new(python).args(["-c", include_str!("os_ken.py"), &hex]).output();
    let time = out.ok().and_then(|o| String::from_utf8(o.stdout).ok()?.trim().parse().ok());
    match time {
        Some(time) => show(what, bytes.len(), Duration::from_nanos(time)),
        None => println!("{what:<44} failed"),
    }
}

/// A flow as text, and back; bytes are those of the text.
fn text_form(flow: &FlowStats) {
    let line = text::FlowStats(flow).to_string();
    let printed = best(5_000, || {
        black_box(text::FlowStats(black_box(flow)).to_string());
    });
    show("print a flow of a dump", line.len(), printed);
    let line = "table=10,priority=100,tcp,in_port=3,nw_dst=10.1.2.3,actions=set_field:0x5->reg0,output:9";
    let parsed = best(5_000, || {
        black_box(text::parse_flow(black_box(line)).is_ok());
    });
    show("parse a flow", line.len(), parsed);
}

/// Packet-ins answered by packet-outs through a session without sockets.
fn answer_packets(packet_in: &[u8]) {
    const BATCH: usize = 400;
    let now = Instant::now();
    let mut conn = Conn::new(Config::default(), now);
    let feed = |conn: &mut Conn, xid, body: Body| {
        conn.handle_input(&Message::new(xid, body).encode().expect("encodes"), now);
    };
    feed(&mut conn, 1, Hello::versions(&[4]).into());
    let features = FeaturesReply {
        datapath_id: 1,
        n_buffers: 0,
        n_tables: 254,
        auxiliary_id: 0,
        capabilities: Capabilities::NONE,
        reserved: 0,
    };
    feed(&mut conn, 2, features.into());
    assert!(matches!(conn.poll_event(), Some(Event::Up { .. })));
    let batch = packet_in.repeat(BATCH);
    let time = best(20, || {
        conn.handle_input(&batch, now);
        while let Some(event) = conn.poll_event() {
            let Event::Async(message) = event else { continue };
            let Body::PacketIn(packet) = message.body else { continue };
            let out = PacketOut::new([Action::Output { port: PortNo::FLOOD, max_len: WHOLE_PACKET }], packet.data);
            black_box(conn.send(out).is_ok());
        }
        black_box(conn.poll_transmit());
    });
    show("packet-in answered by packet-out, no socket", packet_in.len(), time / BATCH as u32);
}
