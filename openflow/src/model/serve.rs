//! The tokio shell of a [`Session`].

use std::io;
use std::sync::{Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{Session, Switch};

/// Bytes read at once.
const READ_SIZE: usize = 64 << 10;

/// Has a switch answer a controller over a stream until one of them ends it. Several controllers
/// may be served by one switch.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use std::sync::{Arc, Mutex};
/// use openflow::{Match, conn, model, msg::flow::FlowMod, net};
///
/// let switch = Arc::new(Mutex::new(model::Switch::with_ports(0xaa, 1..=2)));
/// let (ours, theirs) = tokio::io::duplex(1 << 16);
/// let served = switch.clone();
/// tokio::spawn(async move { model::serve(theirs, &served).await });
///
/// let (handle, mut events) = net::spawn(ours, conn::Config::default());
/// assert!(matches!(events.recv().await, Some(conn::Event::Up { .. })));
/// handle.request(FlowMod::add(0, 1, Match::new())).await?;
/// assert_eq!(switch.lock().unwrap().flows(&Default::default()).len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the stream fails, or the controller does not speak OpenFlow 1.3.
pub async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, switch: &Mutex<Switch>) -> io::Result<()> {
    let mut session = Session::default();
    stream.write_all(&session.hello()).await?;
    let mut input = vec![0; READ_SIZE];
    loop {
        let n = stream.read(&mut input).await?;
        let Some(bytes) = input.get(..n).filter(|bytes| !bytes.is_empty()) else { return Ok(()) };
        let out = session.handle_input(&mut switch.lock().unwrap_or_else(PoisonError::into_inner), bytes);
        stream.write_all(&out.map_err(|end| io::Error::new(io::ErrorKind::InvalidData, end))?).await?;
    }
}
