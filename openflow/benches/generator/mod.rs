//! Plays a switch that sends packet-ins as fast as they are answered.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use openflow::msg::config::{Capabilities, FeaturesReply};
use openflow::msg::hello::{Echo, Hello};
use openflow::msg::packet::{PacketIn, PacketInReason};
use openflow::multipart::{MultipartReply, MultipartReplyBody};
use openflow::types::NO_BUFFER;
use openflow::{Body, Match, Message, PortNo, TableId};

/// Packet-ins between two echo requests.
const BATCH: usize = 256;
/// Batches on the way.
const WINDOW: usize = 8;
/// Addresses that send to each other.
const HOSTS: usize = 200;
const WARM_UP: Duration = Duration::from_millis(300);
const TIME: Duration = Duration::from_secs(2);

/// What came of a run.
pub struct Outcome {
    /// Packet-outs in a second.
    pub rate: f64,
    /// The share of packet-ins that were answered.
    pub answered: f64,
    /// Processor time used by each side, in cores.
    pub busy: Busy,
}

pub struct Busy {
    pub controller: f64,
    pub generator: f64,
}

/// Sends packet-ins to a controller for a while. `alive` says whether it still runs.
pub fn measure(address: SocketAddr, controller: u32, mut alive: impl FnMut() -> bool) -> Outcome {
    let mut stream = loop {
        match TcpStream::connect(address) {
            Ok(stream) => break stream,
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
        assert!(alive(), "the controller ended");
    };
    stream.set_nodelay(true).expect("a TCP stream");
    stream.write_all(&encode(1, Hello::versions(&[4]))).expect("writes");
    let (up, is_up) = channel();
    let (echoes, seen) = channel();
    let mut answers = stream.try_clone().expect("a second handle");
    let reader = std::thread::spawn(move || read(&mut answers, &up, &echoes));
    is_up.recv_timeout(Duration::from_secs(10)).expect("a handshake");
    let outcome = send(&mut stream, &seen, controller);
    let _ = stream.shutdown(std::net::Shutdown::Both);
    let _ = reader.join();
    outcome
}

/// Keeps the window full; counts what is answered after the warm-up.
fn send(stream: &mut TcpStream, seen: &Receiver<u64>, controller: u32) -> Outcome {
    let batches: Vec<Vec<u8>> = (0..16).map(batch).collect();
    let start = Instant::now();
    let (mut sent, mut done, mut last) = (0u64, 0u64, 0u64);
    let mut from = None;
    for bytes in batches.iter().cycle() {
        stream.write_all(bytes).expect("writes");
        sent += 1;
        if sent - done >= WINDOW as u64 {
            last = seen.recv_timeout(Duration::from_secs(5)).expect("an answer within 5 s");
            done += 1;
        }
        let now = start.elapsed();
        if from.is_none() && now >= WARM_UP {
            let cpu = (cpu_time(controller), cpu_time(std::process::id()));
            from = Some((Instant::now(), last, done, cpu));
        }
        if now >= WARM_UP + TIME {
            break;
        }
    }
    let (began, count, batches, cpu) = from.expect("longer than the warm-up");
    let seconds = began.elapsed().as_secs_f64();
    let packets = (last - count) as f64;
    Outcome {
        rate: packets / seconds,
        answered: packets / ((done - batches) as f64 * BATCH as f64),
        busy: Busy {
            controller: (cpu_time(controller) - cpu.0) / seconds,
            generator: (cpu_time(std::process::id()) - cpu.1) / seconds,
        },
    }
}

/// Seconds of processor time that a process has used.
fn cpu_time(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: f64 = fields.skip(11).take(2).filter_map(|t| t.parse::<f64>().ok()).sum();
    ticks / 100.0
}

fn encode(xid: u32, body: impl Into<Body>) -> Vec<u8> {
    Message::new(xid, body).encode().expect("encodes")
}

/// Packet-ins between random hosts, and an echo request.
fn batch(n: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for i in 0..BATCH {
        let (src, dst) = ((n * BATCH + i) % HOSTS, (n * BATCH + i * 7 + 1) % HOSTS);
        let mac = |host: usize| [2, 0, 0, 0, (host >> 8) as u8, host as u8];
        let mut data = [mac(dst), mac(src)].concat();
        data.extend([0x88, 0xb5]);
        data.resize(60, 0);
        let packet = PacketIn {
            buffer_id: NO_BUFFER,
            total_len: 60,
            reason: PacketInReason::NO_MATCH,
            table_id: TableId(0),
            cookie: u64::MAX,
            matching: Match::new().in_port(PortNo(src as u32 + 1)),
            data: data.into(),
        };
        bytes.extend(encode(0, packet));
    }
    bytes.extend(encode(7, Body::EchoRequest(Echo { data: Vec::new().into() })));
    bytes
}

/// Reads what the controller sends: answers what a switch has to, and reports the number of
/// packet-outs so far at each echo reply.
fn read(stream: &mut TcpStream, up: &Sender<()>, echoes: &Sender<u64>) {
    let mut input = vec![0; 1 << 20];
    let (mut filled, mut packets) = (0, 0u64);
    loop {
        match stream.read(&mut input[filled..]) {
            Ok(n) if n > 0 => filled += n,
            _ => return,
        }
        let mut at = 0;
        while let Some(frame) = frame(&input[at..filled]) {
            match frame[1] {
                3 => drop(echoes.send(packets)),
                13 => packets += 1,
                _ => reply(stream, frame, up),
            }
            at += frame.len();
        }
        input.copy_within(at..filled, 0);
        filled -= at;
    }
}

fn frame(bytes: &[u8]) -> Option<&[u8]> {
    let [_, _, l0, l1] = bytes.first_chunk()?;
    bytes.get(..usize::from(u16::from_be_bytes([*l0, *l1])))
}

fn reply(stream: &mut TcpStream, frame: &[u8], up: &Sender<()>) {
    let Ok(message) = Message::decode(frame) else { return };
    let body: Body = match message.body {
        Body::FeaturesRequest => {
            let _ = up.send(());
            FeaturesReply {
                datapath_id: 1,
                n_buffers: 0,
                n_tables: 254,
                auxiliary_id: 0,
                capabilities: Capabilities::NONE,
                reserved: 0,
            }
            .into()
        }
        Body::EchoRequest(echo) => Body::EchoReply(echo),
        Body::BarrierRequest => Body::BarrierReply,
        Body::MultipartRequest(_) => MultipartReply::from(MultipartReplyBody::PortDesc(Vec::new())).into(),
        _ => return,
    };
    let _ = stream.write_all(&encode(message.xid, body));
}
