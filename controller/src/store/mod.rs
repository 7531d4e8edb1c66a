//! Where intent is kept: planned, written down, and only then true.
//!
//! ```text
//!  propose(changes) ──► writer: plan ► commit ► publish ──► Arc<Txn> to the subscriber
//!                         │      (all waiting proposals share one commit)
//!               a file (redb), or etcd          Published ◄── read(), watch()
//! ```

mod compact;
mod etcd;
#[cfg(test)]
mod etcd_tests;
mod published;
mod record;
mod redb;
#[cfg(test)]
mod tests;

use std::{
    path::Path,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    etcd::Client,
    intent::{Change, Effect, HeldPorts, Intent, Plan, Rejected, Txn, Value, VirtualRange},
};

pub use self::{
    published::{Published, Subscriber, TooOld, Watch},
    redb::RedbBackend,
};

/// How many proposals share one commit at the most.
const MAX_BATCH: usize = 256;

/// How many proposals may wait.
const QUEUE: usize = 1024;

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
    /// A change is not allowed.
    #[error("{}", .0.refused)]
    Rejected(Rejected),
    /// It could not be made durable.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Changes that are made, or were so before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The revision that holds them.
    pub revision: u64,
    /// What each did.
    pub effects: Vec<Effect>,
}

impl Accepted {
    /// Whether this proposal changed anything.
    pub fn changed(&self) -> bool {
        self.effects.iter().any(|effect| !matches!(effect, Effect::Unchanged(_)))
    }
}

type Answer = oneshot::Sender<Result<Accepted, ProposeError>>;

/// Changes that someone asks for, and how to answer them.
struct Proposal {
    changes: Vec<Change>,
    held: HeldPorts,
    answer: Answer,
}

impl Proposal {
    fn plan(&self, draft: &Intent, services: &VirtualRange, now: u64) -> Result<Plan, Rejected> {
        draft.plan_beside(&self.held, &self.changes, services, now)
    }
}

/// A handle to the store.
#[derive(Clone)]
pub struct Store {
    published: Arc<Published>,
    proposals: mpsc::Sender<Proposal>,
    path: Arc<str>,
    /// How far a shared store was read; none for a file of our own.
    level: Option<Level>,
}

/// How far a shared store was read, as a revision of etcd's, and how to have it read on.
#[derive(Clone)]
struct Level {
    seen: watch::Receiver<u64>,
    look: mpsc::Sender<()>,
}

impl Store {
    /// Opens the store in a file, counts its generation up, and tells every later transaction to `subscriber`, in order
    /// and before whoever proposed it is answered.
    ///
    /// # Errors
    /// When the file cannot be opened, is another controller's, or is damaged.
    pub fn open(path: &Path, services: VirtualRange, subscriber: Subscriber) -> Result<Self, StoreError> {
        let backend = RedbBackend::open(path)?;
        Self::start(Box::new(backend), path.display().to_string(), services, subscriber)
    }

    /// Joins the store that several controllers share in etcd, of which this one is called `writer`. Every transaction,
    /// whoever proposed it, is told to `subscriber` in order, and before who proposed it here is answered.
    ///
    /// # Errors
    /// When etcd does not answer, or holds what cannot be read.
    pub async fn connect(
        client: Client,
        writer: &str,
        services: VirtualRange,
        subscriber: Subscriber,
    ) -> Result<Self, StoreError> {
        let path = client.url().to_string();
        let (proposals, queue) = mpsc::channel(QUEUE);
        let (look, nudges) = mpsc::channel(1);
        let (task, published, seen) = etcd::Task::load(client, writer, services, subscriber).await?;
        tokio::spawn(task.run(queue, look.clone(), nudges));
        Ok(Self { published, proposals, path: path.into(), level: Some(Level { seen, look }) })
    }

    fn start(
        mut backend: Box<dyn Backend>,
        path: String,
        services: VirtualRange,
        subscriber: Subscriber,
    ) -> Result<Self, StoreError> {
        let mut loaded = Intent::load(backend.load()?);
        if let Ok(Plan { txn: Some(txn), .. }) = loaded.plan(&[Change::Start], &services, unix_now()) {
            backend.commit(&[Arc::new(txn.clone())])?;
            loaded.apply(&txn);
        }
        let draft = loaded.clone();
        let published = Arc::new(Published::new(loaded, subscriber));
        let (proposals, queue) = mpsc::channel(QUEUE);
        let writer = Writer { backend, draft, published: published.clone(), services };
        std::thread::Builder::new()
            .name("store".into())
            .spawn(move || writer.run(queue))
            .map_err(|e| StoreError { path: path.clone(), reason: e.to_string() })?;
        Ok(Self { published, proposals, path: path.into(), level: None })
    }

