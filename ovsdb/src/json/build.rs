//! The sink that builds the value of a message.

use serde_json::{Map, Value};

use super::parser::Sink;

#[derive(Debug)]
enum Open {
    Object { members: Map<String, Value>, key: String },
    Array(Vec<Value>),
}

#[derive(Debug, Default)]
pub(super) struct Builder {
    open: Vec<Open>,
    done: Value,
}

impl Builder {
    pub(super) fn take(&mut self) -> Value {
        std::mem::take(&mut self.done)
    }

    fn put(&mut self, value: Value) {
        match self.open.last_mut() {
            Some(Open::Object { members, key }) => {
                members.insert(std::mem::take(key), value);
            }
            Some(Open::Array(items)) => items.push(value),
            None => self.done = value,
        }
    }
}

impl Sink for Builder {
    fn open(&mut self, object: bool) {
        self.open.push(if object {
            Open::Object { members: Map::new(), key: String::new() }
        } else {
            Open::Array(Vec::new())
        });
    }

    fn key(&mut self, text: &str) -> Result<(), ()> {
        if let Some(Open::Object { members, key }) = self.open.last_mut() {
            if members.contains_key(text) {
                return Err(());
            }
            text.clone_into(key);
        }
        Ok(())
    }

    fn string(&mut self, text: &str) {
        self.put(Value::String(text.to_owned()));
    }

    fn scalar(&mut self, value: Value) {
        self.put(value);
    }

    fn close(&mut self) {
        match self.open.pop() {
            Some(Open::Object { members, .. }) => self.put(Value::Object(members)),
            Some(Open::Array(items)) => self.put(Value::Array(items)),
            None => {}
        }
    }
}
