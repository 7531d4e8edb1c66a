//! The tokio shell around [`Conn`](crate::conn::Conn): one task per session, a handle that can be
//! cloned, and a queue of events.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use openflow::{Body, conn::{Config, Event}, multipart::MultipartRequestBody, net};
//!
//! let mut listener = net::Listener::bind_tcp("127.0.0.1:6653").await?;
//! loop {
//!     let stream = listener.accept().await?;
//!     let (switch, mut events) = net::spawn(stream, Config::default());
//!     tokio::spawn(async move {
//!         while let Some(event) = events.recv().await {
//!             if let Event::Up { features } = event {
//!                 let ports = switch.request(MultipartRequestBody::PortDesc).await;
//!                 println!("{:016x}: {ports:?}", features.datapath_id);
//!             }
//!         }
//!     });
//! }
//! # }
//! ```

mod handle;
mod stream;
mod task;

pub use handle::{Events, Handle};
pub use stream::{Listener, Stream, connect_tcp, connect_unix};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;

use crate::conn::Config;

/// Events that may wait to be taken. Packet-ins are dropped once half of this waits; if all of it
/// does, the session is closed.
pub const EVENT_QUEUE: usize = 16_384;

/// Commands of handles that may wait.
const COMMAND_QUEUE: usize = 1_024;

/// Runs a session over a stream that is connected already, in a task of its own. The task ends
/// when the session does, or when all handles are gone.
pub fn spawn(stream: impl AsyncRead + AsyncWrite + Send + 'static, config: Config) -> (Handle, Events) {
    let (commands, command_queue) = mpsc::channel(COMMAND_QUEUE);
    let (event_queue, events) = mpsc::channel(EVENT_QUEUE);
    let (handle, dropped) = Handle::new(commands);
    tokio::spawn(task::run(stream, config, command_queue, event_queue, dropped));
    (handle, Events::new(events))
}
