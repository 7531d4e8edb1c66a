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
}

impl Gate {
    /// Whoever comes is let in, and nothing is encrypted.
    pub fn open() -> Self {
        Self { tls: None }
    }

    /// Whoever speaks TLS as `config` has it; certificates count while the store has them.
    pub fn secured(config: ServerConfig, store: Store) -> Self {
        Self { tls: Some((TlsAcceptor::from(Arc::new(config)), store)) }
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

    /// Who that is, as of now.
    pub fn caller(&self, shown: &Shown) -> Caller {
        match (&self.tls, shown) {
            (None, _) => Caller::Anyone,
            (Some((_, store)), Shown::Certificate(print)) => {
                let known = store.read().known.get(print).cloned();
                known.map_or(Caller::Revoked, |known| Caller::Known(known.role.clone()))
            }
            (Some(_), Shown::Nothing | Shown::Unasked) => Caller::Stranger,
        }
    }
}
