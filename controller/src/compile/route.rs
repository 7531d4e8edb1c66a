//! Table route: from destination address to the port a packet leaves by.
//!
//! | priority | to |
//! | --- | --- |
//! | 220 | to be refused by the host's kernel |
//! | 211, 210 | back to the host's kernel: answers to strangers who came in here, and what the host asked itself |
//! | 205 | back to the host's kernel: a process that reaches another one there by way of a service |
//! | 205, 204 | the resolver of this host, to which its endpoints may send questions and nothing else |
//! | 200 | an address on this node |
//! | 190 | containers behind this host's kernel |
//! | 151, 150 | anywhere else with a TTL of 1: the host's kernel answers endpoints, others are dropped |
//! | 120 | containers behind the kernel of such a node |
//! | 110 | endpoints of another node in the same underlay subnet, from endpoints, by way of the host's kernel |
//! | 100 | another node: its share, its underlay addresses, its endpoints of flat networks |
//! | 55 | to a service, of a network of which conntrack remembers no more connections |
//! | 50 | an address of ours that nobody has, or that is of another network |
//! | 10 | outside, from endpoints: by way of the gateway |

use std::net::{IpAddr, Ipv4Addr};

use api::{Endpoint, Mac, Network, Node, Protocol, Tunnel, Way};
use ipnet::{IpNet, Ipv4Net};
use openflow::{Instruction, Mac as OfMac, Match, oxm::ct_state};

use super::{View, nd, service};
use crate::pipeline::{Cookie, Family, Flow, Reason, Table, act, ip, reg};

const IPV4: u16 = 0x0800;

/// State of a connection that conntrack does not remember.
const NEW: u32 = ct_state::NEW | ct_state::TRK;

/// The port of name servers (RFC 1035 section 4.2).
const DNS: u16 = 53;

/// The local port as OpenFlow 1.0 writes it: an output to the port in a register knows 16-bit numbers only.
pub(super) const LOCAL: u32 = 0xfffe;

pub(super) fn base(view: &View<'_>) -> Vec<Flow> {
    let multicast = Ipv4Net::new_assert(Ipv4Addr::new(224, 0, 0, 0), 4);
    let mut flows = vec![
        drop(60, ip::to(Match::new(), IpNet::V4(multicast)), Reason::Multicast),
        drop(60, ip::to(Match::new(), IpAddr::V4(Ipv4Addr::BROADCAST)), Reason::Multicast),
        drop(0, Match::new(), Reason::NoRoute),
    ];
    let services = view.settings.services.nets().filter(|net| net.addr().is_ipv4() || view.has_v6());
    // Conntrack has not translated what it was to remember.
    let full = |net| ip::to(Match::new(), net).ct_state(NEW, NEW);
    flows.extend(services.flat_map(|net| [unheld(&net, Reason::NoService), drop(55, full(net), Reason::TooMany)]));
    flows.extend(view.families().map(|family| drop(150, family.any(Match::new()).ip_ttl(1), Reason::TtlExpired)));
    if view.has_v6() {
        flows.push(drop(60, ip::to(Match::new(), nd::link_local()), Reason::LinkLocal));
    }
    flows
}

/// A network's addresses that nobody has, whoever asks for them.
pub(super) fn network(network: &Network) -> Vec<Flow> {
    network.spec.subnets.iter().map(|subnet| unheld(subnet, Reason::NoEndpoint)).collect()
}

/// The way outside, by way of the host.
pub(super) fn outbound(network: &Network, gateway: Mac, cookie: Cookie) -> Vec<Flow> {
    let of = |family: Family| {
        let within = Match::new().reg(reg::NETWORK, network.id);
        let outbound = family.any(within.reg(reg::FROM, reg::FROM_ENDPOINT));
        [
            Flow::new(Table::Route, 10, outbound.clone(), cookie, to_gateway(gateway, Table::Output)),
            Flow::new(Table::Route, 151, outbound.ip_ttl(1), cookie, to_gateway(gateway, Table::Output)),
        ]
    };
    Family::of_all(&network.spec.subnets).flat_map(of).collect()
}

