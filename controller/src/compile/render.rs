//! What each part consists of: the stages of the pipeline, put together by object.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use api::{DEFAULT_NETWORK, Endpoint, Kind, Mode, Name, Network, Node, Policy, Protocol, Service, Tunnel, Way};
use ipnet::IpNet;

use super::{Part, View, affinity, classify, deliver, policy, resolve, route, service, uneven};
use crate::pipeline::{Cookie, Family, Flow, Flows, Group, Groups};

/// Ports at which an address is a backend.
type Served = BTreeMap<(Protocol, u16), Cookie>;

/// What a part consists of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fragment {
    /// Its flows.
    pub flows: Flows,
    /// Its groups.
    pub groups: Groups,
}

impl Fragment {
    /// What `part` consists of; nothing if its object is not there.
    pub fn render(view: &View<'_>, part: &Part) -> Self {
        let intent = view.intent;
        let rendered = match part {
            Part::Pipeline => Some(pipeline(view)),
            Part::Network(name) => intent.networks.get(name).map(|network| self::network(view, network)),
            Part::Peer(name, way) => intent.nodes.get(name).map(|node| peer(view, node, *way)),
            Part::Host(name) => intent.nodes.get(name).and_then(|node| host(view, node)),
            Part::Endpoint(name) => intent.endpoints.get(name).and_then(|e| endpoint(view, e)),
            Part::Remote(name, way) => intent.endpoints.get(name).and_then(|e| remote(view, e, *way)),
            Part::Service(name) => intent.services.get(name).and_then(|s| self::service(view, s)),
            Part::ServiceOn(name, node) => intent.services.get(name).and_then(|s| service_on(view, s, node)),
            Part::Policy(name) => intent.policies.get(name).and_then(|p| self::policy(view, p)),
        };
        rendered.unwrap_or_default()
    }

    fn of(flows: impl IntoIterator<Item = Flow>) -> Self {
        let flows = flows.into_iter().map(|flow| (flow.key, flow.body)).collect();
        Self { flows, groups: Groups::new() }
    }
}

fn pipeline(view: &View<'_>) -> Fragment {
    let mut flows = classify::base(view);
    flows.extend(resolve::base(view));
    flows.extend(service::base(view));
    flows.extend(affinity::base());
    flows.extend(policy::base(view));
    flows.extend(route::base(view));
    flows.extend(deliver::base());
    Fragment { groups: groups(service::choosers()), ..Fragment::of(flows) }
}

fn network(view: &View<'_>, network: &Network) -> Fragment {
    let mut flows = route::network(network);
    flows.extend(service::hairpin_replies(network));
    flows.extend(service::strangers(network));
    flows.extend(service::portless(view, network));
    flows.extend(deliver::network(network));
    Fragment::of(flows)
}

fn host(view: &View<'_>, node: &Node) -> Option<Fragment> {
    let network = view.default_network()?;
    let (_, mac) = view.gateway(&node.name)?;
    let cookie = node_cookie(view, network, node);
    let gateways: Vec<IpAddr> = view.gateways(&node.name).map(|gateway| gateway.addr()).collect();
    let addresses = view.addresses(node);
    let own = || gateways.iter().chain(&addresses).copied();
    let mut flows: Vec<Flow> = gateways.iter().map(|ip| resolve::gateway(network, *ip, mac, cookie)).collect();
    flows.extend(own().map(|ip| route::host(network, ip, mac, cookie)));
    for (host, ip) in view.intent.host(&node.name).iter().flat_map(|host| addresses.iter().map(move |ip| (host, *ip))) {
        flows.extend(backend_flows(network, ip, &served(view, host, ip)));
        flows.push(route::host_to_itself(network, ip, mac, cookie));
    }
    if let Some(IpNet::V4(range)) = node.containers {
        flows.push(resolve::range(network, range, mac, cookie));
        flows.push(route::containers(network, range, mac, cookie));
    }
    let networks = view.intent.networks.values().filter(|network| !network.spec.internal);
    let mut inside: Vec<IpNet> = networks.flat_map(|network| network.spec.subnets.iter().copied()).collect();
    inside.extend(addresses.iter().copied().map(IpNet::from));
    flows.extend(classify::gateway(view, network, mac, &inside, cookie));
    flows.extend(view.families().flat_map(|family| route::kernel(network, family, mac, cookie)));
    flows.extend(view.families().flat_map(|family| route::names(family, mac, cookie)));
    flows.extend(view.may_go_direct(&node.name).then(|| deliver::to_kernel(mac, cookie)));
    flows.extend(own().chain(view.families().map(Family::names)).flat_map(|ip| policy::host(ip, cookie)));
    for network in view.intent.networks.values().filter(|network| !network.spec.internal) {
        let cookie = Cookie::new(Kind::Network, network.id, network.revision);
        flows.extend(route::outbound(network, mac, cookie));
        if network.name.as_str() != DEFAULT_NETWORK {
            flows.extend(classify::inbound(network, mac, cookie));
        }
    }
    let there = |it: &&Arc<Network>| it.spec.mode == Mode::Routed || view.intent.is_member(&it.name, &node.name);
    for network in view.intent.networks.values().filter(|it| it.spec.internal).filter(there) {
        let cookie = Cookie::new(Kind::Network, network.id, network.revision);
        flows.extend(classify::answers(network, mac, cookie));
    }
    Some(Fragment::of(flows))
}

