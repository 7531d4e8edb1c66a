use std::{collections::BTreeMap, net::IpAddr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Invalid, Mac, Name};

/// The longest name the kernel allows for a device, in bytes.
const MAX_DEVICE: usize = 15;

/// What an agent says of an endpoint it is about to make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointSpec {
    /// The node it runs on.
    pub node: Name,
    /// The network it is in.
    #[serde(default = "crate::network::default_network")]
    pub network: Name,
    /// The device on the host that leads to it: a port of `kbr0`.
    pub device: String,
    /// The address it must have; one is chosen when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<crate::schema::Ip>)]
    pub ip: Option<IpAddr>,
    /// More addresses it must have, each of another family.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<crate::schema::Ip>)]
    pub ips: Vec<IpAddr>,
    /// What selectors see.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Whether it is about to end: services send it no new connections, those that it has go on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub terminating: bool,
}

impl EndpointSpec {
    /// All addresses it must have.
    pub fn wanted(&self) -> impl Iterator<Item = IpAddr> {
        self.ip.into_iter().chain(self.ips.iter().copied())
    }

    /// Checks what needs no other object.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn validate(&self) -> Result<(), Invalid> {
        let device = &self.device;
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if device.is_empty() || device.len() > MAX_DEVICE || !device.chars().all(allowed) || device.starts_with('.') {
            return Err(Invalid::new(
                "device",
                format!("{device:?} is not a device name of 1 to {MAX_DEVICE} letters, digits, '-', '_' and '.'"),
            ));
        }
        let of = |v4: bool| self.wanted().filter(|ip| ip.is_ipv4() == v4).count();
        if of(true) > 1 || of(false) > 1 {
            return Err(Invalid::new("ips", "an endpoint has one address of IPv4 and one of IPv6 at most"));
        }
        if self.labels.len() > 64 {
            return Err(Invalid::new("labels", format!("{} labels, at most 64 are allowed", self.labels.len())));
        }
        match self.labels.iter().find(|(k, v)| k.is_empty() || k.len() > 253 || v.len() > 253) {
            Some((key, _)) => {
                Err(Invalid::new("labels", format!("{:.40?}: a key has 1 to 253 bytes, a value at most 253", key)))
            }
            None => Ok(()),
        }
    }
}

/// A pod, container or task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Endpoint {
    /// Its name.
    pub name: Name,
    /// Its number, part of cookies.
    pub id: u32,
    /// The revision of its last change.
    pub revision: u64,
    /// The node it runs on.
    pub node: Name,
    /// The network it is in.
    pub network: Name,
    /// The device on the host that leads to it.
    pub device: String,
    /// Its OpenFlow port on `kbr0`.
    pub port: u32,
    /// Its addresses: one of each family that its network has a subnet of, IPv4 before IPv6.
    #[schema(value_type = Vec<crate::schema::Ip>)]
    pub ips: Vec<IpAddr>,
    /// Its Ethernet address.
    pub mac: Mac,
    /// What selectors see.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Whether it is about to end: services send it no new connections, those that it has go on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub terminating: bool,
}

impl Endpoint {
    /// What to say for it to become what it is.
    pub fn spec(&self) -> EndpointSpec {
        EndpointSpec {
            node: self.node.clone(),
            network: self.network.clone(),
            device: self.device.clone(),
            ip: self.ips.first().copied(),
            ips: self.ips.iter().skip(1).copied().collect(),
            labels: self.labels.clone(),
            terminating: self.terminating,
        }
    }

    /// Whether it has all labels of a selector.
    pub fn has_labels(&self, selector: &BTreeMap<String, String>) -> bool {
        selector.iter().all(|(key, value)| self.labels.get(key) == Some(value))
    }
}
