//! The prober's sockets and clock.

use std::{
    collections::BTreeSet,
    hash::{BuildHasher, Hasher, RandomState},
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use api::{AgentReport, Name};
use tokio::{
    net::UdpSocket,
    sync::{mpsc, watch},
    time::{Instant, sleep_until},
};
use tracing::info;

use crate::{
    direct::Direct,
    follow::{Configs, Current},
    gossip::Members,
    prober::{Event, Prober, Transmit, Way},
    trouble::Trouble,
    udp,
};

/// The largest datagram there is, in bytes.
const LARGEST: usize = 1 << 16;

/// What the prober looks at.
#[derive(Debug)]
pub struct Sources {
    /// Whom to probe.
    pub configs: Configs,
    /// The number of the bridge's local port.
    pub ready: watch::Receiver<Option<u32>>,
    /// Who is there.
    pub members: watch::Receiver<Members>,
    /// By which device peers are reached without a tunnel.
    pub direct: watch::Receiver<Option<Direct>>,
}

/// The sockets of all ways, as far as there are any.
#[derive(Default)]
struct Sockets {
    underlay: Option<UdpSocket>,
    tunnel: Option<Bound>,
    direct: Option<Bound>,
}

/// A socket at a gateway's address that speaks by way of one device.
struct Bound {
    socket: UdpSocket,
    index: u32,
    address: IpAddr,
}

/// Probes for ever; reports go to `reports`, one at once when members change, and the peers that answer without a tunnel
/// to `reached`.
pub async fn keep(
    (underlay, port): (IpAddr, u16),
    sources: Sources,
    reports: mpsc::Sender<AgentReport>,
    reached: &watch::Sender<BTreeSet<Name>>,
) {
    let Sources { mut configs, mut ready, mut members, mut direct } = sources;
    let mut prober = Prober::new(RandomState::new().build_hasher().finish(), Instant::now());
    let mut sockets = Sockets::default();
    let mut trouble = Trouble::new("open the probe sockets");
    let mut buffers = (vec![0; LARGEST], vec![0; LARGEST], vec![0; LARGEST]);
    let zeros = vec![0; LARGEST];
    loop {
        if let Some(current) = configs.borrow_and_update().clone() {
            let plain = direct.borrow_and_update().clone().and_then(|direct| direct.device);
            match sockets.open((underlay, port), &current, *ready.borrow_and_update(), plain) {
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
            let now = prober.direct();
            reached.send_if_modified(|before| std::mem::replace(before, now.clone()) != now);
            let configured = configs.borrow().is_some();
            if let Some(report) = configured.then(|| prober.poll_report(Instant::now())).flatten() {
                // The newest report matters; one that waits behind a stuck one does not.
                let _ = reports.try_send(report);
            }
            tokio::select! {
                changed = configs.changed() => if changed.is_err() { return } else { break },
                changed = ready.changed() => if changed.is_err() { return } else { break },
                changed = direct.changed() => if changed.is_err() { return } else { break },
                changed = members.changed() => if changed.is_err() { return } else {
                    prober.hurry_report(Instant::now());
                },
                got = receive(sockets.underlay.as_ref(), &mut buffers.0) => {
                    input(&mut prober, Way::Underlay, got, &buffers.0, port);
                }
                got = receive(sockets.tunnel.as_ref().map(|t| &t.socket), &mut buffers.1) => {
                    input(&mut prober, Way::Tunnel, got, &buffers.1, port);
                }
                got = receive(sockets.direct.as_ref().map(|d| &d.socket), &mut buffers.2) => {
                    input(&mut prober, Way::Direct, got, &buffers.2, port);
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
        Way::Direct => "without a tunnel",
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
    fn open(
        &mut self,
        (underlay, port): (IpAddr, u16),
        current: &Arc<Current>,
        bridge: Option<u32>,
        plain: Option<(String, u32)>,
    ) -> io::Result<()> {
        if self.underlay.is_none() {
            self.underlay = Some(udp::open(underlay, port, None)?);
        }
        let config = &current.config;
        let gateway = config.gateway.addr();
        let bridge = bridge.map(|index| (config.bridge.clone(), index));
        Bound::open(&mut self.tunnel, (gateway, port), bridge)?;
        Bound::open(&mut self.direct, (gateway, port), plain)
    }

    /// Sends a datagram, filled up from `zeros`.
    async fn send(&self, transmit: &Transmit, zeros: &[u8], port: u16) {
        let socket = match transmit.way {
            Way::Underlay => self.underlay.as_ref(),
            Way::Tunnel => self.tunnel.as_ref().map(|t| &t.socket),
            Way::Direct => self.direct.as_ref().map(|d| &d.socket),
        };
        let Some(socket) = socket else { return };
        let filling = transmit.length.saturating_sub(transmit.payload.len());
        let payload = [&transmit.payload, zeros.get(..filling).unwrap_or_default()].concat();
        // A probe that cannot be sent is one without an answer.
        let _ = socket.send_to(&payload, (transmit.to, port)).await;
    }
}

impl Bound {
    /// Opens the socket by way of `device`, which has a number; closes it where there is none.
    fn open(slot: &mut Option<Self>, (address, port): (IpAddr, u16), device: Option<(String, u32)>) -> io::Result<()> {
        let is = slot.as_ref().map(|bound| (bound.index, bound.address));
        if is == device.as_ref().map(|(_, index)| (*index, address)) {
            return Ok(());
        }
        *slot = None;
        if let Some((name, index)) = device {
            *slot = Some(Self { socket: udp::open_whole(address, port, &name)?, index, address });
        }
        Ok(())
    }
}