    /// Returns when all that others wrote up to `revision` of etcd's was told to the subscriber.
    pub async fn caught_up(&self, revision: u64) {
        if let Some(Level { seen, look }) = &self.level {
            // One request that waits to be heard is as good as two.
            let _ = look.try_send(());
            let _ = seen.clone().wait_for(|seen| *seen >= revision).await;
        }
    }

    /// The intent as it is now.
    pub fn read(&self) -> Intent {
        self.published.read()
    }

    /// Every transaction after `revision`, one after the other.
    pub fn watch(&self, revision: u64) -> Watch {
        Watch::new(self.published.clone(), revision)
    }

    /// Asks for changes: all of them or none. They are durable when this returns.
    ///
    /// # Errors
    /// When one is refused or they could not be written.
    pub async fn propose(&self, changes: Vec<Change>) -> Result<Accepted, ProposeError> {
        self.propose_beside(HeldPorts::new(), changes).await
    }

    /// The same where processes of hosts hold ports.
    ///
    /// # Errors
    /// When one is refused or they could not be written.
    pub async fn propose_beside(&self, held: HeldPorts, changes: Vec<Change>) -> Result<Accepted, ProposeError> {
        let (answer, answered) = oneshot::channel();
        let busy = |reason: &str| StoreError { path: self.path.to_string(), reason: reason.into() };
        self.proposals
            .try_send(Proposal { changes, held, answer })
            .map_err(|_| busy("too many changes wait to be written; try again"))?;
        answered.await.map_err(|_| busy("the writer has stopped; restart the controller"))?
    }
}

struct Writer {
    backend: Box<dyn Backend>,
    /// What the intent will be once the batch at hand is durable: later proposals of a batch see earlier ones.
    draft: Intent,
    published: Arc<Published>,
    services: VirtualRange,
}

impl Writer {
    fn run(mut self, mut queue: mpsc::Receiver<Proposal>) {
        let mut batch = Vec::new();
        while queue.blocking_recv_many(&mut batch, MAX_BATCH) > 0 {
            self.write(std::mem::take(&mut batch));
        }
    }

    fn write(&mut self, batch: Vec<Proposal>) {
        let now = unix_now();
        let mut txns = Vec::new();
        let mut answers = Vec::new();
        for proposal in batch {
            let plan = proposal.plan(&self.draft, &self.services, now);
            answers.push((proposal.answer, plan.map(|plan| self.take(plan, &mut txns))));
        }
        let committed = if txns.is_empty() { Ok(()) } else { self.backend.commit(&txns) };
        match &committed {
            Ok(()) => self.published.publish(&txns),
            Err(error) => tracing::error!(%error, "changes could not be written"),
        }
        // Also when all went well: what is read, compiled and planned on shares memory only if it is the same.
        self.draft = self.published.read();
        for (answer, outcome) in answers {
            let outcome = match (&committed, outcome) {
                (Err(error), Ok(accepted)) if accepted.changed() => Err(ProposeError::Store(error.clone())),
                (_, outcome) => outcome.map_err(ProposeError::Rejected),
            };
            // Whoever asked may have gone; the change stands all the same.
            let _ = answer.send(outcome);
        }
    }

    fn take(&mut self, plan: Plan, txns: &mut Vec<Arc<Txn>>) -> Accepted {
        let accepted = accepted(&plan);
        if let Some(txn) = plan.txn {
            self.draft.apply(&txn);
            txns.push(Arc::new(txn));
        }
        accepted
    }
}

/// What to answer when a plan is carried out.
fn accepted(Plan { txn, effects }: &Plan) -> Accepted {
    let unchanged = |effect: &Effect| if let Effect::Unchanged(revision) = effect { *revision } else { 0 };
    let before = || effects.iter().map(unchanged).max().unwrap_or_default();
    Accepted { revision: txn.as_ref().map_or_else(before, |txn| txn.revision), effects: effects.clone() }
}

fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
