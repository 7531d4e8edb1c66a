//! The prober's sockets and clock.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use api::AgentReport;
use tokio::{
    net::UdpSocket,
    sync::{mpsc, watch},
    time::{Instant, sleep_until},
};
use tracing::info;

use crate::{
    follow::{Configs, Current},
    gossip::Members,
    prober::{Event, Prober, Transmit, Way},
    trouble::Trouble,
    udp,
};

/// The largest datagram there is, in bytes.
const LARGEST: usize = 1 << 16;

/// The sockets of both ways, as far as there are any.
#[derive(Default)]
struct Sockets {
    underlay: Option<UdpSocket>,
    tunnel: Option<(UdpSocket, u32, IpAddr)>,
}

/// Probes for ever; reports go to `reports`, one at once when `members` change.
pub async fn keep(
    underlay: IpAddr,
    port: u16,
    mut configs: Configs,
    mut ready: watch::Receiver<Option<u32>>,
    mut members: watch::Receiver<Members>,
    reports: mpsc::Sender<AgentReport>,
) {
    let mut prober = Prober::new(RandomState::new().build_hasher().finish(), Instant::now());
    let mut sockets = Sockets::default();
    let mut trouble = Trouble::new("open the probe sockets");
    let mut buffers = (vec![0; LARGEST], vec![0; LARGEST]);
    let zeros = vec![0; LARGEST];
    loop {
        if let Some(current) = configs.borrow_and_update().clone() {
            match sockets.open(underlay, port, &current, *ready.borrow_and_update()) {
                Ok(()) => trouble.over(),
                Err(e) => trouble.note(e),
            }
            prober.set_peers(&current.config.peers, current.config.mtu, Instant::now());
            prober.set_tunnel(sockets.tunnel.is_some(), Instant::now());
        }
        loop {
            while let Some(transmit) = prober.poll_transmit() {
                sockets.send(&transmit, &zeros, port).await;
            }
            while let Some(event) = prober.poll_event() {
                log(&event);
            }
            let configured = configs.borrow().is_some();
            if let Some(report) = configured.then(|| prober.poll_report(Instant::now())).flatten() {
                // The newest report matters; one that waits behind a stuck one does not.
                let _ = reports.try_send(report);
            }
            tokio::select! {
                changed = configs.changed() => if changed.is_err() { return } else { break },
                changed = ready.changed() => if changed.is_err() { return } else { break },
                changed = members.changed() => if changed.is_err() { return } else {
                    prober.hurry_report(Instant::now());
                },
                got = receive(sockets.underlay.as_ref(), &mut buffers.0) => {
                    input(&mut prober, Way::Underlay, got, &buffers.0, port);
                }
                got = receive(sockets.tunnel.as_ref().map(|t| &t.0), &mut buffers.1) => {
                    input(&mut prober, Way::Tunnel, got, &buffers.1, port);
                }
                () = sleep_until(prober.poll_timeout().0), if configured => prober.handle_timeout(Instant::now()),
            }
        }
    }
}

fn log(event: &Event) {
    let way = match event.way {
        Way::Underlay => "over the underlay",
        Way::Tunnel => "through the tunnel",
    };
    match event.rtt {
        Some(rtt) => info!(peer = %event.peer, ?rtt, "answers {way}"),
        None => info!(peer = %event.peer, "does not answer {way}"),
    }
}

fn input(prober: &mut Prober, way: Way, got: io::Result<(usize, SocketAddr)>, buffer: &[u8], port: u16) {
    if let Ok((length, from)) = got
        && from.port() == port
    {
        prober.handle_input(way, from.ip(), buffer.get(..length).unwrap_or_default(), Instant::now());
    }
}

async fn receive(socket: Option<&UdpSocket>, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
    match socket {
        Some(socket) => socket.recv_from(buffer).await,
        None => std::future::pending().await,
    }
}

impl Sockets {
    /// Opens what is missing and closes what is stale; `bridge` is the number of the bridge's local port.
    fn open(&mut self, underlay: IpAddr, port: u16, current: &Arc<Current>, bridge: Option<u32>) -> io::Result<()> {
        if self.underlay.is_none() {
            self.underlay = Some(udp::open(underlay, port, None)?);
        }
        let config = &current.config;
        let gateway = config.gateway.addr();
        if self.tunnel.as_ref().map(|(_, index, address)| (*index, *address)) != bridge.map(|index| (index, gateway)) {
            self.tunnel = None;
            if let Some(index) = bridge {
                self.tunnel = Some((udp::open_whole(gateway, port, &config.bridge)?, index, gateway));
            }
        }
        Ok(())
    }

    /// Sends a datagram, filled up from `zeros`.
    async fn send(&self, transmit: &Transmit, zeros: &[u8], port: u16) {
        let socket = match transmit.way {
            Way::Underlay => self.underlay.as_ref(),
            Way::Tunnel => self.tunnel.as_ref().map(|t| &t.0),
        };
        let Some(socket) = socket else { return };
        let filling = transmit.length.saturating_sub(transmit.payload.len());
        let payload = [&transmit.payload, zeros.get(..filling).unwrap_or_default()].concat();
        // A probe that cannot be sent is one without an answer.
        let _ = socket.send_to(&payload, (transmit.to, port)).await;
    }
}
