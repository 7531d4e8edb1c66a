//! Packet-ins answered by packet-outs over loopback TCP, by a learning switch made with this crate
//! and by `ovs-testcontroller`: `cargo bench -p openflow --bench packets`.
//!
//! The same generator plays the switch for both. Each controller is a process of its own on the
//! first core, the generator has the second. It sends packet-ins in batches with an echo request
//! at the end of each, and keeps a few batches on the way; what counts is the packet-outs that
//! come back.

mod generator;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};

use openflow::conn::{Config, Event};
use openflow::msg::packet::{PacketIn, PacketOut};
use openflow::net::{self, Handle, Stream};
use openflow::{Action, Body, Mac, PortNo};

const ROUNDS: usize = 5;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if let Some(at) = args.iter().position(|a| a == "--serve") {
        return serve(args[at + 1].parse().expect("an address"));
    }
    let own = std::process::id().to_string();
    let _ = Command::new("taskset").args(["-pc", "1", &own]).stdout(Stdio::null()).status();
    let has_peer = Command::new("ovs-testcontroller").arg("--version").stdout(Stdio::null()).status().is_ok();
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        a.push(run(|address| {
            let program = std::env::current_exe().expect("known");
            vec![program.display().to_string(), "--serve".to_owned(), address.to_string()]
        }));
        if has_peer {
            b.push(run(|address| {
                let listen = format!("ptcp:{}:{}", address.port(), address.ip());
                ["ovs-testcontroller", "--noflow", "-O", "OpenFlow13", &listen].map(str::to_owned).to_vec()
            }));
        }
    }
    println!("packet-ins of 60 bytes answered by packet-outs over loopback TCP, median of {ROUNDS}");
    let ours = median(&mut a);
    show("ours, one core", &ours);
    if !has_peer {
        return println!("ovs-testcontroller is not installed: nothing to compare with");
    }
    let theirs = median(&mut b);
    show("ovs-testcontroller --noflow, one core", &theirs);
    println!("{:<44} {:>12.2}", "ratio (at least 3)", ours.rate / theirs.rate);
    let by_time = (ours.rate / ours.busy.controller) / (theirs.rate / theirs.busy.controller);
    println!("{:<44} {by_time:>12.2}", "ratio by processor time");
}

fn show(what: &str, result: &generator::Outcome) {
    let generator::Outcome { rate, answered, busy } = result;
    println!("{what:<44} {rate:>12.0} /s, {:.1} % answered", answered * 100.0);
    println!("{:<44} {:>12.0} /s", "  by the second of its processor time", rate / busy.controller);
    println!("  controller busy {:.0} %, generator busy {:.0} %", busy.controller * 100.0, busy.generator * 100.0);
}

fn median(results: &mut Vec<generator::Outcome>) -> generator::Outcome {
    results.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    results.swap_remove(results.len() / 2)
}

/// Runs a controller on the first core, and the generator against it.
fn run(command: impl FnOnce(SocketAddr) -> Vec<String>) -> generator::Outcome {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = free.local_addr().expect("known");
    drop(free);
    let dir = tempfile::tempdir().expect("a directory for the control socket");
    let child = Command::new("taskset")
        .env("OVS_RUNDIR", dir.path())
        .args(["-c", "0"])
        .args(command(address))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("taskset is installed");
    let mut child = Ended(child);
    generator::measure(address, child.0.id(), || child.0.try_wait().is_ok_and(|s| s.is_none()))
}

/// A child that ends with its owner.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The learning switch of the examples, without flows, as `--noflow` has it.
fn serve(address: SocketAddr) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut listener = net::Listener::bind_tcp(address).await.expect("binds");
        loop {
            tokio::spawn(answer(listener.accept().await.expect("accepts")));
        }
    });
}

async fn answer(stream: Stream) {
    let (switch, mut events) = net::spawn(stream, Config::default());
    let mut ports: BTreeMap<Mac, PortNo> = BTreeMap::new();
    while let Some(event) = events.recv().await {
        let Event::Async(message) = event else { continue };
        if let Body::PacketIn(packet) = message.body {
            forward(&switch, &mut ports, packet);
        }
    }
}

fn forward(switch: &Handle, ports: &mut BTreeMap<Mac, PortNo>, packet: PacketIn) {
    let Some(in_port) = packet.in_port() else { return };
    let Some((dst, rest)) = packet.data.split_first_chunk() else { return };
    let Some(src) = rest.first_chunk() else { return };
    ports.insert(Mac(*src), in_port);
    let port = ports.get(&Mac(*dst)).copied().unwrap_or(PortNo::FLOOD);
    let mut out = PacketOut::new([Action::output(port)], packet.data);
    out.in_port = in_port;
    let _ = switch.try_send(out);
}
