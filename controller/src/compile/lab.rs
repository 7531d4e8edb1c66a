//! One node's switch in the model, with what the compiler makes of intent.

use std::net::Ipv4Addr;

use api::Endpoint;
use openflow::{
    Match, PortNo,
    model::{Choices, Packet, Switch, Trace},
};

use super::{
    Compiler, State,
    tests::{built, commit, name},
};
use crate::{
    intent::Change,
    pipeline::{Flow, flow_tunnel_port},
    reconcile::Batch,
    southbound,
};

pub(super) const UDP: u8 = 17;
pub(super) const TCP: u8 = 6;

/// A node's switch, as the model has it.
pub(super) struct Lab {
    pub switch: Switch,
    /// By which groups choose.
    pub hash: u32,
    installed: State,
    pub compiler: Compiler,
}

impl Lab {
    pub fn new(changes: &[Change]) -> Self {
        Self::of(built(changes))
    }

    pub fn of(compiler: Compiler) -> Self {
        let ports = compiler.intent().endpoints_on(&name("h1")).map(|it| it.port).collect::<Vec<_>>();
        let tunnels = [api::Tunnel::Vxlan, api::Tunnel::Gre, api::Tunnel::Geneve].map(flow_tunnel_port);
        let switch = Switch::with_ports(1, ports.into_iter().chain(tunnels));
        let mut lab = Self { switch, hash: 0, installed: State::default(), compiler };
        lab.install();
        lab
    }

    pub fn change(&mut self, change: &Change) {
        let mut intent = self.compiler.intent().clone();
        if let Some(txn) = commit(&mut intent, change) {
            self.compiler.apply(&txn);
        }
        self.install();
    }

    fn install(&mut self) {
        let state = self.compiler.state(&name("h1"));
        let flow = |(key, body): (&_, &_)| Flow { key: Clone::clone(key), body: Clone::clone(body) };
        let gone = self.installed.flows.keys().filter(|key| !state.flows.contains_key(*key)).cloned();
        let there = |id: &u32| self.installed.groups.contains_key(id);
        let batch = Batch {
            flows_set: state.flows.iter().map(flow).collect(),
            flows_removed: gone.collect(),
            groups_added: state.groups.iter().filter(|(id, _)| !there(id)).map(|(_, group)| group.clone()).collect(),
            groups_changed: state.groups.iter().filter(|(id, _)| there(id)).map(|(_, group)| group.clone()).collect(),
            groups_removed: self
                .installed
                .groups
                .keys()
                .filter(|id| !state.groups.contains_key(*id))
                .copied()
                .collect(),
            ..Batch::default()
        };
        self.switch.apply_all(&southbound::bundle(&batch)).unwrap();
        self.installed = state;
    }

    pub fn endpoint(&self, ip: Ipv4Addr) -> Option<&Endpoint> {
        let endpoints = &self.compiler.intent().endpoints;
        endpoints.values().map(|it| &**it).find(|it| it.ips.contains(&ip.into()))
    }

    /// Sends a packet to where one with this source comes in.
    pub fn send(&mut self, from: Ipv4Addr, to: Ipv4Addr, protocol: u8, ports: (u16, u16), flags: u16) -> Trace {
        let mut packet = Match::new().eth_type(0x0800).ipv4_src(from).ipv4_dst(to).ip_proto(protocol).ip_ttl(64);
        packet = match protocol {
            TCP => packet.tcp_src(ports.0).tcp_dst(ports.1).tcp_flags(flags),
            _ => packet.udp_src(ports.0).udp_dst(ports.1),
        };
        let (h1, gateway) =
            (name("h1"), self.compiler.intent().subnet(&name("default"), &name("h1")).unwrap().gateway());
        let (port, packet) = match self.endpoint(from) {
            Some(it) if it.node == h1 => (PortNo(it.port), packet.eth_src(openflow::Mac(it.mac.0))),
            Some(_) => (PortNo(1), packet.tun_src(Ipv4Addr::new(172, 30, 0, 2)).tunnel_id(1)),
            None => (PortNo::LOCAL, packet.eth_src(openflow::Mac(api::Mac::of_ip(gateway).0))),
        };
        let choices = Choices { hash: self.hash, ..Choices::default() };
        self.switch.packet_with(port, &Packet::from(packet), &choices).unwrap()
    }
}
