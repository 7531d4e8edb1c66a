//! The sink that builds the value of a message.

use serde_json::{Map, Value};

use super::parser::Sink;

#[derive(Debug)]
enum Open {
    Object { members: Map<String, Value>, key: String },
    Array(Vec<Value>),
}

/// What an object takes besides its members: serde_json's maps hold eleven in their first node.
const OBJECT: usize = 640;
/// What a member takes once there are more, and an element.
const MEMBER: usize = 96;
const ELEMENT: usize = size_of::<Value>();
/// What the allocator adds.
const BLOCK: usize = 16;

/// Counts what it builds: a few bytes of text can stand for a hundred times as many in memory.
#[derive(Debug)]
pub(super) struct Builder {
    open: Vec<Open>,
    done: Value,
    spent: usize,
    budget: usize,
}

impl Builder {
    /// A builder of messages that take at most `budget` bytes of memory.
    pub(super) fn new(budget: usize) -> Builder {
        Builder { open: Vec::new(), done: Value::Null, spent: 0, budget }
    }

    pub(super) fn take(&mut self) -> Value {
        self.spent = 0;
        std::mem::take(&mut self.done)
    }

    fn put(&mut self, value: Value) {
        match self.open.last_mut() {
            Some(Open::Object { members, key }) => {
                self.spent += if members.is_empty() { OBJECT } else { MEMBER };
                members.insert(std::mem::take(key), value);
            }
            Some(Open::Array(items)) => {
                self.spent += ELEMENT;
                items.push(value);
            }
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
            self.spent += text.len() + BLOCK;
        }
        Ok(())
    }

    fn string(&mut self, text: &str) {
        self.spent += text.len() + BLOCK;
        self.put(Value::String(text.to_owned()));
    }

    fn scalar(&mut self, value: Value) {
        self.put(value);
    }

    fn close(&mut self) {
        match self.open.pop() {
            Some(Open::Object { members, .. }) => self.put(Value::Object(members)),
            Some(Open::Array(mut items)) => {
                items.shrink_to_fit();
                self.spent += BLOCK;
                self.put(Value::Array(items));
            }
            None => {}
        }
    }

    fn is_over_budget(&self) -> bool {
        self.spent > self.budget
    }
}
