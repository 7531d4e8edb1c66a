//! `sdn-load packet-in`: how many packet-ins a controller answers, as cbench counts them.
//!
//! Each switch has a number of Ethernet addresses behind its ports. A packet from one to the next is sent to the
//! controller; a flow-mod or packet-out about it is the answer, and lets the next be sent. A window of one measures
//! latency, a larger one throughput.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use openflow::msg::flow::FlowMod;
use openflow::msg::packet::{PacketIn, PacketInReason, PacketOut};
use openflow::types::{Blob, NO_BUFFER};
use openflow::{Body, Field, Mac, Match, Message, Oxm, PortNo, TableId};
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::crowd;
use super::figures::{Spread, Times};
use super::switch::Switch;

/// Ports of a switch.
const PORTS: u32 = 16;

/// Bytes of a packet after its Ethernet header.
const PAYLOAD: usize = 46;

/// How long a packet may go unanswered before it is given up: some controllers do not answer all.
const LOST: Duration = Duration::from_secs(1);

/// How long a controller may take to ask for the features.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// What is simulated.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// The controller.
    pub controller: SocketAddr,
    /// How many switches.
    pub switches: usize,
    /// Ethernet addresses of each.
    pub macs: u32,
    /// How long.
    pub seconds: u64,
    /// Packet-ins of a switch that may be unanswered at once.
    pub window: usize,
}

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Switches.
    pub switches: usize,
    /// Unanswered packet-ins of each at once.
    pub window: usize,
    /// Answers per second of all switches.
    pub answers_per_second: f64,
    /// Answers per second of each switch.
    pub per_switch: Spread,
    /// Answers that were flow-mods.
    pub flow_mods: u64,
    /// Answers that were packet-outs.
    pub packet_outs: u64,
    /// Packet-ins that were not answered within a second.
    pub lost: u64,
    /// From a packet-in to its answer, in seconds.
    pub latency: Times,
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let us = |seconds: f64| seconds * 1e6;
        let Spread { min, median, max, .. } = self.per_switch;
        writeln!(f, "{} switches, window {}", self.switches, self.window)?;
        writeln!(f, "answers per second   {:.0}", self.answers_per_second)?;
        writeln!(f, "per switch           min {min}, median {median}, max {max}")?;
        writeln!(f, "of them              {} flow-mods, {} packet-outs", self.flow_mods, self.packet_outs)?;
        writeln!(f, "not answered         {}", self.lost)?;
        let Times { median, p99, max, .. } = self.latency;
        writeln!(f, "latency              median {:.0} us, p99 {:.0} us, max {:.0} us", us(median), us(p99), us(max))
    }
}

/// What one switch saw.
#[derive(Debug, Default)]
struct Seen {
    flow_mods: u64,
    packet_outs: u64,
    lost: u64,
    latencies: Vec<Duration>,
}

/// Sends packet-ins for so long and counts what comes back.
///
/// # Errors
/// When a switch cannot connect, or its session ends.
pub async fn run(config: &Config) -> Result<Report> {
    if config.window == 0 || config.window > config.macs as usize {
        bail!("a window of {} needs as many addresses; there are {}", config.window, config.macs);
    }
    let mut switches = JoinSet::new();
    let config = *config;
    for number in 0..config.switches {
        switches.spawn(async move {
            let one = One::connect(&config, number).await?;
            one.run(Duration::from_secs(config.seconds)).await
        });
    }
    let mut all = Vec::with_capacity(config.switches);
    while let Some(seen) = switches.join_next().await {
        all.push(seen.context("a switch's task ended")??);
    }
    let answers = |seen: &Seen| seen.flow_mods + seen.packet_outs;
    let seconds = config.seconds.max(1);
    let sum = |figure: fn(&Seen) -> u64| all.iter().map(figure).sum::<u64>();
    Ok(Report {
        switches: config.switches,
        window: config.window,
        answers_per_second: sum(|seen| seen.flow_mods + seen.packet_outs) as f64 / seconds as f64,
        per_switch: Spread::of(all.iter().map(|seen| answers(seen) / seconds)),
        flow_mods: sum(|seen| seen.flow_mods),
        packet_outs: sum(|seen| seen.packet_outs),
        lost: sum(|seen| seen.lost),
        latency: Times::of(all.into_iter().flat_map(|seen| seen.latencies).collect()),
    })
}

/// One switch with its connection.
struct One {
    stream: TcpStream,
    switch: Switch,
    session: super::switch::SessionId,
    window: usize,
    /// When the packet of each address was sent, if it waits for an answer.
    waiting: Vec<Option<Instant>>,
    unanswered: usize,
    next: usize,
    seen: Seen,
    input: Vec<u8>,
}

impl One {
    /// Connects and answers what the controller asks at first.
    async fn connect(config: &Config, number: usize) -> Result<Self> {
        let stream = TcpStream::connect(config.controller).await.context("cannot connect")?;
        stream.set_nodelay(true)?;
        let mut switch = crowd::switch(number, PORTS);
        let session = switch.connect();
        let mut one = Self {
            stream,
            switch,
            session,
            window: config.window,
            waiting: vec![None; config.macs as usize],
            unanswered: 0,
            next: 0,
            seen: Seen::default(),
            input: Vec::new(),
        };
        let handshake = async {
            while one.switch.counts().handshakes == 0 {
                one.flush().await?;
                one.read().await?;
            }
            one.flush().await
        };
        tokio::time::timeout(HANDSHAKE, handshake).await.context("the controller does not ask for features")??;
        Ok(one)
    }

