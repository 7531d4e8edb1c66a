//! The gateway: address, routes and settings of the bridge's local port.
//!
//! Open vSwitch makes and unmakes that device; it may come back bare when
//! ovs-vswitchd was killed. Netlink tells of it, and it is healed at once.

use std::time::Duration;

use api::{AgentConfig, Datapath, Mac, NodeSpec};
use ipnet::{IpNet, Ipv6Net};
use tokio::{sync::watch, time::sleep};
use tracing::info;

use crate::{
    Error, ethtool,
    follow::Configs,
    link::{Changes, Device, Netlink},
    plan::{self, Route, Want},
    sysctl,
    trouble::Trouble,
};

/// How often the device is looked at when nobody told of a change.
const INTERVAL: Duration = Duration::from_secs(10);

/// What the bridge's local port should be like.
pub fn want(config: &AgentConfig) -> Want {
    // The router's own IPv6 address is on the link already.
    let router = IpNet::from(config.router);
    let mtu = config.smaller_mtu();
    let route = |destination: &IpNet| {
        let (via, source) = match destination {
            IpNet::V4(_) => (config.router, Some(config.gateway)),
            IpNet::V6(_) => (config.router6?, config.gateway6),
        };
        Some(Route { destination: destination.trunc(), via, source: source.map(|source| source.addr()), mtu })
    };
    let link_local = config.router6.map(|_| link_local(config.gateway_mac));
    Want {
        mac: None,
        mtu: None,
        addresses: [config.gateway].into_iter().chain(config.gateway6).chain(link_local).collect(),
        pools: config.masquerade.clone(),
        routes: config.routes.iter().chain([&router]).filter_map(route).collect(),
    }
}

/// The address from which a device asks for its neighbours, with the prefix of all such addresses.
pub(crate) fn link_local(mac: Mac) -> IpNet {
    IpNet::V6(Ipv6Net::new_assert(mac.link_local(), 64))
}

/// What there is of the local port.
#[derive(Debug)]
pub struct Port {
    /// Its number, while it is right.
    pub ready: watch::Sender<Option<u32>>,
    /// The same, while ovs-vswitchd serves it as well: one that was killed leaves a tap behind, without a carrier.
    pub served: watch::Sender<Option<u32>>,
}

impl Port {
    fn show(&self, device: Option<&Device>) {
        let set = |to: &watch::Sender<Option<u32>>, index: Option<u32>| {
            to.send_if_modified(|now| std::mem::replace(now, index) != index);
        };
        set(&self.ready, device.map(|device| device.index));
        set(&self.served, device.filter(|device| device.carrier).map(|device| device.index));
    }
}

/// Keeps the local port right for ever, and says what there is of it.
pub async fn keep(netlink: &Netlink, mut changes: Changes, mut configs: Configs, port: &Port) {
    let (mut trouble, mut mtu) = (Trouble::new("set up the bridge's local port"), Trouble::new("see the MTU wanted"));
    let mut settled = false;
    loop {
        let current = configs.borrow_and_update().clone();
        let Some(current) = current else {
            if configs.changed().await.is_err() {
                return;
            }
            continue;
        };
        let device = match heal(netlink, &current.config).await {
            Ok(device) => {
                trouble.over();
                check_mtu(device.as_ref().filter(|_| settled), &current.config, &mut mtu);
                device
            }
            Err(e) => {
                trouble.note(e);
                None
            }
        };
        port.show(device.as_ref());
        let index = device.map(|device| device.index);
        settled = tokio::select! {
            told = changes.concerning(&current.config.bridge, index) => if told { false } else { return },
            changed = configs.changed() => if changed.is_ok() { false } else { return },
            () = sleep(INTERVAL) => true,
        };
    }
}

/// Open vSwitch sets the MTU, at the controller's word and a moment after it made the device.
fn check_mtu(device: Option<&Device>, config: &AgentConfig, trouble: &mut Trouble) {
    match device {
        Some(device) if device.mtu != config.mtu => {
            trouble.note(format!("{} has {}, not {}", device.name, device.mtu, config.mtu));
        }
        Some(_) => trouble.over(),
        None => {}
    }
}

/// Makes the local port right, and the underlay's device ready for tunnels; answers none when Open vSwitch has not made it yet.
///
/// # Errors
/// The first step that failed.
pub async fn heal(netlink: &Netlink, config: &AgentConfig) -> Result<Option<Device>, Error> {
    let Some(device) = netlink.device(&config.bridge).await? else { return Ok(None) };
    let settings = || {
        sysctl::set("ipv4/ip_forward", "1")?;
        sysctl::no_autoconf(&device.name)?;
        sysctl::quick_arp(&device.name)?;
        if config.router6.is_some() {
            sysctl::forward_v6(&device.name)?;
        }
        match config.node.spec.datapath {
            Datapath::Netdev => ethtool::tx_checksum_off(&device.name),
            Datapath::System => Ok(()),
        }
    };
    settings().map_err(|e| Error::kernel(format!("settings of {}", device.name), e))?;
    let steps = plan::device(&want(config), &netlink.seen(&device).await?);
    for step in &steps {
        netlink.apply(&device, step).await?;
    }
    let NodeSpec { address, datapath, .. } = config.node.spec;
    // It comes back bare, too, where it is a bridge of Open vSwitch.
    if let Some(underlay) = netlink.device_with(address).await? {
        ready_underlay(&underlay, datapath)?;
    }
    if !steps.is_empty() {
        info!(device = %device.name, steps = steps.len(), "gateway set up");
    }
    Ok(Some(device))
}

/// Has the underlay's device ask for neighbours in time, where Open vSwitch makes the tunnels itself.
///
/// # Errors
/// What the kernel said.
pub fn ready_underlay(device: &Device, datapath: Datapath) -> Result<(), Error> {
    match datapath {
        Datapath::Netdev => {
            let set = sysctl::ask_neighbours(&device.name);
            set.map_err(|e| Error::kernel(format!("settings of {}", device.name), e))
        }
        Datapath::System => Ok(()),
    }
}
