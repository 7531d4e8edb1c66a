//! Services: virtual addresses in front of endpoints.

use std::sync::Arc;

use api::{Backend, Invalid, Kind, Name, Service, ServiceSpec};
use ipnet::IpNet;

use super::{Intent, Key, Refused, Value, alloc, change::Draft};

impl Intent {
    pub(super) fn create_service(
        &self,
        draft: &mut Draft,
        name: &Name,
        spec: &ServiceSpec,
        range: &IpNet,
    ) -> Result<(), Refused> {
        if self.services.contains_key(name) {
            return Err(Refused::Conflict(format!("service {name} exists; remove it first, or change its backends")));
        }
        self.put_service(draft, name, spec, range)
    }

    pub(super) fn put_service(
        &self,
        draft: &mut Draft,
        name: &Name,
        spec: &ServiceSpec,
        range: &IpNet,
    ) -> Result<(), Refused> {
        self.check_service(name, spec, range)?;
        let revision = draft.revision();
        let there = self.services.get(name);
        let id = match there {
            Some(there) => there.id,
            None => {
                let used = |id| self.services.values().any(|service| service.id == id);
                alloc::next_id(&mut draft.counters.service, Some(0xffff), used)?
            }
        };
        let mut ports = spec.ports.clone();
        ports.sort();
        let same_front = |s: &&Arc<Service>| {
            s.vip == spec.vip && s.ports == ports && s.network == spec.network && s.selector == spec.selector
        };
        let frontend_revision = there.filter(same_front).map_or(revision, |s| s.frontend_revision);
        let joined = |ip| there.and_then(|s| s.backends.iter().find(|b| b.ip == ip)).map_or(revision, |b| b.revision);
        let mut backends: Vec<Backend> =
            spec.backends.iter().map(|ip| Backend { ip: *ip, revision: joined(*ip) }).collect();
        backends.sort_by_key(|backend| backend.ip);
        let mut service = Service {
            name: name.clone(),
            id,
            revision,
            frontend_revision,
            network: spec.network.clone(),
            vip: spec.vip,
            ports,
            backends,
            selector: spec.selector.clone(),
        };
        if let Some(there) = there {
            service.revision = there.revision;
            if **there == service {
                draft.already_at(there.revision);
                return Ok(());
            }
            service.revision = revision;
        }
        draft.put(Value::Service(Arc::new(service)));
        Ok(())
    }

    pub(super) fn delete_service(&self, draft: &mut Draft, name: &Name) -> Result<(), Refused> {
        if !self.services.contains_key(name) {
            return Err(Refused::NotFound(Kind::Service, name.clone()));
        }
        draft.remove(Key::Service(name.clone()));
        Ok(())
    }

    fn check_service(&self, name: &Name, spec: &ServiceSpec, range: &IpNet) -> Result<(), Refused> {
        spec.validate()?;
        let network =
            self.networks.get(&spec.network).ok_or_else(|| Refused::NotFound(Kind::Network, spec.network.clone()))?;
        if !range.contains(&spec.vip) {
            return Err(Invalid::new("vip", format!("{} lies outside the services' range {range}", spec.vip)).into());
        }
        let clash =
            self.services.values().filter(|other| other.name != *name && other.vip == spec.vip).find_map(|other| {
                let taken =
                    |p: &&api::ServicePort| other.ports.iter().any(|q| (q.port, q.protocol) == (p.port, p.protocol));
                spec.ports.iter().find(taken).map(|port| (other, port))
            });
        if let Some((other, port)) = clash {
            let reason = format!("{}:{}/{} is already service {}", spec.vip, port.port, port.protocol, other.name);
            return Err(Invalid::new("vip", reason).into());
        }
        match spec.backends.iter().find(|ip| !network.contains(**ip)) {
            Some(ip) => Err(Invalid::new("backends", format!("{ip} lies outside network {}", network.name)).into()),
            None => Ok(()),
        }
    }
}
