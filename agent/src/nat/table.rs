//! What a table should say, as rules of nftables.
//!
//! Published services are one map, however many there are: address, protocol and port outside to virtual address and
//! port. What the switch sends back for a virtual address is for a service without backends: the kernel refuses it.
//!
//! The rules carry a digest of the ruleset as comment. A table whose rules all carry the right digest, and in the right
//! number, with as many elements as there are to be, is right.

use std::{collections::BTreeSet, net::IpAddr};

use api::{AgentConfig, Published};
use ipnet::IpNet;

use super::{Family, Listing};
use crate::{direct::Direct, hash::fnv1a};

/// What a table should say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Want {
    /// Which of the two it is.
    pub family: Family,
    /// The sources that are masqueraded.
    pub pools: Vec<IpNet>,
    /// The bridge by which they leave as they are.
    pub bridge: String,
    /// What this host answers for at addresses of the outside.
    pub published: Vec<Published>,
    /// Those of these addresses that are no host's.
    pub external: BTreeSet<IpAddr>,
    /// UDP ports at which this host is a backend itself, at this address of the underlay.
    pub served: Option<(IpAddr, BTreeSet<u16>)>,
    /// Virtual addresses.
    pub services: Option<IpNet>,
    /// Addresses that are nobody's but the cluster's.
    pub cluster: Vec<IpNet>,
    /// The gateway's address, with the prefix of this host's subnet.
    pub gateway: Option<IpNet>,
    /// What comes from hosts of the cluster without a tunnel.
    pub direct: Direct,
}

/// A chain: its name, what it is hooked to, and its rules.
type Chain = (&'static str, &'static str, Vec<String>);

impl Want {
    /// What a configuration asks of a family's table; none if it has nothing to do with it.
    pub fn of(config: &AgentConfig, family: Family, direct: &Direct) -> Option<Self> {
        if family == Family::V6 && config.router6.is_none() {
            return None;
        }
        let published = |port: &&Published| family.has(port.address) && family.has(port.vip);
        let is_external = |ip: &IpAddr| config.node.spec.addresses().all(|own| own != *ip);
        let published: Vec<Published> = config.published.iter().filter(published).cloned().collect();
        Some(Self {
            family,
            pools: config.masquerade.iter().filter(|net| family.has(net.addr())).copied().collect(),
            bridge: config.bridge.clone(),
            external: published.iter().map(|port| port.address).filter(is_external).collect(),
            published,
            services: if family == Family::V4 { config.services } else { config.services6 },
            cluster: config.routes.iter().filter(|net| family.has(net.addr())).copied().collect(),
            served: (config.node.spec.addresses().find(|ip| family.has(*ip)))
                .filter(|_| !config.served_udp.is_empty())
                .map(|ip| (ip, config.served_udp.clone())),
            gateway: [Some(config.gateway), config.gateway6].into_iter().flatten().find(|it| family.has(it.addr())),
            direct: if family == Family::V4 { direct.clone() } else { Direct::default() },
        })
    }

