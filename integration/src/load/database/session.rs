//! One client's connection: JSON-RPC (RFC 7047 section 4).

use std::collections::BTreeMap;

use ovsdb::Uuid;
use ovsdb::json::{Framer, Message};
use serde_json::{Value, json};

use super::monitor::{Method, Monitor};
use super::transact::Failure;
use super::{Counts, Database, NAME, SessionEnd, SessionId};

/// Bytes a message may have.
const MESSAGE_SIZE: usize = 64 << 20;
/// Levels it may have.
const DEPTH: usize = 64;

/// A connection.
#[derive(Debug)]
pub(super) struct Session {
    framer: Framer,
    pub out: Vec<u8>,
    pub monitors: BTreeMap<String, (Value, Monitor)>,
}

impl Default for Session {
    fn default() -> Self {
        Self { framer: Framer::new(MESSAGE_SIZE, DEPTH), out: Vec::new(), monitors: BTreeMap::new() }
    }
}

impl Session {
    pub fn send(&mut self, message: &Value, counts: &mut Counts) {
        self.send_text(&message.to_string(), counts);
    }

    fn send_text(&mut self, text: &str, counts: &mut Counts) {
        self.out.extend_from_slice(text.as_bytes());
        counts.messages_out += 1;
        counts.bytes_out += text.len() as u64;
    }
}

impl Database {
    /// Bytes from a client.
    ///
    /// # Errors
    /// If the connection has to end.
    pub fn handle_input(&mut self, id: SessionId, bytes: &[u8]) -> Result<(), SessionEnd> {
        self.counts.bytes_in += bytes.len() as u64;
        let mut rest = bytes;
        while !rest.is_empty() {
            let session = self.sessions.get_mut(&id).ok_or(SessionEnd::Unknown)?;
            if let Some(value) = session.framer.feed(&mut rest)? {
                self.counts.messages_in += 1;
                let message = Message::from_json(value).map_err(|error| SessionEnd::Protocol(error.to_string()))?;
                if let Message::Request { id: request, method, params } = message {
                    self.request(id, &request, &method, params);
                }
            }
        }
        Ok(())
    }

    fn request(&mut self, by: SessionId, id: &Value, method: &str, params: Vec<Value>) {
        let database = params.first().and_then(Value::as_str);
        let answer = match method {
            "echo" => Ok(Value::Array(params)),
            "list_dbs" => Ok(json!([NAME])),
            "get_server_id" => Ok(json!(Uuid::ZERO.to_string())),
            "set_db_change_aware" => Ok(json!({})),
            "monitor_cancel" => self.cancel(by, params.first()),
            "get_schema" | "monitor" | "monitor_cond" | "monitor_cond_since" | "transact" if database != Some(NAME) => {
                Err(json!({ "error": "unknown database", "details": "only Open_vSwitch is here" }))
            }
            "get_schema" => return self.send_schema(by, id),
            "monitor" => self.monitor(by, Method::Plain, &params).map_err(Failure::into_json),
            "monitor_cond" => self.monitor(by, Method::Cond, &params).map_err(Failure::into_json),
            "monitor_cond_since" => self.monitor(by, Method::Since, &params).map_err(Failure::into_json),
            "transact" => return self.transaction(by, id, params),
            _ => Err(json!({ "error": "unknown method", "details": method })),
        };
        self.answer(by, id, answer);
    }

    fn answer(&mut self, by: SessionId, id: &Value, answer: Result<Value, Value>) {
        let Some(session) = self.sessions.get_mut(&by) else { return };
        let message = match answer {
            Ok(result) => json!({ "id": id, "result": result, "error": null }),
            Err(error) => json!({ "id": id, "result": null, "error": error }),
        };
        session.send(&message, &mut self.counts);
    }

    /// The schema is large, the same for all, and therefore kept as text.
    fn send_schema(&mut self, by: SessionId, id: &Value) {
        let text = format!(r#"{{"error":null,"id":{id},"result":{}}}"#, self.schema.text);
        if let Some(session) = self.sessions.get_mut(&by) {
            session.send_text(&text, &mut self.counts);
        }
    }

    fn cancel(&mut self, by: SessionId, monitor: Option<&Value>) -> Result<Value, Value> {
        let name = monitor.map(Value::to_string).unwrap_or_default();
        let there = self.sessions.get_mut(&by).and_then(|session| session.monitors.remove(&name));
        there.map(|_| json!({})).ok_or_else(|| json!({ "error": "unknown monitor", "details": name }))
    }

    /// Monitors hear of a transaction before its client is answered, and of what ovs-vswitchd makes of it after.
    fn transaction(&mut self, by: SessionId, id: &Value, mut params: Vec<Value>) {
        params.remove(0);
        let (results, touched) = self.transact(params);
        let failed = results.as_array().into_iter().flatten().any(|result| result.get("error").is_some());
        self.counts.refused += u64::from(failed);
        self.publish(&touched);
        self.answer(by, id, Ok(results));
        if !touched.is_empty() {
            self.run_vswitchd();
        }
    }
}
