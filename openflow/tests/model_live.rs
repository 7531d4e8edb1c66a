//! The model beside a real switch, both behind a session: what one refuses the other refuses, for
//! the same reason, and packets come out of conntrack, translation and `learn` alike.
//!
//! `MODEL_SEED` sets the first seed (1), `MODEL_CHANGES` how many messages are judged (4,000),
//! `MODEL_PROGRAMS` how many random tables packets go through (40).
#![cfg(all(feature = "model", feature = "net"))]

#[path = "model_live/changes.rs"]
mod changes;
mod common;
#[path = "model_live/packets.rs"]
mod packets;
#[path = "model_live/random.rs"]
mod random;
#[path = "model_trace/unixctl.rs"]
mod unixctl;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use openflow::conn::{Config, Event, RequestError};
use openflow::model::{self, Packet, Switch};
use openflow::msg::config::SwitchConfig;
use openflow::msg::flow::{FlowMod, FlowRequest};
use openflow::msg::group::GroupMod;
use openflow::msg::packet::{PacketIn, PacketOut};
use openflow::multipart::{MultipartReply, MultipartReplyBody, MultipartRequestBody};
use openflow::net::{self, Events, Handle};
use openflow::{Action, Body, GroupId, Match, PortNo, TableId, action, text};

use random::Random;

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}

/// One end: a session with a switch, real or not.
struct Side {
    handle: Handle,
    events: Events,
}

impl Side {
    async fn new((handle, mut events): (Handle, Events)) -> Self {
        assert!(matches!(events.recv().await, Some(Event::Up { .. })));
        // a management connection gets no packets before it says how much of them it wants
        let config = SwitchConfig { flags: 0, miss_send_len: 0xffff };
        handle.send_all(vec![Body::SetConfig(config)]).await.unwrap();
        Self { handle, events }
    }

    /// Nothing, or the name of the error.
    async fn verdict(&self, body: Body) -> Option<String> {
        match self.handle.request(body).await {
            Ok(_) => None,
            Err(RequestError::Switch(error)) => Some(error.name().unwrap_or_else(|| format!("{error:?}"))),
            Err(other) => panic!("{other}"),
        }
    }

    async fn clear(&self) {
        assert_eq!(self.verdict(FlowMod::delete(TableId::ALL, Match::new()).into()).await, None);
        assert_eq!(self.verdict(GroupMod::delete(GroupId::ALL).into()).await, None);
    }

    /// The next packet-in, if one comes soon.
    async fn packet_in(&mut self) -> Option<PacketIn> {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(3), self.events.recv()).await;
            match next.ok()?? {
                Event::Async(message) => match message.body {
                    Body::PacketIn(packet) => return Some(packet),
                    // of a refused message: the session reports the error alone
                    Body::BarrierReply => {}
                    other => panic!("{other:?}"),
                },
                other => panic!("{other:?}"),
            }
        }
    }

    /// The flows of a table, as text without counters.
    async fn flows(&self, table: u8) -> Vec<String> {
        let request = FlowRequest { table_id: TableId(table), ..FlowRequest::default() };
        let reply = self.handle.request(MultipartRequestBody::Flow(request)).await.unwrap();
        let Body::MultipartReply(MultipartReply { body: MultipartReplyBody::Flow(flows), .. }) = reply else {
            panic!("{reply:?}");
        };
        let line = |flow: &openflow::msg::flow::FlowStats| {
            let actions: Vec<Action> = flow.instructions.iter().flat_map(applied).cloned().collect();
            let actions = action::canonical(&actions);
            format!("{} {} {}", flow.priority, text::Match(&flow.matching.canonical()), text::Actions(&actions))
        };
        let mut lines: Vec<String> = flows.iter().map(line).collect();
        lines.sort();
        lines
    }
}

fn applied(instruction: &openflow::Instruction) -> &[Action] {
    match instruction {
        openflow::Instruction::ApplyActions { actions } => actions,
        _ => &[],
    }
}

/// A real switch with ports 1 to 3.
async fn real(switch: &common::Switch) -> Side {
    for port in 1..=3 {
        let (name, request) = (format!("p{port}"), format!("ofport_request={port}"));
        switch.vsctl(&["add-port", "br0", &name, "--", "set", "interface", &name, "type=dummy", &request]);
    }
    Side::new(net::spawn(net::connect_unix(switch.mgmt()).await.unwrap(), Config::default())).await
}

