use std::{collections::BTreeMap, fmt, net::IpAddr, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Affinity, Endpoint, Invalid, Name, Traffic, Vip};

/// The most backends a service has: 128 groups of 40, each of which shares 256 slots of a hash evenly enough.
pub const MAX_BACKENDS: usize = 5_120;

/// The most shares of new connections that a backend gets.
pub const MAX_WEIGHT: u16 = 100;

/// The ports at which services can be published on every node.
pub const PUBLISHED_PORTS: std::ops::RangeInclusive<u16> = 30_000..=32_767;

/// A transport protocol that services balance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl Protocol {
    /// The protocol's number in the IP header.
    pub fn number(self) -> u8 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
            Self::Sctp => 132,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        })
    }
}

/// One port of a service, written `PORT[:TARGET][/PROTOCOL]`, like `80:8080/tcp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ServicePort {
    /// The port at the virtual address.
    pub port: u16,
    /// The port at the backends.
    pub target_port: u16,
    /// The protocol of both.
    #[serde(default)]
    pub protocol: Protocol,
    /// The port of every node's own address at which it is published, within [`PUBLISHED_PORTS`]; 0 asks for a free one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_port: Option<u16>,
}

impl FromStr for Protocol {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "tcp" => Ok(Self::Tcp),
            "udp" => Ok(Self::Udp),
            "sctp" => Ok(Self::Sctp),
            _ => Err(Invalid::new("protocol", format!("{text:.60?} is not tcp, udp or sctp"))),
        }
    }
}

impl FromStr for ServicePort {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let wrong = || Invalid::new("port", format!("{text:?} is not PORT[:TARGET][/tcp|udp|sctp], like 80:8080/tcp"));
        let number = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0).ok_or_else(wrong);
        let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        let protocol = protocol.parse().map_err(|_| wrong())?;
        let (port, target) = ports.split_once(':').unwrap_or((ports, ports));
        Ok(Self { port: number(port)?, target_port: number(target)?, protocol, node_port: None })
    }
}

impl fmt::Display for ServicePort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}/{}", self.port, self.target_port, self.protocol)?;
        self.node_port.map_or(Ok(()), |port| write!(f, "@{port}"))
    }
}

/// What a user says of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceSpec {
    /// The network its backends are in.
    #[serde(default = "crate::network::default_network")]
    pub network: Name,
    /// The virtual address, or `none` for a service of names only (headless); a free one is chosen when there is none of
    /// the two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<crate::schema::Vip>)]
    pub vip: Option<Vip>,
    /// Its ports; a service of names only may have none.
    pub ports: Vec<ServicePort>,
    /// Backends by address: endpoints of the network, or, in the default one, nodes themselves.
    #[serde(default)]
    #[schema(value_type = Vec<crate::schema::Ip>)]
    pub backends: Vec<IpAddr>,
    /// Backends by label: every endpoint of the network that has all of these, of more than [`MAX_BACKENDS`] those
    /// with the lowest addresses.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub selector: BTreeMap<String, String>,
    /// How many shares of the new connections a backend gets, by its address, where that is not one: 0 to 100. With 0 it
    /// gets none, and keeps those that it has.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, u16>)]
    pub weights: BTreeMap<IpAddr, u16>,
    /// Addresses outside of all networks at which it is reached: one node answers for each on the underlay, and every node
    /// takes what routing sends there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<crate::schema::Ip>)]
    pub external_ips: Vec<IpAddr>,
    /// Whether backends see the node in the place of clients from outside.
    #[serde(default, skip_serializing_if = "is_false")]
    pub masquerade: bool,
    /// Whether a client keeps its backend, and for how long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affinity: Option<Affinity>,
    /// Which backends its connections go to.
    #[serde(default, skip_serializing_if = "is_default")]
    pub traffic: Traffic,
}

impl ServiceSpec {
    /// The ports of nodes' own addresses that it asks for; 0 for any.
    pub fn node_ports(&self) -> impl Iterator<Item = (Protocol, u16)> {
        node_ports(&self.ports, self.traffic)
    }

    /// Whether nodes are to answer for it at addresses of the outside.
    pub fn is_published(&self) -> bool {
        is_published(&self.external_ips, &self.ports)
    }

