//! The task that owns a session and its stream.

use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::mpsc;

use super::State;
use super::hub::{Answer, Hub};
use crate::error::CloseReason;
use crate::op::Where;
use crate::options::Options;
use crate::session::{CallError, RequestId, Session};
use crate::txn::{Outcome, TransactError, Txn};

/// Bytes read from a stream at once.
const READ: usize = 8 << 10;
/// How long the end of a stream may take.
const FAREWELL: std::time::Duration = std::time::Duration::from_millis(100);
/// How often a stream is read, at the most, before something is held to be overdue.
const LATE_READS: usize = 64;
/// Commands taken before their bytes are written.
const BATCH: usize = 256;

/// What a handle asks for.
#[derive(Debug)]
pub(crate) enum Command {
    Transact { txn: Arc<Txn>, sent: Answer<RequestId, TransactError>, answer: Answer<Outcome, TransactError> },
    Cancel(RequestId),
    Call { method: String, params: Vec<Value>, answer: Answer<Value, CallError> },
    Lock { name: String, answer: Answer<Value, CallError> },
    Steal { name: String, answer: Answer<Value, CallError> },
    Unlock { name: String, answer: Answer<Value, CallError> },
    SetRows { table: String, rows: Where, answer: Answer<Value, CallError> },
    StopMonitoring { answer: Answer<Value, CallError> },
    Close,
}

/// One session on one stream, then no more.
pub(super) async fn single<S>(stream: S, options: Options, mut hub: Hub, mut commands: mpsc::Receiver<Command>)
where
    S: AsyncRead + AsyncWrite + Send,
{
    let mut session = Session::new(options, now());
    let reason = run(stream, &mut session, &mut hub, &mut commands).await;
    hub.close(reason);
}

/// Runs a session until it is over.
pub(super) async fn run<S>(
    stream: S,
    session: &mut Session,
    hub: &mut Hub,
    commands: &mut mpsc::Receiver<Command>,
) -> Arc<CloseReason>
where
    S: AsyncRead + AsyncWrite + Send,
{
    hub.set_state(State::Starting);
    let (mut reader, mut writer) = tokio::io::split(stream);
    let mut output = Output::default();
    let mut batch = Vec::new();
    loop {
        if let Some(reason) = hub.drain(session) {
            if *reason == CloseReason::Closed {
                // Says goodbye, as tls wants it, to a peer that listens.
                let _ = tokio::time::timeout(FAREWELL, writer.shutdown()).await;
            }
            return reason;
        }
        if output.is_empty()
            && let Some(bytes) = session.poll_transmit()
        {
            output.fill(bytes);
        }
        let timeout = session.poll_timeout().map(|(when, _)| when.into());
        tokio::select! {
            read = read(&mut reader) => take_input(session, read),
            written = output.write(&mut writer), if !output.is_empty() => {
                if let Err(error) = written {
                    session.handle_close(CloseReason::Io(error.to_string()));
                }
            }
            count = commands.recv_many(&mut batch, BATCH) => {
                if count == 0 {
                    session.handle_close(CloseReason::Closed);
                }
                for command in batch.drain(..) {
                    obey(command, session, hub);
                }
            }
            () = sleep_until(timeout) => {
                // On a busy machine the answer may have come, and only this task is late.
                for _ in 0..LATE_READS {
                    let Some(read) = at_once(read(&mut reader)).await else { break };
                    take_input(session, read);
                }
                session.handle_timeout(now());
            }
        }
    }
}

