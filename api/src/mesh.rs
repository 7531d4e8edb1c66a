use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Invalid, Name};

/// How hosts find each other's tunnels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum MeshMode {
    /// One port per kind of tunnel; flows choose the remote end.
    #[default]
    Flow,
    /// A port per remote host.
    Static,
    /// A port per remote host of the same zone; to all others as with `flow`. A host that says no zone is in none.
    Mixed,
    /// Plain packets between hosts in one underlay subnet without a tunnel; all else as with `flow`.
    Direct,
}

impl MeshMode {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Flow, Self::Static, Self::Mixed, Self::Direct];

    /// The mode in one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Flow => "flow",
            Self::Static => "static",
            Self::Mixed => "mixed",
            Self::Direct => "direct",
        }
    }
}

impl FromStr for MeshMode {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let found = Self::ALL.into_iter().find(|mode| mode.as_str() == text);
        found.ok_or_else(|| Invalid::new("mode", format!("{text:?} is none of flow, static, mixed, direct")))
    }
}

/// How one host reaches another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// By the port that leads to any host; flows choose the remote end.
    #[default]
    Flow,
    /// By a port that leads to this host only.
    Static,
    /// Plain packets of endpoints by the underlay itself; all others by the port that leads to any host.
    Direct,
}

impl Way {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Flow, Self::Static, Self::Direct];

    /// The way in one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Flow => "flow",
            Self::Static => "static",
            Self::Direct => "direct",
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Way {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let found = Self::ALL.into_iter().find(|way| way.as_str() == text);
        found.ok_or_else(|| Invalid::new("way", format!("{text:?} is none of flow, static, direct")))
    }
}

/// How the mesh is to be laid out: `PUT /v1/mesh`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MeshSpec {
    /// How hosts find each other's tunnels.
    pub mode: MeshMode,
}

/// The way two hosts are to use whatever the mode: `PUT /v1/mesh/pairs/ONE/OTHER`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PairSpec {
    /// How they reach each other; `direct` is `flow` for two that are not in one underlay subnet.
    pub way: Way,
}

/// Two hosts whose way was chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MeshPair {
    /// The two, in order of their names.
    pub between: [Name; 2],
    /// How they reach each other; `direct` is `flow` for two that are not in one underlay subnet.
    pub way: Way,
}
