//! Endpoints and their addresses.

use std::{net::IpAddr, sync::Arc};

use api::{Endpoint, EndpointSpec, Invalid, Kind, Mac, Name, NodeSubnet};

use super::{Intent, Key, REST_SECONDS, Refused, Value, alloc, change::Draft};

impl Intent {
    pub(super) fn create_endpoint(&self, draft: &mut Draft, name: &Name, spec: &EndpointSpec) -> Result<(), Refused> {
        spec.validate()?;
        if let Some(there) = self.endpoints.get(name) {
            return same(there, spec).map(|()| draft.already_at(there.revision));
        }
        if !self.nodes.contains_key(&spec.node) {
            return Err(Refused::NotFound(Kind::Node, spec.node.clone()));
        }
        if !self.networks.contains_key(&spec.network) {
            return Err(Refused::NotFound(Kind::Network, spec.network.clone()));
        }
        let share = self
            .subnet(&spec.network, &spec.node)
            .ok_or_else(|| Refused::Conflict(format!("node {} has no share of network {}", spec.node, spec.network)))?;
        if let Some(other) = self.endpoints_on(&spec.node).find(|other| other.device == spec.device) {
            let reason = format!("{} is the device of endpoint {}", spec.device, other.name);
            return Err(Invalid::new("device", reason).into());
        }
        let ip = match spec.ip {
            Some(ip) => self.wanted(draft, share, ip)?,
            None => alloc::address(self, &spec.network, &share.cidr, draft.now)?,
        };
        let used = |id| self.endpoints.len() > 0xff_ffff || self.id_taken(id);
        let id = alloc::next_id(&mut draft.counters.endpoint, None, used)?;
        let port = alloc::port(self, &spec.node, id)?;
        self.forget_rested(draft);
        let revision = draft.revision();
        draft.put(Value::Endpoint(Arc::new(Endpoint {
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
        Ok(())
    }

    pub(super) fn delete_endpoint(&self, draft: &mut Draft, name: &Name) -> Result<(), Refused> {
        let there = self.endpoints.get(name).ok_or_else(|| Refused::NotFound(Kind::Endpoint, name.clone()))?;
        self.forget_rested(draft);
        for ip in &there.ips {
            draft.put(Value::Resting { network: there.network.clone(), ip: *ip, until: draft.now + REST_SECONDS });
        }
        draft.remove(Key::Endpoint(name.clone()));
        Ok(())
    }

    /// Checks an address that the user chose.
    fn wanted(&self, draft: &Draft, share: &NodeSubnet, ip: IpAddr) -> Result<IpAddr, Refused> {
        let refuse = |reason: String| Err(Invalid::new("ip", reason).into());
        let NodeSubnet { node, network, cidr, .. } = share;
        if !cidr.contains(&ip) {
            return refuse(format!("{ip} lies outside {cidr}, the share of network {network} on node {node}"));
        }
        if ip == share.gateway() || ip == cidr.network() || ip == cidr.broadcast() {
            return refuse(format!("{ip} is the network, gateway or broadcast address of {cidr}"));
        }
        if let Some(holder) = self.endpoint_at(network, ip) {
            return refuse(format!("{ip} is the address of endpoint {}", holder.name));
        }
        if self.rests(&(network.clone(), ip), draft.now) {
            return refuse(format!("{ip} was freed less than {REST_SECONDS} s ago and rests; take another or wait"));
        }
        Ok(ip)
    }

    fn id_taken(&self, id: u32) -> bool {
        // Ids wrap around after 16 million endpoints; only then is there anything to look for.
        self.counters.endpoint >= 0xff_ffff && self.endpoints.values().any(|endpoint| endpoint.id == id)
    }

    fn forget_rested(&self, draft: &mut Draft) {
        let rested = self.resting.iter().filter(|(_, until)| **until <= draft.now).take(16);
        for (network, ip) in rested.map(|(key, _)| key.clone()).collect::<Vec<_>>() {
            draft.remove(Key::Resting(network, ip));
        }
    }
}

/// Whether asking for `spec` again is asking for what is there.
fn same(there: &Endpoint, spec: &EndpointSpec) -> Result<(), Refused> {
    let differs = |what: &str| {
        Err(Refused::Conflict(format!("endpoint {} exists on node {} with another {what}", there.name, there.node)))
    };
    match () {
        () if there.node != spec.node => differs("node"),
        () if there.network != spec.network => differs("network"),
        () if there.device != spec.device => differs("device"),
        () if spec.ip.is_some_and(|ip| !there.ips.contains(&ip)) => differs("address"),
        () if there.labels != spec.labels => differs("set of labels"),
        () => Ok(()),
    }
}
