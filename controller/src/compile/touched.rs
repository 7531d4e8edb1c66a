//! Which parts a transaction may have changed: what it wrote, and what looks at that.

use std::collections::BTreeSet;

use api::{Endpoint, Mode, Name, Service};

use super::{
    Part,
    part::{peers, remotes},
};
use crate::intent::{Intent, Key, Txn};

/// What a transaction touches, as far as nodes go that are there before and after it.
#[derive(Default)]
pub(super) struct Touched {
    /// Parts that may be others, or elsewhere.
    pub parts: BTreeSet<Part>,
    /// Networks and nodes that began or ceased to be members.
    pub members: BTreeSet<(Name, Name)>,
    /// Policies and nodes where they began or ceased to be about an endpoint.
    pub subjects: BTreeSet<(Name, Name)>,
    /// Ports of endpoints, by node.
    pub ports: BTreeSet<(Name, String)>,
    /// Whether bridges or tunnels may be others.
    pub bridges: bool,
}

impl Touched {
    pub fn new(old: &Intent, new: &Intent, txn: &Txn) -> Self {
        let mut touched = Self::default();
        for write in &txn.writes {
            match &write.key {
                Key::Counters | Key::Resting(..) | Key::Gossip => {}
                Key::Seat(service, _) => drop(touched.parts.insert(Part::Service(service.clone()))),
                Key::Authority | Key::Known(_) | Key::Token(_) => {}
                Key::Network(name) => touched.network(name, old, new),
                Key::Node(name) => touched.node(name, old, new),
                Key::Subnet(_, node) => touched.own(node),
                Key::Endpoint(name) => touched.endpoint(name, old, new),
                Key::Service(name) => touched.service(name, old, new),
                Key::Policy(name) => touched.policy(name, old, new),
                Key::Mesh => touched.mesh(old, new),
            }
        }
        touched.of_members(old, new);
        touched
    }

    /// Peers and hosts have flows for each network; endpoints and services are all removed before their network is.
    fn network(&mut self, name: &Name, old: &Intent, new: &Intent) {
        self.bridges = true;
        self.parts.insert(Part::Pipeline);
        self.parts.insert(Part::Network(name.clone()));
        for node in old.nodes.keys().chain(new.nodes.keys()) {
            self.own(node);
        }
    }

    /// What is of a node, there and elsewhere.
    fn own(&mut self, node: &Name) {
        self.parts.extend(peers(node));
        self.parts.insert(Part::Host(node.clone()));
    }

    /// The mesh is laid out in another way, or nodes of which that was chosen are.
    fn mesh(&mut self, old: &Intent, new: &Intent) {
        self.bridges = true;
        self.parts.insert(Part::Pipeline);
        let of = |intent: &Intent| intent.mesh.as_deref().cloned().unwrap_or_default();
        let (was, is) = (of(old), of(new));
        if was.spec != is.spec {
            return self.ways(old, new, new.nodes.keys());
        }
        let differ = was.pairs.iter().filter(|pair| !is.pairs.contains(pair));
        let differ = differ.chain(is.pairs.iter().filter(|pair| !was.pairs.contains(pair)));
        let nodes: BTreeSet<&Name> = differ.flat_map(|pair| &pair.between).collect();
        self.ways(old, new, nodes);
    }

