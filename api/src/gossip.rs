//! What agents tell each other and the controller about who is there.

use std::{collections::BTreeMap, fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Invalid, Name};

/// The keys that seal gossip between agents.
///
/// To change them under way: give every agent the new key as `accept`, then make it `send` with the old one as
/// `accept`, then leave the old one out; each step once the one before has reached every agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GossipKeys {
    /// Seals what is sent, and opens what comes in.
    pub send: GossipKey,
    /// Opens what comes in, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accept: Option<GossipKey>,
}

/// A gossip key: 32 random bytes, in base64 where it is text. Not printed by `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, format = Byte, min_length = 44, max_length = 44)]
pub struct GossipKey([u8; Self::LEN]);

impl GossipKey {
    /// Its length in bytes.
    pub const LEN: usize = 32;

    /// A key of these bytes, which must be random.
    pub fn new(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The secret itself.
    pub fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl FromStr for GossipKey {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let wrong = |_| Invalid::new("gossip key", "is not the base64 text of 32 bytes");
        let bytes = STANDARD.decode(text.trim()).map_err(|_| ()).map_err(wrong)?;
        bytes.try_into().map(Self).map_err(|_| ()).map_err(wrong)
    }
}

impl TryFrom<String> for GossipKey {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<GossipKey> for String {
    fn from(key: GossipKey) -> Self {
        STANDARD.encode(key.0)
    }
}

impl fmt::Debug for GossipKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GossipKey(…)")
    }
}

/// What an agent makes of another host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum MemberState {
    /// It answers, itself or by way of others.
    Alive,
    /// It did not answer lately and has not objected yet.
    Suspect,
    /// It is lost.
    Dead,
}

impl MemberState {
    /// The state in one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Suspect => "suspect",
            Self::Dead => "dead",
        }
    }
}

/// A host as an agent sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberView {
    /// The host.
    pub name: Name,
    /// What the agent makes of it.
    pub state: MemberState,
    /// How often it has objected to a suspicion in this life.
    pub incarnation: u16,
    /// How long it has been in this state, in seconds.
    pub since_seconds: f64,
}

/// How many datagrams of gossip an agent has dealt with since it started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GossipCounts {
    /// Sent.
    pub sent: u64,
    /// Received, rejected ones among them.
    pub received: u64,
    /// Received and rejected, by reason.
    pub rejected: BTreeMap<Rejection, u64>,
}

/// Why a datagram of gossip was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Rejection {
    /// It is shorter than any datagram of gossip.
    Truncated,
    /// It is none of this version of gossip.
    Version,
    /// It names a key that this agent does not have.
    UnknownKey,
    /// It names a sender or subject that the controller has not listed.
    NonMember,
    /// It did not come from the address the controller lists for its sender.
    WrongSource,
    /// It is meant for an earlier life of this agent.
    Stale,
    /// It was not sealed with the sender's key for this receiver, or was changed under way.
    Forged,
    /// It was received before, or is older than what was.
    Replayed,
    /// It is sealed properly but holds nonsense.
    Malformed,
}

impl Rejection {
    /// The reason in one word, as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::Version => "version",
            Self::UnknownKey => "unknown-key",
            Self::NonMember => "non-member",
            Self::WrongSource => "wrong-source",
            Self::Stale => "stale",
            Self::Forged => "forged",
            Self::Replayed => "replayed",
            Self::Malformed => "malformed",
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_base64_text_and_stays_out_of_logs() {
        let key = GossipKey::new([7; 32]);
        let keys = GossipKeys { send: key.clone(), accept: None };
        let text = serde_json::to_string(&keys).unwrap();
        assert_eq!(text, r#"{"send":"BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc="}"#);
        assert_eq!(serde_json::from_str::<GossipKeys>(&text).unwrap(), keys);
        assert_eq!(format!("{key:?}"), "GossipKey(…)");
        for bad in ["", "BwcH", "not base64!", &"A".repeat(48)] {
            assert!(bad.parse::<GossipKey>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_rejection_reads_the_same_everywhere() {
        let counts = GossipCounts { rejected: [(Rejection::NonMember, 2)].into(), ..GossipCounts::default() };
        let json = serde_json::to_value(&counts).unwrap();
        assert_eq!(json["rejected"][Rejection::NonMember.as_str()], 2);
        assert_eq!(serde_json::from_value::<GossipCounts>(json).unwrap(), counts);
    }
}
