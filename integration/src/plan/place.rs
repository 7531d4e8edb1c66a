//! Hosts, pods and the rest, by the names that people type.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use anyhow::{Context, Result, bail, ensure};

use super::{MAX_CONTROLLERS, MAX_HOSTS};

const MAX_POD_NAME: usize = 100;
const HOSTS_PER_BLOCK: u16 = 250;

/// A host, `h1` and up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostId(pub(super) u16);

impl HostId {
    /// Underlay address: `172.30.0.1` for h1, 250 hosts to each third byte.
    #[must_use]
    pub fn ip(self) -> Ipv4Addr {
        let index = self.0 - 1;
        let block = u8::try_from(index / HOSTS_PER_BLOCK).expect("at most 1000 hosts");
        let within = u8::try_from(index % HOSTS_PER_BLOCK).expect("below 250");
        Ipv4Addr::new(172, 30, block, within + 1)
    }

    /// IPv6 address on an underlay that has such addresses: `fd30::1` for h1.
    #[must_use]
    pub fn ip6(self) -> Ipv6Addr {
        Ipv6Addr::new(0xfd30, 0, 0, 0, 0, 0, 0, self.0)
    }
}

impl fmt::Display for HostId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "h{}", self.0)
    }
}

impl FromStr for HostId {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let number = text.strip_prefix('h').and_then(|digits| {
            let plain = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
            plain.then(|| digits.parse().ok()).flatten()
        });
        match number {
            Some(number) if (1..=MAX_HOSTS).contains(&number) => Ok(Self(number)),
            _ => bail!("{text} is not a host: hosts are h1, h2 and so on"),
        }
    }
}

/// Somewhere a command can run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A host.
    Host(HostId),
    /// The controller's namespace; of several, the first one's.
    Controller,
    /// The namespace of another controller, 2 and up.
    Replica(u16),
    /// A machine on the underlay that is no part of the cluster.
    External,
    /// A pod, by name.
    Pod(String),
}

impl Place {
    /// Where controller number `number` runs, 1 and up.
    #[must_use]
    pub fn controller(number: u16) -> Self {
        if number == 1 { Self::Controller } else { Self::Replica(number) }
    }
}

impl From<HostId> for Place {
    fn from(host: HostId) -> Self {
        Self::Host(host)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(host) => host.fmt(f),
            Self::Controller => f.write_str("controller"),
            Self::Replica(number) => write!(f, "controller{number}"),
            Self::External => f.write_str("external"),
            Self::Pod(name) => f.write_str(name),
        }
    }
}

impl FromStr for Place {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(match text {
            "controller" => Self::Controller,
            "external" => Self::External,
            _ => match (text.parse(), numbered(text, "controller")) {
                (Ok(host), _) => Self::Host(host),
                (_, Some(number)) => Self::Replica(number),
                (Err(_), None) => {
                    check_pod(text)?;
                    Self::Pod(text.to_owned())
                }
            },
        })
    }
}

/// Something that `kill` and `start` act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The controller; of several, the first.
    Controller,
    /// Another controller, 2 and up.
    Replica(u16),
    /// The etcd beside a controller, by its number.
    Etcd(u16),
    /// The agent of a host.
    Agent(HostId),
    /// ovsdb-server and ovs-vswitchd of a host.
    Ovs(HostId),
    /// ovsdb-server alone.
    Ovsdb(HostId),
    /// ovs-vswitchd alone.
    Vswitchd(HostId),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Controller => f.write_str("controller"),
            Self::Replica(number) => write!(f, "controller{number}"),
            Self::Etcd(1) => f.write_str("etcd"),
            Self::Etcd(number) => write!(f, "etcd{number}"),
            Self::Agent(host) => write!(f, "agent@{host}"),
            Self::Ovs(host) => write!(f, "ovs@{host}"),
            Self::Ovsdb(host) => write!(f, "ovsdb@{host}"),
            Self::Vswitchd(host) => write!(f, "vswitchd@{host}"),
        }
    }
}

impl FromStr for Target {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.split_once('@') {
            None if text == "controller" => Ok(Self::Controller),
            None if text == "etcd" => Ok(Self::Etcd(1)),
            None if text.starts_with("controller") => Ok(Self::Replica(
                numbered(text, "controller").with_context(|| format!("no controller is called {text}"))?,
            )),
            None if text.starts_with("etcd") => {
                Ok(Self::Etcd(numbered(text, "etcd").with_context(|| format!("no etcd is called {text}"))?))
            }
            Some(("agent", host)) => Ok(Self::Agent(host.parse()?)),
            Some(("ovs", host)) => Ok(Self::Ovs(host.parse()?)),
            Some(("ovsdb", host)) => Ok(Self::Ovsdb(host.parse()?)),
            Some(("vswitchd", host)) => Ok(Self::Vswitchd(host.parse()?)),
            _ => bail!(
                "cannot act on {text}: name controller, controller2, etcd, agent@h1, ovs@h1, ovsdb@h1 or vswitchd@h1"
            ),
        }
    }
}

/// The number, 2 to 9, that follows `stem`.
fn numbered(text: &str, stem: &str) -> Option<u16> {
    let number = text.strip_prefix(stem)?;
    number.parse().ok().filter(|n| (2..=MAX_CONTROLLERS).contains(n) && number.len() == 1)
}

/// # Errors
/// When `name` cannot be a pod's: hosts and the like have their names already.
pub fn check_pod_name(name: &str) -> Result<()> {
    match name.parse()? {
        Place::Pod(_) if name != "underlay" => Ok(()),
        _ => bail!("{name} cannot be a pod's name: it stands for a part of the testbed"),
    }
}

/// Whatever the controller takes as an endpoint's name, as long as it fits a file's name.
fn check_pod(name: &str) -> Result<()> {
    api::Name::new(name)?;
    ensure!(name.len() <= MAX_POD_NAME, "bad name {name}: a pod's has at most {MAX_POD_NAME} bytes");
    Ok(())
}
