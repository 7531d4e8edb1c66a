//! External addresses of services that this host, of all hosts, answers for on the underlay, by ARP and neighbour
//! discovery. The controller chooses one host for each address, and another when that one goes.
//!
//! The kernel answers as a proxy: it has none of these addresses itself, so that no process of the host is reached there.
//! Entries with the agent's protocol number are ours. When there is a new one, the underlay is told, as neighbours
//! remember for a while who answered before.

mod frame;
mod kernel;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    os::fd::AsRawFd,
    time::Duration,
};

use nix::{
    ifaddrs::getifaddrs,
    sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, bind, send, socket},
};
use tokio::time::sleep;
use tracing::info;

use crate::{
    Error,
    follow::Configs,
    link::{Device, Netlink},
    sysctl,
    trouble::Trouble,
};

/// How often the kernel is looked at when nothing has changed.
const INTERVAL: Duration = Duration::from_secs(10);
/// How often the underlay is told of a new address, and how long after one another: who answered before may not know yet.
const TIMES: u8 = 3;
const PAUSE: Duration = Duration::from_secs(1);

/// Answers for ever. What there is stays while nothing has been heard of the controller.
pub async fn keep(netlink: &Netlink, mut configs: Configs) {
    let mut trouble = Trouble::new("answer for external addresses");
    let mut untold: BTreeMap<IpAddr, u8> = BTreeMap::new();
    loop {
        let current = configs.borrow_and_update().clone();
        if let Some(current) = current.filter(|current| current.fresh) {
            let (own, want) = (current.config.node.spec.address, current.config.announced.iter().copied().collect());
            match pass(netlink, own, &want, &mut untold).await {
                Ok(()) => trouble.over(),
                Err(e) => trouble.note(e),
            }
        }
        tokio::select! {
            () = sleep(if untold.is_empty() { INTERVAL } else { PAUSE }) => {}
            changed = configs.changed() => if changed.is_err() { return },
        }
    }
}

/// Has the kernel answer for just these addresses, on the device that has the address `own`.
async fn pass(
    netlink: &Netlink,
    own: IpAddr,
    want: &BTreeSet<IpAddr>,
    untold: &mut BTreeMap<IpAddr, u8>,
) -> Result<(), Error> {
    untold.retain(|address, _| want.contains(address));
    let Some(underlay) = netlink.device_with(own).await? else { return Ok(()) };
    if !want.is_empty() {
        sysctl::answer_for_others(&underlay.name)
            .map_err(|e| Error::kernel(format!("settings of {}", underlay.name), e))?;
    }
    let there = netlink.proxied(&underlay).await?;
    for address in there.difference(want) {
        netlink.proxy_no_more(&underlay, *address).await?;
        info!(%address, device = %underlay.name, "answers for it no more");
    }
    for address in want.difference(&there) {
        netlink.proxy(&underlay, *address).await?;
        untold.insert(*address, TIMES);
        info!(%address, device = %underlay.name, "answers for it");
    }
    let told: Vec<IpAddr> = untold.keys().copied().collect();
    for address in told {
        tell(&underlay, address).map_err(|e| Error::kernel(format!("tell the underlay of {address}"), e))?;
    }
    untold.retain(|_, left| {
        *left -= 1;
        *left > 0
    });
    Ok(())
}

/// Tells everyone on a device's link where an address is.
fn tell(device: &Device, address: IpAddr) -> nix::Result<()> {
    let is_it = |name: &str| name == device.name;
    let link = getifaddrs()?.filter(|it| is_it(&it.interface_name)).find_map(|it| it.address?.as_link_addr().copied());
    let (Some(link), Some(mac)) = (link, device.mac) else { return Err(nix::Error::ENODEV) };
    let socket = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None)?;
    bind(socket.as_raw_fd(), &link)?;
    let frame = match address {
        IpAddr::V4(address) => frame::arp(mac, address),
        IpAddr::V6(address) => frame::advertisement(mac, address),
    };
    send(socket.as_raw_fd(), &frame, MsgFlags::empty()).map(drop)
}