/// To an endpoint of this node.
pub(super) fn endpoint(endpoint: &Endpoint, ip: IpAddr, network: &Network, cookie: Cookie) -> Flow {
    let actions = vec![act::set_eth_dst(OfMac(endpoint.mac.0)), act::load(reg::OUT, endpoint.port)];
    Flow::new(Table::Route, 200, to(network, ip), cookie, act::then(actions, Table::IngressPolicy))
}

/// To this host itself.
pub(super) fn host(network: &Network, ip: IpAddr, gateway: Mac, cookie: Cookie) -> Flow {
    Flow::new(Table::Route, 200, to(network, ip), cookie, to_gateway(gateway, Table::IngressPolicy))
}

/// To containers behind this host's kernel.
pub(super) fn containers(network: &Network, range: Ipv4Net, gateway: Mac, cookie: Cookie) -> Flow {
    let within = Match::new().reg(reg::NETWORK, network.id).eth_type(IPV4);
    let matching = within.ipv4_dst((range.network(), range.prefix_len()));
    Flow::new(Table::Route, 190, matching, cookie, to_gateway(gateway, Table::IngressPolicy))
}

/// What goes to this host's kernel whatever its address.
pub(super) fn kernel(network: &Network, family: Family, gateway: Mac, cookie: Cookie) -> [Flow; 5] {
    let flagged = |from: u32, set: &[u8]| act::flags(family.any(Match::new().reg(reg::FROM, from)), set, &[]);
    let answer = flagged(reg::FROM_TUNNEL, &[reg::SERVED, reg::OUTSIDE]);
    let again = flagged(reg::FROM_GATEWAY, &[reg::HAIRPIN]);
    // An ICMP error comes from the host's own address, and is about a packet to another.
    let error = again.clone().ip_proto(family.icmp());
    let to_kernel = flagged(reg::FROM_ENDPOINT, &[reg::KERNEL]);
    // The kernel takes no packet that has its own address as source.
    let asked_itself = flagged(reg::FROM_GATEWAY, &[reg::KERNEL]);
    [
        Flow::new(Table::Route, 210, answer, cookie, to_gateway(gateway, Table::Deliver)),
        Flow::new(
            Table::Route,
            211,
            error,
            cookie,
            act::then(
                vec![
                    act::set_ip_src(family.bounced().addr()),
                    act::set_eth_dst(OfMac(gateway.0)),
                    act::load(reg::OUT, LOCAL),
                ],
                Table::Output,
            ),
        ),
        Flow::new(Table::Route, 210, again, cookie, to_gateway(gateway, Table::Deliver)),
        Flow::new(Table::Route, 220, to_kernel, cookie, to_gateway(gateway, Table::Output)),
        Flow::new(Table::Route, 220, asked_itself, cookie, bounce(network, family, gateway)),
    ]
}

/// A process of the host that reaches another one there by way of a service.
pub(super) fn host_to_itself(network: &Network, ip: IpAddr, gateway: Mac, cookie: Cookie) -> Flow {
    let itself = to(network, ip).reg(reg::FROM, reg::FROM_GATEWAY);
    Flow::new(Table::Route, 205, itself, cookie, bounce(network, Family::of(ip), gateway))
}

/// Back to the kernel that sent it, as if from the router: answers come here again.
fn bounce(network: &Network, family: Family, gateway: Mac) -> Vec<Instruction> {
    act::apply(vec![
        act::set_eth_dst(OfMac(gateway.0)),
        act::set_flag(reg::HAIRPIN),
        act::ct_snat(super::hairpin_zone(network), family.bounced(), Table::Output),
    ])
}

