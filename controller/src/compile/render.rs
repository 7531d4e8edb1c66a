//! What each source contributes to a node: the stages of the pipeline, put together by object.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use api::{Endpoint, Kind, MAX_BACKENDS, Name, Network, Node, Service};
use ipnet::{IpNet, Ipv4Net};

use super::{Fragment, Source, View, classify, deliver, host, resolve, route, service, v4};
use crate::pipeline::Cookie;

impl Fragment {
    /// What `source` contributes to the view's node; nothing if the source is not there.
    pub fn render(view: &View<'_>, source: &Source) -> Self {
        let intent = view.intent;
        let rendered = match (source.kind, &source.name) {
            (Kind::Pipeline, _) => Some(pipeline(view)),
            (Kind::Node, Some(name)) => intent.nodes.get(name).map(|node| self::node(view, node)),
            (Kind::Network, Some(name)) => intent.networks.get(name).map(|network| self::network(view, network)),
            (Kind::Endpoint, Some(name)) => intent.endpoints.get(name).and_then(|e| endpoint(view, e)),
            (Kind::Service, Some(name)) => intent.services.get(name).and_then(|s| self::service(view, s)),
            (_, None) => None,
        };
        rendered.unwrap_or_default()
    }
}

/// All sources that contribute to a node.
pub(super) fn sources(view: &View<'_>) -> BTreeSet<Source> {
    let intent = view.intent;
    let named = |kind, name: &Name| Source::object(kind, name);
    std::iter::once(Source::PIPELINE)
        .chain(intent.nodes.keys().map(|name| named(Kind::Node, name)))
        .chain(intent.networks.keys().map(|name| named(Kind::Network, name)))
        .chain(intent.endpoints_on(&view.node.name).map(|endpoint| named(Kind::Endpoint, &endpoint.name)))
        .chain(intent.services.keys().map(|name| named(Kind::Service, name)))
        .collect()
}

fn pipeline(view: &View<'_>) -> Fragment {
    let mut flows = classify::base();
    flows.extend(resolve::base());
    flows.extend(service::base());
    flows.extend(route::base(&view.settings.services));
    flows.extend(deliver::base());
    Fragment { flows, ..Fragment::default() }
}

fn network(view: &View<'_>, network: &Network) -> Fragment {
    let cookie = Cookie::new(Kind::Network, network.id, network.revision);
    let tunnel = network.spec.tunnel;
    let gateway = view.gateway().map(|(_, mac)| mac);
    let mut flows = route::network(network, gateway, cookie);
    flows.push(service::hairpin_replies(network));
    flows.push(deliver::hairpin_replies(network));
    let ports: Vec<_> = host::flow_tunnel(view, tunnel).into_iter().collect();
    flows.extend(ports.iter().map(|_| classify::stranger(tunnel)));
    Fragment { flows, ports, ..Fragment::default() }
}

fn node(view: &View<'_>, node: &Node) -> Fragment {
    if node.name == view.node.name { own_node(view) } else { peer_node(view, node) }
}

fn own_node(view: &View<'_>) -> Fragment {
    let (Some(network), Some((gateway, mac))) = (view.default_network(), view.gateway()) else {
        return Fragment::default();
    };
    let cookie = node_cookie(view, network, view.node);
    let mut flows = vec![resolve::address(network, gateway, mac, cookie), route::host(network, gateway, mac, cookie)];
    flows.extend(v4(view.node.spec.address).map(|address| route::host(network, address, mac, cookie)));
    flows.extend(classify::gateway(network, mac, cookie));
    Fragment { flows, bridge: host::bridge(view), ..Fragment::default() }
}

fn peer_node(view: &View<'_>, peer: &Node) -> Fragment {
    let mut fragment = Fragment { ports: host::static_tunnel(view, peer).into_iter().collect(), ..Fragment::default() };
    for network in view.intent.networks.values() {
        let cookie = node_cookie(view, network, peer);
        fragment.flows.extend(classify::peer(view, peer, network.spec.tunnel, cookie));
        if let Some(IpNet::V4(share)) = view.subnet(&network.name, &peer.name).map(|subnet| subnet.cidr) {
            fragment.flows.push(route::remote(view, network, peer, share, cookie));
        }
        if let Some(address) = v4(peer.spec.address) {
            fragment.flows.push(route::remote(view, network, peer, Ipv4Net::from(address), cookie));
        }
    }
    fragment
}

/// A node's flows change with the node and with its share.
fn node_cookie(view: &View<'_>, network: &Network, node: &Node) -> Cookie {
    let share = view.subnet(&network.name, &node.name).map_or(0, |subnet| subnet.revision);
    Cookie::new(Kind::Node, node.id, node.revision.max(share))
}

fn endpoint(view: &View<'_>, endpoint: &Endpoint) -> Option<Fragment> {
    if endpoint.node != view.node.name {
        return None;
    }
    let network = view.intent.networks.get(&endpoint.network)?;
    let cookie = Cookie::new(Kind::Endpoint, endpoint.id, endpoint.revision);
    let mut flows = Vec::new();
    for ip in endpoint.ips.iter().filter_map(|ip| v4(*ip)) {
        flows.extend(classify::endpoint(endpoint, ip, network, cookie));
        flows.push(resolve::address(network, ip, endpoint.mac, cookie));
        flows.push(route::endpoint(endpoint, ip, network, cookie));
    }
    Some(Fragment { flows, ports: vec![host::endpoint(endpoint)], ..Fragment::default() })
}

fn service(view: &View<'_>, service: &Service) -> Option<Fragment> {
    let network = view.intent.networks.get(&service.network)?;
    let vip = v4(service.vip)?;
    let front = Cookie::new(Kind::Service, service.id, service.frontend_revision);
    let backends = view.intent.backends(service);
    let address = |endpoint: &Endpoint| endpoint.ips.iter().find_map(|ip| v4(*ip));
    let backends: Vec<(Ipv4Addr, &Endpoint, u64)> = backends
        .into_iter()
        .filter_map(|(endpoint, revision)| Some((address(endpoint)?, endpoint, revision)))
        .take(MAX_BACKENDS)
        .collect();
    let addresses: Vec<Ipv4Addr> = backends.iter().map(|(ip, ..)| *ip).collect();
    let mut fragment = Fragment::default();
    for port in service.ports.iter().enumerate() {
        let (flows, group) = service::frontend(network, service, port, vip, front, &addresses);
        fragment.flows.extend(flows);
        fragment.groups.extend(group);
    }
    for (ip, endpoint, revision) in backends {
        let cookie = Cookie::new(Kind::Service, service.id, revision);
        fragment.flows.extend(service.ports.iter().map(|port| deliver::reply(network, ip, port, cookie)));
        if endpoint.node == view.node.name {
            fragment.flows.push(deliver::hairpin(network, ip, cookie));
        }
    }
    Some(fragment)
}