    /// Where packets for these nodes leave elsewhere, and where those from there come in; and what they hand to their hosts.
    fn ways<'a>(&mut self, old: &Intent, new: &Intent, nodes: impl IntoIterator<Item = &'a Name>) {
        for node in nodes {
            self.own(node);
            new.endpoints_on(node).for_each(|endpoint| self.remote(endpoint, old));
        }
    }

    fn node(&mut self, name: &Name, old: &Intent, new: &Intent) {
        self.bridges = true;
        self.own(name);
        // The revision is part of the cookies of what other nodes have for its endpoints.
        let state = |intent: &Intent| intent.nodes.get(name).map(|node| (node.revision, node.down, node.drained));
        if state(old) == state(new) {
            return;
        }
        for intent in [old, new] {
            let services = intent.host(name).map(|host| intent.services_of(host)).unwrap_or_default();
            services.into_iter().for_each(|service| self.of_service(service, old, new));
        }
        for endpoint in old.endpoints_on(name).chain(new.endpoints_on(name)) {
            self.remote(endpoint, old);
            new.services_of(endpoint).into_iter().for_each(|service| self.of_service(service, old, new));
        }
        let place = |intent: &Intent| intent.nodes.get(name).map(|node| (node.spec.zone.clone(), node.spec.subnet()));
        if place(old) != place(new) {
            // What a node has when it comes or goes is looked at as a whole.
            if old.nodes.contains_key(name) && new.nodes.contains_key(name) {
                self.ways(old, new, new.nodes.keys());
            }
            new.services.values().filter(|service| service.traffic.is_uneven()).for_each(|service| {
                self.of_service(service, old, new);
            });
        }
    }

    fn endpoint(&mut self, name: &Name, old: &Intent, new: &Intent) {
        self.parts.insert(Part::Endpoint(name.clone()));
        for (intent, other) in [(old, new), (new, old)] {
            let Some(endpoint) = intent.endpoints.get(name) else { continue };
            self.ports.insert((endpoint.node.clone(), endpoint.device.clone()));
            intent.services_of(endpoint).into_iter().for_each(|service| self.of_service(service, old, new));
            self.remote(endpoint, intent);
            let named = intent.policies_naming(endpoint).into_iter();
            self.parts.extend(named.map(|policy| Part::Policy(policy.name.clone())));
            let subject_to = intent.policies_of(endpoint).into_iter();
            let first_or_last = subject_to.filter(|policy| !other.has_subject(&policy.name, &endpoint.node));
            self.subjects.extend(first_or_last.map(|policy| (policy.name.clone(), endpoint.node.clone())));
            let member = (&endpoint.network, &endpoint.node);
            if !other.is_member(member.0, member.1) {
                self.members.insert((member.0.clone(), member.1.clone()));
                let uneven = intent.services.values().filter(|it| it.network == *member.0 && it.traffic.is_uneven());
                self.parts.extend(uneven.map(|it| Part::ServiceOn(it.name.clone(), member.1.clone())));
            }
        }
    }

    fn remote(&mut self, endpoint: &Endpoint, intent: &Intent) {
        if intent.networks.get(&endpoint.network).is_some_and(|network| network.spec.mode == Mode::Flat) {
            self.parts.extend(remotes(&endpoint.name));
        }
    }

    /// An endpoint's flows name the ports at which it is a backend.
    fn service(&mut self, name: &Name, old: &Intent, new: &Intent) {
        [old, new].into_iter().filter_map(|intent| intent.services.get(name)).for_each(|service| {
            self.of_service(service, old, new);
        });
        let services = (old.services.get(name), new.services.get(name));
        let same_front = matches!(services, (Some(a), Some(b)) if a.frontend_revision == b.frontend_revision);
        let backends = |intent: &Intent, service: Option<&std::sync::Arc<Service>>| -> BTreeSet<Part> {
            let backends = service.into_iter().flat_map(|service| intent.backends(service));
            backends.map(|(endpoint, _)| Part::of_backend(endpoint)).collect()
        };
        let (before, after) = (backends(old, services.0), backends(new, services.1));
        let touched =
            before.union(&after).filter(|part| !(same_front && before.contains(*part) && after.contains(*part)));
        self.parts.extend(touched.cloned());
    }

    fn of_service(&mut self, service: &Service, old: &Intent, new: &Intent) {
        self.parts.insert(Part::Service(service.name.clone()));
        if service.traffic.is_uneven() {
            let nodes = old.nodes.keys().chain(new.nodes.keys());
            self.parts.extend(nodes.map(|node| Part::ServiceOn(service.name.clone(), node.clone())));
        }
    }

    /// An endpoint's flows name the rules that it is subject to.
    fn policy(&mut self, name: &Name, old: &Intent, new: &Intent) {
        self.parts.insert(Part::Policy(name.clone()));
        for intent in [old, new] {
            let Some(policy) = intent.policies.get(name) else { continue };
            let subjects = intent.selected(&policy.spec.network, &policy.spec.selector);
            self.parts.extend(subjects.map(|endpoint| Part::Endpoint(endpoint.name.clone())));
        }
    }

    /// A node that becomes a member of a flat network gets all of it, and what its host has to do with it.
    fn of_members(&mut self, old: &Intent, new: &Intent) {
        self.members.retain(|(network, _)| {
            let flat = |intent: &Intent| intent.networks.get(network).is_some_and(|n| n.spec.mode == Mode::Flat);
            flat(old) || flat(new)
        });
        self.parts.extend(self.members.iter().map(|(_, node)| Part::Host(node.clone())));
    }
}
