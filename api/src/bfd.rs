use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Name;

/// The state of a BFD session (RFC 5880 section 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BfdState {
    /// It is held down by whoever runs it.
    AdminDown,
    /// Nothing is heard.
    Down,
    /// The other end is heard, and may not hear.
    Init,
    /// Both ends hear each other.
    Up,
}

impl BfdState {
    /// The state as Open vSwitch writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AdminDown => "admin_down",
            Self::Down => "down",
            Self::Init => "init",
            Self::Up => "up",
        }
    }

    /// The state that Open vSwitch writes like this.
    pub fn read(text: &str) -> Option<Self> {
        [Self::AdminDown, Self::Down, Self::Init, Self::Up].into_iter().find(|state| state.as_str() == text)
    }
}

/// What a switch says of its BFD session with a peer, on the tunnel port that leads there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Bfd {
    /// The state at this end.
    pub state: BfdState,
    /// Why it last went down, as Open vSwitch says it; none if it never did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diagnostic: Option<String>,
    /// How often it went up or down since the port is there.
    pub flaps: u64,
}

/// A node's BFD session with one peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BfdSession {
    /// The peer.
    pub peer: Name,
    /// What its switch says.
    #[serde(flatten)]
    pub bfd: Bfd,
}
