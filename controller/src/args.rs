//! The command line of `sdn-controller`.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use api::{Name, Tunnel};
use clap::Parser;
use ipnet::IpNet;

use crate::{compile::Mesh, etcd::Url, intent::VirtualRange, names::Domain};

/// The central controller: speaks OpenFlow and OVSDB to Open vSwitch on every host.
#[derive(Clone, Debug, Parser)]
#[command(name = "sdn-controller", version, about)]
pub struct Args {
    /// Where intent is kept (one file, store.redb).
    #[arg(long, env = "SDN_DATA_DIR", default_value = "/var/lib/sdn-controller")]
    pub data_dir: PathBuf,
    /// Where intent is kept instead, for several controllers to share, like etcd://10.0.0.1:2379,10.0.0.2:2379/sdn.
    #[arg(long, env = "SDN_STORE", value_name = "URL", requires = "advertise")]
    pub store: Option<Url>,
    /// This controller's name among those that share a store; the host's name when it is left out.
    #[arg(long, env = "SDN_CONTROLLER_ID", value_name = "NAME", requires = "store")]
    pub id: Option<Name>,
    /// The address by which hosts and other controllers reach this one.
    #[arg(long, env = "SDN_ADVERTISE", value_name = "IP", requires = "store")]
    pub advertise: Option<IpAddr>,
    /// Asks nobody for a certificate and encrypts nothing: whoever reaches this controller may do everything. For
    /// testbeds only.
    #[arg(long, env = "SDN_INSECURE")]
    pub insecure: bool,
    /// For how long certificates of hosts and controllers are good, like 90d, 12h or 60s: each has another one after two
    /// thirds of that.
    #[arg(long, env = "SDN_CERT_LIFETIME", default_value = "90d", value_name = "TIME", value_parser = lifetime)]
    pub cert_lifetime: Duration,
    /// Where switches call in.
    #[arg(long, env = "SDN_LISTEN_OPENFLOW", default_value = "0.0.0.0:6653", value_name = "ADDRESS:PORT")]
    pub listen_openflow: SocketAddr,
    /// Where the hosts' OVSDB servers call in.
    #[arg(long, env = "SDN_LISTEN_OVSDB", default_value = "0.0.0.0:6640", value_name = "ADDRESS:PORT")]
    pub listen_ovsdb: SocketAddr,
    /// Where API and metrics are served.
    #[arg(long, env = "SDN_LISTEN_HTTP", default_value = "0.0.0.0:6680", value_name = "ADDRESS:PORT")]
    pub listen_http: SocketAddr,
    /// The default network's addresses: every node gets a share. With IPv6 as well: 10.244.0.0/16,fd00:10:244::/48.
    #[arg(long, env = "SDN_POD_CIDR", default_value = "10.244.0.0/16", value_name = "CIDR", value_delimiter = ',')]
    pub pod_cidr: Vec<IpNet>,
    /// The size of one node's share of the IPv4 addresses.
    #[arg(long, env = "SDN_NODE_PREFIX", default_value_t = 24, value_name = "BITS")]
    pub node_prefix: u8,
    /// The size of one node's share of the IPv6 addresses.
    #[arg(long, env = "SDN_NODE_PREFIX6", default_value_t = 64, value_name = "BITS")]
    pub node_prefix6: u8,
    /// The range of virtual addresses. With IPv6 as well: 10.96.0.0/12,fd00:10:96::/112.
    #[arg(long, env = "SDN_SERVICE_CIDR", default_value = "10.96.0.0/12", value_name = "CIDR")]
    pub service_cidr: VirtualRange,
    /// The domain of services and endpoints: each has a name below NETWORK.DOMAIN.
    #[arg(long, env = "SDN_DOMAIN", default_value = "sdn.internal")]
    pub domain: Domain,
    /// How many connections a node remembers at the most for the services of each network, and for each endpoint with
    /// policies; 0 for no bound.
    #[arg(long, env = "SDN_CONNTRACK_LIMIT", default_value_t = 200_000, value_name = "CONNECTIONS")]
    pub conntrack_limit: u32,
    /// How the default network's packets travel between hosts: vxlan, gre or geneve.
    #[arg(long, env = "SDN_TUNNEL", default_value = "vxlan")]
    pub tunnel: Tunnel,
    /// How hosts find each other's tunnels: flow (one port), static (a port for each peer), mixed (a port for each
    /// peer of the same zone) or direct (no tunnel for plain packets between hosts in one underlay subnet, whose layer 2
    /// is trusted).
    #[arg(long, env = "SDN_MESH", default_value = "flow")]
    pub mesh: Mesh,
}

/// From ten seconds to ten years.
fn lifetime(text: &str) -> Result<Duration, String> {
    let units = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400)];
    let number = |(unit, seconds): (char, u64)| text.strip_suffix(unit)?.parse::<u64>().ok()?.checked_mul(seconds);
    let seconds = units.into_iter().find_map(number).filter(|seconds| (10..=10 * 366 * 86_400).contains(seconds));
    seconds.map(Duration::from_secs).ok_or_else(|| "not a time like 90d, 12h or 60s, of 10 s to 3660 d".into())
}
