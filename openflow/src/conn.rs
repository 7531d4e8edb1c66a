//! The controller's side of a session, without sockets or clocks.
//!
//! Bytes and the time go in ([`Conn::handle_input`], [`Conn::handle_timeout`]), bytes, events and
//! the next time go out ([`Conn::poll_transmit`], [`Conn::poll_event`], [`Conn::poll_timeout`]).
//! The states are those of section 6.3.1:
//!
//! ```text
//!  new ──hello out──► await hello ──features request out──► await features ──► up
//!                          │ version, time                        │ time        │ silence, rubbish
//!                          └──────────────────────► closed ◄──────┴─────────────┘
//! ```
//!
//! [`net`](crate::net) drives this over tokio streams.

mod bundle;
mod event;
mod framer;
mod join;
mod pending;
mod receive;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

pub use bundle::{BundleError, BundleId};
pub use event::{CloseReason, Event, RequestError, SendError};

use crate::error::EncodeError;
use crate::message::{Body, Message, VERSION_1_3};
use crate::msg::hello::{Echo, Hello};
use crate::msg::onf::BundleFlags;
use crate::types::Xid;
use bundle::Bundles;
use framer::Framer;
use pending::{Answer, Pending};

/// The times and bounds of a session.
#[derive(Clone, Debug)]
pub struct Config {
    /// The time from the start to the features reply.
    pub handshake_timeout: Duration,
    /// The silence after which the peer is asked whether it is there.
    pub echo_after: Duration,
    /// The time it then has to say anything at all.
    pub echo_timeout: Duration,
    /// The time a request waits for its answer, from the last part of it that came.
    pub request_timeout: Duration,
    /// Bytes that all parts of one answer may have.
    pub max_reply_bytes: usize,
    /// Bytes waiting to be sent at which nothing more is taken.
    pub max_backlog: usize,
    /// Requests and bundles that may wait for answers.
    pub max_pending: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            handshake_timeout: Duration::from_secs(10),
            echo_after: Duration::from_secs(5),
            echo_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(30),
            max_reply_bytes: 256 << 20,
            max_backlog: 64 << 20,
            max_pending: 100_000,
        }
    }
}

/// More than any bundle has: within one the xids do not begin anew.
const XIDS_OF_A_BUNDLE: u32 = 1 << 24;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    AwaitHello { until: Instant },
    AwaitFeatures { until: Instant },
    Up,
    Closed,
}

/// The controller's side of a session with one switch.
#[derive(Debug)]
pub struct Conn {
    config: Config,
    state: State,
    framer: Framer,
    out: Vec<u8>,
    events: VecDeque<Event>,
    pending: Pending,
    bundles: Bundles,
    next_xid: Xid,
    heard: Instant,
    probed: Option<Instant>,
    now: Instant,
}

impl Conn {
    /// Begins a session: the hello is ready to be sent.
    pub fn new(config: Config, now: Instant) -> Self {
        let until = now + config.handshake_timeout;
        let mut conn = Self {
            config,
            state: State::AwaitHello { until },
            framer: Framer::default(),
            out: Vec::new(),
            events: VecDeque::new(),
            pending: Pending::default(),
            bundles: Bundles::default(),
            next_xid: 1,
            heard: now,
            probed: None,
            now,
        };
        conn.push(Hello::versions(&[VERSION_1_3]));
        conn
    }

    /// Whether the handshake is over and the session not closed.
    pub fn is_up(&self) -> bool {
        self.state == State::Up
    }

    /// Bytes waiting for [`Conn::poll_transmit`].
    pub fn backlog(&self) -> usize {
        self.out.len()
    }

    /// Takes bytes that came from the peer.
    pub fn handle_input(&mut self, bytes: &[u8], now: Instant) {
        self.now = now;
        self.heard = now;
        self.probed = None;
        let mut framer = std::mem::take(&mut self.framer);
        framer.push(bytes);
        while self.state != State::Closed {
            match framer.next_frame() {
                Ok(Some(frame)) => self.handle_frame(frame),
                Ok(None) => break,
                Err(reason) => self.close(reason),
            }
        }
        self.framer = framer;
    }

    /// The stream ended or failed.
    pub fn handle_disconnect(&mut self) {
        self.close(CloseReason::Disconnected);
    }

