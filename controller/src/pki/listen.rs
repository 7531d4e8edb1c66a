//! Connections of agents and users, past the gate.

use std::{io, time::Duration};

use axum::{extract::connect_info::Connected, serve::IncomingStream};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use super::{Gate, Secured, Shown};

/// How many connections may have shaken hands and not been taken.
const QUEUE: usize = 64;

/// Where connections come out that have shaken hands: one that does not holds up no other.
pub struct Listener {
    queue: mpsc::Receiver<(Secured, Shown)>,
}

impl Listener {
    /// Takes connections of `listener` in through `gate`.
    pub fn new(listener: TcpListener, gate: Gate) -> Self {
        let (entered, queue) = mpsc::channel(QUEUE);
        tokio::spawn(accept(listener, gate, entered));
        Self { queue }
    }
}

async fn accept(listener: TcpListener, gate: Gate, entered: mpsc::Sender<(Secured, Shown)>) {
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a request");
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
        };
        let (gate, entered) = (gate.clone(), entered.clone());
        tokio::spawn(async move {
            match enter(&gate, stream).await {
                // The server ends with the process.
                Ok(connection) => drop(entered.send(connection).await),
                Err(error) => tracing::debug!(%peer, %error, "not let in"),
            }
        });
    }
}

async fn enter(gate: &Gate, stream: TcpStream) -> io::Result<(Secured, Shown)> {
    stream.set_nodelay(true)?;
    gate.enter(stream).await
}

impl axum::serve::Listener for Listener {
    type Io = Secured;
    type Addr = Shown;

    async fn accept(&mut self) -> (Secured, Shown) {
        match self.queue.recv().await {
            Some(connection) => connection,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<Shown> {
        Ok(Shown::Unasked)
    }
}

impl Connected<IncomingStream<'_, Listener>> for Shown {
    fn connect_info(stream: IncomingStream<'_, Listener>) -> Self {
        stream.remote_addr().clone()
    }
}
