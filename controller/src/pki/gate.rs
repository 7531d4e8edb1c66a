//! Who is at the other end of a connection.

use std::{io, sync::Arc, time::Duration};

use api::Name;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};

use crate::{intent::Role, store::Store};

/// How long a handshake may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The last part of its lifetime in which a certificate is about to end.
const ENDING: u64 = 5;

/// A connection, of which nobody but its two ends can read or write anything if it is TLS.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection of either kind.
pub type Secured = Box<dyn Stream>;

/// What the other end of a connection showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// It was not asked.
    Unasked,
    /// No certificate.
    Nothing,
    /// A certificate of the authority, with this fingerprint.
    Certificate(String),
}

/// Who speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Whoever: nobody is asked for a certificate.
    Anyone,
    /// Somebody without a certificate.
    Stranger,
    /// Somebody whose certificate does not count, or no longer.
    Revoked,
    /// Somebody whose certificate was good until some time that is over.
    Ended,
    /// Somebody known.
    Known(Role),
}

impl Caller {
    /// Refuses whoever is not this node, nor may speak for every one.
    ///
    /// # Errors
    /// Who it is instead, in words.
    pub fn speaks_for(&self, node: &Name) -> Result<(), String> {
        match self {
            Self::Anyone | Self::Known(Role::Admin) => Ok(()),
            Self::Known(Role::Node(name)) if name == node => Ok(()),
            other => Err(format!("{other} may not speak for node {node}")),
        }
    }
}

impl std::fmt::Display for Caller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Anyone => f.write_str("anyone"),
            Self::Stranger => f.write_str("one without a certificate"),
            Self::Revoked => f.write_str("one whose certificate does not count, or no longer,"),
            Self::Ended => f.write_str("one whose certificate has ended"),
            Self::Known(Role::Node(node)) => write!(f, "node {node}"),
            Self::Known(Role::Controller(id)) => write!(f, "controller {id}"),
            Self::Known(Role::Admin) => f.write_str("the administrator"),
        }
    }
}

/// Lets connections in.
#[derive(Clone)]
pub struct Gate {
    tls: Option<(TlsAcceptor, Store)>,
    lifetime: Duration,
}

impl Gate {
    /// Whoever comes is let in, and nothing is encrypted.
    pub fn open() -> Self {
        Self { tls: None, lifetime: Duration::ZERO }
    }

    /// Whoever speaks TLS as `config` has it; certificates count while the store has them, and are signed for
    /// `lifetime`.
    pub fn secured(config: ServerConfig, store: Store, lifetime: Duration) -> Self {
        Self { tls: Some((TlsAcceptor::from(Arc::new(config)), store)), lifetime }
    }

    /// Whether it asks for certificates.
    pub fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// Shakes hands.
    ///
    /// # Errors
    /// When the other side does not, in time.
    pub async fn enter(&self, stream: TcpStream) -> io::Result<(Secured, Shown)> {
        let Some((acceptor, _)) = &self.tls else { return Ok((Box::new(stream), Shown::Unasked)) };
        let late = |_| io::Error::new(io::ErrorKind::TimedOut, "no TLS handshake in time");
        let stream = timeout(PATIENCE, acceptor.accept(stream)).await.map_err(late)??;
        let leaf = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
        let shown = leaf.map_or(Shown::Nothing, |leaf| Shown::Certificate(api::fingerprint(leaf)));
        Ok((Box::new(stream), shown))
    }

    /// Whether what was shown is about to end: who has another certificate by now should come again and show that.
    pub fn is_ending(&self, shown: &Shown, now: i64) -> bool {
        let (Some((_, store)), Shown::Certificate(print)) = (&self.tls, shown) else { return false };
        let soon = now.unsigned_abs() + self.lifetime.as_secs() / ENDING;
        store.read().known.get(print).is_some_and(|known| known.has_ended(soon))
    }

    /// Who that is, at the Unix second `now`.
    pub fn caller(&self, shown: &Shown, now: i64) -> Caller {
        let (store, print) = match (&self.tls, shown) {
            (None, _) => return Caller::Anyone,
            (Some((_, store)), Shown::Certificate(print)) => (store, print),
            (Some(_), Shown::Nothing | Shown::Unasked) => return Caller::Stranger,
        };
        match store.read().known.get(print) {
            None => Caller::Revoked,
            Some(known) if known.has_ended(now.unsigned_abs()) => Caller::Ended,
            Some(known) => Caller::Known(known.role.clone()),
        }
    }
}
