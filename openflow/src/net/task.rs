//! The task that owns a stream and its [`Conn`].

use std::collections::BTreeMap;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf, ReadHalf, WriteHalf};
use tokio::sync::{mpsc, oneshot};

use super::handle::Command;
use crate::conn::{BundleError, BundleId, CloseReason, Config, Conn, Event, RequestError};
use crate::message::{Body, Message};
use crate::types::Xid;

/// Bytes taken from the stream at once.
const READ_SIZE: usize = 8 << 10;

/// Who waits for what.
struct Task {
    conn: Conn,
    requests: BTreeMap<Xid, oneshot::Sender<Result<Body, RequestError>>>,
    bundles: BTreeMap<BundleId, oneshot::Sender<Result<(), BundleError>>>,
    events: mpsc::Sender<Event>,
    dropped: Arc<AtomicU64>,
    overrun: bool,
}

/// What is being written.
#[derive(Default)]
struct Outgoing {
    bytes: Vec<u8>,
    written: usize,
}

impl Outgoing {
    fn rest(&self) -> &[u8] {
        self.bytes.get(self.written..).unwrap_or_default()
    }
}

/// Runs a session until it ends.
pub(super) async fn run(
    stream: impl AsyncRead + AsyncWrite + Send + 'static,
    config: Config,
    commands: mpsc::Receiver<Command>,
    events: mpsc::Sender<Event>,
    dropped: Arc<AtomicU64>,
) {
    let (reader, writer) = tokio::io::split(stream);
    let task = Task {
        conn: Conn::new(config, Instant::now()),
        requests: BTreeMap::new(),
        bundles: BTreeMap::new(),
        events,
        dropped,
        overrun: false,
    };
    task.run(reader, writer, commands).await;
}

impl Task {
    async fn run<S: AsyncRead + AsyncWrite>(
        mut self,
        mut reader: ReadHalf<S>,
        mut writer: WriteHalf<S>,
        mut commands: mpsc::Receiver<Command>,
    ) {
        let mut out = Outgoing::default();
        while self.dispatch() {
            if out.rest().is_empty() {
                out = Outgoing { bytes: self.conn.poll_transmit().unwrap_or_default(), written: 0 };
            }
            let wake = self.conn.poll_timeout().map(|(at, _)| tokio::time::Instant::from_std(at));
            tokio::select! {
                read = read(&mut reader) => {
                    if !self.hear(read, &mut commands).await {
                        break;
                    }
                }
                written = writer.write(out.rest()), if !out.rest().is_empty() => {
                    self.note_written(&mut out, written);
                }
                command = commands.recv() => match command {
                    Some(command) => self.take_commands(command, &mut commands),
                    None => break,
                },
                () = sleep_until(wake) => {
                    if !self.catch_up(&mut reader, &mut commands).await {
                        break;
                    }
                    self.conn.handle_timeout(Instant::now());
                }
            }
        }
        let last = self.conn.poll_transmit().unwrap_or_default();
        let farewell = async {
            writer.write_all(out.rest()).await?;
            writer.write_all(&last).await?;
            writer.shutdown().await
        };
        let closed = tokio::time::timeout(FAREWELL, farewell).await;
        tracing::debug!(?closed, "session over");
    }

    /// Reads what is there already: on a busy machine the answer may have come, and only this task is late. False when
    /// the session is over.
    async fn catch_up(
        &mut self,
        reader: &mut ReadHalf<impl AsyncRead + AsyncWrite>,
        commands: &mut mpsc::Receiver<Command>,
    ) -> bool {
        for _ in 0..LATE_READS {
            let Some(read) = at_once(read(reader)).await else { break };
            if !self.hear(read, commands).await {
                return false;
            }
        }
        true
    }

    /// Takes what was read and hands on what came of it; false when the session is over.
    async fn hear(&mut self, read: std::io::Result<Vec<u8>>, commands: &mut mpsc::Receiver<Command>) -> bool {
        self.take_input(read);
        let going = self.dispatch();
        if going {
            self.let_take(commands).await;
        }
        going
    }

    fn take_input(&mut self, read: std::io::Result<Vec<u8>>) {
        match read {
            Ok(input) if !input.is_empty() => self.conn.handle_input(&input, Instant::now()),
            Ok(_) => self.conn.handle_disconnect(),
            Err(error) => {
                tracing::debug!(%error, "read failed");
                self.conn.handle_disconnect();
            }
        }
    }

