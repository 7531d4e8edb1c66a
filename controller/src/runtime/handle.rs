//! How others talk to the task that owns the core.

use std::collections::BTreeMap;

use api::Name;
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};

use super::{Event, HostTarget};
use crate::{cluster::peers::Peers, compile::Compiler, core::NodeProgress, history::TooOld, membership::Status};

/// A way to talk to the core.
#[derive(Clone)]
pub struct CoreHandle {
    events: mpsc::UnboundedSender<Event>,
    peers: Option<Peers>,
}

impl CoreHandle {
    /// A handle, and where its events come out: give that to [`super::run`].
    pub fn new() -> (Self, mpsc::UnboundedReceiver<Event>) {
        let (events, queue) = mpsc::unbounded_channel();
        (Self { events, peers: None }, queue)
    }

    /// The same, that asks other controllers for what they are master of.
    pub fn with_peers(&self, peers: Peers) -> Self {
        Self { events: self.events.clone(), peers: Some(peers) }
    }

    /// Tells the core something. It is heard as long as the process lives.
    pub fn tell(&self, event: Event) {
        let _ = self.events.send(event);
    }

    /// Returns when all that was told so far has been heard.
    pub async fn heard(&self) {
        self.pending_here(0).await;
    }

    /// Whether a node's switch, if it is this controller's, has not acknowledged all up to `revision`.
    pub async fn awaits(&self, node: &Name, revision: u64) -> bool {
        let (answer, answered) = oneshot::channel();
        self.tell(Event::Awaits(node.clone(), revision, answer));
        answered.await.unwrap_or(false)
    }

    /// Returns when every switch concerned has acknowledged `revision`.
    pub async fn wait(&self, revision: u64) {
        match &self.peers {
            Some(peers) => peers.wait(revision, self).await,
            None => self.wait_here(revision).await,
        }
    }

    /// Returns when every switch concerned that is this controller's has acknowledged `revision`.
    pub async fn wait_here(&self, revision: u64) {
        let _ = self.ask(|answer| Event::Wait(revision, answer)).await;
    }

    /// The nodes that `revision` concerns and that have not acknowledged it.
    pub async fn pending(&self, revision: u64) -> Vec<String> {
        let mut pending = self.pending_here(revision).await;
        if let Some(peers) = &self.peers {
            pending.extend(peers.pending(revision).await);
            pending.sort_unstable();
            pending.dedup();
        }
        pending
    }

    /// The nodes of this controller that `revision` concerns and that have not acknowledged it.
    pub async fn pending_here(&self, revision: u64) -> Vec<String> {
        self.ask(|answer| Event::Pending(revision, answer)).await.unwrap_or_default()
    }

    /// How far each node is, by what its master says.
    pub async fn progress(&self) -> BTreeMap<Name, NodeProgress> {
        let mut progress = self.progress_here().await;
        if let Some(peers) = &self.peers {
            for (node, theirs) in peers.progress().await {
                if let Some(ours) = progress.get_mut(&node) {
                    *ours = NodeProgress { desired: ours.desired, ..theirs };
                }
            }
        }
        progress
    }

    /// How far each node is, as far as this controller knows.
    pub async fn progress_here(&self) -> BTreeMap<Name, NodeProgress> {
        self.ask(Event::Progress).await.unwrap_or_default()
    }

    /// What is made of each host, in order of names.
    pub async fn standings(&self) -> Vec<Status> {
        self.ask(Event::Standings).await.unwrap_or_default()
    }

    /// What switches are to have; none while the controller ends.
    pub async fn compiled(&self) -> Option<Compiler> {
        self.ask(Event::Compiled).await
    }

    /// What switches were to have at a time; none while the controller ends.
    pub async fn compiled_at(&self, time: Timestamp) -> Option<Result<Compiler, TooOld>> {
        self.ask(|answer| Event::CompiledAt(time, answer)).await
    }

    /// When a revision came, if that is still known.
    pub async fn when(&self, revision: u64) -> Option<Timestamp> {
        self.ask(|answer| Event::When(revision, answer)).await.flatten()
    }

    /// What a host's OVSDB is to hold, now and later; none if there is no such node.
    pub async fn host(&self, node: Name) -> Option<watch::Receiver<HostTarget>> {
        self.ask(|answer| Event::HostUp(node, answer)).await
    }

    async fn ask<T>(&self, event: impl FnOnce(oneshot::Sender<T>) -> Event) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        self.tell(event(answer));
        answered.await.ok()
    }
}
