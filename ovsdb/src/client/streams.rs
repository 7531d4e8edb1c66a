//! What a client tells about changes.

use std::sync::Arc;

use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::watch;

use crate::replica::{Change, Replica};

/// Net differences, one after the other; see [`Client::changes`](crate::Client::changes).
#[derive(Debug)]
pub struct Changes {
    replica: watch::Receiver<Replica>,
    seen: Replica,
}

impl Changes {
    pub(super) fn new(replica: watch::Receiver<Replica>, seen: Replica) -> Changes {
        Changes { replica, seen }
    }

    /// Waits until something differs from what was seen, and tells which rows. `None`: the client
    /// is over. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Vec<Change>> {
        loop {
            let now = self.replica.borrow_and_update().clone();
            let changes = now.changes_since(&self.seen);
            self.seen = now;
            if !changes.is_empty() {
                return Some(changes);
            }
            self.replica.changed().await.ok()?;
        }
    }

    /// The replica as the last [`Changes::next`] left it.
    pub fn replica(&self) -> &Replica {
        &self.seen
    }
}

/// A reader did not keep up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("reader fell behind: {missed} updates lost")]
pub struct Lagged {
    /// How many updates were lost.
    pub missed: u64,
}

/// Every update by itself; see [`Client::updates`](crate::Client::updates).
#[derive(Debug)]
pub struct Updates {
    updates: Option<broadcast::Receiver<Arc<Vec<Change>>>>,
}

impl Updates {
    pub(super) fn new(updates: Option<broadcast::Receiver<Arc<Vec<Change>>>>) -> Updates {
        Updates { updates }
    }

    /// The next update; `None` when the client is over.
    pub async fn next(&mut self) -> Option<Result<Arc<Vec<Change>>, Lagged>> {
        match self.updates.as_mut()?.recv().await {
            Ok(update) => Some(Ok(update)),
            Err(RecvError::Lagged(missed)) => Some(Err(Lagged { missed })),
            Err(RecvError::Closed) => None,
        }
    }
}
