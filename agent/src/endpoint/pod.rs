use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use api::{AgentConfig, Datapath, Endpoint};
use ipnet::IpNet;

use crate::{
    Error, bridge, ethtool,
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
    pub(super) async fn enter(namespace: &Namespace, device: &str, config: &AgentConfig) -> Result<Self, Error> {
        let (name, datapath, has_v6) = (device.to_owned(), config.node.spec.datapath, config.router6.is_some());
        let inside = move || {
            let netlink = Netlink::open()?;
            sysctl::no_autoconf(&name)?;
            if has_v6 {
                sysctl::allow_v6(&name)?;
            }
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
    let mut want = Want {
        mac: Some(endpoint.mac),
        mtu: Some(config.mtu),
        addresses: BTreeSet::new(),
        pools: config.masquerade.clone(),
        routes: BTreeSet::new(),
    };
    for ip in &endpoint.ips {
        let (gateway, router, any) = match ip {
            IpAddr::V4(_) => (Some(config.gateway), Some(config.router), IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            IpAddr::V6(_) => (config.gateway6, config.router6, IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
        };
        let (address, via) = match (gateway.filter(|gateway| gateway.contains(ip)), router) {
            (Some(gateway), _) => (IpNet::new(*ip, gateway.prefix_len()), gateway.addr()),
            (None, Some(router)) => (Ok(IpNet::from(*ip)), router),
            (None, None) => return Err(Error::kernel(format!("the endpoint's address {ip}"), "has no router")),
        };
        want.addresses.insert(address.map_err(|e| Error::kernel("the endpoint's address", e))?);
        let destination = IpNet::new(any, 0).map_err(|e| Error::kernel("default route", e))?;
        want.routes.insert(Route { destination, via, source: None, mtu: config.smaller_mtu() });
        if ip.is_ipv6() {
            want.addresses.insert(bridge::link_local(endpoint.mac));
        }
    }
    Ok(want)
}