    fn note_written(&mut self, out: &mut Outgoing, written: std::io::Result<usize>) {
        match written {
            Ok(n) if n > 0 => out.written += n,
            Ok(_) => self.conn.handle_disconnect(),
            Err(error) => {
                tracing::debug!(%error, "write failed");
                self.conn.handle_disconnect();
            }
        }
    }

    /// Gives whoever takes the events time to do so before more is read, and takes what they send.
    /// Without this a switch that sends packet-ins without end fills the queue, and most are lost.
    async fn let_take(&mut self, commands: &mut mpsc::Receiver<Command>) {
        for _ in 0..TURNS {
            if self.events.capacity() == self.events.max_capacity() {
                return;
            }
            tokio::task::yield_now().await;
            self.take_waiting(commands);
        }
    }

    /// Takes the command that woke the task, and those that came with it.
    fn take_commands(&mut self, first: Command, more: &mut mpsc::Receiver<Command>) {
        self.take_command(first);
        self.take_waiting(more);
    }

    fn take_waiting(&mut self, more: &mut mpsc::Receiver<Command>) {
        for _ in 0..COMMANDS_AT_ONCE {
            let Ok(command) = more.try_recv() else { return };
            self.take_command(command);
        }
    }

    fn take_command(&mut self, command: Command) {
        match command {
            Command::Send(bodies, done) => {
                let sent = bodies.into_iter().try_for_each(|b| self.conn.send(b).map(|_| ()));
                if let Some(done) = done {
                    let _ = done.send(sent);
                }
            }
            Command::Request(body, done) => match self.conn.request(*body) {
                Ok(xid) => {
                    self.requests.insert(xid, done);
                }
                Err(error) => {
                    let _ = done.send(Err(error.into()));
                }
            },
            Command::Bundle(messages, flags, done) => match self.conn.bundle(messages, flags) {
                Ok(id) => {
                    self.bundles.insert(id, done);
                }
                Err(error) => {
                    let _ = done.send(Err(BundleError { index: None, error: error.into() }));
                }
            },
        }
    }

    /// Hands events to those who wait for them; false when the session is over.
    fn dispatch(&mut self) -> bool {
        while let Some(event) = self.conn.poll_event() {
            match event {
                Event::Reply { xid, body } => self.answer(xid, Ok(body)),
                Event::Failed { xid, error } if self.requests.contains_key(&xid) => {
                    self.answer(xid, Err(error));
                }
                Event::BundleDone { id, outcome } => {
                    if let Some(done) = self.bundles.remove(&id) {
                        let _ = done.send(outcome);
                    }
                }
                Event::Closed { reason } => {
                    let reason = if self.overrun { CloseReason::Overrun } else { reason };
                    tracing::debug!(%reason, "session closed");
                    self.deliver(Event::Closed { reason });
                    return false;
                }
                other => self.deliver(other),
            }
        }
        true
    }

    fn answer(&mut self, xid: Xid, outcome: Result<Body, RequestError>) {
        if let Some(done) = self.requests.remove(&xid) {
            let _ = done.send(outcome);
        }
    }

    fn deliver(&mut self, event: Event) {
        if is_packet(&event) && self.events.capacity() <= self.events.max_capacity() / 2 {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        if let Err(mpsc::error::TrySendError::Full(_)) = self.events.try_send(event) {
            self.overrun = true;
            self.conn.handle_disconnect();
        }
    }
}

/// The time to send what is left when a session ends.
const FAREWELL: std::time::Duration = std::time::Duration::from_secs(1);

/// Times that others may run before more is read, while events wait. A task takes some hundred
/// events in each, as the scheduler has it; one that waits for something else takes none.
const TURNS: usize = 64;

/// How often the stream is read, at the most, before something is held to be overdue.
const LATE_READS: usize = 64;

/// Commands taken before the stream is looked at again.
const COMMANDS_AT_ONCE: usize = 256;

/// Reads what is there. Only then are there bytes to hold: most sessions are silent most of the time.
async fn read(reader: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Vec<u8>> {
    std::future::poll_fn(|context| {
        let mut space = [MaybeUninit::<u8>::uninit(); READ_SIZE];
        let mut input = ReadBuf::uninit(&mut space);
        std::task::ready!(Pin::new(&mut *reader).poll_read(context, &mut input))?;
        Poll::Ready(Ok(input.filled().to_vec()))
    })
    .await
}

fn is_packet(event: &Event) -> bool {
    matches!(event, Event::Async(m) if matches!(**m, Message { body: Body::PacketIn(_), .. }))
}

/// What a future has to say now, if anything.
async fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        said = future => Some(said),
        () = std::future::ready(()) => None,
    }
}

async fn sleep_until(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
