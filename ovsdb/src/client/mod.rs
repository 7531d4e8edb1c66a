//! The client: a session over a tokio stream, behind a handle that can be copied.
//!
//! ```text
//!   Client ──commands──► actor ──bytes──► stream
//!   Client ◄──watch───── (owns the Session) ◄──bytes── stream
//! ```

mod actor;
mod connect;
mod hub;
mod streams;

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use actor::Command;
pub use connect::Connector;
pub(crate) use hub::Hub;
pub use streams::{Changes, Lagged, Updates};

use crate::error::{CloseReason, ProtocolError};
use crate::op::Where;
use crate::options::Options;
use crate::replica::{Change, Replica};
use crate::schema::DatabaseSchema;
use crate::session::{CallError, RequestId};
use crate::txn::{Outcome, TransactError, Txn};

/// How a client stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// No stream.
    Disconnected,
    /// A stream, and the first copy on its way.
    Starting,
    /// The replica follows the server.
    Ready,
    /// Over, for good.
    Closed(Arc<CloseReason>),
}

/// A handle on a database; copies share the one session. When the last copy is dropped the
/// session ends.
#[derive(Debug, Clone)]
pub struct Client {
    commands: mpsc::Sender<Command>,
    replica: watch::Receiver<Replica>,
    state: watch::Receiver<State>,
    locks: watch::Receiver<std::collections::BTreeMap<String, bool>>,
    updates: broadcast::WeakSender<Arc<Vec<Change>>>,
}