    /// Checks what needs no other object.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn validate(&self) -> Result<(), Invalid> {
        let headless = self.vip == Some(Vip::None);
        let vip = self.vip.and_then(Vip::address);
        if let Some(vip) = vip.filter(|vip| !is_usable(*vip)) {
            return Err(Invalid::new("vip", format!("{vip} is not an address a service can have")));
        }
        if headless && self.is_published() {
            return Err(Invalid::new("vip", "a service without one has names only and cannot be published"));
        }
        if (self.ports.is_empty() && !headless) || self.ports.len() > 256 {
            return Err(Invalid::new("ports", format!("{} ports; 1 to 256 are allowed", self.ports.len())));
        }
        if let Some(zero) = self.ports.iter().find(|p| p.port == 0 || p.target_port == 0) {
            return Err(Invalid::new("ports", format!("{zero}: a port is within 1 to 65535")));
        }
        let outside = |port: &u16| *port != 0 && !PUBLISHED_PORTS.contains(port);
        if let Some(port) = self.ports.iter().filter_map(|p| p.node_port).find(outside) {
            let (from, to) = (PUBLISHED_PORTS.start(), PUBLISHED_PORTS.end());
            return Err(Invalid::new("ports", format!("published port {port} is not within {from} to {to}")));
        }
        if let Some(ip) = self.external_ips.iter().find(|ip| !is_usable(**ip)) {
            return Err(Invalid::new("external_ips", format!("{ip} is not an address others can send to")));
        }
        let mut seen = std::collections::BTreeSet::new();
        if let Some(twice) = self.ports.iter().find(|p| !seen.insert((p.port, p.protocol))) {
            return Err(Invalid::new("ports", format!("{}/{} stands there twice", twice.port, twice.protocol)));
        }
        if !self.backends.is_empty() && !self.selector.is_empty() {
            return Err(Invalid::new("backends", "give either backends or a selector, not both"));
        }
        if self.backends.len() > MAX_BACKENDS {
            let reason = format!("{} backends, at most {MAX_BACKENDS} are allowed", self.backends.len());
            return Err(Invalid::new("backends", reason));
        }
        let mut seen = std::collections::BTreeSet::new();
        if let Some(twice) = self.backends.iter().find(|ip| !seen.insert(**ip)) {
            return Err(Invalid::new("backends", format!("{twice} stands there twice")));
        }
        self.check_weights()?;
        self.traffic.validate()?;
        self.affinity.map_or(Ok(()), Affinity::validate)
    }
}

impl ServiceSpec {
    fn check_weights(&self) -> Result<(), Invalid> {
        let refuse = |reason| Err(Invalid::new("weights", reason));
        if self.weights.len() > MAX_BACKENDS {
            return refuse(format!("{} addresses, at most {MAX_BACKENDS} are allowed", self.weights.len()));
        }
        if let Some((ip, weight)) = self.weights.iter().find(|(_, weight)| **weight > MAX_WEIGHT) {
            return refuse(format!("{weight} of {ip} is not within 0 to {MAX_WEIGHT}"));
        }
        let is_backend = |ip: &IpAddr| !self.selector.is_empty() || self.backends.contains(ip);
        match self.weights.keys().find(|ip| !is_backend(ip)) {
            Some(ip) => refuse(format!("{ip} is no backend")),
            None => Ok(()),
        }
    }
}

fn is_usable(ip: IpAddr) -> bool {
    let link_local = matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local());
    !(ip.is_unspecified() || ip.is_multicast() || ip.is_loopback() || link_local)
}

/// A backend given by address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Backend {
    /// Its address.
    #[schema(value_type = crate::schema::Ip)]
    pub ip: IpAddr,
    /// The revision at which it joined the service.
    pub revision: u64,
}

