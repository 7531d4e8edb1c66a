//! `sdnctl service`

use std::net::IpAddr;

use api::{Affinity, Name, PUBLISHED_PORTS, Prefer, Protocol, Reach, ServicePort, Vip};
use clap::{Args, Subcommand};

#[derive(Subcommand)]
pub enum ServiceVerb {
    /// Lists them.
    Ls,
    /// Shows all of one.
    Inspect { name: Name },
    /// Makes one.
    Create(ServiceCreate),
    /// Changes which addresses are its backends.
    Backends {
        name: Name,
        /// An address that becomes a backend, with so many shares of new connections if that is not one.
        #[arg(long, value_name = "IP[=WEIGHT]")]
        add: Vec<Weighted>,
        /// An address that is one no more.
        #[arg(long, value_name = "IP")]
        rm: Vec<IpAddr>,
        /// How many shares of new connections a backend gets from now on, 0 to 100: with 0 none, it keeps those it has.
        #[arg(long, value_name = "IP=WEIGHT")]
        weight: Vec<Weighted>,
    },
    /// Has every node answer for a port of it, at the same port of its own address.
    Publish {
        name: Name,
        /// The service's port, to be published at any free one; or the one to publish at, within 30000 to 32767; or
        /// both, like 30080:80. Of all its protocols, or of one, like 30053:53/udp.
        #[arg(value_name = "PORT")]
        port: NodePort,
        /// Backends see the node in the place of clients.
        #[arg(long)]
        masquerade: bool,
    },
    /// Has nodes answer for it no more.
    Unpublish { name: Name },
    /// Removes one.
    Rm { name: Name },
}

#[derive(Args)]
pub struct ServiceCreate {
    pub name: Name,
    /// The virtual address, or none for a service of names only; a free one is chosen when it is left out.
    #[arg(long, value_name = "IP")]
    pub vip: Option<Vip>,
    /// A port, and the backends' port, like 80:8080/tcp; a service of names only needs none.
    #[arg(long = "port", value_name = "PORT[:TARGET][/PROTOCOL]")]
    pub ports: Vec<ServicePort>,
    /// The network the backends are in.
    #[arg(long, default_value = api::DEFAULT_NETWORK)]
    pub network: Name,
    /// Every endpoint with this label is a backend.
    #[arg(long, value_name = "KEY=VALUE", value_parser = label, conflicts_with = "backends")]
    pub selector: Vec<(String, String)>,
    /// The endpoint, or the node itself, with this address is a backend, with so many shares of connections if that is not
    /// one.
    #[arg(long = "backend", value_name = "IP[=WEIGHT]")]
    pub backends: Vec<Weighted>,
    /// It is reached at this address from outside, too: one node answers for it on the underlay, and every node takes what
    /// routing sends there.
    #[arg(long = "external-ip", value_name = "IP")]
    pub external_ips: Vec<IpAddr>,
    /// Backends see the node in the place of clients from outside.
    #[arg(long)]
    pub masquerade: bool,
    /// A client keeps its backend for so long after its last new connection, like 90s, 30m, 3h or 7d.
    #[arg(long, value_name = "TIME")]
    pub affinity: Option<Affinity>,
    /// Which backends endpoints and hosts reach: cluster, all of them, or local, those of the client's node.
    #[arg(long, value_name = "REACH", default_value = "cluster")]
    pub internal: Reach,
    /// Which backends clients from outside reach: cluster, all of them, or local, those of the node they come in by.
    #[arg(long, value_name = "REACH", default_value = "cluster")]
    pub external: Reach,
    /// Which backends are preferred: any, those of the client's zone, or those of its node, then of its zone.
    #[arg(long, value_name = "any|zone|node", default_value = "any")]
    pub prefer: Prefer,
    /// Nodes answer HTTP at this port: 200 with backends of their own, else 503; 0 for any. Needs --external local.
    #[arg(long, value_name = "PORT")]
    pub health_port: Option<u16>,
}

/// A backend, and how many shares of new connections it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weighted {
    /// Its address.
    pub ip: IpAddr,
    /// Its shares, where they were said.
    pub weight: Option<u16>,
}

impl std::str::FromStr for Weighted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:.60?} is not IP or IP=WEIGHT, like 10.244.1.2=3");
        let (ip, weight) = text.split_once('=').map_or((text, None), |(ip, weight)| (ip, Some(weight)));
        let weight = weight.map(|weight| weight.parse().map_err(|_| wrong())).transpose()?;
        Ok(Self { ip: ip.parse().map_err(|_| wrong())?, weight })
    }
}

/// Where to publish which port of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodePort {
    /// The service's port; the only one it has when there is none.
    pub port: Option<u16>,
    /// The protocol; all those that have the port when there is none.
    pub protocol: Option<Protocol>,
    /// The port of every node; 0 for any.
    pub node_port: u16,
}

impl std::str::FromStr for NodePort {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:.60?} is neither PORT nor NODEPORT:PORT, like 30080:80 or 30053:53/udp");
        let number = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0).ok_or_else(wrong);
        let (ports, protocol) = match text.split_once('/') {
            Some((ports, protocol)) => (ports, Some(protocol.parse().map_err(|_| wrong())?)),
            None => (text, None),
        };
        match ports.split_once(':') {
            Some((node_port, port)) => Ok(Self { port: Some(number(port)?), protocol, node_port: number(node_port)? }),
            None => match number(ports)? {
                node_port if PUBLISHED_PORTS.contains(&node_port) => Ok(Self { port: None, protocol, node_port }),
                port => Ok(Self { port: Some(port), protocol, node_port: 0 }),
            },
        }
    }
}

fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE")?;
    Ok((key.into(), value.into()))
}
