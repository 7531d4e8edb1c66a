//! Table classify: network and direction into registers; whoever lies about who it is goes no further.

use std::{collections::BTreeSet, net::Ipv4Addr};

use api::{Endpoint, Mac, Network, Node, Tunnel};
use ipnet::{IpNet, Ipv4Net};
use openflow::{Mac as OfMac, Match, PortNo};

use super::{Mesh, View, flow_tunnel_port, v4};
use crate::pipeline::{Cookie, Flow, Reason, Table, act, reg};

const ARP: u16 = 0x0806;
const IPV4: u16 = 0x0800;

pub(super) fn base(view: &View<'_>) -> Vec<Flow> {
    // 01:80:c2:00:00:0x: frames that end at the next bridge (IEEE 802.1Q table 8-1).
    let control = Match::new().eth_dst(openflow::oxm::Masked::new(
        OfMac([0x01, 0x80, 0xc2, 0, 0, 0]),
        OfMac([0xff, 0xff, 0xff, 0xff, 0xff, 0xf0]),
    ));
    let mut flows = vec![
        drop(300, control, Reason::ControlFrame),
        drop(2, Match::new().eth_type(ARP), Reason::SpoofedArp),
        drop(2, Match::new().eth_type(IPV4), Reason::SpoofedIp),
        drop(0, Match::new(), Reason::NotIpv4),
    ];
    let tunnels: BTreeSet<Tunnel> = view.intent.networks.values().map(|network| network.spec.tunnel).collect();
    flows.extend(tunnels.into_iter().filter(|_| view.settings.mesh == Mesh::Flow).map(stranger));
    flows
}

/// What comes from an endpoint must carry its addresses.
pub(super) fn endpoint(endpoint: &Endpoint, ip: Ipv4Addr, network: &Network, cookie: Cookie) -> [Flow; 2] {
    let mac = OfMac(endpoint.mac.0);
    let from = Match::new().in_port(PortNo(endpoint.port)).eth_src(mac);
    let arp = from.clone().eth_type(ARP).arp_spa(ip).arp_sha(mac);
    let ipv4 = from.eth_type(IPV4).ipv4_src(ip);
    [
        Flow::new(Table::Classify, 100, arp, cookie, enter(network, reg::FROM_ENDPOINT, Table::Resolve)),
        Flow::new(Table::Classify, 100, ipv4, cookie, enter(network, reg::FROM_ENDPOINT, Table::Track)),
    ]
}

/// What the host sends, by the bridge's local port: from addresses of `own`, or for others.
pub(super) fn gateway(network: &Network, mac: Mac, own: &[Ipv4Net], cookie: Cookie) -> Vec<Flow> {
    let from = Match::new().in_port(PortNo::LOCAL).eth_src(OfMac(mac.0));
    let arp = enter(network, reg::FROM_GATEWAY, Table::Resolve);
    let mut stranger = load(network, reg::FROM_GATEWAY).to_vec();
    stranger.push(act::set_flag(reg::STRANGER));
    let itself = |net: &Ipv4Net| {
        let matching = from.clone().eth_type(IPV4).ipv4_src((net.network(), net.prefix_len()));
        Flow::new(Table::Classify, 105, matching, cookie, enter(network, reg::FROM_GATEWAY, Table::Track))
    };
    let mut flows: Vec<Flow> = own.iter().map(itself).collect();
    flows.push(Flow::new(Table::Classify, 100, from.clone().eth_type(ARP), cookie, arp));
    flows.push(Flow::new(Table::Classify, 100, from.eth_type(IPV4), cookie, act::then(stranger, Table::Track)));
    flows
}

/// What the host sends to addresses of another network than the default one.
pub(super) fn inbound(network: &Network, mac: Mac, cookie: Cookie) -> Vec<Flow> {
    let subnets =
        network.spec.subnets.iter().filter_map(|subnet| if let IpNet::V4(net) = subnet { Some(net) } else { None });
    let to = |subnet: &Ipv4Net| {
        let from = Match::new().in_port(PortNo::LOCAL).eth_src(OfMac(mac.0)).eth_type(IPV4);
        let matching = from.ipv4_dst((subnet.network(), subnet.prefix_len()));
        Flow::new(Table::Classify, 110, matching, cookie, enter(network, reg::FROM_GATEWAY, Table::Track))
    };
    subnets.map(to).collect()
}

/// What comes through a tunnel must come from a member; its VNI is its network and flags.
pub(super) fn peer(view: &View<'_>, peer: &Node, tunnel: Tunnel, cookie: Cookie) -> Option<Flow> {
    let (port, _) = view.tunnel_to(peer, tunnel);
    let member = Match::new().in_port(PortNo(port)).eth_type(IPV4).tun_src(v4(peer.spec.address)?);
    let mut actions = act::from_tunnel_id().to_vec();
    actions.extend([act::load(reg::FROM, reg::FROM_TUNNEL), act::load(reg::PEER, peer.id)]);
    Some(Flow::new(Table::Classify, 100, member, cookie, act::then(actions, Table::Track)))
}

fn stranger(tunnel: Tunnel) -> Flow {
    drop(50, Match::new().in_port(PortNo(flow_tunnel_port(tunnel))), Reason::NotAMember)
}

fn enter(network: &Network, from: u32, next: Table) -> Vec<openflow::Instruction> {
    act::then(load(network, from).to_vec(), next)
}

fn load(network: &Network, from: u32) -> [openflow::Action; 2] {
    [act::load(reg::NETWORK, network.id), act::load(reg::FROM, from)]
}

fn drop(priority: u16, matching: Match, reason: Reason) -> Flow {
    Flow::drop(Table::Classify, priority, matching, reason)
}
