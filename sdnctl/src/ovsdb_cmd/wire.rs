//! Messages with a server, as they are.

use anyhow::bail;
use ovsdb::DatabaseSchema;
use ovsdb::json::{Framer, Message};
use ovsdb::transport::Stream;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{DEPTH, MAX_MESSAGE};

/// How much is read at once, in bytes.
const CHUNK: usize = 64 << 10;

/// A stream of messages, either way.
pub struct Wire {
    stream: Stream,
    framer: Framer,
    unread: Vec<u8>,
}

impl Wire {
    /// Messages over a stream.
    pub fn new(stream: Stream) -> Wire {
        Wire { stream, framer: Framer::new(MAX_MESSAGE, DEPTH), unread: Vec::new() }
    }

    /// Asks, and waits for the answer; what the server tells meanwhile is dropped.
    pub async fn call(&mut self, method: &str, params: Vec<Value>) -> anyhow::Result<Value> {
        self.send(Message::Request { id: json!(method), method: method.to_owned(), params }).await?;
        loop {
            match self.next().await? {
                Message::Reply { id, result } if id == json!(method) => {
                    return result.map_err(|error| anyhow::anyhow!("the server refused: {error}"));
                }
                _ => {}
            }
        }
    }

    /// The schema of a database.
    pub async fn schema(&mut self, database: &str) -> anyhow::Result<DatabaseSchema> {
        let schema = self.call("get_schema", vec![json!(database)]).await?;
        Ok(DatabaseSchema::from_json(&schema)?)
    }

    /// The next message that is not the server's wish for a sign of life.
    pub async fn next(&mut self) -> anyhow::Result<Message> {
        loop {
            match self.read().await? {
                Message::Request { id, method, params } if method == "echo" => {
                    self.send(Message::Reply { id, result: Ok(params.into()) }).await?;
                }
                message => return Ok(message),
            }
        }
    }

    async fn send(&mut self, message: Message) -> anyhow::Result<()> {
        self.stream.write_all(message.into_json().to_string().as_bytes()).await?;
        Ok(self.stream.flush().await?)
    }

    async fn read(&mut self) -> anyhow::Result<Message> {
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