/// To this host's resolver, from endpoints of whatever network.
pub(super) fn names(family: Family, gateway: Mac, cookie: Cookie) -> [Flow; 3] {
    let asked = || ip::to(Match::new().reg(reg::FROM, reg::FROM_ENDPOINT), family.names());
    let question = |protocol: Protocol| {
        let matching = act::transport_dst(asked().ip_proto(protocol.number()), protocol, DNS);
        Flow::new(Table::Route, 205, matching, cookie, to_gateway(gateway, Table::Output))
    };
    [question(Protocol::Udp), question(Protocol::Tcp), drop(204, asked(), Reason::NoService)]
}

/// Answers to strangers back to the node where they came in, as conntrack has remembered it.
pub(super) fn answered(
    view: &View<'_>,
    (family, tunnel): (Family, Tunnel),
    peer: &Node,
    way: Way,
    cookie: Cookie,
) -> Flow {
    let (port, destination) = view.tunnel_to(peer, tunnel, way);
    let matching = service::known(family.any(Match::new())).ct_mark(peer.id);
    let mut actions = vec![act::dec_ttl()];
    actions.extend(act::answer_to_tunnel_id());
    actions.extend(destination.map(act::set_tunnel_dst));
    actions.push(act::load(reg::OUT, port));
    Flow::new(Table::Answered, 100, matching, cookie, act::then(actions, Table::Output))
}

/// To another node or an endpoint there, by the tunnel.
pub(super) fn remote(
    view: &View<'_>,
    network: &Network,
    (peer, way): (&Node, Way),
    subnet: IpNet,
    cookie: Cookie,
) -> Flow {
    let matching = ip::to(Match::new().reg(reg::NETWORK, network.id), subnet);
    Flow::new(Table::Route, 100, matching, cookie, by_tunnel(view, network, (peer, way)))
}

fn by_tunnel(view: &View<'_>, network: &Network, (peer, way): (&Node, Way)) -> Vec<Instruction> {
    let (port, destination) = view.tunnel_to(peer, network.spec.tunnel, way);
    let mut actions = vec![act::dec_ttl()];
    actions.extend(act::to_tunnel_id(network.id));
    actions.extend(destination.map(act::set_tunnel_dst));
    actions.push(act::load(reg::OUT, port));
    act::then(actions, Table::Output)
}

/// From endpoints to those of another node, by way of this host's kernel: it routes them there without a tunnel, or sends
/// them back here for the tunnel. Marks have no place in a plain packet; containers behind the other kernel are reached as
/// ever.
pub(super) fn direct(
    view: &View<'_>,
    network: &Network,
    (peer, way): (&Node, Way),
    subnet: IpNet,
    cookie: Cookie,
) -> impl Iterator<Item = Flow> {
    let from = Match::new().reg(reg::NETWORK, network.id).reg(reg::FROM, reg::FROM_ENDPOINT);
    let plain = act::flags(from, &[], &[reg::SERVED, reg::OUTSIDE]);
    let to_kernel = act::then(vec![act::load(reg::OUT, LOCAL)], Table::Deliver);
    let contained = peer.containers.map(|range| {
        let matching = ip::to(Match::new().reg(reg::NETWORK, network.id), range);
        Flow::new(Table::Route, 120, matching, cookie, by_tunnel(view, network, (peer, way)))
    });
    [Flow::new(Table::Route, 110, ip::to(plain, subnet), cookie, to_kernel)].into_iter().chain(contained)
}

fn to(network: &Network, ip: IpAddr) -> Match {
    ip::to(Match::new().reg(reg::NETWORK, network.id), ip)
}

fn to_gateway(mac: Mac, next: Table) -> Vec<Instruction> {
    act::then(vec![act::set_eth_dst(OfMac(mac.0)), act::load(reg::OUT, LOCAL)], next)
}

fn unheld(range: &IpNet, reason: Reason) -> Flow {
    drop(50, ip::to(Match::new(), *range), reason)
}

fn drop(priority: u16, matching: Match, reason: Reason) -> Flow {
    Flow::drop(Table::Route, priority, matching, reason)
}