    /// Lets time pass: call it when that of [`Conn::poll_timeout`] has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        match self.state {
            State::AwaitHello { until } | State::AwaitFeatures { until } if now >= until => {
                return self.close(CloseReason::HandshakeTimeout);
            }
            State::Up => self.probe(),
            State::AwaitHello { .. } | State::AwaitFeatures { .. } | State::Closed => {}
        }
        while let Some(answer) = self.pending.expire(now) {
            self.answer(answer, Err(RequestError::TimedOut));
        }
    }

    fn probe(&mut self) {
        match self.probed {
            Some(at) if self.now >= at + self.config.echo_timeout => self.close(CloseReason::Silent),
            None if self.now >= self.heard + self.config.echo_after => {
                self.probed = Some(self.now);
                self.push(Body::EchoRequest(Echo::default()));
            }
            Some(_) | None => {}
        }
    }

    /// The next bytes to send, all of them in order. Ask again only when they are sent: what
    /// waits here is what [`Config::max_backlog`] bounds.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        (!self.out.is_empty()).then(|| std::mem::take(&mut self.out))
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`Conn::handle_timeout`] has to be called, and why.
    pub fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        let session = match (self.state, self.probed) {
            (State::Closed, _) => return None,
            (State::AwaitHello { until }, _) => (until, "await hello"),
            (State::AwaitFeatures { until }, _) => (until, "await features"),
            (State::Up, Some(at)) => (at + self.config.echo_timeout, "await echo"),
            (State::Up, None) => (self.heard + self.config.echo_after, "idle"),
        };
        let request = self.pending.deadline().map(|at| (at, "await reply"));
        request.into_iter().chain([session]).min_by_key(|(at, _)| *at)
    }

    /// Sends a message that has no answer. An error about it comes as [`Event::Failed`].
    ///
    /// # Errors
    /// If the session is not up, too much waits, or the message cannot be encoded.
    pub fn send(&mut self, body: impl Into<Body>) -> Result<Xid, SendError> {
        self.ready()?;
        Ok(self.try_push(body.into())?)
    }

    /// Sends a message and waits for what comes of it: [`Event::Reply`] or [`Event::Failed`] with
    /// the xid returned. A message that has no answer of its own is followed by a barrier, whose
    /// reply is its answer.
    ///
    /// # Errors
    /// If the session is not up, too much waits, or the message cannot be encoded.
    pub fn request(&mut self, body: impl Into<Body>) -> Result<Xid, SendError> {
        self.ready()?;
        let body = body.into();
        let has_reply = pending::has_reply(&body);
        let xid = self.try_push(body)?;
        let until = self.now + self.config.request_timeout;
        if has_reply {
            self.pending.insert(xid, Answer::Request(xid), until);
        } else {
            self.pending.insert_silent(xid, until);
            let barrier = self.push(Body::BarrierRequest);
            self.pending.insert(barrier, Answer::Request(xid), until);
        }
        Ok(xid)
    }

    /// Applies messages (flow-mods, group-mods, port-mods, packet-outs) all or none, by an ONF
    /// bundle, and [`Event::BundleDone`] says what came of it. This takes two round trips.
    ///
    /// # Errors
    /// If the session is not up, too much waits, or a message cannot be encoded; then nothing is
    /// sent.
    pub fn bundle(
        &mut self,
        messages: impl IntoIterator<Item = Body>,
        flags: BundleFlags,
    ) -> Result<BundleId, SendError> {
        self.ready()?;
        if self.next_xid > u32::MAX - XIDS_OF_A_BUNDLE {
            self.next_xid = 1;
        }
        let start = self.out.len();
        let first = self.next_xid;
        let id = self.bundles.next_id();
        match self.push_bundle(id, messages, flags) {
            Ok(close) => {
                self.bundles.insert(id, flags, first, close);
                let until = self.now + self.config.request_timeout;
                self.pending.insert(close, Answer::BundleClose(id), until);
                Ok(id)
            }
            Err(error) => {
                self.out.truncate(start);
                Err(error.into())
            }
        }
    }

    fn push_bundle(
        &mut self,
        id: BundleId,
        messages: impl IntoIterator<Item = Body>,
        flags: BundleFlags,
    ) -> Result<Xid, EncodeError> {
        self.try_push(bundle::open(id, flags))?;
        for body in messages {
            let xid = self.take_xid();
            Message::new(xid, bundle::add(id, flags, xid, body)).encode_into(&mut self.out)?;
        }
        self.try_push(bundle::close(id, flags))
    }

    fn ready(&self) -> Result<(), SendError> {
        if self.state != State::Up {
            return Err(SendError::NotUp);
        }
        if self.out.len() >= self.config.max_backlog || self.pending.len() >= self.config.max_pending {
            return Err(SendError::Backlog);
        }
        Ok(())
    }

    fn take_xid(&mut self) -> Xid {
        let xid = self.next_xid;
        self.next_xid = xid.checked_add(1).unwrap_or(1);
        xid
    }

    fn try_push(&mut self, body: Body) -> Result<Xid, EncodeError> {
        let xid = self.take_xid();
        Message::new(xid, body).encode_into(&mut self.out)?;
        Ok(xid)
    }

    /// Sends one of the session's own messages, which always can be encoded.
    fn push(&mut self, body: impl Into<Body>) -> Xid {
        let xid = self.take_xid();
        self.reply(xid, body);
        xid
    }

    fn reply(&mut self, xid: Xid, body: impl Into<Body>) {
        if let Err(error) = Message::new(xid, body).encode_into(&mut self.out) {
            tracing::error!(%error, "own message cannot be encoded");
        }
    }

    fn close(&mut self, reason: CloseReason) {
        if self.state == State::Closed {
            return;
        }
        self.state = State::Closed;
        for answer in self.pending.take_all() {
            self.answer(answer, Err(RequestError::Closed));
        }
        self.events.push_back(Event::Closed { reason });
    }
}
