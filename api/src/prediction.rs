//! What a size that is not built would take.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{Invalid, MAX_BACKENDS};

/// How much of everything there would be: `GET /v1/plan?nodes=…`. Endpoints are spread evenly over the nodes, and
/// backends over the endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, IntoParams, ToSchema)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Size {
    /// Hosts.
    pub nodes: u32,
    /// Endpoints of the default network, on all nodes together.
    pub endpoints: u32,
    /// Services of one port.
    pub services: u32,
    /// Backends of each service.
    pub backends: u32,
}

impl Size {
    /// The most of each, so that no figure overflows.
    const MOST: u32 = 10_000_000;

    /// Checks that such a size can be.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn validate(&self) -> Result<(), Invalid> {
        let fields = [("nodes", self.nodes, 1), ("endpoints", self.endpoints, 0), ("services", self.services, 0)];
        for (field, value, least) in fields {
            if !(least..=Self::MOST).contains(&value) {
                return Err(Invalid::new(field, format!("{value} is not within {least} and {}", Self::MOST)));
            }
        }
        let most = self.endpoints.min(MAX_BACKENDS as u32);
        if self.backends > most {
            let reason = format!("{}: a service of {} endpoints has at most {most}", self.backends, self.endpoints);
            return Err(Invalid::new("backends", reason));
        }
        Ok(())
    }
}

/// What a size would take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Prediction {
    /// The size.
    pub size: Size,
    /// The switch that has the most.
    pub switch: Load,
    /// Flows of that switch by table, in the order packets meet them.
    pub tables: Vec<TableLoad>,
    /// All switches together.
    pub total: Load,
    /// Heap of the controller that intent and what is compiled from it take, in bytes; its sessions come on top.
    pub memory_bytes: u64,
    /// What keeps it from being built with the options the controller has.
    pub obstacles: Vec<String>,
}

/// How much switches are to have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Load {
    /// Flows.
    pub flows: u64,
    /// Groups.
    pub groups: u64,
    /// Bytes of the OpenFlow messages that bring empty switches there.
    pub message_bytes: u64,
}

/// How many flows a table is to have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TableLoad {
    /// The table's number.
    pub id: u8,
    /// Its name.
    pub name: String,
    /// Its flows.
    pub flows: u64,
}
