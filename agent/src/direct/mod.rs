//! Plain packets of endpoints between hosts of one underlay subnet, without a tunnel.
//!
//! ```text
//! endpoint ── kbr0 ──► kernel, rule "iif kbr0", table 93 ──► underlay ──► kernel of the peer ── its kbr0 ──► endpoint
//!                        └─ no route there: main table ──► kbr0 ──► tunnel
//! ```
//!
//! The switch hands such packets to this host's kernel. What has no route here goes back to the switch, which takes the
//! tunnel: so a route may come and go at any time. The one to a peer's subnet is there while the peer answers probes
//! that go without a tunnel, and so has said that it takes in such packets. A peer that is no more to be reached this
//! way is believed for a while yet: it may not know, and packets are on their way.

mod firewall;
mod kernel;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};

use api::{AgentConfig, Mac, Name, Peer};
use ipnet::IpNet;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};
use tracing::info;

use crate::{
    Error,
    follow::Configs,
    link::{Device, Netlink},
    plan::Route,
    sysctl,
    trouble::Trouble,
};

/// How often the kernel is looked at while there are such peers, and else.
const INTERVALS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));
/// How soon again while a peer's Ethernet address is not known.
const SOON: Duration = Duration::from_millis(50);
/// For how long a peer is believed that is no more to be reached this way; and a route that is there from earlier.
const GRACE: Duration = Duration::from_secs(3);

/// What this host takes in without a tunnel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Direct {
    /// The underlay's device and its number, while there is any such peer.
    pub device: Option<(String, u32)>,
    /// The subnets of peers, and the Ethernet address that packets from there have.
    pub accepted: BTreeMap<IpNet, Mac>,
}

/// A peer that is, or was, to be reached this way.
#[derive(Debug)]
struct Known {
    subnet: IpNet,
    mac: Option<Mac>,
    wanted: Instant,
}

/// Who may send plain packets here.
#[derive(Debug, Default)]
struct Ledger {
    peers: BTreeMap<Name, Known>,
}

impl Ledger {
    /// The subnets that plain packets are taken from as of `now`, each with its Ethernet address.
    fn accept(&mut self, peers: &[Peer], macs: &BTreeMap<IpAddr, Mac>, now: Instant) -> BTreeMap<IpNet, Mac> {
        for (peer, subnet) in peers.iter().filter_map(|peer| Some((peer, peer.direct?))) {
            let before = self.peers.get(&peer.name).and_then(|known| known.mac);
            let mac = macs.get(&peer.address).copied().or(before);
            self.peers.insert(peer.name.clone(), Known { subnet, mac, wanted: now });
        }
        self.peers.retain(|_, known| now.duration_since(known.wanted) < GRACE);
        let mut known: Vec<&Known> = self.peers.values().collect();
        // A subnet may be another peer's by now.
        known.sort_by_key(|known| known.wanted);
        known.into_iter().filter_map(|known| Some((known.subnet, known.mac?))).collect()
    }

    fn is_complete(&self) -> bool {
        self.peers.values().all(|known| known.mac.is_some())
    }
}

/// The routes past the tunnel: to each peer's gateway, from which it answers probes, and to its subnet if it does.
fn routes(config: &AgentConfig, reached: impl Fn(&Peer, &Route) -> bool) -> BTreeSet<Route> {
    let source = Some(config.gateway.addr());
    let of = |peer: &Peer| {
        let to = |destination: IpNet| Route { destination, via: peer.address, source, mtu: None };
        let subnet = peer.direct.map(|subnet| to(subnet.trunc()));
        let gateway = subnet.as_ref().map(|_| to(IpNet::from(peer.gateway)));
        gateway.into_iter().chain(subnet.filter(|route| reached(peer, route))).collect::<Vec<Route>>()
    };
    config.peers.iter().flat_map(of).collect()
}

/// The task's state.
struct Keeper<'a> {
    netlink: &'a Netlink,
    ledger: Ledger,
    started: Instant,
    firewall: firewall::Firewall,
}

