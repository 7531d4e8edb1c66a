//! The pieces a switch's state is made of, and where each of them goes.

use api::{Endpoint, Mode, Name, Way};

use super::View;
use crate::intent::{Intent, is_host};

/// A piece of desired state that one object asks for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// What is there without any object.
    Pipeline,
    /// A network on the switches that have it.
    Network(Name),
    /// A node as those others see it that reach it by this way.
    Peer(Name, Way),
    /// A node on its own switch: gateway, host, the way outside.
    Host(Name),
    /// An endpoint on its own node.
    Endpoint(Name),
    /// An endpoint of a flat network as the other members see it that reach its node by this way.
    Remote(Name, Way),
    /// A service that all nodes have alike.
    Service(Name),
    /// A service of which nodes differ, on one of them.
    ServiceOn(Name, Name),
    /// The rules of a policy.
    Policy(Name),
}

/// The nodes a part goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// None: its object is not there.
    Nowhere,
    /// All of them.
    Everywhere,
    /// All but one.
    EverywhereBut(Name),
    /// One.
    On(Name),
    /// Those that have an endpoint in a network.
    Members(Name),
    /// Those that reach a node by a way.
    Reaching {
        /// The node.
        peer: Name,
        /// The way.
        way: Way,
        /// Only those that have an endpoint in this network.
        network: Option<Name>,
    },
    /// Those that have an endpoint that a policy is about.
    Subjects(Name),
}

impl Part {
    /// What a backend of a service has on its own node.
    pub(super) fn of_backend(endpoint: &Endpoint) -> Self {
        match is_host(endpoint) {
            true => Self::Host(endpoint.node.clone()),
            false => Self::Endpoint(endpoint.name.clone()),
        }
    }

    /// Where it goes.
    pub fn place(&self, view: &View<'_>) -> Place {
        let intent = view.intent;
        let there = |there: bool, place: Place| if there { place } else { Place::Nowhere };
        match self {
            Self::Pipeline => Place::Everywhere,
            Self::Network(name) => network(intent, name),
            Self::Peer(name, way) => there(intent.nodes.contains_key(name), view.reaching(name, *way)),
            Self::Host(name) => there(intent.nodes.contains_key(name), Place::On(name.clone())),
            Self::Endpoint(name) => {
                intent.endpoints.get(name).map_or(Place::Nowhere, |endpoint| Place::On(endpoint.node.clone()))
            }
            Self::Remote(name, way) => match intent.endpoints.get(name) {
                Some(endpoint) if *way == Way::Direct && !view.may_go_direct(&endpoint.node) => Place::Nowhere,
                Some(endpoint) if mode(intent, &endpoint.network) == Some(Mode::Flat) => {
                    let network = Some(endpoint.network.clone());
                    Place::Reaching { peer: endpoint.node.clone(), way: *way, network }
                }
                _ => Place::Nowhere,
            },
            Self::Service(name) => {
                let even = intent.services.get(name).filter(|service| !service.traffic.is_uneven());
                even.map_or(Place::Nowhere, |service| network(intent, &service.network))
            }
            Self::ServiceOn(name, node) => {
                let uneven = intent.services.get(name).filter(|service| service.traffic.is_uneven());
                let has = |service: &&std::sync::Arc<api::Service>| network(intent, &service.network).has(node, view);
                there(uneven.filter(has).is_some() && intent.nodes.contains_key(node), Place::On(node.clone()))
            }
            Self::Policy(name) => there(intent.policies.contains_key(name), Place::Subjects(name.clone())),
        }
    }
}

impl Place {
    /// Whether it is everywhere, or everywhere but on one node.
    pub(super) fn is_wide(&self) -> bool {
        matches!(self, Self::Everywhere | Self::EverywhereBut(_))
    }

    /// Whether it may have other nodes although it is written in the same way.
    pub(super) fn moves(&self) -> bool {
        matches!(self, Self::Members(_) | Self::Reaching { .. } | Self::Subjects(_))
    }

    /// Whether `node` is one of them.
    pub fn has(&self, node: &Name, view: &View<'_>) -> bool {
        match self {
            Self::Nowhere => false,
            Self::Everywhere => true,
            Self::EverywhereBut(but) => node != but,
            Self::On(on) => node == on,
            Self::Members(network) => view.intent.is_member(network, node),
            Self::Reaching { peer, way, network } => {
                let member = network.as_ref().is_none_or(|network| view.intent.is_member(network, node));
                member && view.reaches(node, peer, *way)
            }
            Self::Subjects(policy) => view.intent.has_subject(policy, node),
        }
    }
}

/// A node as others see it, by each way.
pub(super) fn peers(node: &Name) -> [Part; 3] {
    Way::ALL.map(|way| Part::Peer(node.clone(), way))
}

/// An endpoint as others see it, by each way.
pub(super) fn remotes(endpoint: &Name) -> [Part; 3] {
    Way::ALL.map(|way| Part::Remote(endpoint.clone(), way))
}

/// All parts that go to more than one node.
pub(super) fn shared(intent: &Intent) -> impl Iterator<Item = Part> {
    let flat = intent.networks.values().filter(|network| network.spec.mode == Mode::Flat);
    let remote = flat.flat_map(|network| intent.endpoints_in(&network.name)).flat_map(|it| remotes(&it.name));
    std::iter::once(Part::Pipeline)
        .chain(intent.networks.keys().cloned().map(Part::Network))
        .chain(intent.nodes.keys().flat_map(peers))
        .chain(remote)
        .chain(intent.services.keys().cloned().map(Part::Service))
        .chain(intent.policies.keys().cloned().map(Part::Policy))
}

/// The parts that go to the members of a network.
pub(super) fn of_network(intent: &Intent, network: &Name) -> impl Iterator<Item = Part> {
    let endpoints = intent.endpoints_in(network).flat_map(|endpoint| remotes(&endpoint.name));
    let services = intent.services.values().filter(move |service| service.network == *network);
    let services = services.map(|service| Part::Service(service.name.clone()));
    std::iter::once(Part::Network(network.clone())).chain(endpoints).chain(services)
}

/// The parts that go to this node only.
pub(super) fn local<'a>(view: &View<'a>, node: &'a Name) -> impl Iterator<Item = Part> + use<'a> {
    let endpoints = view.intent.endpoints_on(node).map(|endpoint| Part::Endpoint(endpoint.name.clone()));
    std::iter::once(Part::Host(node.clone())).chain(endpoints).chain(uneven(view, node))
}

/// The services that a node has in its own way.
pub(super) fn uneven<'a>(view: &View<'a>, node: &'a Name) -> impl Iterator<Item = Part> + use<'a> {
    let view = *view;
    let services = view.intent.services.values().filter(|service| service.traffic.is_uneven());
    let parts = services.map(|service| Part::ServiceOn(service.name.clone(), node.clone()));
    parts.filter(move |part| part.place(&view) != Place::Nowhere)
}

fn mode(intent: &Intent, network: &Name) -> Option<Mode> {
    intent.networks.get(network).map(|network| network.spec.mode)
}

/// Where a network is, and all that is of it.
fn network(intent: &Intent, name: &Name) -> Place {
    match mode(intent, name) {
        None => Place::Nowhere,
        Some(Mode::Routed) => Place::Everywhere,
        Some(Mode::Flat) => Place::Members(name.clone()),
    }
}