impl Client {
    /// A client on a stream that is open, which ends with it: for hosts that call in. Must be
    /// called within a tokio runtime.
    pub fn from_stream<S>(stream: S, options: Options) -> Client
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (client, hub, commands) = Client::parts(&options);
        tokio::spawn(actor::single(stream, options, hub, commands));
        client
    }

    pub(crate) fn parts(options: &Options) -> (Client, Hub, mpsc::Receiver<Command>) {
        let (commands, inbox) = mpsc::channel(options.limits.pending_requests.max(1));
        let (hub, watching) = Hub::new(options.limits.unread_updates);
        let client = Client {
            commands,
            replica: watching.replica,
            state: watching.state,
            locks: watching.locks,
            updates: watching.updates,
        };
        (client, hub, inbox)
    }

    /// The database as it is now, consistent, at no cost. It stays as it is.
    pub fn replica(&self) -> Replica {
        self.replica.borrow().clone()
    }

    /// How the client stands; can be waited on.
    pub fn state(&self) -> watch::Receiver<State> {
        self.state.clone()
    }

    /// Waits until the replica is whole; an error if the client ends before.
    pub async fn ready(&self) -> Result<(), Arc<CloseReason>> {
        let mut state = self.state.clone();
        let wanted = |state: &State| matches!(state, State::Ready | State::Closed(_));
        match state.wait_for(wanted).await.as_deref() {
            Ok(State::Closed(reason)) => Err(reason.clone()),
            Ok(_) => Ok(()),
            Err(_) => Err(Arc::new(CloseReason::Closed)),
        }
    }

    /// Waits until the client is over, and tells why.
    pub async fn closed(&self) -> Arc<CloseReason> {
        let mut state = self.state.clone();
        match state.wait_for(|state| matches!(state, State::Closed(_))).await.as_deref() {
            Ok(State::Closed(reason)) => reason.clone(),
            _ => Arc::new(CloseReason::Closed),
        }
    }

    /// Ends the client for all its copies.
    pub async fn close(&self) {
        let _ = self.commands.send(Command::Close).await;
        self.closed().await;
    }

    /// What changes from here on, as net differences: a reader that is slow sees fewer and larger
    /// ones and never falls behind.
    pub fn changes(&self) -> Changes {
        Changes::new(self.replica.clone(), self.replica())
    }

    /// As [`Client::changes`], beginning with the rows that differ from an earlier copy; from
    /// [`Replica::empty`] these are all rows.
    pub fn changes_since(&self, seen: Replica) -> Changes {
        Changes::new(self.replica.clone(), seen)
    }

    /// Every update by itself. A reader that falls behind by more than the limit of unread
    /// updates gets an error.
    pub fn updates(&self) -> Updates {
        Updates::new(self.updates.upgrade().map(|sender| sender.subscribe()))
    }

    /// Does a transaction. When it returns, what the transaction did is in the replica.
    pub async fn transact(&self, txn: Txn) -> Result<Outcome, TransactError> {
        self.submit(txn).await?.outcome().await
    }

    /// Sends a transaction and returns as soon as it is on its way: for pipelining and for
    /// cancelling.
    pub async fn submit(&self, txn: Txn) -> Result<Submitted, TransactError> {
        let (sent, id) = oneshot::channel();
        let (answer, outcome) = oneshot::channel();
        let command = Command::Transact { txn: Arc::new(txn), sent, answer };
        self.commands.send(command).await.map_err(|_| TransactError::NotConnected)?;
        let id = id.await.map_err(|_| TransactError::NotConnected)??;
        Ok(Submitted { id, outcome, commands: self.commands.clone() })
    }

    /// The databases of the server: RFC 7047 section 4.1.1.
    pub async fn list_dbs(&self) -> Result<Vec<String>, CallError> {
        let value = self.call("list_dbs", Vec::new()).await?;
        serde_json::from_value(value).map_err(|e| ProtocolError::new("list_dbs reply", e).into())
    }

    /// The schema of any database of the server: RFC 7047 section 4.1.2.
    pub async fn get_schema(&self, database: &str) -> Result<DatabaseSchema, CallError> {
        let value = self.call("get_schema", vec![json!(database)]).await?;
        DatabaseSchema::from_json(&value).map_err(|error| ProtocolError::new("get_schema reply", error).into())
    }

    /// The identity of the server: ovsdb-server(7) section 4.1.17.
    pub async fn server_id(&self) -> Result<String, CallError> {
        let value = self.call("get_server_id", Vec::new()).await?;
        serde_json::from_value(value).map_err(|e| ProtocolError::new("server id", e).into())
    }

    /// Asks the server for a sign of life: RFC 7047 section 4.1.11.
    pub async fn echo(&self) -> Result<(), CallError> {
        self.call("echo", Vec::new()).await.map(drop)
    }

    /// Sends `list_dbs`, `get_schema`, `echo` or `get_server_id`; other methods are refused.
    pub async fn call(&self, method: &str, params: Vec<Value>) -> Result<Value, CallError> {
        self.ask(|answer| Command::Call { method: method.to_owned(), params, answer }).await
    }

    /// Asks for a lock and tells whether it is owned at once: RFC 7047 section 4.1.8. If not,
    /// [`Client::owns`] does when it is. It is asked for again after a reconnect.
    pub async fn lock(&self, name: &str) -> Result<bool, CallError> {
        let value = self.ask(|answer| Command::Lock { name: name.to_owned(), answer }).await?;
        Ok(value.get("locked").and_then(Value::as_bool) == Some(true))
    }

    /// Takes a lock from whoever owns it.
    pub async fn steal(&self, name: &str) -> Result<(), CallError> {
        self.ask(|answer| Command::Steal { name: name.to_owned(), answer }).await.map(drop)
    }

    /// Gives a lock back, or the wish for it.
    pub async fn unlock(&self, name: &str) -> Result<(), CallError> {
        self.ask(|answer| Command::Unlock { name: name.to_owned(), answer }).await.map(drop)
    }

    /// Whether a lock is owned now.
    pub fn owns(&self, lock: &str) -> bool {
        self.locks.borrow().get(lock) == Some(&true)
    }

    /// Waits until a lock is owned (true) or not (false); an error if the client ends before.
    pub async fn owned(&self, lock: &str, wanted: bool) -> Result<(), Arc<CloseReason>> {
        let mut locks = self.locks.clone();
        let reached = locks.wait_for(|l| (l.get(lock) == Some(&true)) == wanted).await.is_ok();
        if reached { Ok(()) } else { Err(self.closed().await) }
    }

    /// Monitors other rows of a table from now on; when it returns, the replica holds them.
    pub async fn set_rows(&self, table: &str, rows: impl Into<Where>) -> Result<(), CallError> {
        let (table, rows) = (table.to_owned(), rows.into());
        self.ask(|answer| Command::SetRows { table, rows, answer }).await.map(drop)
    }

    /// Ends monitoring: the replica stays as it is.
    pub async fn stop_monitoring(&self) -> Result<(), CallError> {
        self.ask(|answer| Command::StopMonitoring { answer }).await.map(drop)
    }

    async fn ask(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<Value, CallError>>) -> Command,
    ) -> Result<Value, CallError> {
        let (answer, answered) = oneshot::channel();
        self.commands.send(command(answer)).await.map_err(|_| CallError::NotConnected)?;
        answered.await.map_err(|_| CallError::NotConnected)?
    }
}

/// A transaction on its way.
#[derive(Debug)]
pub struct Submitted {
    id: RequestId,
    outcome: oneshot::Receiver<Result<Outcome, TransactError>>,
    commands: mpsc::Sender<Command>,
}

impl Submitted {
    /// Waits for the answer; what the transaction did is then in the replica.
    pub async fn outcome(self) -> Result<Outcome, TransactError> {
        self.outcome.await.map_err(|_| TransactError::NotConnected)?
    }

    /// Asks the server to give the transaction up: RFC 7047 section 4.1.4. The outcome then is
    /// "canceled", unless it was too late.
    pub async fn cancel(&self) {
        let _ = self.commands.send(Command::Cancel(self.id)).await;
    }
}
