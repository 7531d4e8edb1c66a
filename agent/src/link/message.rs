//! Devices, addresses and routes as messages of netlink, and the other way round.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use api::Mac;
use ipnet::IpNet;
use rtnetlink::{
    RouteMessageBuilder,
    packet_route::{
        AddressFamily,
        address::{AddressAttribute, AddressMessage},
        link::{LinkAttribute, LinkFlags, LinkMessage},
        route::{RouteAddress, RouteAttribute, RouteMessage, RouteMetric, RouteProtocol},
    },
};

use super::Device;
use crate::plan::{ROUTE_PROTOCOL, Route};

pub(super) fn device(message: &LinkMessage) -> Device {
    let mut device = Device {
        index: message.header.index,
        name: String::new(),
        alias: None,
        mac: None,
        mtu: 0,
        up: message.header.flags.contains(LinkFlags::Up),
        carrier: message.header.flags.contains(LinkFlags::LowerUp),
    };
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => device.name.clone_from(name),
            LinkAttribute::IfAlias(alias) => device.alias = Some(alias.clone()),
            LinkAttribute::Address(bytes) => device.mac = bytes.as_slice().try_into().ok().map(Mac),
            LinkAttribute::Mtu(mtu) => device.mtu = *mtu,
            _ => {}
        }
    }
    device
}

pub(super) fn address(message: &AddressMessage) -> Option<IpNet> {
    let found = |attribute: fn(&AddressAttribute) -> Option<IpAddr>| message.attributes.iter().find_map(attribute);
    let local = found(|a| if let AddressAttribute::Local(ip) = a { Some(*ip) } else { None });
    // One of IPv6 is only local if it has a peer.
    let ip = local.or_else(|| found(|a| if let AddressAttribute::Address(ip) = a { Some(*ip) } else { None }));
    IpNet::new(ip?, message.header.prefix_len).ok()
}

/// The route, if it is the agent's and leaves by the device with this number.
pub(crate) fn route(message: &RouteMessage, index: u32) -> Option<Route> {
    if message.header.protocol != RouteProtocol::Other(ROUTE_PROTOCOL) {
        return None;
    }
    let any = match message.header.address_family {
        AddressFamily::Inet6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        _ => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    };
    let (mut to, mut via, mut source, mut out, mut mtu) = (any, None, None, None, None);
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Destination(ip) => to = ip_of(ip)?,
            RouteAttribute::Gateway(ip) => via = ip_of(ip),
            RouteAttribute::PrefSource(ip) => source = ip_of(ip),
            RouteAttribute::Oif(index) => out = Some(*index),
            RouteAttribute::Metrics(metrics) => mtu = metrics.iter().find_map(mtu_of),
            _ => {}
        }
    }
    let destination = IpNet::new(to, message.header.destination_prefix_length).ok()?;
    (out == Some(index)).then_some(Route { destination, via: via?, source, mtu })
}

fn mtu_of(metric: &RouteMetric) -> Option<u32> {
    match metric {
        RouteMetric::Mtu(mtu) => Some(*mtu),
        _ => None,
    }
}

fn ip_of(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(ip) => Some(IpAddr::V4(*ip)),
        RouteAddress::Inet6(ip) => Some(IpAddr::V6(*ip)),
        _ => None,
    }
}

pub(crate) fn route_message(route: &Route, index: u32) -> RouteMessage {
    let protocol = RouteProtocol::Other(ROUTE_PROTOCOL);
    let prefix = route.destination.prefix_len();
    let mut message = match (route.destination.network(), route.via) {
        (IpAddr::V6(to), IpAddr::V6(via)) => {
            let builder = RouteMessageBuilder::<Ipv6Addr>::new().protocol(protocol).output_interface(index);
            let builder = builder.destination_prefix(to, prefix).gateway(via);
            match route.source {
                Some(IpAddr::V6(source)) => builder.pref_source(source).build(),
                _ => builder.build(),
            }
        }
        (to, via) => {
            let mut builder =
                RouteMessageBuilder::<Ipv4Addr>::new().protocol(protocol).output_interface(index).onlink();
            if let IpAddr::V4(to) = to {
                builder = builder.destination_prefix(to, prefix);
            }
            if let IpAddr::V4(via) = via {
                builder = builder.gateway(via);
            }
            if let Some(IpAddr::V4(source)) = route.source {
                builder = builder.pref_source(source);
            }
            builder.build()
        }
    };
    message.attributes.extend(route.mtu.map(|mtu| RouteAttribute::Metrics(vec![RouteMetric::Mtu(mtu)])));
    message
}