/// A new model of it.
async fn model() -> Side {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let model = Arc::new(Mutex::new(Switch::with_ports(0xaa, 1..=3)));
    tokio::spawn(async move { model::serve(theirs, &model).await });
    Side::new(net::spawn(ours, Config::default())).await
}

#[tokio::test]
async fn refuses_what_a_switch_refuses() {
    let Some(switch) = common::Switch::start() else { return };
    let (real, model) = (real(&switch).await, model().await);
    let mut random = Random::new(number("MODEL_SEED", 1));
    let mut verdicts: BTreeMap<String, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for n in 0..number("MODEL_CHANGES", 4_000) {
        if n % 100 == 0 {
            real.clear().await;
            model.clear().await;
            for group in changes::groups() {
                assert_eq!(real.verdict(group.clone()).await, None);
                assert_eq!(model.verdict(group).await, None);
            }
        }
        let body = changes::change(&mut random);
        let (theirs, ours) = (real.verdict(body.clone()).await, model.verdict(body.clone()).await);
        if ours != theirs {
            let message = text::Message(&openflow::Message::new(1, body)).to_string().replace('\n', "");
            wrong.push(format!("{message}\n  ours   {ours:?}\n  theirs {theirs:?}"));
        }
        *verdicts.entry(theirs.unwrap_or_else(|| "taken".to_owned())).or_default() += 1;
    }
    println!("{verdicts:?}");
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong[..wrong.len().min(40)].join("\n"));
    assert!(verdicts.len() >= 10, "{verdicts:?}");
}

/// What there is to compare of a packet-in.
fn seen(packet: &PacketIn) -> String {
    let headers = Packet::parse(&packet.data).expect("a frame");
    let headers: Vec<String> = headers.fields().map(|(field, value)| format!("{field}={value:x}")).collect();
    format!("table {} {} | {}", packet.table_id, text::Match(&packet.matching.canonical()), headers.join(","))
}

#[tokio::test]
async fn tracks_and_learns_as_a_switch_does() {
    let Some(switch) = common::Switch::start() else { return };
    let mut real = real(&switch).await;
    let mut unixctl = unixctl::Client::connect(&switch);
    let (first, programs) = (number("MODEL_SEED", 1), number("MODEL_PROGRAMS", 40));
    let mut states: BTreeMap<String, usize> = BTreeMap::new();
    for seed in first..first + programs {
        let mut random = Random::new(seed);
        real.clear().await;
        unixctl.call("revalidator/purge", &[]);
        unixctl.call("dpctl/flush-conntrack", &[]);
        let mut model = model().await;
        let program = packets::program(&mut random);
        for line in &program {
            let flow = text::parse_flow(line).unwrap_or_else(|e| panic!("{line}: {e}"));
            assert_eq!(real.verdict(flow.clone().into()).await, None, "{line}");
            assert_eq!(model.verdict(flow.into()).await, None, "seed {seed}: {line}");
        }
        let mut sent = Vec::new();
        for _ in 0..40 {
            let (in_port, frame) = packets::packet(&mut random);
            let headers = Packet::parse(&frame).unwrap();
            sent.push(format!("{in_port} {:?}", headers.fields().collect::<Vec<_>>()));
            let out = PacketOut { in_port, ..PacketOut::new([Action::output(PortNo::TABLE)], frame) };
            let mut answers = Vec::new();
            for side in [&mut real, &mut model] {
                side.handle.try_send(out.clone()).unwrap();
                answers.push(side.packet_in().await.map(|packet| seen(&packet)));
            }
            let context = || format!("seed {seed}\n{}\n{}", program.join("\n"), sent.join("\n"));
            assert_eq!(answers[1], answers[0], "ours, theirs; {}", context());
            let state = answers[0].as_deref().and_then(|a| a.split_once("ct_state=")).map(|(_, s)| s);
            let state = state.and_then(|s| s.split([',', ' ']).next()).unwrap_or("none");
            *states.entry(state.to_owned()).or_default() += 1;
            let (ours, theirs) = (model.flows(packets::LEARNED).await, real.flows(packets::LEARNED).await);
            assert_eq!(ours, theirs, "learned flows; {}", context());
            *states.entry("learned".to_owned()).or_default() += ours.len();
        }
    }
    println!("{states:?}");
    assert!(states.len() > 4, "{states:?}");
}
