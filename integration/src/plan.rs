//! Who is in a testbed, what each is called and which address it has.

mod place;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::{Result, ensure};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

pub use place::{HostId, Place, Target, check_pod_name};

/// Length of the underlay's prefix, `172.30.0.0/16`.
pub const UNDERLAY_PREFIX: u8 = 16;
/// Underlay address of the controller.
pub const CONTROLLER_IP: Ipv4Addr = Ipv4Addr::new(172, 30, 255, 254);
/// Underlay address of controller number `number`.
#[must_use]
pub fn controller_ip(number: u16) -> Ipv4Addr {
    match u8::try_from(number) {
        Ok(number @ 2..=9) => Ipv4Addr::new(172, 30, 255, 240 + number),
        _ => CONTROLLER_IP,
    }
}

/// IPv6 address of controller number `number`, where the underlay has such addresses.
#[must_use]
pub fn controller_ip6(number: u16) -> Ipv6Addr {
    Ipv6Addr::new(0xfd30, 0, 0, 0, 0, 0, 0xffff, number)
}

/// Underlay address of the machine outside of the cluster.
pub const EXTERNAL_IP: Ipv4Addr = Ipv4Addr::new(172, 30, 255, 253);
/// Length of the underlay's IPv6 prefix, `fd30::/64`, where it has one.
pub const UNDERLAY_PREFIX6: u8 = 64;
/// IPv6 address of the machine outside of the cluster, where the underlay has such addresses.
pub const EXTERNAL_IP6: Ipv6Addr = Ipv6Addr::new(0xfd30, 0, 0, 0, 0, 0, 0, 0xfffd);
/// Name of the uplink in every namespace on the underlay.
pub const UPLINK: &str = "eth1";

/// Controllers of one testbed.
const MAX_CONTROLLERS: u16 = 9;
/// More ports do not fit on one Linux bridge (`BR_MAX_PORTS` is 1024).
const MAX_HOSTS: u16 = 1000;

/// Encapsulation between hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Tunnel {
    /// RFC 7348, UDP port 4789.
    Vxlan,
    /// RFC 2784 with a key (RFC 2890).
    Gre,
    /// RFC 8926, UDP port 6081.
    Geneve,
}

/// How tunnel ports are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Mesh {
    /// One port per host, the peer chosen by the flow.
    Flow,
    /// One port per peer.
    Static,
    /// One port per peer of the same zone, and one for all others.
    Mixed,
    /// No tunnel for plain packets.
    Direct,
}

impl fmt::Display for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Vxlan => "vxlan",
            Self::Gre => "gre",
            Self::Geneve => "geneve",
        })
    }
}

impl fmt::Display for Mesh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flow => "flow",
            Self::Static => "static",
            Self::Mixed => "mixed",
            Self::Direct => "direct",
        })
    }
}

/// What `up` is asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Config {
    /// Name of the testbed, the first part of every namespace's name.
    pub name: String,
    /// Number of hosts, 1 to 1000.
    pub hosts: u16,
    /// Encapsulation between hosts.
    pub tunnel: Tunnel,
    /// Layout of tunnel ports.
    pub mesh: Mesh,
    /// Number of controllers, 1 to 9; more than one share an etcd.
    #[serde(default = "one")]
    pub controllers: u16,
    /// Whether hosts join with a token and everyone speaks TLS.
    #[serde(default)]
    pub secure: bool,
    /// Whether pods and the underlay have IPv6 addresses beside those of IPv4.
    #[serde(default)]
    pub ipv6: bool,
    /// How many connections the controller lets a conntrack zone remember; none leaves it to the controller.
    #[serde(default)]
    pub conntrack_limit: Option<u32>,
    /// Whether hosts have no IPv4 address on the underlay, only one of IPv6: tunnels, gossip and sessions go by that.
    #[serde(default)]
    pub underlay6: bool,
    /// For how long certificates are good, in seconds; none leaves it to the controller.
    #[serde(default)]
    pub cert_lifetime: Option<u32>,
    /// Whether the clocks of controllers and agents can be set while they run.
    #[serde(default)]
    pub settable_clocks: bool,
    /// The zones that the first hosts' agents say they are in; the others say none.
    #[serde(default)]
    pub zones: Vec<String>,
}

fn one() -> u16 {
    1
}

