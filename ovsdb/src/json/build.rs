//! The sink that builds the value of a message.

use serde_json::{Map, Value};

use super::parser::Sink;

/// Takes values out of a message as soon as they are read, so that the message never is in memory
/// as a whole.
pub(crate) trait Pick {
    /// What was taken out of one message.
    type Picked;
    /// Is shown every object that stands under two keys in the result of an answer. How many bytes
    /// it now takes, if it was taken; `None` leaves it in the message.
    fn pick(&mut self, outer: &str, inner: &str, value: &Value) -> Option<usize>;
    /// What was taken out of the message that has just ended.
    fn take(&mut self) -> Self::Picked;
}

/// Takes nothing.
impl Pick for () {
    type Picked = ();

    fn pick(&mut self, _outer: &str, _inner: &str, _value: &Value) -> Option<usize> {
        None
    }

    fn take(&mut self) {}
}

#[derive(Debug)]
enum Container {
    Object { members: Map<String, Value>, key: String },
    Array(Vec<Value>),
}

#[derive(Debug)]
struct Open {
    container: Container,
    /// What was spent before it.
    before: usize,
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
pub(super) struct Builder<P> {
    pub(super) picker: P,
    open: Vec<Open>,
    done: Value,
    spent: usize,
    budget: usize,
}

impl<P: Pick> Builder<P> {
    /// A builder of messages that take at most `budget` bytes of memory.
    pub(super) fn new(picker: P, budget: usize) -> Builder<P> {
        Builder { picker, open: Vec::new(), done: Value::Null, spent: 0, budget }
    }

    pub(super) fn take(&mut self) -> (Value, P::Picked) {
        self.spent = 0;
        (std::mem::take(&mut self.done), self.picker.take())
    }

    fn put(&mut self, value: Value) {
        match self.open.last_mut().map(|open| &mut open.container) {
            Some(Container::Object { members, key }) => {
                self.spent += if members.is_empty() { OBJECT } else { MEMBER };
                members.insert(std::mem::take(key), value);
            }
            Some(Container::Array(items)) => {
                self.spent += ELEMENT;
                items.push(value);
            }
            None => self.done = value,
        }
    }

    fn pick(&mut self, value: &Value) -> Option<usize> {
        let [Open { container: Container::Object { key, .. }, .. }, rest @ ..] = self.open.as_slice() else {
            return None;
        };
        let inner = match rest {
            [Open { container: Container::Array(_), .. }, inner @ ..] => inner,
            inner => inner,
        };
        match inner {
            [
                Open { container: Container::Object { key: outer, .. }, .. },
                Open { container: Container::Object { key: inner, .. }, .. },
            ] if key == "result" => self.picker.pick(outer, inner, value),
            _ => None,
        }
    }
}

impl<P: Pick> Sink for Builder<P> {
    fn open(&mut self, object: bool) {
        let container = if object {
            Container::Object { members: Map::new(), key: String::new() }
        } else {
            Container::Array(Vec::new())
        };
        self.open.push(Open { container, before: self.spent });
    }

    fn key(&mut self, text: &str) -> Result<(), ()> {
        if let Some(Open { container: Container::Object { members, key }, .. }) = self.open.last_mut() {
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
        let Some(Open { container, before }) = self.open.pop() else { return };
        match container {
            Container::Object { members, .. } => {
                let value = Value::Object(members);
                match self.pick(&value) {
                    Some(bytes) => self.spent = before + bytes,
                    None => self.put(value),
                }
            }
            Container::Array(mut items) => {
                items.shrink_to_fit();
                self.spent += BLOCK;
                self.put(Value::Array(items));
            }
        }
    }

    fn is_over_budget(&self) -> bool {
        self.spent > self.budget
    }
}
