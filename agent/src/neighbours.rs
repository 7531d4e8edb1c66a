//! The Ethernet addresses of peers, told to Open vSwitch before the first packet through a tunnel needs them.
//!
//! With the userspace datapath ovs-vswitchd learns them from answers to ARP and ND, but not from those that came while it had no
//! tunnel yet: a host that has just joined would lose the first packet to each peer. The kernel knows them, as agents
//! probe each other's underlay addresses.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use api::{Datapath, Mac};
use tokio::{sync::watch, time::sleep};

use crate::{
    Error,
    follow::{Configs, Current},
    link::Netlink,
    trouble::Trouble,
    vswitchd,
};

/// How often the kernel is asked for those that are missing: soon after a change, more and more seldom later.
const PAUSES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(10));

/// Tells Open vSwitch, whose database is at `ovs_db`, for ever; all of it whenever it begins anew, as `served` says,
/// which has the bridge's number.
pub async fn keep(netlink: &Netlink, ovs_db: &str, mut configs: Configs, mut served: watch::Receiver<Option<u32>>) {
    let mut trouble = Trouble::new("tell Open vSwitch its neighbours");
    let mut told = BTreeMap::new();
    let mut pause = PAUSES.0;
    loop {
        let (current, bridge) = (configs.borrow_and_update().clone(), *served.borrow_and_update());
        if let Some(current) = current.filter(|c| bridge.is_some() && c.config.node.spec.datapath == Datapath::Netdev) {
            match tell(netlink, ovs_db, &current, &mut told).await {
                Ok(()) => trouble.over(),
                Err(e) => trouble.note(e),
            }
        }
        tokio::select! {
            () = sleep(pause) => pause = (pause * 2).min(PAUSES.1),
            changed = configs.changed() => if changed.is_ok() { pause = PAUSES.0 } else { return },
            changed = served.changed() => if changed.is_ok() { (pause, told) = (PAUSES.0, BTreeMap::new()) } else { return },
        }
    }
}

/// Tells what Open vSwitch was not `told` yet, as far as the kernel knows it.
async fn tell(
    netlink: &Netlink,
    ovs_db: &str,
    current: &Current,
    told: &mut BTreeMap<IpAddr, Mac>,
) -> Result<(), Error> {
    let peers = current.config.peers.iter().map(|peer| peer.address);
    let missing: Vec<IpAddr> = peers.filter(|address| !told.contains_key(address)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let own = current.config.node.spec.address;
    let Some(underlay) = netlink.device_with(own).await? else { return Ok(()) };
    let known = netlink.neighbours(underlay.index, own).await?;
    for (address, mac) in missing.into_iter().filter_map(|address| Some((address, *known.get(&address)?))) {
        let words = [underlay.name.as_str(), &address.to_string(), &mac.to_string()];
        let said = vswitchd::call(ovs_db, "tnl/neigh/set", &words).await;
        said.map_err(|e| Error::kernel("ovs-vswitchd", e))?;
        told.insert(address, mac);
    }
    Ok(())
}
