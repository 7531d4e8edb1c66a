//! Streams to servers, and from servers that call in: unix, tcp and ssl, active and passive.

mod address;
mod tls;

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

pub use address::{AddressError, Passive, Remote, remotes};
pub use tls::{Tls, TlsError, TlsFiles};

/// What a session runs over.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// A stream of any kind.
pub type Stream = Box<dyn Io>;

impl Remote {
    /// Connects. `ssl:` needs keys.
    pub async fn connect(&self, tls: Option<&Tls>) -> io::Result<Stream> {
        match self {
            Remote::Unix(path) => Ok(Box::new(UnixStream::connect(path).await?)),
            Remote::Tcp(host, port) => Ok(Box::new(tcp(host, *port).await?)),
            Remote::Ssl(host, port) => {
                let tls = tls.ok_or_else(no_keys)?;
                tls.connect(host, tcp(host, *port).await?).await
            }
        }
    }
}

async fn tcp(host: &str, port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn no_keys() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "ssl needs a private key, certificate and ca")
}

#[derive(Debug)]
enum Socket {
    Unix(UnixListener),
    Tcp(TcpListener),
    Ssl(TcpListener, Tls),
}

/// Waits for servers that call in: a host whose Manager row has this address.
#[derive(Debug)]
pub struct Listener(Socket);

impl Listener {
    /// Listens. `pssl:` needs keys.
    pub async fn bind(at: &Passive, tls: Option<Tls>) -> io::Result<Listener> {
        Ok(Listener(match at {
            Passive::Unix(path) => Socket::Unix(UnixListener::bind(path)?),
            Passive::Tcp(host, port) => Socket::Tcp(TcpListener::bind((host.as_str(), *port)).await?),
            Passive::Ssl(host, port) => {
                let tls = tls.ok_or_else(no_keys)?;
                Socket::Ssl(TcpListener::bind((host.as_str(), *port)).await?, tls)
            }
        }))
    }

    /// The port listened on; 0 for a unix socket.
    pub fn port(&self) -> u16 {
        match &self.0 {
            Socket::Unix(_) => 0,
            Socket::Tcp(tcp) | Socket::Ssl(tcp, _) => tcp.local_addr().map_or(0, |at| at.port()),
        }
    }

    /// Waits for the next caller. What a caller still has to do, such as proving who it is, waits
    /// in [`Incoming::stream`], so that none holds up the next.
    pub async fn accept(&self) -> io::Result<Incoming> {
        let incoming = |stream: TcpStream, peer: std::net::SocketAddr, tls: Option<&Tls>| {
            stream.set_nodelay(true)?;
            let stream = Accepted::Tcp(stream, tls.cloned());
            Ok(Incoming { peer: peer.to_string(), stream })
        };
        match &self.0 {
            Socket::Unix(unix) => {
                let (stream, _) = unix.accept().await?;
                Ok(Incoming { peer: "unix".to_owned(), stream: Accepted::Unix(stream) })
            }
            Socket::Tcp(tcp) => {
                let (stream, peer) = tcp.accept().await?;
                incoming(stream, peer, None)
            }
            Socket::Ssl(tcp, tls) => {
                let (stream, peer) = tcp.accept().await?;
                incoming(stream, peer, Some(tls))
            }
        }
    }
}

#[derive(Debug)]
enum Accepted {
    Unix(UnixStream),
    Tcp(TcpStream, Option<Tls>),
}

/// A caller.
#[derive(Debug)]
pub struct Incoming {
    peer: String,
    stream: Accepted,
}

impl Incoming {
    /// Address and port of the caller.
    pub fn peer(&self) -> &str {
        &self.peer
    }

    /// The stream, once the caller has shown a certificate where one is asked for. The time this
    /// may take is the caller's to limit.
    pub async fn stream(self) -> io::Result<Stream> {
        match self.stream {
            Accepted::Unix(stream) => Ok(Box::new(stream)),
            Accepted::Tcp(stream, None) => Ok(Box::new(stream)),
            Accepted::Tcp(stream, Some(tls)) => tls.accept(stream).await,
        }
    }
}
