//! A transaction as it stands in etcd's log.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::intent::{Key, Txn, Unreadable, Value, Write};

/// One transaction of the log.
#[derive(Debug, Serialize, Deserialize)]
pub struct Record {
    /// Who wrote it, and which of its commits it was: tells an own one whose answer got lost from another's.
    pub by: String,
    /// The intent's revision.
    revision: u64,
    /// Keys and their new values; none removes.
    pub writes: Vec<(String, Option<Box<RawValue>>)>,
}

impl Record {
    /// The transaction as text.
    pub fn encode(by: &str, txn: &Txn) -> Vec<u8> {
        let text = |value: &Value| String::from_utf8(value.encode()).expect("JSON is text");
        let raw = |value: &Value| RawValue::from_string(text(value)).expect("values are written as JSON");
        let write = |write: &Write| (write.key.encode(), write.value.as_ref().map(raw));
        let record = Self { by: by.to_owned(), revision: txn.revision, writes: txn.writes.iter().map(write).collect() };
        serde_json::to_vec(&record).expect("no map in it has keys that are no text")
    }

    /// Reads back what [`Record::encode`] wrote, from under `key`.
    ///
    /// # Errors
    /// When it is no such text.
    pub fn decode(key: &str, bytes: &[u8]) -> Result<Self, Unreadable> {
        serde_json::from_slice(bytes).map_err(|error| Unreadable { key: key.into(), reason: error.to_string() })
    }

    /// The transaction.
    ///
    /// # Errors
    /// When a key or a value is none that this version knows.
    pub fn txn(&self) -> Result<Txn, Unreadable> {
        let write = |(key, value): &(String, Option<Box<RawValue>>)| match value {
            Some(value) => {
                let value = Value::decode(key, value.get().as_bytes())?;
                Ok(Write { key: value.key(), value: Some(value) })
            }
            None => {
                let reason = || Unreadable { key: key.clone(), reason: "a kind this version does not know".into() };
                Ok(Write { key: Key::decode(key).ok_or_else(reason)?, value: None })
            }
        };
        Ok(Txn { revision: self.revision, writes: self.writes.iter().map(write).collect::<Result<_, Unreadable>>()? })
    }
}
