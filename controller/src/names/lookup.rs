//! What a name stands for.

use std::sync::Arc;

use api::{DEFAULT_NETWORK, Endpoint, Found, Kind, Name, NameKey, Named, Node, Service, Target};

use crate::intent::Intent;

/// What `key` stands for to the clients of `node` in `network`: one answer, or one for each of several things.
///
/// A node without an endpoint in a network is told nothing of it.
pub fn lookup(intent: &Intent, node: &Name, network: &Name, key: &NameKey) -> Vec<Named> {
    let named = |key: &NameKey, found| Named { network: network.clone(), key: key.clone(), found };
    if network.as_str() != DEFAULT_NETWORK && !intent.is_member(network, node) {
        return vec![named(key, None)];
    }
    let found = match key {
        NameKey::Services => {
            let services = intent.services.values().filter(|s| s.network == *network && s.vip.is_some());
            let each = services.map(|service| {
                named(&NameKey::Name(service.name.as_str().to_ascii_lowercase()), Some(of_service(intent, service)))
            });
            return each.chain([named(key, None)]).collect();
        }
        NameKey::Name(name) => service(intent, network, name)
            .map(|service| of_service(intent, service))
            .or_else(|| endpoint(intent, network, name).map(of_endpoint)),
        NameKey::Backends(name) => service(intent, network, name)
            .map(|service| Found { backends: backends(intent, service), ..of_service(intent, service) }),
        NameKey::Ip(ip) => {
            let service = || intent.services_at(*ip).find(|service| service.network == *network);
            let endpoint = intent.endpoint_at(network, *ip).map(of_endpoint);
            endpoint.or_else(|| service().map(|service| of_service(intent, service)))
        }
    };
    vec![named(key, found)]
}

fn of_endpoint(endpoint: &Endpoint) -> Found {
    let (name, ips) = (endpoint.name.clone(), endpoint.ips.clone());
    Found { name, ips, ports: Vec::new(), backends: Vec::new(), service: false }
}

fn of_service(intent: &Intent, service: &Service) -> Found {
    let backends = if service.vip.is_none() { backends(intent, service) } else { Vec::new() };
    let (name, ips) = (service.name.clone(), service.vip.into_iter().collect());
    Found { name, ips, ports: service.ports.clone(), backends, service: true }
}

/// The backends that take new connections; those that take none only if there are no others.
fn backends(intent: &Intent, service: &Service) -> Vec<Target> {
    let there = intent.backends(service).into_iter().map(|(endpoint, _)| endpoint);
    let alive = there.filter_map(|endpoint| Some((endpoint, intent.nodes.get(&endpoint.node)?)));
    let is_open = |(endpoint, node): &(&Endpoint, &Arc<Node>)| !node.drained && !endpoint.terminating;
    let (open, leaving): (Vec<_>, Vec<_>) = alive.filter(|(_, node)| !node.down).partition(is_open);
    let takers = if open.is_empty() { leaving } else { open };
    takers.into_iter().map(|(endpoint, _)| Target { name: endpoint.name.clone(), ips: endpoint.ips.clone() }).collect()
}

fn service<'a>(intent: &'a Intent, network: &Name, lower: &str) -> Option<&'a Service> {
    let candidates = spelled(lower).filter_map(|name| intent.services.get(&name));
    let folded = intent.folded(Kind::Service, lower).filter_map(|name| intent.services.get(name));
    candidates.chain(folded).map(|service| &**service).find(|service| service.network == *network)
}

fn endpoint<'a>(intent: &'a Intent, network: &Name, lower: &str) -> Option<&'a Endpoint> {
    let candidates = spelled(lower).filter_map(|name| intent.endpoints.get(&name));
    let folded = intent.folded(Kind::Endpoint, lower).filter_map(|name| intent.endpoints.get(name));
    candidates.chain(folded).map(|endpoint| &**endpoint).find(|endpoint| endpoint.network == *network)
}

/// The object that is written just so.
fn spelled(lower: &str) -> impl Iterator<Item = Name> {
    Name::new(lower).ok().into_iter()
}