/// Keeps the kernel right for ever, while the bridge is `ready`; `reached` are the peers that answer without a tunnel, and
/// what is taken in is told by `direct`.
pub async fn keep(
    netlink: &Netlink,
    mut configs: Configs,
    mut ready: watch::Receiver<Option<u32>>,
    mut reached: watch::Receiver<BTreeSet<Name>>,
    direct: &watch::Sender<Option<Direct>>,
) {
    let mut trouble = Trouble::new("reach peers without a tunnel");
    let (ledger, firewall) = (Ledger::default(), firewall::Firewall::default());
    let mut keeper = Keeper { netlink, ledger, started: Instant::now(), firewall };
    loop {
        let (current, up) = (configs.borrow_and_update().clone(), reached.borrow_and_update().clone());
        let mut pause = INTERVALS.1;
        if let Some(current) = current {
            // Routes have the gateway's address as source.
            let up = ready.borrow_and_update().is_some().then_some(&up);
            match keeper.pass(&current.config, up, direct).await {
                Ok(()) => trouble.over(),
                Err(e) => trouble.note(e),
            }
            pause = match keeper.ledger.peers.is_empty() {
                true => INTERVALS.1,
                false if keeper.ledger.is_complete() => INTERVALS.0,
                false => SOON,
            };
        }
        tokio::select! {
            () = sleep(pause) => {}
            changed = configs.changed() => if changed.is_err() { return },
            changed = ready.changed() => if changed.is_err() { return },
            changed = reached.changed() => if changed.is_err() { return },
        }
    }
}

impl Keeper<'_> {
    async fn pass(
        &mut self,
        config: &AgentConfig,
        reached: Option<&BTreeSet<Name>>,
        direct: &watch::Sender<Option<Direct>>,
    ) -> Result<(), Error> {
        let own = config.node.spec.address;
        let underlay = self.netlink.device_with(own).await?;
        let macs = match &underlay {
            Some(device) if config.peers.iter().any(|peer| peer.direct.is_some()) => {
                self.netlink.neighbours(device.index, own).await?
            }
            _ => BTreeMap::new(),
        };
        let accepted = self.ledger.accept(&config.peers, &macs, Instant::now());
        let is_used = !self.ledger.peers.is_empty();
        let device = underlay.as_ref().filter(|_| is_used).map(|device| (device.name.clone(), device.index));
        let new = Direct { device, accepted };
        direct.send_if_modified(|now| now.replace(new.clone()).as_ref() != Some(&new));
        let Some(underlay) = underlay else { return Ok(()) };
        if is_used {
            sysctl::loosen_source_check(&underlay.name)
                .map_err(|e| Error::kernel(format!("settings of {}", underlay.name), e))?;
            self.firewall.open(config).await?;
        }
        let Some(reached) = reached else { return Ok(()) };
        self.steer(config, &underlay, reached).await?;
        if !is_used {
            self.firewall.close(config).await?;
        }
        Ok(())
    }

    /// Brings rules and routes in line.
    async fn steer(&mut self, config: &AgentConfig, underlay: &Device, reached: &BTreeSet<Name>) -> Result<(), Error> {
        let seen = self.netlink.direct_routes(underlay).await?;
        let settling = self.started.elapsed() < GRACE;
        let stays = |peer: &Peer, route: &Route| reached.contains(&peer.name) || (settling && seen.contains(route));
        let want = routes(config, stays);
        let rules = match self.ledger.peers.is_empty() {
            true => BTreeSet::new(),
            false => kernel::Rule::all(&config.bridge, &underlay.name),
        };
        let changed = self.netlink.set_direct_rules(&rules).await?;
        self.firewall.was_open |= changed;
        if want != seen {
            self.netlink.set_direct_routes(underlay, &want, &seen).await?;
            let subnets = want.len().saturating_sub(config.peers.iter().filter(|peer| peer.direct.is_some()).count());
            info!(peers = subnets, "reached without a tunnel");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
