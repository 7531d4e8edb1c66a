//! Asking the controller for names, and following those that were asked for.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use api::{Client, Name, NameKey, NameKeys, NamesAnswer, NamesQuery};
use tokio::{
    sync::{Notify, mpsc, oneshot},
    time::{sleep, timeout},
};

use super::book::Book;
use crate::{Error, follow::Configs, state::State, trouble::Trouble};

/// How long the controller may take to look something up.
const LOOKUP: Duration = Duration::from_secs(2);
/// How long one poll may stay unanswered.
const POLL: Duration = Duration::from_secs(30);
/// How long names that are asked for the first time are gathered before they are followed, too.
const GATHER: Duration = Duration::from_millis(20);
/// How long to wait after a poll that failed.
const PAUSE: Duration = Duration::from_millis(500);
/// How often the book is written to disk, if it has changed.
const KEEP: Duration = Duration::from_secs(2);
/// How many names are looked up with one request, and how many wait to be.
const BATCH: usize = 256;

/// A name that somebody waits for.
type Wanted = ((Name, NameKey), oneshot::Sender<()>);

/// What is known of names, and the ways to know more.
#[derive(Debug)]
pub struct Names {
    book: Mutex<Book>,
    wanted: mpsc::Sender<Wanted>,
    grew: Notify,
}

impl Names {
    /// Names that begin with `book`; what they want to know comes out of the queue, which is for [`Names::keep`].
    pub fn new(book: Book) -> (Self, Queue) {
        let (wanted, queue) = mpsc::channel(BATCH);
        (Self { book: Mutex::new(book), wanted, grew: Notify::new() }, Queue(queue))
    }

    /// The book, for a moment.
    pub fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when it was tried to look something up: then it is in the book, or it cannot be had.
    pub async fn fetch(&self, network: Name, key: NameKey) {
        let (done, told) = oneshot::channel();
        if self.wanted.send(((network, key), done)).await.is_ok() {
            let _ = told.await;
        }
    }

    /// Looks up and follows for ever.
    pub async fn keep(&self, node: &Name, client: &Client, configs: Configs, state: &State, queue: Queue) {
        let look_up = self.look_up(node, client, queue);
        let follow = self.follow(node, client, configs);
        futures::join!(look_up, follow, self.persist(state));
    }

    async fn look_up(&self, node: &Name, client: &Client, Queue(mut queue): Queue) {
        let mut batch = Vec::new();
        while queue.recv_many(&mut batch, BATCH).await > 0 {
            let mut wanted = NameKeys::new();
            for ((network, key), _) in &batch {
                wanted.entry(network.clone()).or_default().insert(key.clone());
            }
            let query = NamesQuery { wanted: wanted.clone(), ..NamesQuery::default() };
            if let Ok(Ok(answer)) = timeout(LOOKUP, self.ask(node, client, &query, Duration::ZERO)).await {
                self.book().learn(answer, &wanted, Instant::now());
                self.grew.notify_one();
            }
            batch.drain(..).for_each(|(_, done)| done.send(()).unwrap_or_default());
        }
    }

    async fn follow(&self, node: &Name, client: &Client, mut configs: Configs) {
        let mut trouble = Trouble::new("follow names");
        loop {
            let current = configs.borrow_and_update().clone();
            let networks: BTreeSet<Name> = current
                .iter()
                .filter_map(|current| current.config.names.as_ref())
                .flat_map(|names| names.networks.keys().cloned())
                .collect();
            if networks.is_empty() {
                if configs.changed().await.is_err() {
                    return;
                }
                continue;
            }
            let query = {
                let mut book = self.book();
                book.forget(&networks, Instant::now());
                NamesQuery { after: book.revision(), known: book.known(), wanted: book.lacks(networks.iter()) }
            };
            tokio::select! {
                answer = self.ask(node, client, &query, POLL) => match answer {
                    Ok(answer) => {
                        trouble.over();
                        let revision = answer.revision;
                        let mut book = self.book();
                        book.learn(answer, &query.wanted, Instant::now());
                        book.reached(revision);
                    }
                    Err(e) => {
                        trouble.note(Error::from(e));
                        sleep(PAUSE).await;
                    }
                },
                () = self.grown() => {}
                changed = configs.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Returns a little after a name was asked for that is not followed yet.
    async fn grown(&self) {
        self.grew.notified().await;
        sleep(GATHER).await;
    }

    async fn ask(
        &self,
        node: &Name,
        client: &Client,
        query: &NamesQuery,
        patience: Duration,
    ) -> Result<NamesAnswer, api::ClientError> {
        client.ask(&format!("/v1/nodes/{node}/names?timeout={}", patience.as_secs()), query, patience).await
    }

    /// Keeps on disk what is known, so that a restart finds it while the controller is away.
    async fn persist(&self, state: &State) {
        let mut trouble = Trouble::new("keep names on disk");
        let mut written = self.book().version();
        loop {
            let (version, kept) = {
                let book = self.book();
                (book.version(), (book.version() != written).then(|| book.keep()))
            };
            if let Some(kept) = kept {
                match state.keep_names(&kept).await {
                    Ok(()) => trouble.over(),
                    Err(e) => trouble.note(e),
                }
                written = version;
            }
            sleep(KEEP).await;
        }
    }
}

/// Names that are to be looked up.
#[derive(Debug)]
pub struct Queue(mpsc::Receiver<Wanted>);
