//! What happened to a direction between two hosts, to be told.

use std::time::Duration;

use api::Name;

/// A direction that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Who sends.
    pub from: Name,
    /// Who receives.
    pub to: Name,
    /// What happened.
    pub what: What,
}

/// What happened to a direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Nothing arrives any more.
    Broken,
    /// Something arrives again, after so long.
    Works(Duration),
    /// Packets of `fails` bytes do not get through any more, those of `passes` do.
    Shrunk {
        /// The size that was tried and failed.
        fails: u32,
        /// The largest that gets through.
        passes: u32,
    },
    /// Plain packets do not get through without the tunnel any more, and take it.
    Detoured,
    /// They go as they are to.
    Direct,
    /// Larger packets get through again.
    Grown {
        /// The largest that gets through.
        passes: u32,
    },
}

impl Change {
    /// What happened, in words.
    pub fn message(&self) -> String {
        let Self { from, to, what } = self;
        match what {
            What::Broken => format!("nothing from {from} arrives at {to}"),
            What::Works(after) => format!("{to} hears {from} again, after {:.0} s", after.as_secs_f64()),
            What::Shrunk { fails, passes } => {
                format!("packets of {fails} bytes from {from} do not reach {to}; the largest that do have {passes}")
            }
            What::Detoured => format!("plain packets from {from} do not reach {to}, and take the tunnel"),
            What::Direct => format!("plain packets from {from} to {to} go as they are to again"),
            What::Grown { passes } => format!("packets of up to {passes} bytes from {from} reach {to} again"),
        }
    }
}
