//! What one source contributes to one switch.

use api::{Kind, Name};

use super::{Bridge, Port};
use crate::pipeline::{Flow, Group};

/// What asks for flows: an object, or the pipeline itself (which has no name).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// What kind of object.
    pub kind: Kind,
    /// Its name.
    pub name: Option<Name>,
}

impl Source {
    /// The pipeline itself.
    pub const PIPELINE: Self = Self { kind: Kind::Pipeline, name: None };

    /// An object.
    pub fn object(kind: Kind, name: &Name) -> Self {
        Self { kind, name: Some(name.clone()) }
    }
}

/// What one source contributes to one switch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fragment {
    /// Flows.
    pub flows: Vec<Flow>,
    /// Groups.
    pub groups: Vec<Group>,
    /// Ports of the bridge.
    pub ports: Vec<Port>,
    /// The bridge itself.
    pub bridge: Option<Bridge>,
}
