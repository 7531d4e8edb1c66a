//! Logging what keeps failing once, and once more when it is over.

use std::fmt::Display;

use tracing::{info, warn};

/// What is wrong with one thing the agent keeps trying to do.
#[derive(Debug)]
pub struct Trouble {
    what: &'static str,
    reason: Option<String>,
}

impl Trouble {
    /// Nothing is wrong yet with doing `what`.
    pub fn new(what: &'static str) -> Self {
        Self { what, reason: None }
    }

    /// It failed; logged unless the reason is that of the last time.
    pub fn note(&mut self, reason: impl Display) {
        let reason = reason.to_string();
        if self.reason.as_ref() != Some(&reason) {
            warn!(%reason, "cannot {}; trying on", self.what);
            self.reason = Some(reason);
        }
    }

    /// It worked; logged when it had failed before.
    pub fn over(&mut self) {
        if self.reason.take().is_some() {
            info!("no longer unable to {}", self.what);
        }
    }
}
