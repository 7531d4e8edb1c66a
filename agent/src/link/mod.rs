//! The netlink verbs the agent uses, in whichever network namespace the socket was opened.

mod changes;
mod message;

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use api::Mac;
use futures::TryStreamExt;
use ipnet::IpNet;
use nix::libc::{EEXIST, ENODEV, ESRCH};
use rtnetlink::{
    Handle, LinkMessageBuilder, LinkUnspec, LinkVeth, RouteMessageBuilder,
    packet_route::{
        AddressFamily,
        address::{AddressHeaderFlags, AddressScope},
        link::{InfoData, InfoVeth, LinkAttribute},
        neighbour::{NeighbourAddress, NeighbourAttribute},
    },
};

use crate::{
    Error,
    plan::{Seen, Step},
};
pub use changes::Changes;
use message::{address, device};
pub(crate) use message::{route, route_message};

/// A device as the kernel describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its number.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// The note that stands by it.
    pub alias: Option<String>,
    /// Its Ethernet address.
    pub mac: Option<Mac>,
    /// Its MTU in bytes.
    pub mtu: u32,
    /// Whether it is set up.
    pub up: bool,
    /// Whether there is somebody at its other end: of a tap, the process that reads it.
    pub carrier: bool,
}

/// A netlink socket of one network namespace.
#[derive(Clone, Debug)]
pub struct Netlink {
    pub(crate) handle: Handle,
}

