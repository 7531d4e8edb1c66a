//! Stands between a client and a real server and cuts the stream at an exact place.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Notify;

use super::{Server, text};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    ToServer,
    ToClient,
}

struct Cut {
    way: Way,
    pattern: Vec<u8>,
    more: usize,
    seen: Vec<u8>,
}

#[derive(Default)]
struct Shared {
    cut: Mutex<Option<Cut>>,
    reached: Notify,
}

/// A socket that leads to a server, as long as it lives.
pub struct Proxy {
    dir: tempfile::TempDir,
    shared: Arc<Shared>,
}

impl Proxy {
    pub fn before(server: &Server) -> Proxy {
        let proxy = Proxy { dir: tempfile::tempdir().expect("folder"), shared: Arc::default() };
        let listener = UnixListener::bind(proxy.dir.path().join("sock")).expect("listener");
        let (target, shared) = (server.socket(), proxy.shared.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // A server that is dead hangs up at once.
                if let Ok(server) = UnixStream::connect(&target).await {
                    tokio::spawn(relay(client, server, shared.clone()));
                }
            }
        });
        proxy
    }

    pub fn remote(&self) -> String {
        format!("unix:{}", text(&self.dir.path().join("sock")))
    }

    /// Lets nothing pass from `more` bytes after the next `pattern` on.
    pub fn cut(&self, way: Way, pattern: &str, more: usize) {
        let cut = Cut { way, pattern: pattern.as_bytes().to_vec(), more, seen: Vec::new() };
        *self.shared.cut.lock().expect("lock") = Some(cut);
    }

    /// Waits until the place is reached.
    pub async fn reached(&self) {
        let reached = tokio::time::timeout(Duration::from_secs(10), self.shared.reached.notified());
        reached.await.expect("the place of the cut does not come");
    }
}

/// Ends when either side does: a cut lasts until the server is killed.
async fn relay(client: UnixStream, server: UnixStream, shared: Arc<Shared>) {
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        () = pump(from_server, to_client, Way::ToClient, &shared) => {}
        () = pump(from_client, to_server, Way::ToServer, &shared) => {}
    }
}

async fn pump(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, way: Way, shared: &Shared) {
    let mut buffer = vec![0; 4096];
    let mut open = true;
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let kept = if open { shared.keeps(way, &buffer[..count]) } else { Some(0) };
        if to.write_all(&buffer[..kept.unwrap_or(count)]).await.is_err() {
            return;
        }
        if open && kept.is_some() {
            open = false;
            shared.reached.notify_one();
        }
    }
}

impl Shared {
    /// How many of these bytes still pass, if the cut is among them.
    fn keeps(&self, way: Way, bytes: &[u8]) -> Option<usize> {
        let mut slot = self.cut.lock().expect("lock");
        let cut = slot.as_mut().filter(|cut| cut.way == way)?;
        let before = cut.seen.len();
        cut.seen.extend_from_slice(bytes);
        let at = cut.seen.windows(cut.pattern.len()).position(|window| window == cut.pattern)?;
        let end = at + cut.pattern.len() + cut.more;
        if cut.seen.len() < end {
            return None;
        }
        *slot = None;
        Some(end - before)
    }
}
