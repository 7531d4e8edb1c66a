//! `sdnctl ovsdb transact`.

use anyhow::{Context, bail};
use clap::Args;
use ovsdb::json::{Framer, Message, parse};
use ovsdb::transport::Stream;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::remote::Target;
use super::{DEPTH, MAX_MESSAGE};

/// How much is read at once, in bytes.
const CHUNK: usize = 64 << 10;

/// Sends a transaction as it is and prints the answer.
#[derive(Args)]
pub struct Transact {
    #[command(flatten)]
    target: Target,
    /// The params of the request: ["DATABASE", OPERATION, ...], or one operation.
    transaction: String,
}

impl Transact {
    /// Does it; an error if the server refused the transaction.
    pub async fn run(&self) -> anyhow::Result<()> {
        let params = self.params()?;
        let mut wire = Wire::new(self.target.stream().await?);
        wire.send(Message::Request { id: json!(0), method: "transact".to_owned(), params }).await?;
        let result = loop {
            match wire.next().await? {
                Message::Reply { id, result } if id == json!(0) => break result,
                Message::Request { id, method, params } if method == "echo" => {
                    wire.send(Message::Reply { id, result: Ok(params.into()) }).await?;
                }
                _ => {}
            }
        };
        let result = result.map_err(|error| anyhow::anyhow!("the server refused: {error}"))?;
        super::print(&format!("{result}\n"))?;
        let failed = |item: &Value| item.get("error").is_some_and(|error| !error.is_null());
        match result.as_array().is_some_and(|items| items.iter().any(failed)) {
            true => bail!("the transaction did not happen"),
            false => Ok(()),
        }
    }

    fn params(&self) -> anyhow::Result<Vec<Value>> {
        let text = format!("{{\"params\":{}}}", self.transaction);
        let mut read = parse(text.as_bytes(), DEPTH).context("the transaction is not JSON")?;
        match read.get_mut("params").map(Value::take) {
            Some(Value::Array(params)) => Ok(params),
            Some(operation @ Value::Object(_)) => Ok(vec![json!(self.target.database), operation]),
            _ => bail!("the transaction is neither an array nor an operation"),
        }
    }
}

/// A stream of messages, either way.
struct Wire {
    stream: Stream,
    framer: Framer,
    unread: Vec<u8>,
}

impl Wire {
    fn new(stream: Stream) -> Wire {
        Wire { stream, framer: Framer::new(MAX_MESSAGE, DEPTH), unread: Vec::new() }
    }

    async fn send(&mut self, message: Message) -> anyhow::Result<()> {
        self.stream.write_all(message.into_json().to_string().as_bytes()).await?;
        Ok(self.stream.flush().await?)
    }

    async fn next(&mut self) -> anyhow::Result<Message> {
        loop {
            let mut rest = self.unread.as_slice();
            let message = self.framer.feed(&mut rest)?;
            self.unread = rest.to_vec();
            if let Some(message) = message {
                return Ok(Message::from_json(message)?);
            }
            self.unread.reserve(CHUNK);
            if self.stream.read_buf(&mut self.unread).await? == 0 {
                bail!("the server closed the connection");
            }
        }
    }
}
