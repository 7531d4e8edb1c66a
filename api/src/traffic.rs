use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Invalid, PUBLISHED_PORTS};

/// Which backends a node sends connections to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Reach {
    /// All of them.
    #[default]
    Cluster,
    /// Its own only. Where there is none, connections are dropped.
    Local,
}

/// Which backends a node prefers, of those that it sends connections to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Prefer {
    /// None of them.
    #[default]
    Any,
    /// Those in its own zone, if there are any.
    Zone,
    /// Its own, if there are any; else those in its own zone.
    Node,
}

/// How connections to a service find their backends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Traffic {
    /// For endpoints and hosts.
    #[serde(default, skip_serializing_if = "is_default")]
    pub internal: Reach,
    /// For clients outside.
    #[serde(default, skip_serializing_if = "is_default")]
    pub external: Reach,
    /// Which backends are preferred.
    #[serde(default, skip_serializing_if = "is_default")]
    pub prefer: Prefer,
    /// The TCP port of every node's own address at which its agent answers HTTP: 200 where there is a backend, 503
    /// elsewhere. Within [`PUBLISHED_PORTS`]; 0 asks for a free one. Only where `external` is `local`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_port: Option<u16>,
}

impl Traffic {
    /// Whether nodes differ in where they send connections.
    pub fn is_uneven(&self) -> bool {
        (self.internal, self.external, self.prefer) != Default::default()
    }

    /// Checks what needs no other object.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn validate(&self) -> Result<(), Invalid> {
        let Some(port) = self.health_port else { return Ok(()) };
        if self.external != Reach::Local {
            return Err(Invalid::new("traffic", "a health port needs external traffic to be local"));
        }
        if port != 0 && !PUBLISHED_PORTS.contains(&port) {
            let (from, to) = (PUBLISHED_PORTS.start(), PUBLISHED_PORTS.end());
            return Err(Invalid::new("traffic", format!("health port {port} is not within {from} to {to}")));
        }
        Ok(())
    }
}

impl FromStr for Reach {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "cluster" => Ok(Self::Cluster),
            "local" => Ok(Self::Local),
            _ => Err(Invalid::new("traffic", format!("{text:?} is neither cluster nor local"))),
        }
    }
}

impl FromStr for Prefer {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "any" => Ok(Self::Any),
            "zone" => Ok(Self::Zone),
            "node" => Ok(Self::Node),
            _ => Err(Invalid::new("traffic", format!("{text:?} is none of any, zone and node"))),
        }
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_health_port_is_for_services_whose_nodes_differ() {
        let local = Traffic { external: Reach::Local, health_port: Some(30_100), ..Traffic::default() };
        assert!(local.validate().is_ok() && local.is_uneven());
        for wrong in [Traffic { external: Reach::Cluster, ..local }, Traffic { health_port: Some(80), ..local }] {
            assert!(wrong.validate().is_err(), "{wrong:?}");
        }
    }
}