impl Netlink {
    /// Opens a socket in the calling thread's network namespace; the runtime serves it while this exists.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn open() -> io::Result<Self> {
        let (connection, handle, _) = rtnetlink::new_connection()?;
        tokio::spawn(connection);
        Ok(Self { handle })
    }

    /// The device called `name`; none when there is none.
    ///
    /// # Errors
    /// What the kernel said.
    pub async fn device(&self, name: &str) -> Result<Option<Device>, Error> {
        match self.handle.link().get().match_name(name).execute().try_next().await {
            Ok(message) => Ok(message.as_ref().map(device)),
            Err(e) if code(&e) == ENODEV => Ok(None),
            Err(e) => Err(failed(format!("look for device {name}"), &e)),
        }
    }

    /// Every device.
    ///
    /// # Errors
    /// What the kernel said.
    pub async fn devices(&self) -> Result<Vec<Device>, Error> {
        let stream = self.handle.link().get().execute().map_ok(|message| device(&message));
        stream.try_collect().await.map_err(|e| failed("list devices", &e))
    }

    /// The device that has `address`; none when no device has.
    ///
    /// # Errors
    /// What the kernel said.
    pub async fn device_with(&self, address: IpAddr) -> Result<Option<Device>, Error> {
        let mut found = self.handle.address().get().set_address_filter(address).execute();
        let failed = |e| failed(format!("look for the device with {address}"), &e);
        let Some(message) = found.try_next().await.map_err(failed)? else { return Ok(None) };
        let index = message.header.index;
        let link = self.handle.link().get().match_index(index).execute().try_next().await.map_err(failed)?;
        Ok(link.as_ref().map(device))
    }

    /// The length of the prefix with which a device has `address`; none when no device has.
    ///
    /// # Errors
    /// What the kernel said.
    pub async fn prefix_of(&self, address: IpAddr) -> Result<Option<u8>, Error> {
        let mut found = self.handle.address().get().set_address_filter(address).execute();
        let found = found.try_next().await.map_err(|e| failed(format!("look for {address}"), &e))?;
        Ok(found.map(|message| message.header.prefix_len))
    }

    /// The Ethernet addresses of neighbours by way of the device with this number, of the family that `own` is of.
    ///
    /// # Errors
    /// What the kernel said.
    pub async fn neighbours(&self, index: u32, own: IpAddr) -> Result<BTreeMap<IpAddr, Mac>, Error> {
        let mut found = BTreeMap::new();
        let family = if own.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
        let mut stream = self.handle.neighbours().get().set_address_family(family).execute();
        while let Some(message) = stream.try_next().await.map_err(|e| failed("list neighbours", &e))? {
            let (mut address, mut mac) = (None, None);
            for attribute in &message.attributes {
                match attribute {
                    NeighbourAttribute::Destination(NeighbourAddress::Inet(ip)) => address = Some(IpAddr::from(*ip)),
                    NeighbourAttribute::Destination(NeighbourAddress::Inet6(ip)) => address = Some(IpAddr::from(*ip)),
                    NeighbourAttribute::LinkLayerAddress(bytes) => mac = bytes.as_slice().try_into().ok().map(Mac),
                    _ => {}
                }
            }
            found.extend(address.zip(mac).filter(|_| message.header.ifindex == index));
        }
        Ok(found)
    }

    /// What the device is like.
    ///
    /// # Errors
    /// What the kernel said.
    pub async fn seen(&self, device: &Device) -> Result<Seen, Error> {
        let mut addresses = BTreeSet::new();
        let mut stream = self.handle.address().get().set_link_index_filter(device.index).execute();
        while let Some(message) = stream.try_next().await.map_err(|e| failed("list addresses", &e))? {
            addresses.extend(address(&message));
        }
        let mut routes = BTreeSet::new();
        let families = [RouteMessageBuilder::<Ipv4Addr>::new().build(), RouteMessageBuilder::<Ipv6Addr>::new().build()];
        for family in families {
            let mut stream = self.handle.route().get(family).execute();
            while let Some(message) = stream.try_next().await.map_err(|e| failed("list routes", &e))? {
                routes.extend(route(&message, device.index));
            }
        }
        Ok(Seen { mac: device.mac, mtu: device.mtu, up: device.up, addresses, routes })
    }

    /// Takes one step of a plan.
    ///
    /// # Errors
    /// What the kernel said.
    pub async fn apply(&self, device: &Device, step: &Step) -> Result<(), Error> {
        let set = LinkUnspec::new_with_index(device.index);
        let result = match step {
            Step::SetMac(mac) => self.set(set.address(mac.0.to_vec())).await,
            Step::SetMtu(mtu) => self.set(set.mtu(*mtu)).await,
            Step::Up => self.set(set.up()).await,
            Step::AddAddress(a) => self.add_address(device.index, *a).await,
            Step::RemoveAddress(a) => self.remove_address(device.index, *a).await,
            Step::AddRoute(r) => self.handle.route().add(route_message(r, device.index)).execute().await,
            Step::ReplaceRoute(r) => self.handle.route().add(route_message(r, device.index)).replace().execute().await,
            // Taking an address away takes the routes with it that have it as source.
            Step::RemoveRoute(r) => {
                tolerate(self.handle.route().del(route_message(r, device.index)).execute().await, ESRCH)
            }
        };
        result.map_err(|e| failed(format!("{}: {}", device.name, describe(step)), &e))
    }

    /// Makes an address the host's own, on the loopback device and for the host itself only; it may be so already.
    ///
    /// # Errors
    /// What the kernel said.
    pub async fn hold_address(&self, address: IpAddr) -> Result<(), Error> {
        let what = || format!("hold {address}");
        if self.device_with(address).await?.is_some() {
            return Ok(());
        }
        let lo = self.device("lo").await?.ok_or_else(|| Error::kernel(what(), "there is no loopback device"))?;
        let prefix = if address.is_ipv4() { 32 } else { 128 };
        let mut request = self.handle.address().add(lo.index, address, prefix);
        request.message_mut().header.scope = AddressScope::Host;
        tolerate(request.execute().await, EEXIST).map_err(|e| failed(what(), &e))
    }

    /// Makes a veth pair: `name` here and `peer` in the namespace behind the descriptor.
    ///
    /// # Errors
    /// What the kernel said.
    pub async fn add_veth(&self, name: &str, peer: &str, netns: i32, mtu: u32) -> Result<(), Error> {
        let inside = LinkMessageBuilder::<LinkUnspec>::default().name(peer).mtu(mtu).setns_by_fd(netns).build();
        let mut pair = LinkVeth::new(name, peer).mtu(mtu);
        pair = pair.set_info_data(InfoData::Veth(InfoVeth::Peer(inside)));
        let result = self.handle.link().add(pair.build()).execute().await;
        result.map_err(|e| match code(&e) {
            EEXIST => Error::Conflict(format!("device {name}, or {peer} in that network namespace, exists already")),
            _ => failed(format!("make the veth pair {name} and {peer}"), &e),
        })
    }

    /// Sets a port of the switch up and puts a note by it.
    ///
    /// It is made promiscuous, which Open vSwitch would do otherwise, in the midst of translating all flows anew because
    /// of the new port. Whenever a device changes it forgets the kernel's routes for a moment, and packets in tunnels of
    /// others would be lost.
    ///
    /// # Errors
    /// What the kernel said.
    pub async fn up_as_port(&self, name: &str, alias: &str) -> Result<(), Error> {
        let set = LinkUnspec::new_with_name(name).promiscuous(true);
        let set = set.append_extra_attribute(LinkAttribute::IfAlias(alias.into())).up();
        self.set(set).await.map_err(|e| failed(format!("set {name} up"), &e))
    }

    /// Sets a device up.
    ///
    /// # Errors
    /// What the kernel said.
    pub async fn up(&self, name: &str) -> Result<(), Error> {
        self.set(LinkUnspec::new_with_name(name).up()).await.map_err(|e| failed(format!("set {name} up"), &e))
    }

    /// Sets a device down; one that is gone already is no error.
    ///
    /// # Errors
    /// What the kernel said.
    pub async fn down(&self, device: &Device) -> Result<(), Error> {
        let set = LinkUnspec::new_with_index(device.index).down();
        tolerate(self.set(set).await, ENODEV).map_err(|e| failed(format!("set {} down", device.name), &e))
    }

    /// Removes a device; one that is gone already is no error.
    ///
    /// # Errors
    /// What the kernel said.
    pub async fn remove(&self, device: &Device) -> Result<(), Error> {
        let result = tolerate(self.handle.link().del(device.index).execute().await, ENODEV);
        result.map_err(|e| failed(format!("remove {}", device.name), &e))
    }

    async fn set(&self, link: LinkMessageBuilder<LinkUnspec>) -> Result<(), rtnetlink::Error> {
        self.handle.link().set(link.build()).execute().await
    }

    /// Addresses are given once: there is no need to ask whether another has it, nor time to wait.
    async fn add_address(&self, index: u32, new: IpNet) -> Result<(), rtnetlink::Error> {
        let mut request = self.handle.address().add(index, new.addr(), new.prefix_len());
        if new.addr().is_ipv6() {
            request.message_mut().header.flags |= AddressHeaderFlags::Nodad;
        }
        request.execute().await
    }

    async fn remove_address(&self, index: u32, gone: IpNet) -> Result<(), rtnetlink::Error> {
        let mut stream = self.handle.address().get().set_link_index_filter(index).execute();
        while let Some(message) = stream.try_next().await? {
            if address(&message) == Some(gone) {
                return self.handle.address().del(message).execute().await;
            }
        }
        Ok(())
    }
}

