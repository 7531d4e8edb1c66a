//! What a program holds of a session.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{mpsc, oneshot};

use crate::conn::{BundleError, Event, RequestError, SendError};
use crate::message::Body;
use crate::msg::onf::BundleFlags;

/// Something a handle asks of the task.
pub(super) enum Command {
    Send(Vec<Body>, Option<oneshot::Sender<Result<(), SendError>>>),
    Request(Box<Body>, oneshot::Sender<Result<Body, RequestError>>),
    Bundle(Vec<Body>, BundleFlags, oneshot::Sender<Result<(), BundleError>>),
}

/// Sends to a switch. Clones share the session, which is closed when the last of them is gone.
#[derive(Clone, Debug)]
pub struct Handle {
    commands: mpsc::Sender<Command>,
    dropped: Arc<AtomicU64>,
}

impl Handle {
    pub(super) fn new(commands: mpsc::Sender<Command>) -> (Self, Arc<AtomicU64>) {
        let dropped = Arc::new(AtomicU64::new(0));
        (Self { commands, dropped: Arc::clone(&dropped) }, dropped)
    }

    /// Sends a message and waits for its answer, all parts joined. A message that has no answer
    /// of its own is followed by a barrier: `Ok` then means that the switch has done it.
    ///
    /// # Errors
    /// What the switch said, or why there was no answer.
    pub async fn request(&self, body: impl Into<Body>) -> Result<Body, RequestError> {
        let (tx, rx) = oneshot::channel();
        let command = Command::Request(Box::new(body.into()), tx);
        self.commands.send(command).await.map_err(|_| RequestError::Closed)?;
        rx.await.unwrap_or(Err(RequestError::Closed))
    }

    /// Waits until the switch has done all that was sent before.
    ///
    /// # Errors
    /// Why there was no answer.
    pub async fn barrier(&self) -> Result<(), RequestError> {
        self.request(Body::BarrierRequest).await?;
        Ok(())
    }

    /// Applies messages all or none, in order.
    ///
    /// # Errors
    /// Which of them the switch refused, and why; then none was applied.
    pub async fn bundle(&self, messages: Vec<Body>) -> Result<(), BundleError> {
        self.bundle_with(messages, BundleFlags::ATOMIC | BundleFlags::ORDERED).await
    }

    /// Applies messages as `flags` say.
    ///
    /// # Errors
    /// Which of them the switch refused, and why.
    pub async fn bundle_with(&self, messages: Vec<Body>, flags: BundleFlags) -> Result<(), BundleError> {
        let closed = || BundleError { index: None, error: RequestError::Closed };
        let (tx, rx) = oneshot::channel();
        let command = Command::Bundle(messages, flags, tx);
        self.commands.send(command).await.map_err(|_| closed())?;
        rx.await.unwrap_or(Err(closed()))
    }

    /// Hands messages over to be sent, in order, without waiting for what comes of them: an error
    /// comes as [`Event::Failed`].
    ///
    /// # Errors
    /// Why they were not taken.
    pub async fn send_all(&self, messages: Vec<Body>) -> Result<(), SendError> {
        let (tx, rx) = oneshot::channel();
        let command = Command::Send(messages, Some(tx));
        self.commands.send(command).await.map_err(|_| SendError::NotUp)?;
        rx.await.unwrap_or(Err(SendError::NotUp))
    }

    /// The same for one message, at once or not at all: for packet-outs, which may be lost.
    ///
    /// # Errors
    /// [`SendError::Backlog`] if too much waits, [`SendError::NotUp`] if the session is over.
    pub fn try_send(&self, body: impl Into<Body>) -> Result<(), SendError> {
        let command = Command::Send(vec![body.into()], None);
        self.commands.try_send(command).map_err(|e| match e {
            mpsc::error::TrySendError::Full(_) => SendError::Backlog,
            mpsc::error::TrySendError::Closed(_) => SendError::NotUp,
        })
    }

    /// Packet-ins dropped because nobody took them.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// The events of a session: [`Event::Up`], asynchronous messages, errors about messages sent
/// without waiting, and at last [`Event::Closed`].
#[derive(Debug)]
pub struct Events {
    queue: mpsc::Receiver<Event>,
}

impl Events {
    pub(super) fn new(queue: mpsc::Receiver<Event>) -> Self {
        Self { queue }
    }

    /// The next event; `None` when the session is over.
    pub async fn recv(&mut self) -> Option<Event> {
        self.queue.recv().await
    }
}
