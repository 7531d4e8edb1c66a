//! Endpoints and their addresses.

use std::{net::IpAddr, sync::Arc};

use api::{Endpoint, EndpointSpec, Invalid, Kind, Mac, Mode, Name};
use ipnet::IpNet;

use super::{
    Key, REST_SECONDS, Refused, Value, alloc,
    change::{Draft, Effect},
};

impl Draft<'_> {
    pub(super) fn put_endpoint(&mut self, name: &Name, spec: &EndpointSpec) -> Result<Effect, Refused> {
        spec.validate()?;
        if let Some(there) = self.intent.endpoints.get(name).cloned() {
            return self.change_endpoint(&there, spec);
        }
        match self.intent.nodes.get(&spec.node) {
            None => return Err(Refused::NotFound(Kind::Node, spec.node.clone())),
            Some(node) if node.drained => {
                let what = "is drained and takes no endpoints; `sdnctl node drain --undo` ends that";
                return Err(Refused::Conflict(format!("node {} {what}", spec.node)));
            }
            Some(_) => {}
        }
        if let Some(other) = self.intent.endpoint_on_device(&spec.node, &spec.device) {
            let reason = format!("{} is the device of endpoint {other}", spec.device);
            return Err(Invalid::new("device", reason).into());
        }
        let range = self.addresses(spec)?;
        let ip = match spec.ip {
            Some(ip) => self.wanted(spec, &range, ip)?,
            None => alloc::address(&self.intent, &spec.network, &range, self.now)?,
        };
        let endpoints = &self.intent.endpoints;
        let used = |id| endpoints.values().any(|endpoint| endpoint.id == id);
        let id = alloc::next_id(&mut self.counters.endpoint, alloc::MAX_ID, used)?;
        let port = alloc::port(&self.intent, &spec.node, id)?;
        let revision = self.revision();
        self.put(Value::Endpoint(Arc::new(Endpoint {
            name: name.clone(),
            id,
            revision,
            node: spec.node.clone(),
            network: spec.network.clone(),
            device: spec.device.clone(),
            port,
            ips: vec![ip],
            mac: Mac::of_ip(ip),
            labels: spec.labels.clone(),
        })));
        Ok(Effect::Created)
    }

    pub(super) fn delete_endpoint(&mut self, name: &Name) -> Result<Effect, Refused> {
        let there = self.intent.endpoints.get(name).cloned();
        let there = there.ok_or_else(|| Refused::NotFound(Kind::Endpoint, name.clone()))?;
        for ip in &there.ips {
            self.put(Value::Resting { network: there.network.clone(), ip: *ip, until: self.now + REST_SECONDS });
        }
        self.remove(Key::Endpoint(name.clone()));
        Ok(Effect::Removed)
    }

    /// Labels may change; what the endpoint is made of may not.
    fn change_endpoint(&mut self, there: &Endpoint, spec: &EndpointSpec) -> Result<Effect, Refused> {
        let differs = |what: &str| {
            Err(Refused::Conflict(format!("endpoint {} exists on node {} with another {what}", there.name, there.node)))
        };
        match () {
            () if there.node != spec.node => differs("node"),
            () if there.network != spec.network => differs("network"),
            () if there.device != spec.device => differs("device"),
            () if spec.ip.is_some_and(|ip| !there.ips.contains(&ip)) => differs("address"),
            () if there.labels == spec.labels => Ok(Effect::Unchanged(there.revision)),
            () => {
                let labels = spec.labels.clone();
                self.put(Value::Endpoint(Arc::new(Endpoint { labels, revision: self.revision(), ..there.clone() })));
                Ok(Effect::Changed)
            }
        }
    }

    /// The addresses an endpoint can have: its node's share of a routed network, all of a flat one.
    fn addresses(&self, spec: &EndpointSpec) -> Result<IpNet, Refused> {
        let EndpointSpec { node, network, .. } = spec;
        let there = self.intent.networks.get(network);
        let there = there.ok_or_else(|| Refused::NotFound(Kind::Network, network.clone()))?;
        let range = match there.spec.mode {
            Mode::Routed => self.intent.subnet(network, node).map(|share| share.cidr),
            Mode::Flat => there.spec.subnets.first().copied(),
        };
        range.ok_or_else(|| Refused::Conflict(format!("node {node} has no share of network {network}")))
    }

    /// Checks an address that the user chose.
    fn wanted(&self, spec: &EndpointSpec, range: &IpNet, ip: IpAddr) -> Result<IpAddr, Refused> {
        let refuse = |reason: String| Err(Invalid::new("ip", reason).into());
        let EndpointSpec { node, network, .. } = spec;
        if !range.contains(&ip) {
            return refuse(format!("{ip} lies outside {range}, the share of network {network} on node {node}"));
        }
        let gateway = range.hosts().next();
        if Some(ip) == gateway || ip == range.network() || ip == range.broadcast() {
            return refuse(format!("{ip} is the network, gateway or broadcast address of {range}"));
        }
        if let Some(holder) = self.intent.endpoint_at(network, ip) {
            return refuse(format!("{ip} is the address of endpoint {}", holder.name));
        }
        if self.intent.rests(network, ip, self.now) {
            return refuse(format!("{ip} was freed less than {REST_SECONDS} s ago and rests; take another or wait"));
        }
        Ok(ip)
    }
}
