//! `sdn-load switches`: switches that connect to any controller of OpenFlow 1.3 and keep what it tells them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use openflow::PortNo;
use serde::Serialize;
use tokio::sync::watch;

use super::link::{self, Manner, Shared};
use super::switch::{Counts, Switch};

/// What is simulated.
#[derive(Clone, Debug)]
pub struct Config {
    /// The controller.
    pub controller: SocketAddr,
    /// How many switches.
    pub switches: usize,
    /// Ports of each.
    pub ports: u32,
    /// How some of them behave, and how many.
    pub misbehave: Option<(Manner, usize)>,
    /// How long.
    pub seconds: u64,
}

/// One second of it.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Second {
    /// Seconds since the start.
    pub second: u64,
    /// Switches that are connected.
    pub connected: usize,
    /// Handshakes so far.
    pub handshakes: u64,
    /// Messages from the controller within this second.
    pub messages_in: u64,
    /// Bytes from it.
    pub bytes_in: u64,
    /// Messages to it.
    pub messages_out: u64,
    /// Bytes to it.
    pub bytes_out: u64,
    /// Flow-mods within this second.
    pub flow_mods: u64,
    /// Group-mods within this second.
    pub group_mods: u64,
    /// What switches refused within this second.
    pub refused: u64,
    /// Flows of all switches.
    pub flows: usize,
}

/// Connects switches and tells of every second; returns the last.
pub async fn run(config: &Config, tell: &mut (dyn FnMut(&Second) + Send)) -> Second {
    let connected = Arc::new(AtomicUsize::new(0));
    let (online, subscriber) = watch::channel(true);
    let (manner, bad) = config.misbehave.unwrap_or_default();
    let mut switches = Vec::with_capacity(config.switches);
    for number in 0..config.switches {
        let switch = Arc::new(Shared::new(switch(number, config.ports)));
        let manner = if number + bad >= config.switches { manner } else { Manner::Good };
        switches.push(switch.clone());
        let (to, online, connected) = (config.controller, subscriber.clone(), connected.clone());
        tokio::spawn(async move {
            let count = |up| {
                let by = if up { 1 } else { usize::MAX };
                connected.fetch_add(by, Ordering::Relaxed);
            };
            link::keep(to, &switch, manner, online, count).await;
        });
    }
    let mut before = Counts::default();
    let mut last = Second::default();
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    tick.tick().await;
    for second in 1..=config.seconds {
        tick.tick().await;
        let mut now = Counts::default();
        switches.iter().for_each(|switch| now += switch.lock().counts());
        last = Second {
            second,
            connected: connected.load(Ordering::Relaxed),
            handshakes: now.handshakes,
            messages_in: now.messages_in - before.messages_in,
            bytes_in: now.bytes_in - before.bytes_in,
            messages_out: now.messages_out - before.messages_out,
            bytes_out: now.bytes_out - before.bytes_out,
            flow_mods: now.flow_mods - before.flow_mods,
            group_mods: now.group_mods - before.group_mods,
            refused: now.refused - before.refused,
            flows: switches.iter().map(|switch| switch.lock().flows()).sum(),
        };
        tell(&last);
        before = now;
    }
    online.send_replace(false);
    last
}

/// Switch number `number` with ports 1 and up.
pub(super) fn switch(number: usize, ports: u32) -> Switch {
    let mut switch = Switch::new(number as u64 + 1);
    let ports = (1..=ports).map(|port| (PortNo(port), format!("p{port}"))).collect();
    switch.set_ports(&ports);
    switch
}
