//! One TCP connection of something simulated: what is not I/O is behind [`Peer`].

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};

use super::{database, switch};

/// Bytes read at once.
const READ: usize = 64 << 10;

/// Bytes that may wait to be sent before no more are read.
const MAX_UNSENT: usize = 16 << 20;

/// How long to wait before the next attempt to connect, as Open vSwitch does with the `max_backoff` it is given.
const BACKOFF: Duration = Duration::from_secs(1);

/// Something with connections, without I/O.
pub trait Peer: Send + 'static {
    /// Tells its connections apart.
    type Id: Copy + Send;

    /// A connection begins.
    fn connect(&mut self) -> Self::Id;
    /// A connection ended.
    fn disconnect(&mut self, id: Self::Id);
    /// Bytes came.
    ///
    /// # Errors
    /// Why the connection has to end.
    fn handle_input(&mut self, id: Self::Id, bytes: &[u8]) -> Result<(), String>;
    /// Bytes to send.
    fn poll_transmit(&mut self, id: Self::Id) -> Option<Vec<u8>>;
}

impl Peer for switch::Switch {
    type Id = switch::SessionId;

    fn connect(&mut self) -> Self::Id {
        Self::connect(self)
    }

    fn disconnect(&mut self, id: Self::Id) {
        Self::disconnect(self, id);
    }

    fn handle_input(&mut self, id: Self::Id, bytes: &[u8]) -> Result<(), String> {
        Self::handle_input(self, id, bytes).map_err(|end| end.to_string())
    }

    fn poll_transmit(&mut self, id: Self::Id) -> Option<Vec<u8>> {
        Self::poll_transmit(self, id)
    }
}

impl Peer for database::Database {
    type Id = database::SessionId;

    fn connect(&mut self) -> Self::Id {
        Self::connect(self)
    }

    fn disconnect(&mut self, id: Self::Id) {
        Self::disconnect(self, id);
    }

    fn handle_input(&mut self, id: Self::Id, bytes: &[u8]) -> Result<(), String> {
        Self::handle_input(self, id, bytes).map_err(|end| end.to_string())
    }

    fn poll_transmit(&mut self, id: Self::Id) -> Option<Vec<u8>> {
        Self::poll_transmit(self, id)
    }
}

/// A peer that several tasks work on.
#[derive(Debug)]
pub struct Shared<P> {
    peer: Mutex<P>,
    /// Something happened: there may be something to send.
    pub changed: Notify,
}

impl<P> Shared<P> {
    /// Shares a peer.
    pub fn new(peer: P) -> Self {
        Self { peer: Mutex::new(peer), changed: Notify::new() }
    }

    /// The peer, for as long as the answer lives.
    pub fn lock(&self) -> MutexGuard<'_, P> {
        self.peer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a switch behaves towards its controller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Manner {
    /// As it should.
    #[default]
    Good,
    /// Sends its hello and reads nothing.
    Deaf,
    /// Answers with another's transaction id.
    WrongXid,
    /// Goes away so long after it came, and comes back at once.
    Flap(Duration),
}

/// Keeps a connection up while `online` says so; returns when nobody can say so any more. `up` is told when it comes
/// and goes.
pub async fn keep<P: Peer>(
    to: SocketAddr,
    shared: &Shared<P>,
    manner: Manner,
    mut online: watch::Receiver<bool>,
    up: impl Fn(bool),
) {
    while online.wait_for(|online| *online).await.is_ok() {
        let Ok(stream) = TcpStream::connect(to).await else {
            tokio::time::sleep(BACKOFF).await;
            continue;
        };
        up(true);
        let ended = run(stream, shared, manner, &mut online).await;
        up(false);
        if ended.is_err() {
            tokio::time::sleep(BACKOFF).await;
        }
    }
}

/// Runs a connection until it ends; fine if this side wanted it to.
async fn run<P: Peer>(
    stream: TcpStream,
    shared: &Shared<P>,
    manner: Manner,
    online: &mut watch::Receiver<bool>,
) -> Result<(), String> {
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    let id = shared.lock().connect();
    let life = async {
        match manner {
            Manner::Flap(life) => tokio::time::sleep(life).await,
            _ => std::future::pending().await,
        }
    };
    let ended = tokio::select! {
        ended = pump(&stream, shared, id, manner) => ended,
        _ = online.wait_for(|online| !*online) => Ok(()),
        () = life => Ok(()),
    };
    shared.lock().disconnect(id);
    ended
}

async fn pump<P: Peer>(stream: &TcpStream, shared: &Shared<P>, id: P::Id, manner: Manner) -> Result<(), String> {
    let failed = |error: std::io::Error| error.to_string();
    let mut unsent = Vec::new();
    loop {
        let changed = shared.changed.notified();
        tokio::pin!(changed);
        changed.as_mut().enable();
        if unsent.is_empty() {
            unsent = shared.lock().poll_transmit(id).unwrap_or_default();
            if manner == Manner::WrongXid {
                shift_xids(&mut unsent);
            }
        }
        let reads = unsent.len() < MAX_UNSENT && manner != Manner::Deaf;
        tokio::select! {
            readable = stream.readable(), if reads => {
                readable.map_err(failed)?;
                take(stream, shared, id)?;
            }
            writable = stream.writable(), if !unsent.is_empty() => {
                writable.map_err(failed)?;
                match stream.try_write(&unsent) {
                    Ok(written) => drop(unsent.drain(..written)),
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                    Err(error) => return Err(failed(error)),
                }
            }
            () = changed => {}
        }
    }
}

/// Reads what there is. The buffer is on the stack: thousands of connections share those of two threads.
fn take<P: Peer>(stream: &TcpStream, shared: &Shared<P>, id: P::Id) -> Result<(), String> {
    let mut buffer = [0; READ];
    match stream.try_read(&mut buffer) {
        Ok(0) => return Err("closed by the other side".into()),
        Ok(n) => shared.lock().handle_input(id, buffer.get(..n).unwrap_or_default())?,
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(()),
        Err(error) => return Err(error.to_string()),
    }
    shared.changed.notify_waiters();
    Ok(())
}

/// Makes every OpenFlow message look like the answer to another one.
fn shift_xids(bytes: &mut [u8]) {
    let mut rest = bytes;
    while let Some([_, _, high, low, xid @ ..]) = rest.first_chunk_mut::<8>() {
        let length = usize::from(u16::from_be_bytes([*high, *low])).max(8);
        *xid = u32::from_be_bytes(*xid).wrapping_add(0x0bad_0000).to_be_bytes();
        let Some(tail) = rest.get_mut(length..) else { return };
        rest = tail;
    }
}
