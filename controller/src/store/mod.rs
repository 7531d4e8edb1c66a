//! Where intent is kept: planned, written to disk, and only then true.
//!
//! ```text
//!  propose(Change) ──► writer thread: plan ► commit ► apply ──► Arc<Txn> to subscribers
//!                          │      (all waiting proposals share one commit)
//!                      Backend (redb)              RwLock<Intent> ◄── read()
//! ```

mod redb;
#[cfg(test)]
mod tests;

use std::{
    path::Path,
    sync::{Arc, RwLock, RwLockReadGuard, mpsc as sync_mpsc},
    time::{SystemTime, UNIX_EPOCH},
};

use ipnet::IpNet;
use tokio::sync::oneshot;

use crate::intent::{Change, Intent, Planned, Refused, Txn, Value};

pub use self::redb::RedbBackend;

/// How many proposals share one commit at the most.
const MAX_BATCH: usize = 256;

/// What keeps transactions so that they survive a crash.
pub trait Backend: Send {
    /// All values, in no particular order.
    ///
    /// # Errors
    /// When the file cannot be read or does not hold what it should.
    fn load(&mut self) -> Result<Vec<Value>, StoreError>;

    /// Makes the transactions durable, all or none.
    ///
    /// # Errors
    /// When they could not be written; nothing of them is kept then.
    fn commit(&mut self, txns: &[Arc<Txn>]) -> Result<(), StoreError>;
}

/// The store cannot do its work.
#[derive(Debug, Clone, thiserror::Error)]
#[error("store {path}: {reason}")]
pub struct StoreError {
    /// Where it is kept.
    pub path: String,
    /// What happened, and what to do.
    pub reason: String,
}

/// Why a proposal came to nothing.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ProposeError {
    /// The change is not allowed.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// It could not be made durable.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A change that is made, or was so before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The revision that holds it.
    pub revision: u64,
    /// Whether this proposal changed anything.
    pub changed: bool,
}

/// Who is told of every transaction.
pub type Subscriber = Box<dyn Fn(Arc<Txn>) + Send>;

type Answer = oneshot::Sender<Result<Accepted, ProposeError>>;

/// A handle to the store.
#[derive(Clone)]
pub struct Store {
    intent: Arc<RwLock<Intent>>,
    proposals: sync_mpsc::SyncSender<(Change, Answer)>,
    path: Arc<str>,
}

impl Store {
    /// Opens the store in a file, counts its generation up, and tells every later transaction to `subscriber`, in order
    /// and before whoever proposed it is answered.
    ///
    /// # Errors
    /// When the file cannot be opened, is another controller's, or is damaged.
    pub fn open(path: &Path, services: IpNet, subscriber: Subscriber) -> Result<Self, StoreError> {
        let backend = RedbBackend::open(path)?;
        Self::start(Box::new(backend), path.display().to_string(), services, subscriber)
    }

    fn start(
        mut backend: Box<dyn Backend>,
        path: String,
        services: IpNet,
        subscriber: Subscriber,
    ) -> Result<Self, StoreError> {
        let mut loaded = Intent::load(backend.load()?);
        if let Ok(Planned::Txn(txn)) = loaded.plan(&Change::Start, &services, unix_now()) {
            backend.commit(&[Arc::new(txn.clone())])?;
            loaded.apply(&txn);
        }
        let draft = loaded.clone();
        let intent = Arc::new(RwLock::new(loaded));
        let (proposals, queue) = sync_mpsc::sync_channel(1024);
        let writer = Writer { backend, draft, intent: intent.clone(), services, subscriber };
        std::thread::Builder::new()
            .name("store".into())
            .spawn(move || writer.run(&queue))
            .map_err(|e| StoreError { path: path.clone(), reason: e.to_string() })?;
        Ok(Self { intent, proposals, path: path.into() })
    }

    /// The intent as it is now. Keep the guard short: writers wait for it.
    pub fn read(&self) -> RwLockReadGuard<'_, Intent> {
        self.intent.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Asks for a change; it is durable when this returns.
    ///
    /// # Errors
    /// When it is refused or could not be written.
    pub async fn propose(&self, change: Change) -> Result<Accepted, ProposeError> {
        let (answer, answered) = oneshot::channel();
        let busy = |reason: &str| StoreError { path: self.path.to_string(), reason: reason.into() };
        self.proposals
            .try_send((change, answer))
            .map_err(|_| busy("more than 1024 changes wait to be written; try again"))?;
        answered.await.map_err(|_| busy("the writer has stopped; restart the controller"))?
    }
}

struct Writer {
    backend: Box<dyn Backend>,
    /// What the intent will be once the batch at hand is durable: later proposals of a batch see earlier ones.
    draft: Intent,
    intent: Arc<RwLock<Intent>>,
    services: IpNet,
    subscriber: Subscriber,
}

impl Writer {
    fn run(mut self, queue: &sync_mpsc::Receiver<(Change, Answer)>) {
        while let Ok(first) = queue.recv() {
            let batch: Vec<_> = std::iter::once(first).chain(queue.try_iter().take(MAX_BATCH - 1)).collect();
            self.write(batch);
        }
    }

    fn write(&mut self, batch: Vec<(Change, Answer)>) {
        let now = unix_now();
        let mut txns = Vec::new();
        let mut answers = Vec::new();
        for (change, answer) in batch {
            let outcome = self.draft.plan(&change, &self.services, now).map(|planned| match planned {
                Planned::Unchanged(revision) => Accepted { revision, changed: false },
                Planned::Txn(txn) => {
                    self.draft.apply(&txn);
                    let revision = txn.revision;
                    txns.push(Arc::new(txn));
                    Accepted { revision, changed: true }
                }
            });
            answers.push((answer, outcome));
        }
        let committed = if txns.is_empty() { Ok(()) } else { self.backend.commit(&txns) };
        if committed.is_ok() {
            self.publish(&txns);
        }
        for (answer, outcome) in answers {
            let outcome = match (&committed, outcome) {
                (Err(error), Ok(accepted)) if accepted.changed => Err(ProposeError::Store(error.clone())),
                (_, outcome) => outcome.map_err(ProposeError::Refused),
            };
            // Whoever asked may have gone; the change stands all the same.
            let _ = answer.send(outcome);
        }
        if let Err(error) = committed {
            tracing::error!(%error, "a change could not be written");
            self.draft = self.intent.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        }
    }

    fn publish(&self, txns: &[Arc<Txn>]) {
        let mut intent = self.intent.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        for txn in txns {
            intent.apply(txn);
        }
        drop(intent);
        for txn in txns {
            (self.subscriber)(txn.clone());
        }
    }
}

fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