    fn chains(&self) -> Vec<Chain> {
        let (bridge, ip) = (&self.bridge, self.family.name());
        let pools: Vec<String> = self.pools.iter().map(|pool| pool.trunc().to_string()).collect();
        // What the kernel routes to containers of its own stays within the cluster.
        let elsewhere = format!("{ip} daddr != {{ {} }} oifname != \"{bridge}\"", pools.join(", "));
        let outward = |pool: &IpNet| format!("{ip} saddr {} {elsewhere} masquerade", pool.trunc());
        // An endpoint that asks at a published port gets its answer from the kernel, not straight from the backend.
        let inward =
            |pool: &IpNet| format!("oifname \"{bridge}\" ct status dnat {ip} saddr {} masquerade", pool.trunc());
        let hidden =
            format!("oifname \"{bridge}\" ct status dnat {ip} daddr . meta l4proto . th dport @hidden masquerade");
        let sources = self.pools.iter().map(outward).chain(self.pools.iter().map(inward)).chain([hidden]);
        let to_service = format!("dnat {ip} to {ip} daddr . meta l4proto . th dport map @published");
        // In prerouting, the kernel has not yet spent its one ICMP message per second and client on a redirect.
        let back = format!("iifname \"{bridge}\" {ip} daddr");
        let icmp = if self.family == Family::V4 { "icmp" } else { "icmpv6" };
        let refusals = self.services.iter().flat_map(|net| {
            let net = net.trunc();
            [
                format!("{back} {net} meta l4proto tcp reject with tcp reset"),
                format!("{back} {net} reject with {icmp} port-unreachable"),
            ]
        });
        // Who is not in the cluster could send as an endpoint what the kernel then hands to the switch.
        let stranger = |net: &IpNet| {
            format!("{ip} saddr {} fib saddr . iif oif 0 counter name \"{}\" drop", net.trunc(), counter(net))
        };
        vec![
            (
                "strangers",
                "filter hook prerouting priority raw",
                self.plain().chain(self.cluster.iter().map(stranger)).collect(),
            ),
            ("prerouting", "nat hook prerouting priority dstnat", vec![to_service.clone()]),
            ("output", "nat hook output priority -100", vec![to_service]),
            ("postrouting", "nat hook postrouting priority srcnat", sources.collect()),
            ("refuse", "filter hook prerouting priority mangle", refusals.collect()),
            ("served", "filter hook output priority mangle", self.answered().into_iter().collect()),
            ("unserved", "filter hook forward priority filter", self.unserved(icmp).collect()),
        ]
    }

    /// A socket that is bound to no address answers from the gateway's, as that is where the route leads; who asked the
    /// underlay's would not know it. To the kernel such an answer begins a connection: those of who asked the gateway's
    /// address itself go on.
    fn answered(&self) -> Option<String> {
        let ((address, ports), gateway) = (self.served.as_ref()?, self.gateway?);
        let (ip, bridge) = (self.family.name(), &self.bridge);
        let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
        let from = format!("oifname \"{bridge}\" {ip} saddr {} udp sport {{ {} }}", gateway.addr(), ports.join(", "));
        Some(format!("{from} ct state new {ip} saddr set {address}"))
    }

    /// What is for external addresses, but for no service.
    fn unserved(&self, icmp: &str) -> impl Iterator<Item = String> {
        let to: Vec<String> = self.external.iter().map(IpAddr::to_string).collect();
        let to = format!("{} daddr {{ {} }}", self.family.name(), to.join(", "));
        let tcp = format!("{to} meta l4proto tcp reject with tcp reset");
        let other = format!("{to} reject with {icmp} port-unreachable");
        [tcp, other].into_iter().filter(|_| !self.external.is_empty())
    }

    /// Plain packets between endpoints of two hosts. Conntrack has no part in them: marked ones take the tunnel, so that it
    /// would see connections by halves.
    fn plain(&self) -> impl Iterator<Item = String> {
        let parts = || Some((&self.direct.device.as_ref()?.0, self.gateway?));
        let rules = parts().filter(|_| !self.direct.accepted.is_empty()).map(|(device, gateway)| {
            let peers: Vec<String> = self.direct.accepted.keys().map(IpNet::to_string).collect();
            let (subnet, gateway) = (gateway.trunc(), gateway.addr());
            let known = format!("iifname \"{device}\" ip saddr . ether saddr @direct ip daddr {subnet}");
            [
                format!("iifname \"{}\" ip daddr {{ {} }} notrack", self.bridge, peers.join(", ")),
                format!("{known} ip daddr != {gateway} notrack accept"),
                format!("{known} accept"),
            ]
        });
        rules.into_iter().flatten()
    }

