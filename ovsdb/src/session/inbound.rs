//! What comes from the server: answers, notifications, and its own requests.

use serde_json::{Value, json};

use super::handshake::{MONITOR, SERVER_MONITOR};
use super::{CallError, Event, Pending, RequestId, Session};
use crate::error::{CloseReason, OvsdbError, ProtocolError};
use crate::json::Message;
use crate::txn;
use crate::update::{Rows, UpdateForm};

impl Session {
    /// Takes a message, and the rows that were read out of it.
    pub(super) fn message(&mut self, value: Value, rows: Rows) -> Result<(), CloseReason> {
        match Message::from_json(value)? {
            Message::Reply { id, result } => self.reply(&id, result, rows),
            Message::Notification { method, params } => self.notification(&method, &params),
            Message::Request { id, method, params } => {
                let result = match method.as_str() {
                    "echo" => Ok(Value::Array(params)),
                    _ => Err(json!({ "error": "unknown method", "details": method })),
                };
                self.send(Message::Reply { id, result });
                Ok(())
            }
        }
    }

    fn reply(&mut self, id: &Value, reply: Result<Value, Value>, rows: Rows) -> Result<(), CloseReason> {
        let number = id.as_u64();
        let known = number.and_then(|number| Some((number, self.pending.remove(&number)?)));
        let Some((number, pending)) = known else {
            return Err(ProtocolError::new("reply", "answers no request").into());
        };
        let id = RequestId(number);
        match pending {
            Pending::Ignored => return Ok(()),
            Pending::ServerDb => return self.server_db_reply(reply),
            Pending::Schema => return self.schema_reply(reply),
            Pending::Monitor(method) => return self.monitor_reply(method, reply, rows),
            Pending::Transact(txn) => {
                let outcome = txn::read(&txn, self.replica.schema(), reply);
                self.events.push_back(Event::Transacted(id, outcome));
            }
            Pending::Lock(name) => {
                let locked = reply.as_ref().ok().and_then(|v| v.get("locked"));
                let owned = locked.and_then(Value::as_bool);
                if owned == Some(true) {
                    self.events.push_back(Event::Lock { name, owned: true });
                } else if owned.is_none() {
                    self.locks.remove(&name);
                }
                self.answer(id, reply);
            }
            Pending::Call => self.answer(id, reply),
        }
        Ok(())
    }

    fn answer(&mut self, id: RequestId, reply: Result<Value, Value>) {
        let reply = reply.map_err(|error| CallError::Refused(OvsdbError::from_json(&error)));
        self.events.push_back(Event::Answered(id, reply));
    }

    fn notification(&mut self, method: &str, params: &[Value]) -> Result<(), CloseReason> {
        match (method, params) {
            ("update", [id, updates]) => self.update(id, UpdateForm::Rows, updates),
            ("update2", [id, updates]) => self.update(id, UpdateForm::Differences, updates),
            ("update3", [id, Value::String(txn), updates]) => {
                let txn = txn.parse().map_err(|_| bad(method))?;
                self.update(id, UpdateForm::Differences, updates)?;
                self.replica.set_last_txn(txn);
                Ok(())
            }
            ("monitor_canceled", _) => Err(CloseReason::NotUsable("the database was removed or converted")),
            ("locked" | "stolen", [Value::String(name)]) => {
                if self.locks.contains(name) {
                    let owned = method == "locked";
                    self.events.push_back(Event::Lock { name: name.clone(), owned });
                }
                Ok(())
            }
            // What newer servers may tell, and answers to our own "echo" as old ones give it.
            _ if !matches!(method, "update" | "update2" | "update3" | "locked" | "stolen") => Ok(()),
            _ => Err(bad(method)),
        }
    }

    fn update(&mut self, id: &Value, form: UpdateForm, updates: &Value) -> Result<(), CloseReason> {
        if let (Some(SERVER_MONITOR), Some(server_db)) = (id.as_str(), &mut self.server_db) {
            server_db.apply(updates)?;
            return server_db.usable();
        }
        if id.as_str() != Some(MONITOR) || !self.monitoring {
            return Err(ProtocolError::new("update", "for a monitor never made").into());
        }
        // On a copy, which is cheap: an update that is bad in its middle leaves no trace.
        let mut next = self.replica.clone();
        let changes = next.apply(form, updates)?;
        self.replica = next;
        if !changes.is_empty() {
            self.events.push_back(Event::Updated(changes));
        }
        self.check_size()
    }

    pub(super) fn check_size(&self) -> Result<(), CloseReason> {
        let limit = self.options.limits.replica_bytes;
        match self.replica.bytes() > limit {
            true => Err(CloseReason::Limit { what: "bytes of rows", limit }),
            false => Ok(()),
        }
    }
}

fn bad(method: &str) -> CloseReason {
    ProtocolError::new("notification", format_args!("bad params of {method}")).into()
}
