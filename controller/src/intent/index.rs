//! What is looked up by something else than its name.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    net::IpAddr,
};

use api::{Endpoint, Kind, Name, Service};
use imbl::{OrdMap, OrdSet};

use super::{Intent, policy::PolicyIndex};

/// A label: key and value.
pub(super) type Label = (String, String);

/// Derived from endpoints and services, kept up with each write.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    /// Who has an address of a network.
    addresses: OrdMap<(Name, IpAddr), Name>,
    /// Endpoints by node and port.
    ports: OrdMap<(Name, u32), Name>,
    /// Endpoints by network, then node.
    members: OrdMap<Name, OrdMap<Name, OrdSet<Name>>>,
    /// Endpoints by label.
    labelled: OrdMap<Label, OrdSet<Name>>,
    /// Services that list an address of a network.
    listing: OrdMap<(Name, IpAddr), OrdSet<Name>>,
    /// Services by the first label they select.
    selecting: OrdMap<Label, OrdSet<Name>>,
    /// Services by virtual address.
    vips: OrdMap<IpAddr, OrdSet<Name>>,
    /// Names that hold capital letters, by kind and by how they are in lower case.
    folded: OrdMap<(Kind, String), OrdSet<Name>>,
    pub policies: PolicyIndex,
}

impl Index {
    pub fn endpoint(&mut self, old: Option<&Endpoint>, new: Option<&Endpoint>) {
        self.fold(Kind::Endpoint, old.map(|old| &old.name), new.map(|new| &new.name));
        if let Some(old) = old {
            for ip in &old.ips {
                remove_if(&mut self.addresses, &(old.network.clone(), *ip), &old.name);
            }
            remove_if(&mut self.ports, &(old.node.clone(), old.port), &old.name);
            if let Some(members) = self.members.get_mut(&old.network) {
                remove(members, &old.node, &old.name);
            }
            for (key, value) in &old.labels {
                remove(&mut self.labelled, &(key.clone(), value.clone()), &old.name);
            }
        }
        if let Some(new) = new {
            for ip in &new.ips {
                self.addresses.insert((new.network.clone(), *ip), new.name.clone());
            }
            self.ports.insert((new.node.clone(), new.port), new.name.clone());
            insert(self.members.entry(new.network.clone()).or_default(), new.node.clone(), &new.name);
            for (key, value) in &new.labels {
                insert(&mut self.labelled, (key.clone(), value.clone()), &new.name);
            }
        }
    }

    pub fn service(&mut self, old: Option<&Service>, new: Option<&Service>) {
        self.fold(Kind::Service, old.map(|old| &old.name), new.map(|new| &new.name));
        listed_by(old, new).for_each(|(name, address)| remove(&mut self.listing, &address, name));
        listed_by(new, old).for_each(|(name, address)| insert(&mut self.listing, address, name));
        if let Some(old) = old {
            if let Some(label) = first_label(&old.selector) {
                remove(&mut self.selecting, &label, &old.name);
            }
            old.vip.iter().for_each(|vip| remove(&mut self.vips, vip, &old.name));
        }
        if let Some(new) = new {
            if let Some(label) = first_label(&new.selector) {
                insert(&mut self.selecting, label, &new.name);
            }
            new.vip.iter().for_each(|vip| insert(&mut self.vips, *vip, &new.name));
        }
    }
}

impl Index {
    fn fold(&mut self, kind: Kind, old: Option<&Name>, new: Option<&Name>) {
        let capital = |name: &&Name| name.as_str().bytes().any(|byte| byte.is_ascii_uppercase());
        let key = |name: &Name| (kind, name.as_str().to_ascii_lowercase());
        old.filter(capital).into_iter().for_each(|name| remove(&mut self.folded, &key(name), name));
        new.filter(capital).into_iter().for_each(|name| insert(&mut self.folded, key(name), name));
    }
}

impl Intent {
    /// The endpoints or services whose names hold capital letters, and are this one in lower case.
    pub fn folded(&self, kind: Kind, lower: &str) -> impl Iterator<Item = &Name> {
        self.index.folded.get(&(kind, lower.to_owned())).into_iter().flatten()
    }

    /// The endpoint that has this address.
    pub fn endpoint_at(&self, network: &Name, ip: IpAddr) -> Option<&Endpoint> {
        self.endpoints.get(self.index.addresses.get(&(network.clone(), ip))?).map(|endpoint| &**endpoint)
    }

    /// The highest address within `from..=to` of a network that an endpoint has.
    pub(super) fn last_address(&self, network: &Name, from: IpAddr, to: IpAddr) -> Option<IpAddr> {
        let range = (network.clone(), from)..=(network.clone(), to);
        self.index.addresses.range(range).next_back().map(|((_, ip), _)| *ip)
    }

