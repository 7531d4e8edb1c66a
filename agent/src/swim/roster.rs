//! Who may take part: the hosts that the controller lists.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    time::Instant,
};

use api::{Name, Peer};

/// A listed host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: Name,
    /// Where it gossips.
    pub address: SocketAddr,
    /// Since when it is listed.
    pub since: Instant,
}

/// The listed hosts, by their numbers.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    listed: BTreeMap<u32, Listed>,
}

impl Roster {
    /// Lists these hosts and no others, all gossiping at `port`; returns the numbers that no longer mean who they did.
    pub fn set(&mut self, peers: &[Peer], port: u16, now: Instant) -> Vec<u32> {
        let mut before = std::mem::take(&mut self.listed);
        let mut gone = Vec::new();
        for peer in peers.iter().filter(|peer| peer.id != 0) {
            let since = match before.remove(&peer.id) {
                Some(old) if old.name == peer.name => old.since,
                other => {
                    gone.extend(other.map(|_| peer.id));
                    now
                }
            };
            let address = SocketAddr::new(peer.address, port);
            self.listed.insert(peer.id, Listed { name: peer.name.clone(), address, since });
        }
        gone.extend(before.into_keys());
        gone
    }

    /// A listed host.
    pub fn get(&self, node: u32) -> Option<&Listed> {
        self.listed.get(&node)
    }

    /// Whether a datagram that claims to be a node's came from where that node is.
    pub fn is_at(&self, node: u32, from: SocketAddr) -> bool {
        let canonical = |ip: IpAddr| ip.to_canonical();
        self.get(node)
            .is_some_and(|l| l.address.port() == from.port() && canonical(l.address.ip()) == canonical(from.ip()))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.listed.len()
    }

    /// All, in order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Listed)> {
        self.listed.iter().map(|(node, listed)| (*node, listed))
    }

    /// All, beginning behind `node` and coming round.
    pub fn after(&self, node: u32) -> impl Iterator<Item = u32> {
        let behind = (std::ops::Bound::Excluded(node), std::ops::Bound::Unbounded);
        self.listed.range(behind).chain(self.listed.range(..=node)).map(|(node, _)| *node)
    }
}
