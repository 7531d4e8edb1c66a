//! What happened lately, for people: kept in memory, bounded, and logged.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard},
};

use api::{Name, status::Event};

/// How many events are kept.
const KEPT: usize = 1000;

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// Someone else changed a switch or its database.
    Drift,
    /// A switch refused a change.
    Refused,
    /// A session came or went.
    Session,
    /// A host is suspect, down, or back.
    Member,
    /// A host was given a certificate.
    Join,
    /// A certificate was not renewed in time.
    Certificate,
    /// A direction between two hosts is broken, works again, or lets packets of another size through.
    Mesh,
}

impl EventKind {
    /// The kind in one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Drift => "drift",
            Self::Refused => "refused",
            Self::Session => "session",
            Self::Member => "member",
            Self::Join => "join",
            Self::Certificate => "certificate",
            Self::Mesh => "mesh",
        }
    }
}

/// The last events, oldest first.
#[derive(Default)]
pub struct Events {
    kept: Mutex<VecDeque<Event>>,
}

impl Events {
    /// Something happened now.
    pub fn record(&self, kind: EventKind, node: Option<&Name>, owner: Option<String>, message: String) {
        let at = jiff::Timestamp::now().to_string();
        tracing::info!(kind = kind.as_str(), node = node.map(Name::as_str), owner, message, "event");
        let mut kept = self.lock();
        if kept.len() == KEPT {
            kept.pop_front();
        }
        let kind = kind.as_str().to_owned();
        kept.push_back(Event { at, kind, node: node.cloned(), owner, message });
    }

    /// All that are kept, oldest first.
    pub fn all(&self) -> Vec<Event> {
        self.lock().iter().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Event>> {
        self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_last_thousand() {
        let events = Events::default();
        for n in 0..=KEPT {
            events.record(EventKind::Drift, None, None, n.to_string());
        }
        let all = events.all();
        assert_eq!(all.len(), KEPT);
        assert_eq!((all[0].message.as_str(), all[KEPT - 1].message.as_str()), ("1", "1000"));
    }
}