fn peer(view: &View<'_>, peer: &Node, way: Way) -> Fragment {
    if peer.down {
        return Fragment::default();
    }
    let mut flows = Vec::new();
    for network in view.intent.networks.values() {
        let cookie = node_cookie(view, network, peer);
        let shares = view.subnet(&network.name, &peer.name).into_iter().flat_map(|subnet| subnet.cidrs());
        let addresses = view.addresses(peer).into_iter().filter(|_| network.name.as_str() == DEFAULT_NETWORK);
        flows.extend(
            shares.chain(addresses.map(IpNet::from)).map(|net| route::remote(view, network, (peer, way), net, cookie)),
        );
    }
    if let Some(network) = view.default_network().filter(|_| way == Way::Direct) {
        let (share, cookie) = (view.subnet(&network.name, &peer.name), node_cookie(view, network, peer));
        flows.extend(share.into_iter().flat_map(|of| route::direct(view, network, (peer, way), of.cidr, cookie)));
    }
    let tunnels: BTreeSet<Tunnel> = view.intent.networks.values().map(|network| network.spec.tunnel).collect();
    let cookie = Cookie::new(Kind::Node, peer.id, peer.revision);
    flows.extend(tunnels.into_iter().flat_map(|tunnel| classify::peer(view, peer, tunnel, way, cookie)));
    let tunnel = view.default_network().map(|network| network.spec.tunnel);
    let answered =
        |tunnel| view.families().map(move |family| route::answered(view, (family, tunnel), peer, way, cookie));
    flows.extend(tunnel.into_iter().flat_map(answered));
    Fragment::of(flows)
}

/// A node's flows change with the node and with its share.
fn node_cookie(view: &View<'_>, network: &Network, node: &Node) -> Cookie {
    let share = view.subnet(&network.name, &node.name).map_or(0, |subnet| subnet.revision);
    Cookie::new(Kind::Node, node.id, node.revision.max(share))
}

fn endpoint(view: &View<'_>, endpoint: &Endpoint) -> Option<Fragment> {
    let network = view.intent.networks.get(&endpoint.network)?;
    let cookie = Cookie::new(Kind::Endpoint, endpoint.id, endpoint.revision);
    let policies = view.intent.policies_of(endpoint);
    let mut flows = Vec::new();
    for ip in endpoint.ips.iter().copied() {
        flows.extend(classify::endpoint(endpoint, ip, network, cookie));
        flows.push(resolve::address(network, ip, endpoint.mac, cookie));
        flows.push(route::endpoint(endpoint, ip, network, cookie));
        flows.extend(policy::endpoint(endpoint, ip, network, &policies));
        let served = served(view, endpoint, ip);
        flows.extend(backend_flows(network, ip, &served));
        flows.extend(served.values().next().map(|cookie| deliver::hairpin(network, ip, *cookie)));
    }
    Some(Fragment::of(flows))
}