impl Config {
    /// Three hosts, VXLAN, flow-based tunnels.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let (tunnel, mesh) = (Tunnel::Vxlan, Mesh::Flow);
        Self {
            name: name.to_owned(),
            hosts: 3,
            tunnel,
            mesh,
            controllers: 1,
            secure: false,
            ipv6: false,
            underlay6: false,
            conntrack_limit: None,
            cert_lifetime: None,
            settable_clocks: false,
            zones: Vec::new(),
        }
    }

    /// The same; a mixed mesh without zones has two of them, `a` for the first half of the hosts and `b` for the others.
    #[must_use]
    pub fn with_zones_if_mixed(mut self) -> Self {
        if self.mesh == Mesh::Mixed && self.zones.is_empty() {
            let first = self.hosts.div_ceil(2);
            self.zones = (0..self.hosts).map(|n| if n < first { "a" } else { "b" }.to_owned()).collect();
        }
        self
    }

    /// # Errors
    /// When a field is out of its bounds.
    pub fn validate(&self) -> Result<()> {
        check_name(&self.name)?;
        let most = MAX_CONTROLLERS;
        ensure!(
            (1..=most).contains(&self.controllers),
            "a testbed has 1 to {most} controllers, not {}",
            self.controllers
        );
        ensure!((1..=MAX_HOSTS).contains(&self.hosts), "a testbed has 1 to {MAX_HOSTS} hosts, not {}", self.hosts);
        Ok(())
    }

    /// Whether anything on the underlay has an IPv6 address.
    #[must_use]
    pub fn has_underlay6(&self) -> bool {
        self.ipv6 || self.underlay6
    }

    /// The underlay address of a host that its tunnels end at.
    #[must_use]
    pub fn host_ip(&self, host: HostId) -> IpAddr {
        if self.underlay6 { host.ip6().into() } else { host.ip().into() }
    }

    /// The address by which hosts reach controller number `number`.
    #[must_use]
    pub fn controller_ip(&self, number: u16) -> IpAddr {
        if self.underlay6 { controller_ip6(number).into() } else { controller_ip(number).into() }
    }

    /// "1 host" or "3 hosts".
    #[must_use]
    pub fn hosts_in_words(&self) -> String {
        let plural = if self.hosts == 1 { "" } else { "s" };
        format!("{} host{plural}", self.hosts)
    }

    /// Where controllers run, in order.
    pub fn controller_places(&self) -> impl Iterator<Item = Place> + use<> {
        (1..=self.controllers).map(Place::controller)
    }

    /// # Errors
    /// When there is no such controller.
    pub fn check_controller(&self, number: u16) -> Result<()> {
        let there = (1..=self.controllers).contains(&number);
        ensure!(there, "no controller {number} in testbed {}: it has {}", self.name, self.controllers);
        Ok(())
    }

    /// All hosts, in order.
    pub fn host_ids(&self) -> impl Iterator<Item = HostId> + Clone + use<> {
        (1..=self.hosts).map(HostId)
    }

    /// # Errors
    /// When there is no such host.
    pub fn check_host(&self, host: HostId) -> Result<()> {
        ensure!(host.0 <= self.hosts, "no host {host} in testbed {}: it has h1 to h{}", self.name, self.hosts);
        Ok(())
    }

    /// Network namespace of `place`.
    #[must_use]
    pub fn netns(&self, place: &Place) -> String {
        match place {
            Place::Pod(pod) => format!("{}-pod-{pod}", self.name),
            other => format!("{}-{other}", self.name),
        }
    }

    /// Network namespace of the underlay's bridge.
    #[must_use]
    pub fn underlay_netns(&self) -> String {
        format!("{}-underlay", self.name)
    }
}

/// Names become parts of namespace names and paths. `-pod` is kept out so that the namespaces of two
/// testbeds cannot meet.
fn check_name(name: &str) -> Result<()> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let edges = !name.starts_with('-') && !name.ends_with('-');
    ensure!(
        (1..=32).contains(&name.len()) && name.bytes().all(allowed) && edges,
        "bad name {name:?}: 1 to 32 of a-z, 0-9 and inner -"
    );
    ensure!(!name.contains("-pod"), "bad name {name}: -pod is reserved");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_distinct_for_every_host() {
        let mut config = Config::new("lab");
        config.hosts = MAX_HOSTS;
        let mut seen: Vec<_> = config.host_ids().map(HostId::ip).collect();
        assert_eq!(seen[0], Ipv4Addr::new(172, 30, 0, 1));
        assert_eq!(seen[250], Ipv4Addr::new(172, 30, 1, 1));
        seen.extend([CONTROLLER_IP, EXTERNAL_IP]);
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), usize::from(MAX_HOSTS) + 2);
    }

    #[test]
    fn places_and_targets_read_back_as_written() {
        for text in ["h1", "h1000", "controller", "controller2", "controller10", "external", "web-1", "h", "h0", "h01"]
        {
            assert_eq!(text.parse::<Place>().unwrap().to_string(), text);
        }
        for text in ["controller", "controller9", "etcd", "etcd3", "agent@h1", "ovs@h20", "ovsdb@h1", "vswitchd@h2"] {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), text);
        }
        for text in ["", "agent", "agent@", "agent@web", "ovs@h0", "h1", "controller@h1", "controller1", "etcd0"] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }

    #[test]
    fn names_that_could_leave_their_directory_are_refused() {
        for name in ["", ".", "..", "a/b", "A", "a b", "-a", "a-", "x-pod-y", &"a".repeat(33)] {
            assert!(check_name(name).is_err(), "{name}");
        }
        for name in ["h1", "controller", "external", "underlay", "a/b", "", "..", &"a".repeat(101)] {
            assert!(check_pod_name(name).is_err(), "{name}");
        }
        check_pod_name("web-1").unwrap();
    }
}