    /// The map of published services, and the set of those whose clients are hidden; and who may send plain packets.
    fn sets(&self) -> Vec<(String, Vec<String>)> {
        let address = self.family.address();
        let outside =
            |p: &Published| format!("{} . {} . {} : {} . {}", p.address, p.protocol, p.port, p.vip, p.vip_port);
        let hidden: BTreeSet<String> = self
            .published
            .iter()
            .filter(|p| p.masquerade)
            .map(|p| format!("{} . {} . {}", p.vip, p.protocol, p.vip_port))
            .collect();
        let mut sets = vec![
            (
                format!("map published {{ type {address} . inet_proto . inet_service : {address} . inet_service"),
                self.published.iter().map(outside).collect(),
            ),
            (format!("set hidden {{ type {address} . inet_proto . inet_service"), hidden.into_iter().collect()),
        ];
        if self.family == Family::V4 {
            let from = self.direct.accepted.iter().map(|(subnet, mac)| format!("{subnet} . {mac}"));
            sets.push(("set direct { type ipv4_addr . ether_addr; flags interval".into(), from.collect()));
        }
        sets
    }

    pub(super) fn digest(&self) -> String {
        format!("sdn {:016x}", fnv1a(format!("{:?} {:?}", self.chains(), self.sets()).as_bytes()))
    }

    /// The whole table as one transaction of `nft -f`, whatever there was.
    pub fn ruleset(&self) -> String {
        let table = format!("table {} sdn", self.family.name());
        format!("add {table}\ndelete {table}\n{}", self.body(&Listing::default()))
    }

    /// The transaction that turns a table into the one wanted. Counters that stay are not touched.
    pub(super) fn update(&self, old: &Listing) -> String {
        let family = self.family.name();
        let wanted = self.counters();
        let gone = old.counters.difference(&wanted).map(|name| ("counter", name.clone()));
        let objects = old.chains.iter().map(|name| ("chain", name.clone())).chain(old.sets.iter().cloned()).chain(gone);
        let delete = |(kind, name): (&str, String)| format!("delete {kind} {family} sdn {name}\n");
        let deletes: String = objects.map(delete).collect();
        format!("flush table {family} sdn\n{deletes}{}", self.body(old))
    }

    /// What the table consists of, but for the counters that are there.
    fn body(&self, old: &Listing) -> String {
        let digest = self.digest();
        let set = |(head, elements): (String, Vec<String>)| match elements.is_empty() {
            true => format!("\t{head}; }}\n"),
            false => format!("\t{head}; elements = {{ {} }} }}\n", elements.join(", ")),
        };
        let chain = |(name, hook, rules): Chain| {
            let rules: String = rules.iter().map(|rule| format!("\t\t{rule} comment \"{digest}\"\n")).collect();
            format!("\tchain {name} {{\n\t\ttype {hook}; policy accept;\n{rules}\t}}\n")
        };
        let counters = self.counters();
        let counters: String =
            counters.difference(&old.counters).map(|name| format!("\tcounter {name} {{ }}\n")).collect();
        let sets: String = self.sets().into_iter().map(set).collect();
        let chains: String = self.chains().into_iter().map(chain).collect();
        format!("table {} sdn {{\n{counters}{sets}{chains}}}\n", self.family.name())
    }

    /// The counters of what strangers send.
    fn counters(&self) -> BTreeSet<String> {
        self.cluster.iter().map(counter).collect()
    }

    /// Whether this is what there is.
    pub(super) fn is_installed(&self, listing: &Listing) -> bool {
        let (digest, chains) = (self.digest(), self.chains());
        listing.chains == chains.iter().map(|(name, ..)| (*name).to_owned()).collect()
            && listing.comments.len() == chains.iter().map(|(_, _, rules)| rules.len()).sum::<usize>()
            && listing.comments.iter().all(|comment| *comment == digest)
            && listing.elements == self.sets().iter().map(|(_, elements)| elements.len()).sum::<usize>()
    }
}

/// The counter of what strangers send under addresses of a network. Names have no colons.
fn counter(net: &IpNet) -> String {
    format!("strangers-{}", net.trunc()).replace(':', "-")
}