    /// The endpoints of a node in order of their ports.
    pub fn endpoints_on(&self, node: &Name) -> impl Iterator<Item = &Endpoint> {
        let range = (node.clone(), 0)..=(node.clone(), u32::MAX);
        self.index.ports.range(range).filter_map(|(_, name)| self.endpoints.get(name)).map(|endpoint| &**endpoint)
    }

    /// The endpoint that has this OpenFlow port.
    pub(super) fn endpoint_on_port(&self, node: &Name, port: u32) -> Option<&Name> {
        self.index.ports.get(&(node.clone(), port))
    }

    /// Whether a node has an endpoint in a network.
    pub fn is_member(&self, network: &Name, node: &Name) -> bool {
        self.index.members.get(network).is_some_and(|nodes| nodes.contains_key(node))
    }

    /// The endpoints of a network, node by node.
    pub fn endpoints_in(&self, network: &Name) -> impl Iterator<Item = &Endpoint> {
        let nodes = self.index.members.get(network).into_iter().flat_map(OrdMap::values);
        nodes.flatten().filter_map(|name| self.endpoints.get(name)).map(|endpoint| &**endpoint)
    }

    /// The endpoints with this label.
    pub(super) fn labelled(&self, label: Label) -> impl Iterator<Item = &Endpoint> {
        let names = self.index.labelled.get(&label).into_iter().flatten();
        names.filter_map(|name| self.endpoints.get(name)).map(|endpoint| &**endpoint)
    }

    /// The services that have this endpoint, or host, as a backend, in order of their names.
    pub fn services_of(&self, endpoint: &Endpoint) -> Vec<&Service> {
        let listing = endpoint.ips.iter().filter_map(|ip| self.index.listing.get(&(endpoint.network.clone(), *ip)));
        let labels = endpoint.labels.iter();
        let selecting = labels.filter_map(|(key, value)| self.index.selecting.get(&(key.clone(), value.clone())));
        let selecting =
            selecting.flatten().filter(|name| self.services.get(*name).is_some_and(|it| it.selects(endpoint)));
        let names: BTreeSet<&Name> = listing.flatten().chain(selecting).collect();
        names.into_iter().filter_map(|name| self.services.get(name)).map(|service| &**service).collect()
    }

    /// The services with this virtual address.
    pub fn services_at(&self, vip: IpAddr) -> impl Iterator<Item = &Service> {
        let names = self.index.vips.get(&vip).into_iter().flatten();
        names.filter_map(|name| self.services.get(name)).map(|service| &**service)
    }

    /// The backends of a service that exist: endpoint and the revision at which it became one, in order of address.
    pub fn backends<'a>(&'a self, service: &'a Service) -> Vec<(&'a Endpoint, u64)> {
        let mut found: Vec<(&Endpoint, u64)> = match first_label(&service.selector) {
            None => {
                let listed = service.backends.iter();
                let there = listed.filter_map(|b| Some((self.backend_at(&service.network, b.ip)?, b.revision)));
                there.map(|(endpoint, revision)| (endpoint, revision.max(endpoint.revision))).collect()
            }
            Some(label) => {
                let selected = self.labelled(label).filter(|endpoint| service.selects(endpoint));
                selected.map(|endpoint| (endpoint, endpoint.revision.max(service.frontend_revision))).collect()
            }
        };
        found.sort_by(|(a, _), (b, _)| a.ips.cmp(&b.ips));
        found
    }
}

/// The addresses that a service lists and its other version does not.
fn listed_by<'a>(
    service: Option<&'a Service>,
    other: Option<&Service>,
) -> impl Iterator<Item = (&'a Name, (Name, IpAddr))> {
    let other = other.filter(|other| service.is_some_and(|service| service.network == other.network));
    let by_other: HashSet<IpAddr> = other.iter().flat_map(|other| &other.backends).map(|backend| backend.ip).collect();
    let listed =
        service.into_iter().flat_map(|service| service.backends.iter().map(move |backend| (service, backend.ip)));
    listed
        .filter(move |(_, ip)| !by_other.contains(ip))
        .map(|(service, ip)| (&service.name, (service.network.clone(), ip)))
}

/// By which label to look up what a selector selects.
pub(super) fn first_label(selector: &BTreeMap<String, String>) -> Option<Label> {
    selector.first_key_value().map(|(key, value)| (key.clone(), value.clone()))
}

pub(super) fn insert<K: Ord + Clone>(sets: &mut OrdMap<K, OrdSet<Name>>, key: K, name: &Name) {
    sets.entry(key).or_default().insert(name.clone());
}

pub(super) fn remove<K: Ord + Clone>(sets: &mut OrdMap<K, OrdSet<Name>>, key: &K, name: &Name) {
    if let Some(set) = sets.get_mut(key) {
        set.remove(name);
        if set.is_empty() {
            sets.remove(key);
        }
    }
}

/// Another endpoint of the same transaction may have taken the key over already.
fn remove_if<K: Ord + Clone>(map: &mut OrdMap<K, Name>, key: &K, name: &Name) {
    if map.get(key) == Some(name) {
        map.remove(key);
    }
}
