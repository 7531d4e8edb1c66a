//! The prober's sockets and clock, and the reports to the controller.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    io,
    net::{IpAddr, SocketAddr},
    os::fd::AsRawFd,
    sync::Arc,
    time::Duration,
};

use api::{AgentReport, Client, Name, WriteOptions};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, bind, setsockopt, socket,
    sockopt::{BindToDevice, IpFreebind},
};
use serde::de::IgnoredAny;
use tokio::{
    net::UdpSocket,
    sync::{mpsc, watch},
    time::{Instant, sleep_until},
};
use tracing::{debug, info};

use crate::{
    error::plain,
    follow::{Configs, Current},
    prober::{Event, LENGTH, Prober, Transmit, Way},
    trouble::Trouble,
};

/// How long the controller may take to accept a report.
const PATIENCE: WriteOptions = WriteOptions { wait: false, timeout: Duration::from_secs(2) };

/// The sockets of both ways, as far as there are any.
#[derive(Default)]
struct Sockets {
    underlay: Option<UdpSocket>,
    tunnel: Option<(UdpSocket, u32, IpAddr)>,
}

/// Probes for ever; reports go to `reports`.
pub async fn keep(
    underlay: IpAddr,
    port: u16,
    mut configs: Configs,
    mut ready: watch::Receiver<Option<u32>>,
    reports: mpsc::Sender<AgentReport>,
) {
    let mut prober = Prober::new(RandomState::new().build_hasher().finish(), Instant::now());
    let mut sockets = Sockets::default();
    let mut trouble = Trouble::new("open the probe sockets");
    // One byte more than a probe shows what is too long.
    let mut buffers = ([0; LENGTH + 1], [0; LENGTH + 1]);
    loop {
        if let Some(current) = configs.borrow_and_update().clone() {
            match sockets.open(underlay, port, &current, *ready.borrow_and_update()) {
                Ok(()) => trouble.over(),
                Err(e) => trouble.note(e),
            }
            prober.set_peers(&current.config.peers, Instant::now());
            prober.set_tunnel(sockets.tunnel.is_some(), Instant::now());
        }
        loop {
            while let Some(transmit) = prober.poll_transmit() {
                sockets.send(&transmit, port).await;
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

/// Sends reports to the controller for ever.
pub async fn report(client: &Client, node: &Name, mut reports: mpsc::Receiver<AgentReport>) {
    let path = format!("/v1/nodes/{node}/report");
    while let Some(report) = reports.recv().await {
        if let Err(e) = client.post::<_, IgnoredAny>(&path, &report, PATIENCE).await {
            debug!(reason = %plain(&e), "report not delivered");
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
            self.underlay = Some(open(underlay, port, None)?);
        }
        let config = &current.config;
        let gateway = config.gateway.addr();
        if self.tunnel.as_ref().map(|(_, index, address)| (*index, *address)) != bridge.map(|index| (index, gateway)) {
            self.tunnel = None;
            if let Some(index) = bridge {
                self.tunnel = Some((open(gateway, port, Some(&config.bridge))?, index, gateway));
            }
        }
        Ok(())
    }

    async fn send(&self, transmit: &Transmit, port: u16) {
        let socket = match transmit.way {
            Way::Underlay => self.underlay.as_ref(),
            Way::Tunnel => self.tunnel.as_ref().map(|t| &t.0),
        };
        let Some(socket) = socket else { return };
        // A probe that cannot be sent is one without an answer.
        let _ = socket.send_to(&transmit.payload, (transmit.to, port)).await;
    }
}

/// A socket at `address`, which may come and go, that speaks by way of `device` only, where one is given.
fn open(address: IpAddr, port: u16, device: Option<&str>) -> io::Result<UdpSocket> {
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(family, SockType::Datagram, flags, None)?;
    setsockopt(&socket, IpFreebind, &true)?;
    if let Some(device) = device {
        setsockopt(&socket, BindToDevice, &device.into())?;
    }
    bind(socket.as_raw_fd(), &SockaddrStorage::from(SocketAddr::new(address, port)))?;
    UdpSocket::from_std(socket.into())
}
