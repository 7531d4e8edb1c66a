//! A session with one server over one stream, without any I/O: bytes and times go in, bytes and
//! events come out.
//!
//! ```text
//!                     set_db_change_aware, (_Server), get_schema
//!   new ──► Schema ──────────────────────────────────────────────┐
//!             │ schema: monitor_cond_since, else _cond, else plain│
//!             ▼                                                   │ refused, malformed,
//!          Copying ── first copy ──► Ready ── updates, answers    │ silent, over a limit
//!             └───────────────┬────────┘                          ▼
//!                             └──────────────────────────────► Closed(reason)
//! ```

mod handshake;
mod inbound;
mod server_db;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};

use crate::error::{CloseReason, OvsdbError};
use crate::json::{Message, PickingFramer};
use crate::op::Where;
use crate::options::{MonitorMethod, Options};
use crate::probe::{Due, Probe};
use crate::replica::{Change, Replica};
use crate::txn::{self, CheckError, Outcome, TransactError, Txn};
use crate::update::RowPicker;
use server_db::ServerDb;

/// Names a request until its answer comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// What happened in a session.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// The replica holds the whole database as it is at the server.
    Ready,
    /// The replica changed.
    Updated(Vec<Change>),
    /// A transaction was answered; what it did is in the replica already.
    Transacted(RequestId, Result<Outcome, TransactError>),
    /// Another request was answered.
    Answered(RequestId, Result<Value, CallError>),
    /// A lock is now owned by this session, or no longer.
    Lock {
        /// The name of the lock.
        name: String,
        /// Whether it is owned.
        owned: bool,
    },
    /// The session is over; nothing follows.
    Closed(Arc<CloseReason>),
}

/// Why a request other than a transaction came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The server refused it.
    #[error(transparent)]
    Refused(OvsdbError),
    /// This client does not send it; nothing was sent.
    #[error("{method} is not sent as a plain call: {}", instead(method))]
    NotACall {
        /// The method.
        method: String,
    },
    /// The arguments do not fit the schema; nothing was sent.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// The answer is not what it should be.
    #[error(transparent)]
    Protocol(#[from] crate::error::ProtocolError),
    /// There is no session; nothing was sent.
    #[error("not connected")]
    NotConnected,
    /// Too many requests wait for their answer; nothing was sent.
    #[error("more than {limit} requests pending")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// The session ended before the answer came.
    #[error("outcome unknown: {0}")]
    Unknown(Arc<CloseReason>),
}

#[derive(Debug)]
enum Pending {
    /// Answers that do not matter: set_db_change_aware, probes.
    Ignored,
    ServerDb,
    Schema,
    Monitor(MonitorMethod),
    Transact(Arc<Txn>),
    Lock(String),
    Call,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Schema,
    Copying,
    Ready,
    Closed,
}

/// The session; see the module.
#[derive(Debug)]
pub struct Session {
    options: Options,
    phase: Phase,
    framer: PickingFramer<RowPicker>,
    out: Vec<u8>,
    events: VecDeque<Event>,
    pending: BTreeMap<u64, Pending>,
    next_id: u64,
    /// The copy of an earlier session, until the new one is whole.
    replica: Replica,
    /// The new copy, until it is whole.
    fresh: Option<Replica>,
    method: MonitorMethod,
    monitoring: bool,
    was_ready: bool,
    locks: BTreeSet<String>,
    server_db: Option<ServerDb>,
    probe: Probe,
    ready_by: Instant,
    bytes_in: u64,
}

impl Session {
    /// A session that begins at `now`; `poll_transmit` has its first requests.
    pub fn new(options: Options, now: Instant) -> Session {
        Session::resume(options, Replica::empty(), now)
    }

    /// A session that goes on from the replica of an earlier one: where the server can, it sends
    /// only what changed since. Readers keep seeing the old copy until the new one is whole.
    pub fn resume(options: Options, replica: Replica, now: Instant) -> Session {
        let limits = &options.limits;
        let mut session = Session {
            phase: Phase::Schema,
            framer: PickingFramer::new(RowPicker::idle(), limits.message_size, limits.depth),
            out: Vec::new(),
            events: VecDeque::new(),
            pending: BTreeMap::new(),
            next_id: 0,
            replica,
            fresh: None,
            method: options.method,
            monitoring: false,
            was_ready: false,
            locks: BTreeSet::new(),
            server_db: None,
            probe: Probe::new(options.probe_interval, now),
            ready_by: now + options.ready_timeout,
            bytes_in: 0,
            options,
        };
        session.start();
        session
    }

