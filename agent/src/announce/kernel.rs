//! The kernel's part: addresses that it answers for and has not itself (`ip neigh show proxy`).

use std::{collections::BTreeSet, net::IpAddr};

use futures::TryStreamExt;
use nix::libc::{EEXIST, ENOENT};
use rtnetlink::packet_route::{
    AddressFamily,
    neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage},
    route::RouteProtocol,
};

use crate::{
    Error,
    link::{Device, Netlink, failed, tolerate},
    plan::ROUTE_PROTOCOL,
};

const OURS: NeighbourAttribute = NeighbourAttribute::Protocol(RouteProtocol::Other(ROUTE_PROTOCOL));

impl Netlink {
    /// The addresses that the agent has the kernel answer for on a device.
    pub(super) async fn proxied(&self, device: &Device) -> Result<BTreeSet<IpAddr>, Error> {
        let mut there = BTreeSet::new();
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            let mut stream = self.handle.neighbours().get().proxies().set_address_family(family).execute();
            while let Some(message) = stream.try_next().await.map_err(|e| failed("list proxied addresses", &e))? {
                there.extend(proxied(&message, device.index));
            }
        }
        Ok(there)
    }

    /// Has the kernel answer for an address on a device.
    pub(super) async fn proxy(&self, device: &Device, address: IpAddr) -> Result<(), Error> {
        let mut request = self.handle.neighbours().add(device.index, address).flags(NeighbourFlags::Proxy);
        request.message_mut().attributes.push(OURS);
        tolerate(request.execute().await, EEXIST).map_err(|e| failed(format!("answer for {address}"), &e))
    }

    /// Has the kernel answer for an address no more.
    pub(super) async fn proxy_no_more(&self, device: &Device, address: IpAddr) -> Result<(), Error> {
        let mut message = NeighbourMessage::default();
        let (family, destination) = match address {
            IpAddr::V4(ip) => (AddressFamily::Inet, NeighbourAddress::Inet(ip)),
            IpAddr::V6(ip) => (AddressFamily::Inet6, NeighbourAddress::Inet6(ip)),
        };
        message.header.family = family;
        message.header.ifindex = device.index;
        message.header.flags = NeighbourFlags::Proxy;
        message.attributes.push(NeighbourAttribute::Destination(destination));
        let removed = self.handle.neighbours().del(message).execute().await;
        tolerate(removed, ENOENT).map_err(|e| failed(format!("answer for {address} no more"), &e))
    }
}

fn proxied(message: &NeighbourMessage, index: u32) -> Option<IpAddr> {
    let is_ours = message.header.ifindex == index
        && message.header.flags.contains(NeighbourFlags::Proxy)
        && message.attributes.contains(&OURS);
    message.attributes.iter().filter(|_| is_ours).find_map(|attribute| match attribute {
        NeighbourAttribute::Destination(NeighbourAddress::Inet(ip)) => Some(IpAddr::V4(*ip)),
        NeighbourAttribute::Destination(NeighbourAddress::Inet6(ip)) => Some(IpAddr::V6(*ip)),
        _ => None,
    })
}
