//! Services: virtual addresses in front of endpoints.

use std::sync::Arc;

use api::{Backend, Invalid, Kind, Name, Service, ServiceSpec};

use super::{
    Key, Refused, Value, alloc,
    change::{Draft, Effect},
};

/// A service's id is half of its groups' ids.
const MAX_SERVICE_ID: u64 = 0xffff;

impl Draft<'_> {
    pub(super) fn create_service(&mut self, name: &Name, spec: &ServiceSpec) -> Result<Effect, Refused> {
        if self.intent.services.contains_key(name) {
            return Err(Refused::Conflict(format!("service {name} exists; remove it first, or change its backends")));
        }
        self.put_service(name, spec)
    }

    pub(super) fn put_service(&mut self, name: &Name, spec: &ServiceSpec) -> Result<Effect, Refused> {
        self.check_service(name, spec)?;
        let there = self.intent.services.get(name).cloned();
        let id = match &there {
            Some(there) => there.id,
            None => {
                let services = &self.intent.services;
                let used = |id| services.values().any(|service| service.id == id);
                alloc::next_id(&mut self.counters.service, MAX_SERVICE_ID, used)?
            }
        };
        let mut service = service(name, id, self.revision(), spec, there.as_deref());
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

    fn check_service(&self, name: &Name, spec: &ServiceSpec) -> Result<(), Refused> {
        spec.validate()?;
        let network = self.intent.networks.get(&spec.network);
        let network = network.ok_or_else(|| Refused::NotFound(Kind::Network, spec.network.clone()))?;
        let (vip, range) = (spec.vip, self.services);
        if !range.contains(&vip) {
            return Err(Invalid::new("vip", format!("{vip} lies outside the services' range {range}")).into());
        }
        for other in self.intent.services_at(vip).filter(|other| other.name != *name) {
            let taken =
                |p: &&api::ServicePort| other.ports.iter().any(|q| (q.port, q.protocol) == (p.port, p.protocol));
            if let Some(port) = spec.ports.iter().find(taken) {
                let reason = format!("{vip}:{}/{} is already service {}", port.port, port.protocol, other.name);
                return Err(Invalid::new("vip", reason).into());
            }
        }
        match spec.backends.iter().find(|ip| !network.contains(**ip)) {
            Some(ip) => Err(Invalid::new("backends", format!("{ip} lies outside network {}", network.name)).into()),
            None => Ok(()),
        }
    }
}

/// The service that `spec` asks for: what stays as it is in `there` keeps its revision.
fn service(name: &Name, id: u32, revision: u64, spec: &ServiceSpec, there: Option<&Service>) -> Service {
    let mut ports = spec.ports.clone();
    ports.sort();
    let same_front = |s: &&Service| {
        s.vip == spec.vip && s.ports == ports && s.network == spec.network && s.selector == spec.selector
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
        vip: spec.vip,
        ports,
        backends,
        selector: spec.selector.clone(),
    }
}
