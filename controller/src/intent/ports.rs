//! The ports of every node at which services are published: those that they ask for, or the lowest that are free.

use std::collections::{BTreeMap, BTreeSet};

use api::{HeldPort, Invalid, Name, PUBLISHED_PORTS, Protocol, Service, ServicePort, ServiceSpec};

use super::{Refused, change::Draft};

/// The ports that processes of hosts hold, as agents say, and the nodes on which they do.
pub type HeldPorts = BTreeMap<HeldPort, Vec<Name>>;

/// Who has which ports.
struct Ports<'a> {
    others: BTreeMap<(Protocol, u16), &'a Name>,
    had: BTreeSet<(Protocol, u16)>,
    own: BTreeSet<(Protocol, u16)>,
    held: &'a HeldPorts,
}

impl Draft<'_> {
    /// The same with a number for each port of nodes that asked for any: the one it has, or the lowest that neither a
    /// service nor a process of a host has.
    pub(super) fn with_node_ports(
        &self,
        name: &Name,
        spec: &ServiceSpec,
        there: Option<&Service>,
    ) -> Result<ServiceSpec, Refused> {
        let mut spec = spec.clone();
        // Most services take none, and there may be thousands.
        if spec.node_ports().next().is_none() {
            return Ok(spec);
        }
        if let Some(there) = there {
            keep(&mut spec, there);
        }
        let others = self.intent.services.values().filter(|other| other.name != *name);
        let mut ports = Ports {
            others: others.flat_map(|other| other.node_ports().map(move |port| (port, &other.name))).collect(),
            had: there.iter().flat_map(|there| there.node_ports()).collect(),
            own: BTreeSet::new(),
            held: self.held,
        };
        spec.node_ports().filter(|(_, number)| *number != 0).try_for_each(|port| ports.take(port))?;
        for port in spec.ports.iter_mut().filter(|port| port.node_port == Some(0)) {
            let none = || Refused::Exhausted("no port is left to publish at".into());
            port.node_port = Some(ports.choose(port.protocol).ok_or_else(none)?);
        }
        if spec.traffic.health_port == Some(0) {
            let none = || Refused::Exhausted("no port is left to answer load balancers at".into());
            spec.traffic.health_port = Some(ports.choose(Protocol::Tcp).ok_or_else(none)?);
        }
        Ok(spec)
    }
}

/// What asks for any port and has one asks for that, unless the service asks for it elsewhere.
fn keep(spec: &mut ServiceSpec, there: &Service) {
    let asked: BTreeSet<(Protocol, u16)> = spec.node_ports().collect();
    let same = |a: &ServicePort, b: &ServicePort| (a.port, a.protocol) == (b.port, b.protocol);
    for port in spec.ports.iter_mut().filter(|port| port.node_port == Some(0)) {
        let before = there.ports.iter().find(|before| same(before, port)).and_then(|before| before.node_port);
        let before = before.filter(|number| !asked.contains(&(port.protocol, *number)));
        port.node_port = before.or(port.node_port);
    }
    if spec.traffic.health_port == Some(0) {
        let before = there.traffic.health_port.filter(|number| !asked.contains(&(Protocol::Tcp, *number)));
        spec.traffic.health_port = before.or(spec.traffic.health_port);
    }
}

impl Ports<'_> {
    /// Takes the port that a service asks for.
    fn take(&mut self, (protocol, number): (Protocol, u16)) -> Result<(), Refused> {
        let port = (protocol, number);
        let is_second = !self.own.insert(port);
        let holder = self.holder(protocol, number).filter(|_| !self.had.contains(&port));
        let reason = match (self.others.get(&port), holder) {
            (Some(other), _) => format!("is already published by service {other}"),
            (None, _) if is_second => "is published twice".into(),
            (None, Some(node)) => format!("is held by a process of node {node}"),
            (None, None) => return Ok(()),
        };
        Err(Invalid::new("ports", format!("{number}/{protocol} {reason}")).into())
    }

    /// Takes the lowest port that is nobody's.
    fn choose(&mut self, protocol: Protocol) -> Option<u16> {
        let is_free = |number: &u16| {
            let port = (protocol, *number);
            !self.others.contains_key(&port) && !self.own.contains(&port) && self.holder(protocol, *number).is_none()
        };
        let number = PUBLISHED_PORTS.into_iter().find(is_free)?;
        self.own.insert((protocol, number));
        Some(number)
    }

    /// A node of which a process holds the port.
    fn holder(&self, protocol: Protocol, port: u16) -> Option<&Name> {
        self.held.get(&HeldPort { protocol, port })?.first()
    }
}
