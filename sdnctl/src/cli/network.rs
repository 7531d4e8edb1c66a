//! `sdnctl network`

use api::{Name, Tunnel};
use clap::{Args, Subcommand};
use ipnet::IpNet;

#[derive(Subcommand)]
pub enum NetworkVerb {
    /// Lists them.
    Ls,
    /// Shows all of one.
    Inspect { name: Name },
    /// Makes one.
    Create(NetworkCreate),
    /// Removes one.
    Rm { name: Name },
}

#[derive(Args)]
pub struct NetworkCreate {
    pub name: Name,
    /// Its addresses on all hosts, of IPv4 or IPv6; once for each if it is to have both.
    #[arg(long, value_name = "CIDR", required = true, value_delimiter = ',')]
    pub subnet: Vec<IpNet>,
    /// How its packets travel between hosts: vxlan, gre or geneve.
    #[arg(long, default_value = "vxlan")]
    pub tunnel: Tunnel,
    /// Its endpoints reach nothing outside of it but services.
    #[arg(long)]
    pub internal: bool,
    /// One subnet over all hosts, rather than a share for each.
    #[arg(long)]
    pub flat: bool,
    /// The size of one host's share of the IPv4 subnet.
    #[arg(long, default_value_t = 24, value_name = "BITS", conflicts_with = "flat")]
    pub node_prefix: u8,
    /// The size of one host's share of the IPv6 subnet.
    #[arg(long, default_value_t = 64, value_name = "BITS", conflicts_with = "flat")]
    pub node_prefix6: u8,
}
