//! What a device should be like, less what it is like: the steps between the two.
//!
//! The same plan serves the gateway on the bridge and the device inside a
//! pod. It is pure, and empty when everything is right.

use std::{collections::BTreeSet, net::IpAddr};

use api::Mac;
use ipnet::IpNet;

/// The routing protocol number by which the agent's own routes are recognised (`ip route` shows `proto 93`).
pub const ROUTE_PROTOCOL: u8 = 0x5d;

/// A route of the agent's; always on-link.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// Where it leads.
    pub destination: IpNet,
    /// The next hop.
    pub via: IpAddr,
    /// The source address of packets that name none.
    pub source: Option<IpAddr>,
    /// The largest packet that goes this way, in bytes; none: what the device takes.
    pub mtu: Option<u32>,
}

/// What a device should be like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Want {
    /// Its Ethernet address; none leaves it as it is.
    pub mac: Option<Mac>,
    /// Its MTU in bytes; none leaves it as it is.
    pub mtu: Option<u32>,
    /// Its addresses.
    pub addresses: BTreeSet<IpNet>,
    /// Other addresses within these are left over from earlier and go.
    pub pools: Vec<IpNet>,
    /// Every route of the agent's by way of it.
    pub routes: BTreeSet<Route>,
}

/// What a device is like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its Ethernet address, where it has one.
    pub mac: Option<Mac>,
    /// Its MTU in bytes.
    pub mtu: u32,
    /// Whether it is up.
    pub up: bool,
    /// Its addresses.
    pub addresses: BTreeSet<IpNet>,
    /// The agent's routes by way of it.
    pub routes: BTreeSet<Route>,
}

/// One change to a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Give it this Ethernet address.
    SetMac(Mac),
    /// Give it this MTU.
    SetMtu(u32),
    /// Set it up.
    Up,
    /// Take this address away.
    RemoveAddress(IpNet),
    /// Add this address.
    AddAddress(IpNet),
    /// Take this route away.
    RemoveRoute(Route),
    /// Add this route.
    AddRoute(Route),
    /// Put this route in the place of the one to the same destination.
    ReplaceRoute(Route),
}

/// The steps that make a device as it should be, in the order they must be taken.
pub fn device(want: &Want, seen: &Seen) -> Vec<Step> {
    let mut steps = Vec::new();
    steps.extend(want.mac.filter(|mac| seen.mac != Some(*mac)).map(Step::SetMac));
    steps.extend(want.mtu.filter(|mtu| seen.mtu != *mtu).map(Step::SetMtu));
    if !seen.up {
        steps.push(Step::Up);
    }
    let left_over = |a: &&IpNet| want.pools.iter().any(|pool| pool.contains(&a.addr()));
    let unwanted = seen.addresses.difference(&want.addresses).filter(left_over);
    steps.extend(unwanted.cloned().map(Step::RemoveAddress));
    steps.extend(want.addresses.difference(&seen.addresses).cloned().map(Step::AddAddress));
    let goes_to = |routes: &BTreeSet<Route>, route: &Route| routes.iter().any(|r| r.destination == route.destination);
    let gone = seen.routes.difference(&want.routes).filter(|route| !goes_to(&want.routes, route));
    steps.extend(gone.cloned().map(Step::RemoveRoute));
    steps.extend(want.routes.difference(&seen.routes).cloned().map(|route| match goes_to(&seen.routes, &route) {
        true => Step::ReplaceRoute(route),
        false => Step::AddRoute(route),
    }));
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    fn route(destination: &str) -> Route {
        Route {
            destination: net(destination),
            via: "169.254.93.1".parse().unwrap(),
            source: Some("10.244.1.1".parse().unwrap()),
            mtu: None,
        }
    }

    fn want() -> Want {
        Want {
            mac: None,
            mtu: None,
            addresses: [net("10.244.1.1/24")].into(),
            pools: vec![net("10.244.0.0/16")],
            routes: [route("10.244.0.0/16"), route("10.96.0.0/12")].into(),
        }
    }

    fn right() -> Seen {
        Seen {
            mac: Some(Mac([2, 0, 0, 0, 0, 1])),
            mtu: 1450,
            up: true,
            addresses: [net("10.244.1.1/24")].into(),
            routes: want().routes,
        }
    }

    #[test]
    fn what_is_right_is_left_alone() {
        assert_eq!(device(&want(), &right()), []);
    }

    #[test]
    fn a_new_device_is_set_up_before_it_gets_routes() {
        let seen = Seen { up: false, addresses: BTreeSet::new(), routes: BTreeSet::new(), ..right() };
        assert_eq!(
            device(&want(), &seen),
            [
                Step::Up,
                Step::AddAddress(net("10.244.1.1/24")),
                Step::AddRoute(route("10.96.0.0/12")),
                Step::AddRoute(route("10.244.0.0/16")),
            ]
        );
    }

    #[test]
    fn only_what_differs_is_changed() {
        let mut seen = right();
        seen.addresses.insert(net("10.244.9.1/24"));
        seen.addresses.insert(net("192.0.2.7/24"));
        seen.routes.remove(&route("10.96.0.0/12"));
        seen.routes.insert(route("10.97.0.0/16"));
        let steps = [
            Step::RemoveAddress(net("10.244.9.1/24")),
            Step::RemoveRoute(route("10.97.0.0/16")),
            Step::AddRoute(route("10.96.0.0/12")),
        ];
        assert_eq!(device(&want(), &seen), steps);
    }

    #[test]
    fn a_route_with_another_mtu_takes_the_place_of_the_one_that_is_there() {
        let smaller = Route { mtu: Some(1350), ..route("10.244.0.0/16") };
        let want = Want { routes: [smaller.clone(), route("10.96.0.0/12")].into(), ..want() };
        assert_eq!(device(&want, &right()), [Step::ReplaceRoute(smaller)]);
    }

    #[test]
    fn mac_and_mtu_are_set_where_they_are_wanted() {
        let mac = Mac([0x0a, 0x58, 10, 244, 1, 2]);
        let want = Want { mac: Some(mac), mtu: Some(1400), ..want() };
        assert_eq!(device(&want, &right()), [Step::SetMac(mac), Step::SetMtu(1400)]);
    }
}
