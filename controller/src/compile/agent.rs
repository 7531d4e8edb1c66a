//! What a host's agent is to make true.

use std::collections::BTreeSet;

use api::{
    AgentConfig, DEFAULT_NETWORK, Health, Name, NamesConfig, NamesNetwork, Node, Peer, Protocol, Published, Service,
    Tracking, Way,
};
use ipnet::IpNet;

use super::{Settings, View, announce, hairpin_zone, host, policy, render, service_zone};
use crate::{
    intent::{Intent, is_host},
    pipeline,
};

/// The configuration of a node's agent as of `revision`; none if there is no such node or it has no share yet.
pub fn agent_config(intent: &Intent, settings: &Settings, name: &Name, revision: u64) -> Option<AgentConfig> {
    let node = intent.nodes.get(name)?;
    let view = View { intent, settings };
    let network = view.default_network()?;
    let subnet = view.subnet(&network.name, name)?;
    let (_, gateway_mac) = view.gateway(name)?;
    let gateway6 = view.gateways(name).find(|gateway| gateway.addr().is_ipv6());
    let everywhere = intent.networks.values().flat_map(|network| network.spec.subnets.iter().copied());
    let outside = intent.networks.values().filter(|network| !network.spec.internal);
    let services = settings.services.nets().filter(|net| net.addr().is_ipv4() || view.has_v6());
    let bounced = view.families().map(|family| family.bounced().trunc());
    // The kernel translates what goes there before it would leave.
    let external = announce::external(intent).into_iter().map(IpNet::from);
    let outside: Vec<IpNet> = outside.flat_map(|network| network.spec.subnets.iter().copied()).collect();
    let peer = |other: &Node| {
        let share = view.subnet(&network.name, &other.name)?;
        let is_direct = !other.down && view.way(node, other) == Way::Direct;
        let direct = is_direct.then(|| share.cidr.trunc());
        let gateway = share.gateway();
        Some(Peer { name: other.name.clone(), id: other.id, address: other.spec.address, gateway, direct })
    };
    Some(AgentConfig {
        revision,
        node: (**node).clone(),
        bridge: pipeline::BRIDGE.into(),
        gateway: ipnet::IpNet::new(subnet.gateway(), subnet.cidr.prefix_len()).ok()?,
        gateway6,
        gateway_mac,
        mtu: host::pod_mtu(&view)?,
        path_mtu: None,
        router: pipeline::ROUTER_IP.into(),
        router6: view.has_v6().then_some(pipeline::ROUTER_IP6.into()),
        routes: everywhere.chain(services).chain(bounced).chain(external).collect(),
        masquerade: outside,
        published: intent.services.values().flat_map(|service| published(intent, node, service)).collect(),
        announced: announce::announced(&view, name),
        served_udp: served_udp(intent, name),
        health: intent.services.values().filter_map(|service| health(&view, node, service)).collect(),
        services: Some(settings.services.v4()),
        services6: settings.services.v6().filter(|_| view.has_v6()),
        peers: intent.nodes.values().filter(|other| other.name != *name).filter_map(|other| peer(other)).collect(),
        endpoints: intent.endpoints_on(name).cloned().collect(),
        ovsdb_port: settings.ovsdb_port,
        names: Some(names(&view, name)),
        tracking: Some(tracking(&view, name)),
        gossip_keys: intent.gossip.as_ref().map(|gossip| gossip.keys.clone()),
    })
}

/// The conntrack zones that a node's switch uses, be they used now or not.
fn tracking(view: &View<'_>, node: &Name) -> Tracking {
    let networks = view.intent.networks.values();
    let of_networks = networks
        .flat_map(|network| [service_zone(network), hairpin_zone(network)].map(|zone| (zone, network.name.clone())));
    let of_endpoints =
        view.intent.endpoints_on(node).map(|endpoint| (policy::zone(endpoint), endpoint.network.clone()));
    Tracking { limit: view.settings.tracked, zones: of_networks.chain(of_endpoints).collect() }
}

/// What a node's resolver answers: the names of the networks that its endpoints are in, and of the default one.
fn names(view: &View<'_>, node: &Name) -> NamesConfig {
    let seen = |name: &Name| name.as_str() == DEFAULT_NETWORK || view.intent.is_member(name, node);
    let networks = view.intent.networks.iter().filter(|(name, _)| seen(name));
    let subnets = view.intent.networks.values().flat_map(|network| network.spec.subnets.iter().copied());
    NamesConfig {
        domain: view.settings.domain.to_string(),
        address: pipeline::NAMES_IP.into(),
        address6: view.has_v6().then_some(pipeline::NAMES_IP6),
        networks: networks.map(|(name, of)| (name.clone(), NamesNetwork { internal: of.spec.internal })).collect(),
        ranges: subnets.chain(view.settings.services.nets()).collect(),
    }
}

/// A service as `node` answers for it to the outside.
fn published(intent: &Intent, node: &Node, service: &Service) -> Vec<Published> {
    let Some(vip) = service.vip else { return Vec::new() };
    // A host would answer clients outside straight, not by way of the node where they came in.
    let on_hosts = service.is_published() && intent.backends(service).iter().any(|(backend, _)| is_host(backend));
    let at = |address, port, of: &api::ServicePort| Published {
        address,
        protocol: of.protocol,
        port,
        vip,
        vip_port: of.port,
        masquerade: service.masquerade || on_hosts,
    };
    let ports = service.ports.iter();
    let own = move || node.spec.addresses().filter(move |ip| ip.is_ipv4() == vip.is_ipv4());
    let on_node = ports.clone().filter_map(|of| of.node_port.map(|port| (of, port)));
    let on_node = on_node.flat_map(|(of, port)| own().map(move |ip| at(ip, port, of)));
    let external = service.external_ips.iter().flat_map(|ip| ports.clone().map(|of| at(*ip, of.port, of)));
    on_node.chain(external).collect()
}

/// The UDP ports at which services have the host itself as a backend.
fn served_udp(intent: &Intent, node: &Name) -> BTreeSet<u16> {
    let services = intent.host(node).map(|host| intent.services_of(host)).unwrap_or_default();
    let ports = services.into_iter().flat_map(|service| &service.ports);
    ports.filter(|port| port.protocol == Protocol::Udp).map(|port| port.target_port).collect()
}

/// What `node` says to load balancers that ask about a service, if they may.
fn health(view: &View<'_>, node: &Node, service: &Service) -> Option<Health> {
    let port = service.traffic.health_port?;
    let here = view.intent.backends(service).into_iter().filter(|(endpoint, _)| endpoint.node == node.name);
    let open =
        here.filter_map(|(endpoint, _)| render::backend(view, service, endpoint)).filter(|backend| backend.weight > 0);
    Some(Health { port, service: service.name.clone(), backends: open.count() as u32 })
}
