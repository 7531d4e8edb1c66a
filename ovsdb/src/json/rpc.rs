//! JSON-RPC 1.0 messages (RFC 7047 section 4).

use serde_json::{Map, Value, json};

use crate::error::ProtocolError;

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A method and an id: an answer is wanted.
    Request,
    /// A method without an id.
    Notification,
    /// An answer.
    Reply,
    /// An answer that says no.
    Error,
}

impl Kind {
    /// The name of the kind in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Request => "request",
            Kind::Notification => "notification",
            Kind::Reply => "reply",
            Kind::Error => "error",
        }
    }
}

/// A JSON-RPC message.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// A method with an id.
    Request {
        /// What the answer will carry.
        id: Value,
        /// The method.
        method: String,
        /// Its arguments.
        params: Vec<Value>,
    },
    /// A method whose id is null.
    Notification {
        /// The method.
        method: String,
        /// Its arguments.
        params: Vec<Value>,
    },
    /// An answer.
    Reply {
        /// The id of the request.
        id: Value,
        /// What it asked for, or the error.
        result: Result<Value, Value>,
    },
}

impl Message {
    /// What kind of message a JSON value is.
    pub fn kind(value: &Value) -> Result<Kind, ProtocolError> {
        let bad = |problem: &str| ProtocolError::new("message", problem);
        let members = value.as_object().ok_or_else(|| bad("not an object"))?;
        let not_null = |name: &str| members.get(name).is_some_and(|v| !v.is_null());
        let Some(method) = members.get("method") else {
            return match () {
                () if !not_null("id") => Err(bad("answer without an id")),
                () if not_null("error") => Ok(Kind::Error),
                () if members.contains_key("result") || members.contains_key("error") => Ok(Kind::Reply),
                () => Err(bad("neither method, result nor error")),
            };
        };
        if !method.is_string() {
            return Err(bad("method is not a string"));
        }
        if !members.get("params").is_some_and(Value::is_array) {
            return Err(bad("params is not an array"));
        }
        match members.get("id") {
            None => Err(bad("request without an id")),
            Some(Value::Null) => Ok(Kind::Notification),
            Some(_) => Ok(Kind::Request),
        }
    }

    /// The message a JSON value is; members that JSON-RPC does not know are dropped.
    pub fn from_json(value: Value) -> Result<Message, ProtocolError> {
        let kind = Message::kind(&value)?;
        let Value::Object(mut members) = value else {
            return Err(ProtocolError::new("message", "not an object"));
        };
        let mut take = |name: &str| members.remove(name).unwrap_or_default();
        let id = take("id");
        if matches!(kind, Kind::Reply | Kind::Error) {
            let error = take("error");
            let result = if error.is_null() { Ok(take("result")) } else { Err(error) };
            return Ok(Message::Reply { id, result });
        }
        let (Value::String(method), Value::Array(params)) = (take("method"), take("params")) else {
            return Err(ProtocolError::new("message", "bad method or params"));
        };
        Ok(match kind {
            Kind::Request => Message::Request { id, method, params },
            _ => Message::Notification { method, params },
        })
    }

    /// The wire form.
    pub fn into_json(self) -> Value {
        match self {
            Message::Request { id, method, params } => {
                json!({"id": id, "method": method, "params": params})
            }
            Message::Notification { method, params } => {
                json!({"id": null, "method": method, "params": params})
            }
            Message::Reply { id, result } => {
                let (result, error) = match result {
                    Ok(result) => (result, Value::Null),
                    Err(error) => (Value::Null, error),
                };
                let mut members = Map::new();
                members.insert("id".to_owned(), id);
                members.insert("result".to_owned(), result);
                members.insert("error".to_owned(), error);
                Value::Object(members)
            }
        }
    }
}
