//! Which names are ours, and what each of them asks for.

use std::net::IpAddr;

use api::{Name as ObjectName, NameKey, NamesConfig, Protocol};
use hickory_proto::rr::Name;
use ipnet::IpNet;

/// The names of the cluster as one client sees them.
#[derive(Clone, Debug)]
pub struct Zone {
    /// The domain of all names.
    pub domain: Name,
    /// The client's network.
    pub network: ObjectName,
    /// Where the resolver is.
    pub addresses: Vec<IpAddr>,
    ranges: Vec<IpNet>,
}

/// What a name asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Something that is looked up.
    Object {
        /// What.
        key: NameKey,
        /// One port of it only, where the name says so.
        port: Option<(u16, Protocol)>,
        /// Whether the name is that short one which may as well be another's, outside.
        short: bool,
    },
    /// The domain itself.
    Domain,
    /// The name server.
    Server,
    /// A name that is there, with names below it and nothing of its own.
    Empty,
    /// Nothing has this name of ours.
    Nothing,
    /// It is not ours.
    Outside,
}

impl Zone {
    /// The zone of clients in `network`; none if the domain is none.
    pub fn new(config: &NamesConfig, network: ObjectName) -> Option<Self> {
        let mut domain = Name::from_ascii(&config.domain).ok()?;
        domain.set_fqdn(true);
        Some(Self { domain, network, addresses: config.addresses(), ranges: config.ranges.clone() })
    }

    /// What `name` asks for.
    pub fn asked(&self, name: &Name) -> Asked {
        if let Some(asked) = self.reverse(name) {
            return asked;
        }
        let Some(labels) = labels(name) else {
            return if self.domain.zone_of(name) { Asked::Nothing } else { Asked::Outside };
        };
        if !self.domain.zone_of(name) {
            return short(&labels);
        }
        let own = usize::from(name.num_labels().saturating_sub(self.domain.num_labels()));
        let labels = &labels[..own];
        let Some((last, _)) = labels.split_last() else { return Asked::Domain };
        // An object's name may hold dots, and so may a network's.
        let network: Vec<String> = self.network.as_str().split('.').map(str::to_ascii_lowercase).collect();
        match labels.strip_suffix(&network[..]) {
            Some([]) => Asked::Empty,
            Some(rest) => object(rest, false).unwrap_or(Asked::Nothing),
            None if labels.len() == 1 && last == "ns" => Asked::Server,
            None if network.ends_with(labels) => Asked::Empty,
            None => Asked::Nothing,
        }
    }

    /// The name of an object of the client's network; none if it cannot be one.
    pub fn name_of(&self, object: &ObjectName) -> Option<Name> {
        let labels = object.as_str().split('.').chain(self.network.as_str().split('.'));
        let labels = labels.map(str::as_bytes);
        let own = Name::from_labels(labels.collect::<Vec<_>>()).ok()?;
        let mut whole = own.append_domain(&self.domain).ok()?;
        whole.set_fqdn(true);
        Some(whole)
    }

    /// Names of addresses: those of the cluster are ours.
    fn reverse(&self, name: &Name) -> Option<Asked> {
        let net = name.parse_arpa_name().ok()?;
        let whole = net.prefix_len() == net.max_prefix_len();
        let range = self.ranges.iter().find(|range| range.contains(&net));
        match range {
            Some(_) if whole => Some(Asked::Object { key: NameKey::Ip(net.addr()), port: None, short: false }),
            Some(_) => Some(Asked::Empty),
            None => Some(Asked::Outside),
        }
    }

    /// The domain whose authority answers for the absence of `name`.
    pub fn authority(&self, name: &Name) -> Name {
        let Ok(net) = name.parse_arpa_name() else {
            return if self.domain.zone_of(name) { self.domain.clone() } else { name.clone() };
        };
        let range = self.ranges.iter().find(|range| range.contains(&net));
        let (bits, fixed) = if net.addr().is_ipv4() { (8, 2) } else { (4, 2) };
        let labels = range.map_or(0, |range| range.prefix_len() / bits) + fixed;
        name.trim_to(usize::from(labels).min(usize::from(name.num_labels())))
    }
}

/// A name's labels in lower case; none if some of them could not be part of an object's name.
fn labels(name: &Name) -> Option<Vec<String>> {
    let label = |label: &[u8]| {
        let text = std::str::from_utf8(label).ok()?;
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        text.bytes().all(allowed).then(|| text.to_ascii_lowercase())
    };
    name.iter().map(label).collect()
}

/// Names that people type without a domain: of one label, but for what stands before it by convention.
fn short(labels: &[String]) -> Asked {
    let bare = labels.iter().filter(|label| !label.starts_with('_')).count();
    let tasks = labels.iter().any(|label| label == TASKS);
    if bare != 1 + usize::from(tasks) {
        return Asked::Outside;
    }
    object(labels, true).unwrap_or(Asked::Outside)
}

/// What stands before a service's name for its backends.
const TASKS: &str = "tasks";

/// `[_PORT._PROTOCOL.][tasks.]NAME`
fn object(labels: &[String], short: bool) -> Option<Asked> {
    let (port, rest) = match labels {
        [port, protocol, rest @ ..] if port.starts_with('_') => (Some(port_of(port, protocol)?), rest),
        rest => (None, rest),
    };
    let key = match rest {
        [] => return None,
        [tasks, service @ ..] if tasks == TASKS && !service.is_empty() => NameKey::Backends(service.join(".")),
        name => NameKey::Name(name.join(".")),
    };
    key.is_valid().then_some(Asked::Object { key, port, short })
}

fn port_of(port: &str, protocol: &str) -> Option<(u16, Protocol)> {
    let protocol = match protocol {
        "_tcp" => Protocol::Tcp,
        "_udp" => Protocol::Udp,
        "_sctp" => Protocol::Sctp,
        _ => return None,
    };
    Some((port.strip_prefix('_')?.parse().ok()?, protocol))
}
