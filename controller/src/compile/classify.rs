//! Table classify: network and direction into registers; whoever lies about who it is goes no further.

use std::{collections::BTreeSet, net::IpAddr};

use api::{Endpoint, Mac, Network, Node, Tunnel, Way};
use ipnet::IpNet;
use openflow::{Mac as OfMac, Match, PortNo};

use super::{View, nd};
use crate::pipeline::{Cookie, Family, Flow, Reason, Table, act, flow_tunnel_port, ip, reg};

const ARP: u16 = 0x0806;

pub(super) fn base(view: &View<'_>) -> Vec<Flow> {
    // 01:80:c2:00:00:0x: frames that end at the next bridge (IEEE 802.1Q table 8-1).
    let control = Match::new().eth_dst(openflow::oxm::Masked::new(
        OfMac([0x01, 0x80, 0xc2, 0, 0, 0]),
        OfMac([0xff, 0xff, 0xff, 0xff, 0xff, 0xf0]),
    ));
    let mut flows = vec![
        drop(300, control, Reason::ControlFrame),
        drop(2, Match::new().eth_type(ARP), Reason::SpoofedArp),
        drop(0, Match::new(), Reason::NotIpv4),
    ];
    flows.extend(view.families().map(|family| drop(2, family.any(Match::new()), Reason::SpoofedIp)));
    if view.has_v6() {
        flows.extend(nd::guard());
    }
    let tunnels: BTreeSet<Tunnel> = view.intent.networks.values().map(|network| network.spec.tunnel).collect();
    flows.extend(tunnels.into_iter().filter(|_| view.has_any_flow_ports()).map(stranger));
    flows
}

/// What comes from an endpoint must carry its addresses.
pub(super) fn endpoint(endpoint: &Endpoint, ip: IpAddr, network: &Network, cookie: Cookie) -> Vec<Flow> {
    let mac = OfMac(endpoint.mac.0);
    let from = Match::new().in_port(PortNo(endpoint.port)).eth_src(mac);
    let packets = ip::from(from.clone(), ip);
    let asked = match ip {
        IpAddr::V4(ip) => vec![(100, from.eth_type(ARP).arp_spa(ip).arp_sha(mac))],
        IpAddr::V6(ip) => nd::asked_by(&from, endpoint.mac, ip),
    };
    let ask = |(priority, matching)| {
        Flow::new(Table::Classify, priority, matching, cookie, enter(network, reg::FROM_ENDPOINT, Table::Resolve))
    };
    let mut flows: Vec<Flow> = asked.into_iter().map(ask).collect();
    flows.push(Flow::new(Table::Classify, 100, packets, cookie, enter(network, reg::FROM_ENDPOINT, Table::Track)));
    flows
}

/// What the host sends, by the bridge's local port: from addresses of `own`, or for others.
pub(super) fn gateway(view: &View<'_>, network: &Network, mac: Mac, own: &[IpNet], cookie: Cookie) -> Vec<Flow> {
    let from = Match::new().in_port(PortNo::LOCAL).eth_src(OfMac(mac.0));
    let ask = || enter(network, reg::FROM_GATEWAY, Table::Resolve);
    let mut stranger = load(network, reg::FROM_GATEWAY).to_vec();
    stranger.push(act::set_flag(reg::STRANGER));
    let itself = |net: &IpNet| {
        let matching = ip::from(from.clone(), *net);
        Flow::new(Table::Classify, 105, matching, cookie, enter(network, reg::FROM_GATEWAY, Table::Track))
    };
    let mut flows: Vec<Flow> = own.iter().map(itself).collect();
    flows.push(Flow::new(Table::Classify, 100, from.clone().eth_type(ARP), cookie, ask()));
    flows.extend(view.families().map(|family| {
        let matching = family.any(from.clone());
        Flow::new(Table::Classify, 100, matching, cookie, act::then(stranger.clone(), Table::Track))
    }));
    if view.has_v6() {
        flows.push(Flow::new(Table::Classify, nd::ASKED, nd::solicitation(from), cookie, ask()));
    }
    flows
}

/// What the host sends to addresses of another network than the default one.
pub(super) fn inbound(network: &Network, mac: Mac, cookie: Cookie) -> Vec<Flow> {
    network.spec.subnets.iter().map(|subnet| into(network, ip::to(from_host(mac), *subnet), cookie)).collect()
}

/// What the host's resolver answers to endpoints of an internal network: all that the host sends there.
pub(super) fn answers(network: &Network, mac: Mac, cookie: Cookie) -> Vec<Flow> {
    let answers = |subnet: &IpNet| {
        let resolver = Family::of(subnet.addr()).names();
        into(network, ip::between(from_host(mac), resolver, *subnet), cookie)
    };
    network.spec.subnets.iter().map(answers).collect()
}

fn from_host(mac: Mac) -> Match {
    Match::new().in_port(PortNo::LOCAL).eth_src(OfMac(mac.0))
}

fn into(network: &Network, matching: Match, cookie: Cookie) -> Flow {
    Flow::new(Table::Classify, 110, matching, cookie, enter(network, reg::FROM_GATEWAY, Table::Track))
}

/// What comes through a tunnel must come from a member; its VNI is its network and flags.
pub(super) fn peer(view: &View<'_>, peer: &Node, tunnel: Tunnel, way: Way, cookie: Cookie) -> Vec<Flow> {
    let (port, _) = view.tunnel_to(peer, tunnel, way);
    let member = |family: Family| {
        let matching = ip::tunnelled_from(family.any(Match::new().in_port(PortNo(port))), peer.spec.address);
        let mut actions = act::from_tunnel_id().to_vec();
        actions.extend([act::load(reg::FROM, reg::FROM_TUNNEL), act::load(reg::PEER, peer.id)]);
        Flow::new(Table::Classify, 100, matching, cookie, act::then(actions, Table::Track))
    };
    view.families().map(member).collect()
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
