//! Reading a switch, whatever becomes of its session meanwhile.
//!
//! When an ovs-vswitchd ends together with its host's network nobody says so: its session stands until the next one comes,
//! and what was asked over it is never answered. So the next one is waited for, and asked.

use std::{fmt::Debug, time::Duration};

use api::Name;
use openflow::conn::{RequestError, SendError};
use thiserror::Error;
use tokio::time::timeout;

use super::{SwitchSession, Switches};
use crate::core::SessionId;

/// How long a switch without a session is waited for. Open vSwitch calls every second.
const PATIENCE: Duration = Duration::from_secs(3);

/// Over how many sessions a switch is asked.
const SESSIONS: usize = 2;

/// Why a switch did not say what it was asked for.
#[derive(Debug, Error)]
pub enum ReadError {
    /// There is no session, and none came.
    #[error("it is not connected; Open vSwitch tries every second where it runs")]
    Gone,
    /// What came of the request.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// It answered another question.
    #[error("asked for {asked}, got {got}")]
    Unasked {
        /// What for.
        asked: &'static str,
        /// The beginning of the answer.
        got: String,
    },
}

impl ReadError {
    pub(super) fn unasked(asked: &'static str, got: &impl Debug) -> Self {
        Self::Unasked { asked, got: format!("{got:.40?}") }
    }
}

impl From<ReadError> for String {
    fn from(error: ReadError) -> Self {
        error.to_string()
    }
}

impl Switches {
    /// What `ask` gets from a node's switch. When the session ends before the answer, the next one is asked.
    ///
    /// # Errors
    /// What the switch said, or why it did not answer.
    pub async fn read<T, F>(&self, node: &Name, ask: impl Fn(SwitchSession) -> F) -> Result<T, ReadError>
    where
        F: Future<Output = Result<T, ReadError>>,
    {
        let mut ended = None;
        for _ in 0..SESSIONS {
            let next = timeout(PATIENCE, self.session_after(node, ended)).await;
            let (id, session) = next.map_err(|_| ReadError::Gone)?;
            tokio::select! {
                answer = ask(session) => match answer {
                    Err(ReadError::Request(RequestError::Closed | RequestError::Send(SendError::NotUp))) => {}
                    answer => return answer,
                },
                _ = self.session_after(node, Some(id)) => {}
            }
            ended = Some(id);
        }
        Err(ReadError::Gone)
    }

    /// The session to a node's switch, as soon as there is another one than that which ended.
    async fn session_after(&self, node: &Name, ended: Option<SessionId>) -> (SessionId, SwitchSession) {
        let mut arrivals = self.arrivals();
        loop {
            if let Some((id, session)) = self.get(node).filter(|(id, _)| Some(*id) != ended) {
                return (id, session);
            }
            // Its sender lives as long as `self`.
            let _ = arrivals.changed().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, sync::Arc};

    use openflow::net;

    use super::*;
    use crate::{events::Events, metrics::Metrics};

    /// A session whose other end is gone.
    fn session() -> SwitchSession {
        let (stream, _) = tokio::io::duplex(64);
        SwitchSession::new(net::spawn(stream, Default::default()).0)
    }

    /// How often a switch is asked that gives no answer at first, where another session begins at once; and its answer.
    async fn asked<F: Future<Output = Result<u8, ReadError>>>(first: impl Fn() -> F) -> (u8, Result<u8, ReadError>) {
        let switches = Switches::new(Arc::new(Metrics::default()), Arc::new(Events::default()));
        let node = Name::new("h1").unwrap();
        switches.switch_up(&node, session());
        let times = Cell::new(0);
        let ask = |_| {
            times.set(times.get() + 1);
            let (time, first) = (times.get(), first());
            async move { if time == 1 { first.await } else { Ok(time) } }
        };
        let next = async { switches.switch_up(&node, session()) };
        let (answer, _) = tokio::join!(switches.read(&node, ask), next);
        (times.get(), answer)
    }

    #[tokio::test]
    async fn when_a_session_ends_or_is_followed_by_another_that_is_asked() {
        assert!(matches!(asked(std::future::pending).await, (2, Ok(2))));
        assert!(matches!(asked(async || Err(RequestError::Closed.into())).await, (2, Ok(2))));
        let refused = asked(async || Err(RequestError::TimedOut.into())).await;
        assert!(matches!(refused, (1, Err(ReadError::Request(RequestError::TimedOut)))), "{refused:?}");
    }
}