fn describe(step: &Step) -> String {
    match step {
        Step::SetMac(mac) => format!("set Ethernet address {mac}"),
        Step::SetMtu(mtu) => format!("set MTU {mtu}"),
        Step::Up => "set up".into(),
        Step::AddAddress(address) => format!("add address {address}"),
        Step::RemoveAddress(address) => format!("remove address {address}"),
        Step::AddRoute(route) => format!("add route to {} via {}", route.destination, route.via),
        Step::ReplaceRoute(route) => format!("change route to {} via {}", route.destination, route.via),
        Step::RemoveRoute(route) => format!("remove route to {} via {}", route.destination, route.via),
    }
}

pub(crate) fn tolerate(result: Result<(), rtnetlink::Error>, expected: i32) -> Result<(), rtnetlink::Error> {
    match result {
        Err(e) if code(&e) == expected => Ok(()),
        other => other,
    }
}

/// The kernel's error number, positive; 0 when the error is not the kernel's.
fn code(error: &rtnetlink::Error) -> i32 {
    match error {
        rtnetlink::Error::NetlinkError(e) => e.raw_code().saturating_neg(),
        _ => 0,
    }
}

pub(crate) fn failed(what: impl Into<String>, error: &rtnetlink::Error) -> Error {
    match code(error) {
        0 => Error::kernel(what, error),
        code => Error::kernel(what, io::Error::from_raw_os_error(code)),
    }
}
