//! The model against `ofproto/trace` of a real switch, on random tables and packets.
//!
//! `MODEL_TABLES` sets how many random tables there are (40), `MODEL_SEED` the first seed (1).
#![cfg(feature = "model")]

#[path = "model_trace/actual.rs"]
mod actual;
mod common;
#[path = "model_trace/datapath.rs"]
mod datapath;
#[path = "model_trace/generate.rs"]
mod generate;
#[path = "model_trace/unixctl.rs"]
mod unixctl;

use std::process::Stdio;

use openflow::model::{Choices, Effect, Packet, Pass, Switch, Trace};
use openflow::{Body, GroupId, text};

use actual::ActualPass;
use generate::Generator;

/// Packets for each random table.
const PACKETS: usize = 60;
const PORTS: [u32; 4] = [1, 2, 3, 4];

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}

#[test]
fn agrees_with_ofproto_trace() {
    let Some(switch) = common::Switch::start() else { return };
    for port in PORTS {
        let name = format!("p{port}");
        let request = format!("ofport_request={port}");
        switch.vsctl(&["add-port", "br0", &name, "--", "set", "interface", &name, "type=dummy", &request]);
    }
    let mut unixctl = unixctl::Client::connect(&switch);
    let (first, tables) = (number("MODEL_SEED", 1), number("MODEL_TABLES", 40));
    let mut counts = Counts::default();
    for seed in first..first + tables {
        compare(&switch, &mut unixctl, seed, &mut counts);
    }
    println!("seeds {first} to {}: {counts:?}", first + tables - 1);
    assert!(counts.outputs * 4 > counts.packets, "most packets go nowhere: {counts:?}");
}

/// What was compared.
#[derive(Debug, Default)]
struct Counts {
    flows: usize,
    groups: usize,
    packets: usize,
    passes: usize,
    outputs: usize,
    lookups: usize,
    limits: usize,
    /// A select group took several buckets on one way.
    skipped: usize,
}

fn compare(switch: &common::Switch, unixctl: &mut unixctl::Client, seed: u64, counts: &mut Counts) {
    let mut random = Generator::new(seed);
    let (groups, flows) = random.program();
    let mut model = Switch::with_ports(0xaa, PORTS);
    let group_texts: Vec<String> = groups.iter().map(generate::group_text).collect();
    let flow_texts: Vec<String> = flows.iter().map(generate::flow_text).collect();
    let bridge = format!("unix:{}", switch.mgmt().display());
    // flows first: Open vSwitch 3.1 dies of deleting two groups that one flow uses
    install(switch, "OpenFlow13", &["del-flows", &bridge], None);
    install(switch, "OpenFlow15", &["del-groups", &bridge], None);
    install(switch, "OpenFlow15", &["add-groups", &bridge, "-"], Some(&group_texts));
    install(switch, "OpenFlow13", &["--bundle", "add-flows", &bridge, "-"], Some(&flow_texts));
    let all = groups.into_iter().map(Body::from).chain(flows.into_iter().map(Body::from));
    let all: Vec<Body> = all.collect();
    model.apply_all(&all).unwrap_or_else(|(i, e)| panic!("seed {seed}: {e}: {:?}", all[i]));
    counts.flows += flow_texts.len();
    counts.groups += group_texts.len();
    for n in 0..PACKETS {
        let (packet, ct_state) = random.packet();
        let flow = generate::packet_text(&packet);
        let packet = Packet::from(packet);
        let next = generate::ct_text(ct_state);
        let arguments: Vec<&str> = ["br0", &flow].into_iter().chain(["--ct-next", &next].repeat(12)).collect();
        let answer = unixctl.call("ofproto/trace", &arguments);
        let actual = actual::parse(&answer);
        let Some(buckets) = actual::buckets(&answer) else {
            counts.skipped += 1;
            continue;
        };
        let buckets = buckets.into_iter().map(|(group, bucket)| (GroupId(group), bucket)).collect();
        let choices = Choices { buckets, hash: 0, ct_state: Some(ct_state) };
        let trace = model.packet_with(packet.in_port(), &packet, &choices).unwrap();
        let context = || format!("seed {seed}, packet {n}: {flow}\n{}\n{answer}", flow_texts.join("\n"));
        check(&trace, &actual, &context);
        counts.packets += 1;
        counts.passes += trace.passes.len();
        counts.outputs += trace.outputs().len();
        counts.lookups += trace.visited().count();
        counts.limits += trace.passes.iter().filter(|pass| pass.failed.is_some()).count();
    }
}

/// Passes in the order of the trace, which is by depth; in each what happens, in order, and the
/// packet at the end.
fn check(trace: &Trace, actual: &[ActualPass], context: &dyn Fn() -> String) {
    let mut passes: Vec<&Pass> = trace.passes.iter().collect();
    passes.sort_by_key(|pass| pass.depth);
    // a packet that is given up does not come back from the conntrack, but the trace shows it
    let given_up = passes.iter().any(|pass| pass.failed.is_some());
    assert!(given_up || passes.len() == actual.len(), "number of passes; {}", context());
    let compared = if given_up { 1 } else { passes.len() };
    for (pass, actual) in passes.iter().zip(actual).take(compared) {
        let end = actual::describe(&pass.end);
        assert_eq!(end, actual.end, "final flow; {}", context());
        let effects: Vec<String> = pass.effects.iter().map(effect_text).collect();
        let actual = datapath::effects(&pass.start, &actual.actions);
        let (effects, actual) = (unordered(effects), unordered(actual));
        assert_eq!(effects, actual, "datapath actions; {}", context());
    }
}

/// `ALL` sends in an order of Open vSwitch's own: equal packets one after the other are sorted.
fn unordered(mut effects: Vec<String>) -> Vec<String> {
    let headers = |effect: &String| effect.split_once(' ').map(|(_, headers)| headers.to_owned());
    effects.chunk_by_mut(|a, b| headers(a) == headers(b)).for_each(|chunk| chunk.sort());
    effects
}

fn effect_text(effect: &Effect) -> String {
    match effect {
        Effect::Output { port, packet } => {
            // the datapath numbers the local port 100 in the dummy, others as OpenFlow
            format!("{} {}", text::Port(*port), datapath::headers(packet))
        }
        Effect::Controller(to) => format!("controller {} {}", to.reason.0, datapath::headers(&to.packet)),
        Effect::Ct { zone, packet, .. } => format!("ct {zone} {}", datapath::headers(packet)),
    }
}

/// Runs `ovs-ofctl`, with lines on its input.
fn install(switch: &common::Switch, version: &str, arguments: &[&str], lines: Option<&[String]>) {
    use std::io::Write;
    let mut command = switch.command("ovs-ofctl");
    command.args(["-O", version]).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines.unwrap_or_default().join("\n").as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    let log = std::fs::read_to_string(switch.path("ovs-vswitchd.err")).unwrap_or_default();
    let errors = format!("{}{log}", String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{arguments:?}: {errors}\n{}", lines.unwrap_or_default().join("\n"));
}
