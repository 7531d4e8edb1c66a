//! Who asks.

use std::net::IpAddr;

use api::{AgentConfig, DEFAULT_NETWORK, Name};

/// A client of the resolver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// The network whose names it sees.
    pub network: Name,
    /// Whether other names are asked of the host's resolvers for it.
    pub forwards: bool,
}

/// Who has this address; none if it is nobody's here.
///
/// Addresses of the host's own subnet that are no endpoint's are those of containers behind a bridge of the host's. The
/// host itself sees the default network, but is never asked for: its resolvers may ask us.
pub fn identify(config: &AgentConfig, ip: IpAddr) -> Option<Client> {
    let names = config.names.as_ref()?;
    let gateways = [Some(config.gateway), config.gateway6].into_iter().flatten().map(|gateway| gateway.addr());
    let own: Vec<IpAddr> = names.addresses().into_iter().chain(config.node.spec.addresses()).chain(gateways).collect();
    let network = match config.endpoints.iter().find(|endpoint| endpoint.ips.contains(&ip)) {
        Some(endpoint) => endpoint.network.clone(),
        None if own.contains(&ip) || config.gateway.contains(&ip) => Name::new(DEFAULT_NETWORK).ok()?,
        None => return None,
    };
    let seen = names.networks.get(&network)?;
    Some(Client { forwards: !own.contains(&ip) && !seen.internal, network })
}
