use std::{collections::BTreeSet, net::IpAddr};

use api::{AgentConfig, Datapath, Endpoint};
use ipnet::IpNet;

use crate::{
    Error, ethtool,
    link::{Device, Netlink},
    netns::Namespace,
    plan::{self, Route, Want},
    sysctl,
};

/// The device inside a pod, and a socket to work on it with.
pub(super) struct Pod {
    netlink: Netlink,
    device: Device,
}

impl Pod {
    /// Enters the namespace and readies the device that is there: quiet, without offload, up, but with no address.
    pub(super) async fn enter(namespace: &Namespace, device: &str, datapath: Datapath) -> Result<Self, Error> {
        let name = device.to_owned();
        let inside = move || {
            let netlink = Netlink::open()?;
            sysctl::no_autoconf(&name)?;
            match datapath {
                Datapath::Netdev => ethtool::tx_checksum_off(&name)?,
                Datapath::System => {}
            }
            Ok(netlink)
        };
        let netlink = namespace.run(inside).await.map_err(|e| Error::kernel(format!("{device} in the pod"), e))?;
        let found = netlink.device(device).await?;
        let device = found.ok_or_else(|| Error::kernel(format!("{device} in the pod"), "is gone"))?;
        if !device.up {
            netlink.up("lo").await?;
            netlink.up(&device.name).await?;
        }
        Ok(Self { netlink, device: Device { up: true, ..device } })
    }

    /// Makes the device as it should be; what is right is left alone.
    pub(super) async fn configure(&self, want: &Want) -> Result<(), Error> {
        for step in plan::device(want, &self.netlink.seen(&self.device).await?) {
            self.netlink.apply(&self.device, &step).await?;
        }
        Ok(())
    }
}

/// What the device inside the pod should be like.
///
/// In the node's own subnet the gateway is next hop; an address from
/// elsewhere stands alone and reaches everything by way of the router, for
/// which the switch answers.
pub(super) fn want(config: &AgentConfig, endpoint: &Endpoint) -> Result<Want, Error> {
    let ip = endpoint.ips.iter().find(|ip| ip.is_ipv4());
    let ip = *ip.ok_or_else(|| Error::kernel("the endpoint", "has no IPv4 address"))?;
    let (prefix, via) = if config.gateway.contains(&ip) {
        (config.gateway.prefix_len(), config.gateway.addr())
    } else {
        (32, config.router)
    };
    let everywhere = IpNet::new(IpAddr::from([0, 0, 0, 0]), 0).map_err(|e| Error::kernel("default route", e))?;
    Ok(Want {
        mac: Some(endpoint.mac),
        mtu: Some(config.mtu),
        address: IpNet::new(ip, prefix).map_err(|e| Error::kernel("the endpoint's address", e))?,
        pools: config.masquerade.clone(),
        routes: BTreeSet::from([Route { destination: everywhere, via, source: None }]),
    })
}
