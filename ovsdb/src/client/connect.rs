//! A client that connects by itself, and again when the session ends.

use std::future::Future;

use tokio::sync::mpsc;
use tracing::{debug, info};

use super::actor::{Command, now, refuse, run, sleep_until};
use super::{Client, Hub, State};
use crate::error::CloseReason;
use crate::options::Options;
use crate::reconnect::{Action, Backoff, Reconnect};
use crate::replica::Replica;
use crate::session::Session;
use crate::transport::{AddressError, Remote, Stream, Tls, remotes};

/// Where to connect to, and how to go on after a failure.
#[derive(Debug, Clone)]
pub struct Connector {
    /// The servers, tried in turn.
    pub remotes: Vec<Remote>,
    /// Pauses and attempts.
    pub backoff: Backoff,
    /// Keys for `ssl:`.
    pub tls: Option<Tls>,
}

impl Connector {
    /// Addresses with commas between, pauses as Open vSwitch makes them.
    pub fn new(addresses: &str) -> Result<Connector, AddressError> {
        Ok(Connector { remotes: remotes(addresses)?, backoff: Backoff::default(), tls: None })
    }
}

impl Client {
    /// A client that connects, and connects again whenever its session ends: readers keep the last
    /// copy meanwhile and afterwards see only what differs. It is over when the last handle is
    /// dropped, or closed, or after as many failures as `connector` allows. Must be called within
    /// a tokio runtime.
    pub fn connect(connector: Connector, options: Options) -> Client {
        let (client, hub, commands) = Client::parts(&options);
        tokio::spawn(Supervisor { connector, hub, commands, replica: Replica::empty() }.run(options));
        client
    }
}

struct Supervisor {
    connector: Connector,
    hub: Hub,
    commands: mpsc::Receiver<Command>,
    replica: Replica,
}

impl Supervisor {
    async fn run(mut self, mut options: Options) {
        let backoff = self.connector.backoff.clone();
        let mut fsm = Reconnect::new(backoff, self.connector.remotes.len(), now());
        let mut last = CloseReason::Closed.into();
        loop {
            let remote = match fsm.poll(now()) {
                Some(Action::Connect(at)) => self.connector.remotes.get(at).cloned(),
                Some(Action::Abandon) => continue,
                Some(Action::GiveUp) => return self.hub.close(last),
                None => None,
            };
            let deadline = fsm.poll_timeout().map(|(when, _)| when.into());
            let Some(remote) = remote else {
                if self.meanwhile(sleep_until(deadline)).await.is_none() {
                    return self.hub.close(CloseReason::Closed.into());
                }
                continue;
            };
            let tls = self.connector.tls.clone();
            let attempt = async {
                tokio::select! {
                    stream = remote.connect(tls.as_ref()) => stream.map_err(|e| e.to_string()),
                    () = sleep_until(deadline) => Err("timed out".to_owned()),
                }
            };
            let stream = match self.meanwhile(attempt).await {
                None => return self.hub.close(CloseReason::Closed.into()),
                Some(Ok(stream)) => stream,
                Some(Err(error)) => {
                    debug!(%remote, error, "cannot connect");
                    last = CloseReason::Io(error).into();
                    fsm.failed(now());
                    continue;
                }
            };
            fsm.connected();
            let (reason, ready) = self.session(stream, &mut options).await;
            info!(%remote, %reason, "session ended");
            if *reason == CloseReason::Closed {
                return self.hub.close(reason);
            }
            if ready {
                fsm.healthy();
            }
            last = reason;
            fsm.failed(now());
            self.hub.set_state(State::Disconnected);
        }
    }

    async fn session(&mut self, stream: Stream, options: &mut Options) -> (std::sync::Arc<CloseReason>, bool) {
        let replica = std::mem::replace(&mut self.replica, Replica::empty());
        let mut session = Session::resume(options.clone(), replica, now());
        for lock in self.hub.locks() {
            // Whether it is granted is told by an event.
            let _ = session.lock(&lock);
        }
        let reason = run(stream, &mut session, &mut self.hub, &mut self.commands).await;
        self.replica = session.replica().clone();
        *options = session.options().clone();
        (reason, session.was_ready())
    }

    /// Waits for something while there is no session; `None` if the client is to end.
    async fn meanwhile<T>(&mut self, wanted: impl Future<Output = T>) -> Option<T> {
        let mut wanted = std::pin::pin!(wanted);
        loop {
            tokio::select! {
                done = &mut wanted => return Some(done),
                command = self.commands.recv() => match command {
                    None | Some(Command::Close) => return None,
                    Some(command) => refuse(command, &mut self.hub),
                },
            }
        }
    }
}