/// Reads what is there. Only then are there bytes to hold: most sessions are silent most of the time.
async fn read(reader: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Vec<u8>> {
    std::future::poll_fn(|context| {
        let mut space = [MaybeUninit::<u8>::uninit(); READ];
        let mut input = ReadBuf::uninit(&mut space);
        std::task::ready!(Pin::new(&mut *reader).poll_read(context, &mut input))?;
        Poll::Ready(Ok(input.filled().to_vec()))
    })
    .await
}

fn take_input(session: &mut Session, read: std::io::Result<Vec<u8>>) {
    match read {
        Ok(input) if input.is_empty() => session.handle_close(CloseReason::Eof),
        Ok(input) => session.handle_input(&input, now()),
        Err(error) => session.handle_close(CloseReason::Io(error.to_string())),
    }
}

/// What a future has to say now, if anything.
async fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        said = future => Some(said),
        () = std::future::ready(()) => None,
    }
}

/// The time, by tokio's clock: tests can hold it.
pub(super) fn now() -> std::time::Instant {
    tokio::time::Instant::now().into_std()
}

pub(super) async fn sleep_until(when: Option<tokio::time::Instant>) {
    match when {
        Some(when) => tokio::time::sleep_until(when).await,
        None => std::future::pending().await,
    }
}

/// Bytes on their way out; how far they are survives a write that is given up.
#[derive(Default)]
struct Output {
    bytes: Vec<u8>,
    sent: usize,
}

impl Output {
    fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    fn fill(&mut self, bytes: Vec<u8>) {
        *self = Output { bytes, sent: 0 };
    }

    async fn write(&mut self, writer: &mut (impl AsyncWrite + Unpin)) -> std::io::Result<()> {
        while let Some(rest @ [_, ..]) = self.bytes.get(self.sent..) {
            match writer.write(rest).await? {
                0 => return Err(std::io::ErrorKind::WriteZero.into()),
                n => self.sent += n,
            }
        }
        writer.flush().await?;
        *self = Output::default();
        Ok(())
    }
}

fn obey(command: Command, session: &mut Session, hub: &mut Hub) {
    match command {
        Command::Transact { txn, sent, answer } => {
            let id = session.transact(txn);
            if let Ok(id) = id {
                hub.await_outcome(id, answer);
            }
            let _ = sent.send(id);
        }
        Command::Cancel(id) => session.cancel(id),
        Command::Call { method, params, answer } => {
            answer_later(hub, session.call(&method, params), answer);
        }
        Command::Lock { name, answer } => {
            hub.want_lock(&name, true);
            let id = session.lock(&name);
            answer_later(hub, id, answer);
        }
        Command::Steal { name, answer } => {
            hub.want_lock(&name, true);
            let id = session.steal(&name);
            answer_later(hub, id, answer);
        }
        Command::Unlock { name, answer } => {
            hub.want_lock(&name, false);
            let id = session.unlock(&name);
            answer_later(hub, id, answer);
        }
        Command::SetRows { table, rows, answer } => {
            answer_later(hub, session.set_rows(&table, rows), answer);
        }
        Command::StopMonitoring { answer } => {
            answer_later(hub, session.stop_monitoring(), answer);
        }
        Command::Close => session.handle_close(CloseReason::Closed),
    }
}

fn answer_later(hub: &mut Hub, id: Result<RequestId, CallError>, answer: Answer<Value, CallError>) {
    match id {
        Ok(id) => hub.await_answer(id, answer),
        Err(error) => drop(answer.send(Err(error))),
    }
}

/// Answers a command while there is no session.
pub(super) fn refuse(command: Command, hub: &mut Hub) {
    match command {
        Command::Transact { sent, .. } => drop(sent.send(Err(TransactError::NotConnected))),
        Command::Lock { name, answer } | Command::Steal { name, answer } => {
            hub.want_lock(&name, true);
            let _ = answer.send(Err(CallError::NotConnected));
        }
        Command::Unlock { name, answer } => {
            hub.want_lock(&name, false);
            let _ = answer.send(Err(CallError::NotConnected));
        }
        Command::Call { answer, .. } | Command::SetRows { answer, .. } | Command::StopMonitoring { answer } => {
            drop(answer.send(Err(CallError::NotConnected)))
        }
        Command::Cancel(_) | Command::Close => {}
    }
}
