//! The kernel's part: a routing table of the agent's own, and who looks into it.
//!
//! Only what the switch hands to the kernel does, and the socket of probes, which speaks by way of the underlay's device.
//! All that the host itself sends goes as ever.

use std::{collections::BTreeSet, net::Ipv4Addr};

use futures::TryStreamExt;
use rtnetlink::{
    IpVersion, RouteMessageBuilder,
    packet_route::{
        route::RouteMessage,
        rule::{RuleAction, RuleAttribute, RuleMessage},
    },
};

use crate::{
    Error,
    link::{Device, Netlink, failed, route, route_message},
    plan::{ROUTE_PROTOCOL, Route},
};

/// The table's number, and the priority of the rules that lead to it: that of the agent's routes.
const TABLE: u8 = ROUTE_PROTOCOL;

/// Whose packets look into the table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rule {
    /// What comes in by this device.
    From(String),
    /// What is bound to leave by this device.
    By(String),
}

impl Rule {
    /// Those that there are to be.
    pub(super) fn all(bridge: &str, underlay: &str) -> BTreeSet<Self> {
        [Self::From(bridge.into()), Self::By(underlay.into())].into()
    }

    /// The rule, if it is one of the agent's.
    fn of(message: &RuleMessage) -> Option<Self> {
        let is_ours =
            message.header.table == TABLE && message.attributes.contains(&RuleAttribute::Priority(TABLE.into()));
        message.attributes.iter().filter(|_| is_ours).find_map(|attribute| match attribute {
            RuleAttribute::Iifname(name) => Some(Self::From(name.clone())),
            RuleAttribute::Oifname(name) => Some(Self::By(name.clone())),
            _ => None,
        })
    }
}

impl Netlink {
    /// The routes of the table by way of a device.
    pub(super) async fn direct_routes(&self, underlay: &Device) -> Result<BTreeSet<Route>, Error> {
        let mut routes = BTreeSet::new();
        let any = RouteMessageBuilder::<Ipv4Addr>::new().build();
        let mut stream = self.handle.route().get(any).execute();
        while let Some(message) = stream.try_next().await.map_err(|e| failed("list routes", &e))? {
            routes.extend(route(&message, underlay.index).filter(|_| message.header.table == TABLE));
        }
        Ok(routes)
    }

    /// Makes of the routes that were `seen` those to `want`.
    pub(super) async fn set_direct_routes(
        &self,
        underlay: &Device,
        want: &BTreeSet<Route>,
        seen: &BTreeSet<Route>,
    ) -> Result<(), Error> {
        for route in want.difference(seen) {
            let added = self.handle.route().add(in_table(route, underlay)).replace().execute().await;
            added.map_err(|e| failed(format!("add route to {} via {}", route.destination, route.via), &e))?;
        }
        let is_wanted = |gone: &&Route| want.iter().any(|route| route.destination == gone.destination);
        for route in seen.difference(want).filter(|gone| !is_wanted(gone)) {
            let removed = self.handle.route().del(in_table(route, underlay)).execute().await;
            removed.map_err(|e| failed(format!("remove route to {} via {}", route.destination, route.via), &e))?;
        }
        Ok(())
    }

    /// Has these look into the table and nobody else; whether others did before.
    pub(super) async fn set_direct_rules(&self, want: &BTreeSet<Rule>) -> Result<bool, Error> {
        let mut seen = BTreeSet::new();
        let mut stream = self.handle.rule().get(IpVersion::V4).execute();
        while let Some(message) = stream.try_next().await.map_err(|e| failed("list rules", &e))? {
            let Some(rule) = Rule::of(&message) else { continue };
            if !want.contains(&rule) {
                self.handle.rule().del(message).execute().await.map_err(|e| failed("remove a rule", &e))?;
            }
            seen.insert(rule);
        }
        for rule in want.difference(&seen) {
            let add = self.handle.rule().add().v4().table_id(TABLE.into()).priority(TABLE.into());
            let add = match rule {
                Rule::From(name) => add.input_interface(name.as_str()),
                Rule::By(name) => add.output_interface(name.as_str()),
            };
            add.action(RuleAction::ToTable).execute().await.map_err(|e| failed("add a rule", &e))?;
        }
        Ok(seen != *want)
    }
}

fn in_table(route: &Route, underlay: &Device) -> RouteMessage {
    let mut message = route_message(route, underlay.index);
    message.header.table = TABLE;
    message
}