/// A virtual address in front of backends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Service {
    /// Its name.
    pub name: Name,
    /// Its number, part of cookies and of its groups' ids.
    pub id: u32,
    /// The revision of its last change.
    pub revision: u64,
    /// The revision at which it got its address and ports.
    pub frontend_revision: u64,
    /// The network its backends are in.
    pub network: Name,
    /// The virtual address; none where it has names only.
    #[serde(with = "crate::vip")]
    #[schema(value_type = crate::schema::Vip)]
    pub vip: Option<IpAddr>,
    /// Its ports.
    pub ports: Vec<ServicePort>,
    /// Backends by address, in order of address.
    pub backends: Vec<Backend>,
    /// Backends by label.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub selector: BTreeMap<String, String>,
    /// How many shares of the new connections a backend gets, by its address, where that is not one: 0 to 100. With 0 it
    /// gets none, and keeps those that it has.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, u16>)]
    pub weights: BTreeMap<IpAddr, u16>,
    /// Addresses outside of all networks at which it is reached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<crate::schema::Ip>)]
    pub external_ips: Vec<IpAddr>,
    /// Whether backends see the node in the place of clients from outside.
    #[serde(default, skip_serializing_if = "is_false")]
    pub masquerade: bool,
    /// Whether a client keeps its backend, and for how long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affinity: Option<Affinity>,
    /// Which backends its connections go to.
    #[serde(default, skip_serializing_if = "is_default")]
    pub traffic: Traffic,
}

impl Service {
    /// How many shares of the new connections a backend at this address gets.
    pub fn weight(&self, ip: IpAddr) -> u16 {
        self.weights.get(&ip).copied().unwrap_or(1)
    }

    /// What to say for it to become what it is.
    pub fn spec(&self) -> ServiceSpec {
        ServiceSpec {
            network: self.network.clone(),
            vip: Some(self.vip.map_or(Vip::None, Vip::At)),
            ports: self.ports.clone(),
            backends: self.backends.iter().map(|backend| backend.ip).collect(),
            selector: self.selector.clone(),
            weights: self.weights.clone(),
            external_ips: self.external_ips.clone(),
            masquerade: self.masquerade,
            affinity: self.affinity,
            traffic: self.traffic,
        }
    }

    /// Whether nodes answer for it at addresses of the outside.
    pub fn is_published(&self) -> bool {
        is_published(&self.external_ips, &self.ports)
    }

    /// The ports of nodes' own addresses that it takes: published ones, and where agents answer load balancers.
    pub fn node_ports(&self) -> impl Iterator<Item = (Protocol, u16)> {
        node_ports(&self.ports, self.traffic)
    }

    /// Whether its selector picks this endpoint.
    pub fn selects(&self, endpoint: &Endpoint) -> bool {
        !self.selector.is_empty() && endpoint.network == self.network && endpoint.has_labels(&self.selector)
    }
}

fn is_published(external_ips: &[IpAddr], ports: &[ServicePort]) -> bool {
    !external_ips.is_empty() || ports.iter().any(|port| port.node_port.is_some())
}

fn node_ports(ports: &[ServicePort], traffic: Traffic) -> impl Iterator<Item = (Protocol, u16)> {
    let published = ports.iter().filter_map(|port| Some((port.protocol, port.node_port?)));
    published.chain(traffic.health_port.map(|port| (Protocol::Tcp, port)))
}

fn is_default(traffic: &Traffic) -> bool {
    *traffic == Traffic::default()
}

fn is_false(value: &bool) -> bool {
    !value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_backends_than_fit_are_refused_rather_than_left_out() {
        let spec = |count: u32| ServiceSpec {
            network: crate::network::default_network(),
            vip: "10.96.0.10".parse().ok(),
            ports: vec!["80".parse().unwrap()],
            backends: (0..count).map(|n| IpAddr::V4((0x0af4_0000 + n).into())).collect(),
            selector: BTreeMap::new(),
            weights: BTreeMap::new(),
            external_ips: Vec::new(),
            masquerade: false,
            affinity: None,
            traffic: Traffic::default(),
        };
        assert!(spec(5_120).validate().is_ok());
        let refused = spec(5_121).validate().unwrap_err().to_string();
        assert!(refused.contains("5121 backends, at most 5120"), "{refused}");
    }

    #[test]
    fn a_port_reads_as_people_write_it() {
        let port: ServicePort = "80:8080/tcp".parse().unwrap();
        assert_eq!(port, ServicePort { port: 80, target_port: 8080, protocol: Protocol::Tcp, node_port: None });
        assert_eq!("53/udp".parse::<ServicePort>().unwrap().to_string(), "53:53/udp");
        for bad in ["", "0", "80:0", "65536", "80:81:82", "-1"] {
            assert!(bad.parse::<ServicePort>().is_err(), "{bad}");
        }
    }
}
