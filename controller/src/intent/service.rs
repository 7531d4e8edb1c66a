//! Services: virtual addresses in front of endpoints.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use api::{
    Backend, DEFAULT_NETWORK, Datapath, Invalid, Kind, Name, Network, Protocol, Service, ServicePort, ServiceSpec,
};

use super::{
    Key, Refused, Value, alloc,
    change::{Draft, Effect},
};

/// A service's id is half of its groups' ids, of which the highest are no groups'.
const MAX_SERVICE_ID: u64 = 0xfffe;

/// How many of the first virtual addresses are not given to services that ask for any.
const CHOSEN_BY_USERS: u64 = 256;

/// How many virtual addresses are looked at for a free one: there are no more services.
const TRIES: usize = 0x1_0000 + 1;

impl Draft<'_> {
    pub(super) fn create_service(&mut self, name: &Name, spec: &ServiceSpec) -> Result<Effect, Refused> {
        if self.intent.services.contains_key(name) {
            return Err(Refused::Conflict(format!("service {name} exists; remove it first, or change its backends")));
        }
        self.put_service(name, spec)
    }

    pub(super) fn put_service(&mut self, name: &Name, spec: &ServiceSpec) -> Result<Effect, Refused> {
        let there = self.intent.services.get(name).cloned();
        let vip = match (spec.vip, &there) {
            (Some(vip), _) => vip.address(),
            (None, Some(there)) => there.vip,
            (None, None) => Some(self.free_vip(spec)?),
        };
        self.check_service(name, spec, vip)?;
        let id = match &there {
            Some(there) => there.id,
            None => {
                let services = &self.intent.services;
                let used = |id| services.values().any(|service| service.id == id);
                alloc::next_id(&mut self.counters.service, MAX_SERVICE_ID, used)?
            }
        };
        let spec = &self.with_node_ports(name, spec, there.as_deref())?;
        let mut service = service((name, id, vip), self.revision(), spec, there.as_deref());
        let Some(there) = there else {
            self.put(Value::Service(Arc::new(service)));
            return Ok(Effect::Created);
        };
        service.revision = there.revision;
        if *there == service {
            return Ok(Effect::Unchanged(there.revision));
        }
        service.revision = self.revision();
        self.put(Value::Service(Arc::new(service)));
        Ok(Effect::Changed)
    }

    pub(super) fn delete_service(&mut self, name: &Name) -> Result<Effect, Refused> {
        if !self.intent.services.contains_key(name) {
            return Err(Refused::NotFound(Kind::Service, name.clone()));
        }
        self.remove(Key::Service(name.clone()));
        Ok(Effect::Removed)
    }

    /// An address that no service has: beyond the first few, which users like to choose themselves, and another for each
    /// service there ever was, so that one that was freed is not given again soon.
    fn free_vip(&self, spec: &ServiceSpec) -> Result<IpAddr, Refused> {
        let range = match self.is_of_v6(spec) {
            false => self.services.v4(),
            true => self
                .services
                .v6()
                .ok_or_else(|| Invalid::new("vip", "there is no range of IPv6 addresses for services"))?,
        };
        let size = 1u64 << (range.max_prefix_len() - range.prefix_len()).min(32);
        let first = CHOSEN_BY_USERS.min(size / 2);
        let at = |offset: u64| match range.network() {
            IpAddr::V4(start) => IpAddr::from(Ipv4Addr::from(u32::from(start).wrapping_add(offset as u32))),
            IpAddr::V6(start) => IpAddr::from(Ipv6Addr::from(u128::from(start).wrapping_add(offset.into()))),
        };
        let offsets = (0..size - first).map(|n| first + (self.counters.service + n) % (size - first));
        let free = |vip: &IpAddr| {
            self.intent.services_at(*vip).next().is_none()
                && !self.intent.networks.values().any(|network| network.contains(*vip))
                && *vip != range.broadcast()
                && *vip != range.network()
        };
        let none = || Refused::Exhausted(format!("no address is left in the services' range {range}"));
        offsets.take(TRIES).map(at).find(free).ok_or_else(none)
    }

    /// Whether a service that asks for any address gets one of IPv6: as its backends, or else the only subnet there is.
    fn is_of_v6(&self, spec: &ServiceSpec) -> bool {
        match (spec.backends.first(), self.intent.networks.get(&spec.network)) {
            (Some(ip), _) => ip.is_ipv6(),
            (None, Some(network)) => network.spec.subnets.iter().all(|subnet| subnet.addr().is_ipv6()),
            (None, None) => false,
        }
    }

    fn check_service(&self, name: &Name, spec: &ServiceSpec, vip: Option<IpAddr>) -> Result<(), Refused> {
        spec.validate()?;
        let network = self.intent.networks.get(&spec.network);
        let network = network.ok_or_else(|| Refused::NotFound(Kind::Network, spec.network.clone()))?;
        if let Some(vip) = vip {
            self.check_vip(name, spec, vip)?;
            check_family(network, spec, vip)?;
            if let Some(ip) = spec.external_ips.iter().find(|ip| ip.is_ipv4() != vip.is_ipv4()) {
                return Err(Invalid::new("external_ips", format!("{ip} is of another family than {vip}")).into());
            }
        }
        if spec.is_published() && network.name.as_str() != DEFAULT_NETWORK {
            let reason =
                format!("services of network {} are not reached from outside; use {DEFAULT_NETWORK}", network.name);
            return Err(Invalid::new("ports", reason).into());
        }
        let sctp = spec.ports.iter().find(|port| port.protocol == Protocol::Sctp && port.port != port.target_port);
        let mut nodes = self.intent.nodes.values();
        if let Some((port, node)) = sctp.zip(nodes.find(|node| node.spec.datapath == Datapath::Netdev)) {
            let reason = format!(
                "{port}: the userspace datapath of {} translates no ports of SCTP; have both the same",
                node.name
            );
            return Err(Invalid::new("ports", reason).into());
        }
        for ip in &spec.external_ips {
            self.check_external(name, spec, *ip)?;
        }
        let can_be = |ip: IpAddr| network.contains(ip) || self.intent.backend_at(&network.name, ip).is_some();
        match spec.backends.iter().find(|ip| !can_be(**ip)) {
            Some(ip) => {
                let reason = format!("{ip} lies outside network {}, and is no node's address", network.name);
                Err(Invalid::new("backends", reason).into())
            }
            None => Ok(()),
        }
    }

    /// A virtual address lies in the services' range, and is no other service's at the same port.
    fn check_vip(&self, name: &Name, spec: &ServiceSpec, vip: IpAddr) -> Result<(), Refused> {
        let refuse = |reason: String| Err(Invalid::new("vip", reason).into());
        if !self.services.contains(&vip) {
            return refuse(format!("{vip} lies outside the services' range {}", self.services));
        }
        for other in self.intent.services_at(vip).filter(|other| other.name != *name) {
            let taken = |p: &&ServicePort| other.ports.iter().any(|q| (q.port, q.protocol) == (p.port, p.protocol));
            if let Some(port) = spec.ports.iter().find(taken) {
                return refuse(format!("{vip}:{}/{} is already service {}", port.port, port.protocol, other.name));
            }
        }
        if self.intent.networks.values().any(|network| network.contains(vip)) {
            return refuse(format!("{vip} lies within a network; take one outside of all"));
        }
        Ok(())
    }

    /// An address outside must be nobody's, and no other service's at the same port.
    fn check_external(&self, name: &Name, spec: &ServiceSpec, ip: IpAddr) -> Result<(), Refused> {
        let refuse = |reason: String| Err(Invalid::new("external_ips", reason).into());
        if self.services.contains(&ip) || self.intent.networks.values().any(|network| network.contains(ip)) {
            return refuse(format!("{ip} is an address of the inside"));
        }
        if let Some(node) = self.intent.nodes.values().find(|node| node.spec.addresses().any(|its| its == ip)) {
            return refuse(format!("{ip} is the address of node {}; publish a port instead", node.name));
        }
        for other in
            self.intent.services.values().filter(|other| other.name != *name && other.external_ips.contains(&ip))
        {
            let same = |p: &&ServicePort| other.ports.iter().any(|q| (q.port, q.protocol) == (p.port, p.protocol));
            if let Some(port) = spec.ports.iter().find(same) {
                return refuse(format!("{ip}:{}/{} is already service {}", port.port, port.protocol, other.name));
            }
        }
        Ok(())
    }
}