    async fn run(mut self, time: Duration) -> Result<Seen> {
        let until = tokio::time::Instant::now() + time;
        let mut check = tokio::time::interval(LOST);
        loop {
            self.fill();
            self.flush().await?;
            tokio::select! {
                read = self.read() => read?,
                _ = check.tick() => self.give_up(),
                () = tokio::time::sleep_until(until) => return Ok(self.seen),
            }
        }
    }

    /// Sends packets until the window is full.
    fn fill(&mut self) {
        let macs = self.waiting.len();
        for _ in 0..macs {
            if self.unanswered >= self.window {
                return;
            }
            let number = self.next;
            self.next = (self.next + 1) % macs;
            if let Some(slot) = self.waiting.get_mut(number).filter(|slot| slot.is_none()) {
                *slot = Some(Instant::now());
                self.unanswered += 1;
                let packet = packet_in(number as u32, macs as u32);
                self.switch.send(self.session, &Message::new(0, packet));
            }
        }
    }

    async fn flush(&mut self) -> Result<()> {
        if let Some(bytes) = self.switch.poll_transmit(self.session) {
            self.stream.write_all(&bytes).await?;
        }
        Ok(())
    }

    /// Reads once. Answers to packets are counted, not kept; all else is for the switch.
    async fn read(&mut self) -> Result<()> {
        if self.stream.read_buf(&mut self.input).await? == 0 {
            bail!("the controller closed the connection");
        }
        let input = std::mem::take(&mut self.input);
        let mut rest = input.as_slice();
        while let Some(frame) = super::switch::next_frame(&mut rest)? {
            match frame.get(1) {
                Some(13 | 14) => self.answered(frame),
                _ => self.switch.handle_input(self.session, frame)?,
            }
        }
        self.input = rest.to_vec();
        Ok(())
    }

    fn answered(&mut self, frame: &[u8]) {
        let Ok(message) = Message::decode(frame) else { return };
        let (number, counter) = match &message.body {
            Body::FlowMod(flow_mod) => (of_flow_mod(flow_mod), &mut self.seen.flow_mods),
            Body::PacketOut(out) => (of_packet_out(out), &mut self.seen.packet_outs),
            _ => return,
        };
        let waiting = number.and_then(|number| self.waiting.get_mut(number as usize)).and_then(Option::take);
        if let Some(since) = waiting {
            *counter += 1;
            self.unanswered -= 1;
            self.seen.latencies.push(since.elapsed());
        }
    }

    fn give_up(&mut self) {
        for slot in &mut self.waiting {
            if slot.is_some_and(|since| since.elapsed() > LOST) {
                *slot = None;
                self.unanswered -= 1;
                self.seen.lost += 1;
            }
        }
    }
}

/// The Ethernet address with this number.
fn mac(number: u32) -> Mac {
    let [a, b, c, d] = number.to_be_bytes();
    Mac([0x02, 0, a, b, c, d])
}

fn number(mac: &[u8]) -> Option<u32> {
    match mac {
        [0x02, 0, number @ ..] => Some(u32::from_be_bytes(number.try_into().ok()?)),
        _ => None,
    }
}

/// A packet from an address to the next one.
fn packet_in(from: u32, macs: u32) -> Body {
    let to = (from + 1) % macs;
    let mut data = [mac(to).0, mac(from).0].concat();
    data.extend([0x88, 0xb5]);
    data.resize(data.len() + PAYLOAD, 0);
    let in_port = from % PORTS + 1;
    Body::PacketIn(PacketIn {
        buffer_id: NO_BUFFER,
        total_len: data.len() as u16,
        reason: PacketInReason::NO_MATCH,
        table_id: TableId(0),
        cookie: u64::MAX,
        matching: Match::new().with(Oxm::new(Field::OXM_OF_IN_PORT, PortNo(in_port).0)),
        data: Blob::from(data),
    })
}

/// Whose packet a flow is for: its source's, or the one before its destination.
fn of_flow_mod(flow_mod: &FlowMod) -> Option<u32> {
    let value = |field| flow_mod.matching.get(field).and_then(|oxm: &Oxm| number(oxm.value()));
    value(Field::OXM_OF_ETH_SRC).or_else(|| value(Field::OXM_OF_ETH_DST)?.checked_sub(1))
}

fn of_packet_out(out: &PacketOut) -> Option<u32> {
    number(out.data.get(6..12)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_tells_which_packet_it_is_about() {
        let Body::PacketIn(packet) = packet_in(70_000, 100_000) else { panic!() };
        assert_eq!(packet.in_port(), Some(PortNo(70_000 % PORTS + 1)));
        let out = PacketOut::new([], packet.data.0.clone());
        assert_eq!(of_packet_out(&out), Some(70_000));
        let both = Match::new().eth_src(mac(5)).eth_dst(mac(6));
        assert_eq!(of_flow_mod(&FlowMod::add(0, 1, both)), Some(5));
        assert_eq!(of_flow_mod(&FlowMod::add(0, 1, Match::new().eth_dst(mac(6)))), Some(5));
        assert_eq!(of_flow_mod(&FlowMod::add(0, 1, Match::new())), None);
    }
}
