//! When certificates end.

use std::{collections::BTreeMap, fmt};

use api::{Name, Validity};

use super::Pki;
use crate::intent::Intent;

/// A certificate that was not renewed is late when this part of its lifetime is left: others are renewed before.
const LATE: i64 = 4;

/// Who shows a certificate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holder {
    /// The authority.
    Authority,
    /// A controller.
    Controller(String),
    /// A node.
    Node(Name),
}

impl Holder {
    /// What it is.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Authority => "authority",
            Self::Controller(_) => "controller",
            Self::Node(_) => "node",
        }
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        match self {
            Self::Authority => "",
            Self::Controller(id) => id,
            Self::Node(name) => name.as_str(),
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Authority => f.write_str("the authority"),
            _ => write!(f, "{} {}", self.kind(), self.name()),
        }
    }
}

impl Pki {
    /// The Unix seconds at which certificates end: the authority's, this controller's, and each node's newest.
    pub fn ends(&self, intent: &Intent) -> BTreeMap<Holder, i64> {
        let nodes = intent.certificate_ends().into_iter().map(|(node, until)| (Holder::Node(node), seconds(until)));
        let mut ends: BTreeMap<Holder, i64> = nodes.collect();
        ends.insert(Holder::Controller(self.me.clone()), self.live.validity().until);
        if let Ok(validity) = Validity::of_pem(self.issuer.certificate()) {
            ends.insert(Holder::Authority, validity.until);
        }
        ends
    }

    /// Of these, the ones that should have been renewed by now.
    pub fn late(&self, intent: &Intent, now: i64) -> BTreeMap<Holder, i64> {
        let left = seconds(self.issuer.lifetime().as_secs()) / LATE;
        self.ends(intent).into_iter().filter(|(_, until)| until.saturating_sub(now) < left).collect()
    }
}

fn seconds(unix: u64) -> i64 {
    i64::try_from(unix).unwrap_or(i64::MAX)
}