/// The service that `spec` asks for: what stays as it is in `there` keeps its revision.
fn service(
    (name, id, vip): (&Name, u32, Option<IpAddr>),
    revision: u64,
    spec: &ServiceSpec,
    there: Option<&Service>,
) -> Service {
    let mut ports = spec.ports.clone();
    ports.sort();
    let same_front = |s: &&Service| {
        s.vip == vip
            && same_ports(&s.ports, &ports)
            && s.network == spec.network
            && s.selector == spec.selector
            && s.affinity == spec.affinity
    };
    let frontend_revision = there.filter(same_front).map_or(revision, |s| s.frontend_revision);
    let before = there.map_or(&[][..], |there| &there.backends);
    let joined = |ip| before.binary_search_by_key(&ip, |b| b.ip).map_or(revision, |at| before[at].revision);
    let mut backends: Vec<Backend> =
        spec.backends.iter().map(|ip| Backend { ip: *ip, revision: joined(*ip) }).collect();
    backends.sort_by_key(|backend| backend.ip);
    Service {
        name: name.clone(),
        id,
        revision,
        frontend_revision,
        network: spec.network.clone(),
        vip,
        ports,
        backends,
        selector: spec.selector.clone(),
        weights: spec.weights.clone(),
        external_ips: spec.external_ips.clone(),
        masquerade: spec.masquerade,
        affinity: spec.affinity,
        traffic: spec.traffic,
    }
}

/// A service, its network and its backends speak the same family.
fn check_family(network: &Network, spec: &ServiceSpec, vip: IpAddr) -> Result<(), Refused> {
    if !network.spec.subnets.iter().any(|subnet| subnet.addr().is_ipv4() == vip.is_ipv4()) {
        let family = if vip.is_ipv4() { "IPv4" } else { "IPv6" };
        return Err(Invalid::new("vip", format!("{vip}: network {} has no {family} subnet", network.name)).into());
    }
    match spec.backends.iter().find(|ip| ip.is_ipv4() != vip.is_ipv4()) {
        Some(other) => Err(Invalid::new("backends", format!("{other} is of another family than {vip}")).into()),
        None => Ok(()),
    }
}

/// Whether the switches see the same ports: where they are published is the hosts' matter.
fn same_ports(a: &[ServicePort], b: &[ServicePort]) -> bool {
    let inside = |ports: &[ServicePort]| -> Vec<ServicePort> {
        ports.iter().map(|port| ServicePort { node_port: None, ..*port }).collect()
    };
    inside(a) == inside(b)
}
