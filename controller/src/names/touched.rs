//! Which names a transaction touches.

use std::{collections::BTreeMap, net::IpAddr};

use api::{Endpoint, Name, NameKey, NameKeys, Service};

use crate::intent::{Intent, Key, Txn};

/// Names that may stand for something else than before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// By network; whether the name is that of a service with a virtual address, before or after.
    keys: BTreeMap<(Name, NameKey), bool>,
}

impl Touched {
    /// Whether it is none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Those that somebody follows who follows `known`.
    pub fn of<'a>(&'a self, known: &'a NameKeys) -> impl Iterator<Item = &'a (Name, NameKey)> {
        let follows = |((network, key), service): &(&(Name, NameKey), &bool)| {
            let known = known.get(network);
            known.is_some_and(|known| known.contains(key) || (**service && known.contains(&NameKey::Services)))
        };
        self.keys.iter().filter(follows).map(|(key, _)| key)
    }

    fn add(&mut self, network: &Name, key: NameKey) {
        self.keys.entry((network.clone(), key)).or_insert(false);
    }

    fn endpoint(&mut self, endpoint: &Endpoint, intent: &Intent) {
        self.add(&endpoint.network, NameKey::Name(endpoint.name.as_str().to_ascii_lowercase()));
        endpoint.ips.iter().for_each(|ip| self.add(&endpoint.network, NameKey::Ip(*ip)));
        intent.services_of(endpoint).into_iter().for_each(|service| self.backends(service));
    }

    fn service(&mut self, service: &Service) {
        self.backends(service);
        service.vip.iter().for_each(|vip| self.add(&service.network, NameKey::Ip(*vip)));
        let key = (service.network.clone(), NameKey::Name(service.name.as_str().to_ascii_lowercase()));
        *self.keys.entry(key).or_default() |= service.vip.is_some();
    }

    /// A service without a virtual address stands for its backends.
    fn backends(&mut self, service: &Service) {
        let name = service.name.as_str().to_ascii_lowercase();
        if service.vip.is_none() {
            self.add(&service.network, NameKey::Name(name.clone()));
        }
        self.add(&service.network, NameKey::Backends(name));
    }
}

/// What `txn`, between these two intents, touches.
pub fn touched(old: &Intent, new: &Intent, txn: &Txn) -> Touched {
    let mut touched = Touched::default();
    for write in &txn.writes {
        match &write.key {
            Key::Endpoint(name) => {
                for intent in [old, new] {
                    intent.endpoints.get(name).into_iter().for_each(|endpoint| touched.endpoint(endpoint, intent));
                }
            }
            Key::Service(name) => {
                let services = [old, new].into_iter().filter_map(|intent| intent.services.get(name));
                services.for_each(|service| touched.service(service));
            }
            Key::Node(name) => {
                let takes = |intent: &Intent| {
                    let node = intent.nodes.get(name)?;
                    Some((node.down, node.drained, node.spec.addresses().collect::<Vec<IpAddr>>()))
                };
                if takes(old) != takes(new) {
                    let services = new.endpoints_on(name).flat_map(|endpoint| new.services_of(endpoint));
                    let on_host =
                        [old, new].into_iter().filter_map(|intent| Some(intent.services_of(intent.host(name)?)));
                    services.chain(on_host.flatten()).for_each(|service| touched.backends(service));
                }
            }
            _ => {}
        }
    }
    touched
}