    /// Takes bytes that came from the server.
    pub fn handle_input(&mut self, bytes: &[u8], now: Instant) {
        self.probe.activity(now);
        self.bytes_in += bytes.len() as u64;
        let mut rest = bytes;
        while !rest.is_empty() && self.phase != Phase::Closed {
            match self.framer.feed(&mut rest) {
                Ok(Some((value, rows))) => {
                    if let Err(reason) = self.message(value, rows) {
                        self.close(reason);
                    }
                }
                Ok(None) => {}
                Err(error) => self.close(error.into()),
            }
        }
    }

    /// The stream ended or broke, or this side wants no more.
    pub fn handle_close(&mut self, reason: CloseReason) {
        self.close(reason);
    }

    /// Does what `poll_timeout` announced.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.phase == Phase::Closed {
            return;
        }
        if self.phase != Phase::Ready && now >= self.ready_by {
            let seconds = self.options.ready_timeout.as_secs();
            return self.close(CloseReason::NotReady { seconds });
        }
        match self.probe.poll(now) {
            None => {}
            Some(Due::Ask) => {
                self.request("echo", Vec::new(), Pending::Ignored);
            }
            Some(Due::Dead) => {
                let seconds = self.probe.interval().as_secs();
                self.close(CloseReason::Silent { seconds });
            }
        }
    }

    /// When `handle_timeout` is to be called next, and why.
    pub fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        let start = (self.ready_by, "start of session");
        match self.phase {
            Phase::Closed => None,
            Phase::Ready => self.probe.deadline(),
            Phase::Schema | Phase::Copying => Some(self.probe.deadline().map_or(start, |probe| probe.min(start))),
        }
    }

    /// Bytes to send to the server.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        (!self.out.is_empty()).then(|| std::mem::take(&mut self.out))
    }

    /// What happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The replica as it is now.
    pub fn replica(&self) -> &Replica {
        &self.replica
    }

    /// Bytes taken from the server so far.
    pub fn bytes_in(&self) -> u64 {
        self.bytes_in
    }

    /// Whether the replica is whole and requests may be made.
    pub fn is_ready(&self) -> bool {
        self.phase == Phase::Ready
    }

    /// Whether the replica was whole at some time.
    pub fn was_ready(&self) -> bool {
        self.was_ready
    }

    /// What the session does; conditions changed since are included.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Sends a transaction, after holding it against the schema.
    pub fn transact(&mut self, txn: Arc<Txn>) -> Result<RequestId, TransactError> {
        if self.phase != Phase::Ready {
            return Err(TransactError::NotConnected);
        }
        let limit = self.options.limits.pending_requests;
        if self.pending.len() >= limit {
            return Err(TransactError::TooMany { limit });
        }
        let params = txn.encode(self.replica.schema())?;
        Ok(self.request("transact", params, Pending::Transact(txn)))
    }

    /// Asks the server to give up a transaction; its answer comes in any case.
    pub fn cancel(&mut self, id: RequestId) {
        if self.pending.contains_key(&id.0) {
            let params = vec![json!(id.0)];
            self.send(Message::Notification { method: "cancel".to_owned(), params });
        }
    }

    /// Sends a request that leaves the session as it is: `list_dbs`, `get_schema`, `echo`,
    /// `get_server_id`. `convert` is refused: this client follows one schema for one session.
    pub fn call(&mut self, method: &str, params: Vec<Value>) -> Result<RequestId, CallError> {
        if !matches!(method, "list_dbs" | "get_schema" | "echo" | "get_server_id") {
            return Err(CallError::NotACall { method: method.to_owned() });
        }
        self.checked_request(method, params, Pending::Call)
    }

    /// Asks for a lock: [`Event::Lock`] tells when it is owned.
    pub fn lock(&mut self, name: &str) -> Result<RequestId, CallError> {
        self.locks.insert(name.to_owned());
        self.checked_request("lock", vec![json!(name)], Pending::Lock(name.to_owned()))
    }

    /// Takes a lock, whoever owns it.
    pub fn steal(&mut self, name: &str) -> Result<RequestId, CallError> {
        self.locks.insert(name.to_owned());
        self.checked_request("steal", vec![json!(name)], Pending::Lock(name.to_owned()))
    }

    /// Gives a lock back, or the wish for it.
    pub fn unlock(&mut self, name: &str) -> Result<RequestId, CallError> {
        if self.locks.remove(name) {
            self.events.push_back(Event::Lock { name: name.to_owned(), owned: false });
        }
        self.checked_request("unlock", vec![json!(name)], Pending::Call)
    }

    /// Monitors other rows of a table from now on.
    pub fn set_rows(&mut self, table: &str, rows: Where) -> Result<RequestId, CallError> {
        if self.phase != Phase::Ready || !self.monitoring {
            return Err(CallError::NotConnected);
        }
        let conditions = where_clause(&self.replica, table, &rows)?;
        self.options.tables.entry(table.to_owned()).or_default().rows = Some(rows);
        let id = json!(handshake::MONITOR);
        let requests = json!({ table: [{ "where": conditions }] });
        self.checked_request("monitor_cond_change", vec![id.clone(), id, requests], Pending::Call)
    }

    /// Ends monitoring: the replica stays as it is.
    pub fn stop_monitoring(&mut self) -> Result<RequestId, CallError> {
        let params = vec![json!(handshake::MONITOR)];
        self.checked_request("monitor_cancel", params, Pending::Call)
    }

    fn checked_request(&mut self, method: &str, params: Vec<Value>, pending: Pending) -> Result<RequestId, CallError> {
        let limit = self.options.limits.pending_requests;
        match self.phase {
            Phase::Closed => Err(CallError::NotConnected),
            _ if self.pending.len() >= limit => Err(CallError::TooMany { limit }),
            _ => Ok(self.request(method, params, pending)),
        }
    }

    fn request(&mut self, method: &str, params: Vec<Value>, pending: Pending) -> RequestId {
        let id = self.next_id;
        self.next_id += 1;
        self.pending.insert(id, pending);
        self.send(Message::Request { id: json!(id), method: method.to_owned(), params });
        RequestId(id)
    }

    fn send(&mut self, message: Message) {
        // Writing a Value into a vector cannot fail.
        let _ = serde_json::to_writer(&mut self.out, &message.into_json());
        let limit = self.options.limits.unsent_bytes;
        if self.out.len() > limit {
            self.close(CloseReason::Limit { what: "unsent bytes", limit });
        }
    }

    fn close(&mut self, reason: CloseReason) {
        if self.phase == Phase::Closed {
            return;
        }
        self.phase = Phase::Closed;
        let reason = Arc::new(reason);
        for (id, pending) in std::mem::take(&mut self.pending) {
            let id = RequestId(id);
            let unknown = reason.clone();
            self.events.push_back(match pending {
                Pending::Transact(_) => Event::Transacted(id, Err(TransactError::Unknown(unknown))),
                Pending::Call | Pending::Lock(_) => Event::Answered(id, Err(CallError::Unknown(unknown))),
                _ => continue,
            });
        }
        for name in std::mem::take(&mut self.locks) {
            self.events.push_back(Event::Lock { name, owned: false });
        }
        self.events.push_back(Event::Closed(reason));
    }
}

/// What to do instead of a plain call.
fn instead(method: &str) -> &'static str {
    match method {
        "convert" => "change the schema with ovsdb-client convert",
        "transact" => "use transact",
        "lock" | "steal" | "unlock" => "use the method of that name",
        "monitor_cond_change" => "use set_rows",
        "monitor_cancel" => "use stop_monitoring",
        _ => "only list_dbs, get_schema, get_server_id and echo are",
    }
}

/// The conditions of a monitor for some rows: there an empty list means none, not all.
fn where_clause(replica: &Replica, table: &str, rows: &Where) -> Result<Value, CheckError> {
    match rows.0.is_empty() {
        true => Ok(json!([true])),
        false => txn::conditions(replica.schema(), table, rows),
    }
}

#[cfg(test)]
mod tests;
