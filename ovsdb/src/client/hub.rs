//! What the actor knows about those who hold a client: whom to answer, what to publish.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::{broadcast, oneshot, watch};

use super::State;
use crate::error::CloseReason;
use crate::replica::{Change, Replica};
use crate::session::{CallError, Event, RequestId, Session};
use crate::txn::{Outcome, TransactError};

type Updates = broadcast::Sender<Arc<Vec<Change>>>;
pub(super) type Answer<T, E> = oneshot::Sender<Result<T, E>>;

enum Waiter {
    Transact(Answer<Outcome, TransactError>),
    Call(Answer<Value, CallError>),
}

/// See the module.
pub(crate) struct Hub {
    replica: watch::Sender<Replica>,
    state: watch::Sender<State>,
    locks: watch::Sender<BTreeMap<String, bool>>,
    updates: Updates,
    waiters: BTreeMap<RequestId, Waiter>,
    stale: bool,
}

/// The other ends.
pub(super) struct Watching {
    pub(super) replica: watch::Receiver<Replica>,
    pub(super) state: watch::Receiver<State>,
    pub(super) locks: watch::Receiver<BTreeMap<String, bool>>,
    pub(super) updates: broadcast::WeakSender<Arc<Vec<Change>>>,
}

impl Hub {
    pub(super) fn new(unread_updates: usize) -> (Hub, Watching) {
        let (replica, replica_rx) = watch::channel(Replica::empty());
        let (state, state_rx) = watch::channel(State::Disconnected);
        let (locks, locks_rx) = watch::channel(BTreeMap::new());
        let (updates, _) = broadcast::channel(unread_updates.max(1));
        let watching = Watching { replica: replica_rx, state: state_rx, locks: locks_rx, updates: updates.downgrade() };
        let waiters = BTreeMap::new();
        (Hub { replica, state, locks, updates, waiters, stale: false }, watching)
    }

    /// The locks that were asked for.
    pub(super) fn locks(&self) -> Vec<String> {
        self.locks.borrow().keys().cloned().collect()
    }

    pub(super) fn want_lock(&mut self, name: &str, wanted: bool) {
        self.locks.send_modify(|locks| {
            if wanted {
                locks.entry(name.to_owned()).or_insert(false);
            } else {
                locks.remove(name);
            }
        });
    }

    pub(super) fn set_state(&mut self, state: State) {
        self.state.send_replace(state);
    }

    pub(super) fn close(&mut self, reason: Arc<CloseReason>) {
        self.set_state(State::Closed(reason));
    }

    pub(super) fn await_outcome(&mut self, id: RequestId, answer: Answer<Outcome, TransactError>) {
        self.waiters.insert(id, Waiter::Transact(answer));
    }

    pub(super) fn await_answer(&mut self, id: RequestId, answer: Answer<Value, CallError>) {
        self.waiters.insert(id, Waiter::Call(answer));
    }

    /// Tells what happened in a session; the reason, once it is over.
    pub(super) fn drain(&mut self, session: &mut Session) -> Option<Arc<CloseReason>> {
        while let Some(event) = session.poll_event() {
            match event {
                Event::Ready => self.ready(session.replica()),
                Event::Updated(changes) => {
                    self.stale = true;
                    if self.updates.receiver_count() > 0 {
                        let _ = self.updates.send(Arc::new(changes));
                    }
                }
                Event::Transacted(id, outcome) => {
                    self.publish(session.replica());
                    if let Some(Waiter::Transact(answer)) = self.waiters.remove(&id) {
                        let _ = answer.send(outcome);
                    }
                }
                Event::Answered(id, result) => {
                    self.publish(session.replica());
                    if let Some(Waiter::Call(answer)) = self.waiters.remove(&id) {
                        let _ = answer.send(result);
                    }
                }
                Event::Lock { name, owned } => self.locks.send_modify(|locks| {
                    if let Some(lock) = locks.get_mut(&name) {
                        *lock = owned;
                    }
                }),
                Event::Closed(reason) => return Some(reason),
            }
        }
        self.publish(session.replica());
        None
    }

    fn ready(&mut self, replica: &Replica) {
        if self.updates.receiver_count() > 0 {
            let changes = replica.changes_since(&self.replica.borrow());
            if !changes.is_empty() {
                let _ = self.updates.send(Arc::new(changes));
            }
        }
        self.stale = true;
        self.publish(replica);
        self.set_state(State::Ready);
    }

    /// Shows the replica to its readers. What an update did is shown before any later answer is
    /// given; several updates that came together are shown as one.
    fn publish(&mut self, replica: &Replica) {
        if std::mem::take(&mut self.stale) {
            self.replica.send_replace(replica.clone());
        }
    }
}
