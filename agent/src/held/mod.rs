//! Which of the ports at which services can be published are held by processes of this host: who publishes a service
//! there takes them away from these.

mod diag;
mod table;

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use api::{Health, HeldPort, PUBLISHED_PORTS, Protocol};
use tokio::time::Instant;
use tracing::debug;

use crate::nat::Family;

/// The kinds of sockets that are looked at.
const KINDS: [(Protocol, Family); 4] = [
    (Protocol::Tcp, Family::V4),
    (Protocol::Tcp, Family::V6),
    (Protocol::Udp, Family::V4),
    (Protocol::Udp, Family::V6),
];

/// How old what was read may be.
const AGE: Duration = Duration::from_secs(3);

/// What was read last.
#[derive(Debug, Default)]
pub struct Held {
    ports: Vec<HeldPort>,
    read: Option<Instant>,
}

impl Held {
    /// All held ports but for the agent's own, as of now or a short while ago.
    pub fn ports(&mut self, own: &[Health], now: Instant) -> Vec<HeldPort> {
        if self.read.is_none_or(|at| now.duration_since(at) >= AGE) {
            *self = Self { ports: ports(own), read: Some(now) };
        }
        self.ports.clone()
    }
}

/// All of them, but for the agent's own.
fn ports(own: &[Health]) -> Vec<HeldPort> {
    let is_own = |held: &HeldPort| held.protocol == Protocol::Tcp && own.iter().any(|own| own.port == held.port);
    let of = |(protocol, family)| held(protocol, &waiting(protocol, family));
    let held: BTreeSet<HeldPort> = KINDS.into_iter().flat_map(of).filter(|held| !is_own(held)).collect();
    held.into_iter().collect()
}

/// The local addresses of sockets that wait for others; a kind that cannot be read has none.
fn waiting(protocol: Protocol, family: Family) -> Vec<SocketAddr> {
    let asked = diag::waiting(protocol, family).or_else(|error| {
        debug!(%error, %protocol, "the kernel does not list its sockets by netlink");
        table::waiting(protocol, family)
    });
    asked.unwrap_or_default()
}

/// The ports that others than this host itself can reach.
fn held(protocol: Protocol, waiting: &[SocketAddr]) -> Vec<HeldPort> {
    let is_held = |at: &&SocketAddr| !at.ip().to_canonical().is_loopback() && PUBLISHED_PORTS.contains(&at.port());
    waiting.iter().filter(is_held).map(|at| HeldPort { protocol, port: at.port() }).collect()
}

#[cfg(test)]
mod tests;