/// What an address at which services have backends sends back to their clients.
fn backend_flows(network: &Network, ip: IpAddr, served: &Served) -> Vec<Flow> {
    let ports = served.iter().map(|(port, cookie)| service::served(network, ip, *port, *cookie));
    let fragments = served.values().next().map(|cookie| service::served_fragments(network, ip, *cookie));
    ports.chain(fragments).collect()
}

fn policy(view: &View<'_>, policy: &Policy) -> Option<Fragment> {
    let network = view.intent.networks.get(&policy.spec.network)?;
    Some(Fragment::of(policy::policy(view, policy, network)))
}

/// The ports of this address at which services have the endpoint as a backend, each with the first such service.
fn served(view: &View<'_>, endpoint: &Endpoint, ip: IpAddr) -> Served {
    let mut served = BTreeMap::new();
    let of_family = |service: &&Service| service.vip.is_some_and(|vip| vip.is_ipv4() == ip.is_ipv4());
    for service in view.intent.services_of(endpoint).into_iter().filter(of_family) {
        let cookie = Cookie::new(Kind::Service, service.id, service.frontend_revision);
        for port in &service.ports {
            served.entry((port.protocol, port.target_port)).or_insert(cookie);
        }
    }
    served
}

fn remote(view: &View<'_>, endpoint: &Endpoint, way: Way) -> Option<Fragment> {
    let network = view.intent.networks.get(&endpoint.network)?;
    let node = view.intent.nodes.get(&endpoint.node)?;
    if network.spec.mode != Mode::Flat || node.down {
        return None;
    }
    let cookie = Cookie::new(Kind::Endpoint, endpoint.id, endpoint.revision.max(node.revision));
    Some(Fragment::of(endpoint.ips.iter().flat_map(|ip| {
        let answer = resolve::address(network, *ip, endpoint.mac, cookie);
        [answer, route::remote(view, network, (node, way), IpNet::from(*ip), cookie)]
    })))
}

/// A service as all nodes have it; those of which nodes differ are [`service_on`] each.
fn service(view: &View<'_>, service: &Service) -> Option<Fragment> {
    if service.traffic.is_uneven() {
        return None;
    }
    let backends = |slice: Vec<&Endpoint>| slice.into_iter().filter_map(|it| backend(view, service, it)).collect();
    let groups: Vec<Vec<service::Backend>> = view.intent.slices(service).into_iter().map(backends).collect();
    let slices = service::Slices { chosen: groups.len(), groups, external: false, elsewhere: false };
    fronts(view, service, &[slices])
}

/// A service as one node has it.
fn service_on(view: &View<'_>, service: &Service, node: &Name) -> Option<Fragment> {
    let here = view.intent.nodes.get(node)?;
    let mut slices = vec![uneven::slices(view, service, here, false)];
    if service.traffic.internal != service.traffic.external {
        slices.push(uneven::slices(view, service, here, true));
    }
    fronts(view, service, &slices)
}

fn fronts(view: &View<'_>, service: &Service, all: &[service::Slices]) -> Option<Fragment> {
    let network = view.intent.networks.get(&service.network)?;
    let vip = service.vip?;
    let cookie = Cookie::new(Kind::Service, service.id, service.frontend_revision);
    let mut fragment = Fragment::default();
    for (port, slices) in service.ports.iter().enumerate().flat_map(|port| all.iter().map(move |it| (port, it))) {
        let (flows, of_port) = service::frontend(network, service, vip, port, cookie, slices);
        fragment.flows.extend(flows.into_iter().map(|flow| (flow.key, flow.body)));
        fragment.groups.extend(groups(of_port));
    }
    Some(fragment)
}

/// An endpoint as a backend; none while its node is down.
pub(super) fn backend(view: &View<'_>, service: &Service, endpoint: &Endpoint) -> Option<service::Backend> {
    let node = view.intent.nodes.get(&endpoint.node).filter(|node| !node.down)?;
    let vip = service.vip?;
    let ip = *endpoint.ips.iter().find(|ip| ip.is_ipv4() == vip.is_ipv4())?;
    let is_open = !node.drained && !endpoint.terminating;
    Some(service::Backend { id: endpoint.id, ip, weight: if is_open { service.weight(ip) } else { 0 } })
}

fn groups(groups: impl IntoIterator<Item = Group>) -> Groups {
    groups.into_iter().map(|group| (group.id, Arc::new(group))).collect()
}
