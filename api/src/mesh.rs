use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Invalid;

/// How hosts find each other's tunnels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum MeshMode {
    /// One port per kind of tunnel; flows choose the remote end.
    #[default]
    Flow,
    /// A port per remote host.
    Static,
}

impl MeshMode {
    /// The mode in one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Flow => "flow",
            Self::Static => "static",
        }
    }
}

impl FromStr for MeshMode {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let found = [Self::Flow, Self::Static].into_iter().find(|mode| mode.as_str() == text);
        found.ok_or_else(|| Invalid::new("mode", format!("{text:?} is none of flow, static")))
    }
}

/// How the mesh is to be laid out: `PUT /v1/mesh`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MeshSpec {
    /// How hosts find each other's tunnels.
    pub mode: MeshMode,
}
