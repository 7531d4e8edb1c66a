//! Endpoints and their addresses.

use std::{net::IpAddr, sync::Arc};

use api::{DEFAULT_NETWORK, Endpoint, EndpointSpec, Invalid, Kind, Mac, Mode, Name, gateway_of};
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
        let node = match self.intent.nodes.get(&spec.node) {
            None => return Err(Refused::NotFound(Kind::Node, spec.node.clone())),
            Some(node) if node.drained => {
                let what = "is drained and takes no endpoints; `sdnctl node drain --undo` ends that";
                return Err(Refused::Conflict(format!("node {} {what}", spec.node)));
            }
            // All endpoints of a node share the text of its name.
            Some(node) => node.name.clone(),
        };
        if let Some(other) = self.intent.endpoints_on(&spec.node).find(|other| other.device == spec.device) {
            let reason = format!("{} is the device of endpoint {}", spec.device, other.name);
            return Err(Invalid::new("device", reason).into());
        }
        let ips = self.addresses(spec)?;
        let endpoints = &self.intent.endpoints;
        let used = |id| endpoints.values().any(|endpoint| endpoint.id == id);
        let id = alloc::next_id(&mut self.counters.endpoint, alloc::MAX_ENDPOINT_ID, used)?;
        let port = alloc::port(&self.intent, &spec.node, id)?;
        let revision = self.revision();
        let network = self.intent.networks.get(&spec.network).map_or(&spec.network, |network| &network.name).clone();
        self.put(Value::Endpoint(Arc::new(Endpoint {
            name: name.clone(),
            id,
            revision,
            node,
            network,
            device: spec.device.clone(),
            port,
            mac: Mac::of_ip(ips[0]),
            ips,
            labels: spec.labels.clone(),
            terminating: spec.terminating,
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

    /// Labels may change, and that it is about to end; what the endpoint is made of may not.
    fn change_endpoint(&mut self, there: &Endpoint, spec: &EndpointSpec) -> Result<Effect, Refused> {
        let differs = |what: &str| {
            Err(Refused::Conflict(format!("endpoint {} exists on node {} with another {what}", there.name, there.node)))
        };
        match () {
            () if there.node != spec.node => differs("node"),
            () if there.network != spec.network => differs("network"),
            () if there.device != spec.device => differs("device"),
            () if spec.wanted().any(|ip| !there.ips.contains(&ip)) => differs("address"),
            () if there.labels == spec.labels && there.terminating == spec.terminating => {
                Ok(Effect::Unchanged(there.revision))
            }
            () => {
                let (labels, terminating, revision) = (spec.labels.clone(), spec.terminating, self.revision());
                self.put(Value::Endpoint(Arc::new(Endpoint { labels, terminating, revision, ..there.clone() })));
                Ok(Effect::Changed)
            }
        }
    }

    /// The addresses of a new endpoint, one of each family of its network: those it must have, and else free ones.
    fn addresses(&self, spec: &EndpointSpec) -> Result<Vec<IpAddr>, Refused> {
        let ranges = self.ranges(spec)?;
        let is_in = |range: &IpNet, ip: IpAddr| range.addr().is_ipv4() == ip.is_ipv4();
        for ip in spec.wanted() {
            let range = ranges.iter().find(|range| is_in(range, ip)).unwrap_or(&ranges[0]);
            self.check_wanted(spec, range, ip)?;
        }
        let containers = self.containers(spec);
        let address = |range: &IpNet| match spec.wanted().find(|ip| is_in(range, *ip)) {
            Some(ip) => Ok(ip),
            None => alloc::address(&self.intent, &spec.network, range, containers.as_ref(), self.now),
        };
        let mut ips = ranges.iter().map(address).collect::<Result<Vec<IpAddr>, Refused>>()?;
        ips.shrink_to_fit();
        Ok(ips)
    }

    /// Where an endpoint's addresses can be, IPv4 before IPv6: its node's shares of a routed network, all of a flat one.
    fn ranges(&self, spec: &EndpointSpec) -> Result<Vec<IpNet>, Refused> {
        let EndpointSpec { node, network, .. } = spec;
        let there = self.intent.networks.get(network);
        let there = there.ok_or_else(|| Refused::NotFound(Kind::Network, network.clone()))?;
        let mut ranges: Vec<IpNet> = match there.spec.mode {
            Mode::Routed => self.intent.subnet(network, node).into_iter().flat_map(|share| share.cidrs()).collect(),
            Mode::Flat => there.spec.subnets.clone(),
        };
        ranges.sort();
        match ranges.is_empty() {
            true => Err(Refused::Conflict(format!("node {node} has no share of network {network}"))),
            false => Ok(ranges),
        }
    }

    /// The addresses that the node gives to containers itself.
    fn containers(&self, spec: &EndpointSpec) -> Option<IpNet> {
        let node = self.intent.nodes.get(&spec.node).filter(|_| spec.network.as_str() == DEFAULT_NETWORK)?;
        node.containers
    }

    /// Checks an address that the user chose.
    fn check_wanted(&self, spec: &EndpointSpec, range: &IpNet, ip: IpAddr) -> Result<(), Refused> {
        let refuse = |reason: String| Err(Invalid::new("ip", reason).into());
        let EndpointSpec { node, network, .. } = spec;
        if !range.contains(&ip) {
            return refuse(format!("{ip} lies outside {range}, the share of network {network} on node {node}"));
        }
        if let Some(containers) = self.containers(spec).filter(|containers| containers.contains(&ip)) {
            return refuse(format!("{ip} lies within {containers}, which node {node} gives to containers itself"));
        }
        if ip == gateway_of(range) || ip == range.network() || ip == range.broadcast() {
            return refuse(format!("{ip} is the network, gateway or broadcast address of {range}"));
        }
        if let Some(holder) = self.intent.endpoint_at(network, ip) {
            return refuse(format!("{ip} is the address of endpoint {}", holder.name));
        }
        if self.intent.rests(network, ip, self.now) {
            return refuse(format!("{ip} was freed less than {REST_SECONDS} s ago and rests; take another or wait"));
        }
        Ok(())
    }
}
