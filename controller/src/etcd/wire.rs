//! Requests and answers as etcd's JSON gateway writes them: bytes in base64, 64-bit numbers as text, zeros left out.

use std::{fmt::Display, str::FromStr};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// A key and its value.
#[derive(Clone, Debug, Deserialize)]
pub struct KeyValue {
    /// The key.
    #[serde(deserialize_with = "text")]
    pub key: String,
    /// The value.
    #[serde(default, deserialize_with = "bytes")]
    pub value: Vec<u8>,
    /// etcd's revision of the last write to it.
    #[serde(default, deserialize_with = "number")]
    pub mod_revision: u64,
    /// The lease it goes with; 0 for none.
    #[serde(default, deserialize_with = "number")]
    pub lease: u64,
}

/// What every answer begins with.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Header {
    /// etcd's revision as of the answer.
    #[serde(default, deserialize_with = "number")]
    pub revision: u64,
}

/// The answer to a range.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Range {
    /// What every answer begins with.
    #[serde(default)]
    pub header: Header,
    /// What was found, in order of the keys.
    #[serde(default)]
    pub kvs: Vec<KeyValue>,
    /// Whether there is more.
    #[serde(default)]
    pub more: bool,
}

/// The answer to a transaction.
#[derive(Debug, Deserialize)]
pub struct TxnAnswer {
    /// What every answer begins with.
    #[serde(default)]
    pub header: Header,
    /// Whether all that was compared was so.
    #[serde(default)]
    pub succeeded: bool,
    /// The answers of the operations that were done.
    #[serde(default)]
    pub responses: Vec<Response>,
}

/// The answer of one operation of a transaction.
#[derive(Debug, Default, Deserialize)]
pub struct Response {
    /// Of a range.
    pub response_range: Option<Range>,
}

/// The answer to a request about a lease.
#[derive(Debug, Deserialize)]
pub struct LeaseAnswer {
    /// The lease.
    #[serde(rename = "ID", default, deserialize_with = "number")]
    pub id: u64,
    /// How long it lasts, in seconds; 0 if there is none.
    #[serde(rename = "TTL", default, deserialize_with = "number")]
    pub ttl: u64,
}

/// A line of a stream.
#[derive(Debug, Deserialize)]
pub struct Line<T> {
    /// What it holds.
    pub result: Option<T>,
}

/// What is refused.
#[derive(Debug, Deserialize)]
pub struct Refusal {
    /// Why.
    #[serde(default)]
    pub error: String,
}

/// A range of keys: one, or all with a prefix.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RangeRequest {
    #[serde(serialize_with = "base64")]
    key: String,
    #[serde(serialize_with = "base64", skip_serializing_if = "String::is_empty")]
    range_end: String,
    #[serde(serialize_with = "as_text", skip_serializing_if = "is_zero")]
    limit: u64,
    #[serde(serialize_with = "as_text", skip_serializing_if = "is_zero")]
    revision: u64,
}

impl RangeRequest {
    /// One key.
    pub fn key(key: impl Into<String>) -> Self {
        Self { key: key.into(), ..Self::default() }
    }

    /// All keys from `first` to before `end`.
    pub fn between(first: impl Into<String>, end: impl Into<String>) -> Self {
        Self { key: first.into(), range_end: end.into(), ..Self::default() }
    }

    /// All keys that begin with `prefix`.
    pub fn prefix(prefix: impl Into<String>) -> Self {
        let prefix = prefix.into();
        let end = after_all(&prefix);
        Self::between(prefix, end)
    }

    /// At most so many.
    pub fn limit(self, limit: u64) -> Self {
        Self { limit, ..self }
    }

    /// As of etcd's revision `revision`.
    pub fn at(self, revision: u64) -> Self {
        Self { revision, ..self }
    }
}

/// The first key after all that begin with `prefix`, which ends with an ASCII character.
pub fn after_all(prefix: &str) -> String {
    let mut end = prefix.to_owned();
    if let Some(last) = end.pop() {
        end.push(char::from_u32(u32::from(last) + 1).unwrap_or(char::MAX));
    }
    end
}

/// What is compared before a transaction.
#[derive(Clone, Debug, Serialize)]
pub struct Compare {
    #[serde(serialize_with = "base64")]
    key: String,
    result: &'static str,
    target: &'static str,
    #[serde(serialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    #[serde(serialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    mod_revision: Option<u64>,
}

impl Compare {
    /// There is no such key.
    pub fn absent(key: impl Into<String>) -> Self {
        Self { key: key.into(), result: "EQUAL", target: "VERSION", version: Some(0), mod_revision: None }
    }

    /// There is such a key.
    pub fn present(key: impl Into<String>) -> Self {
        Self { key: key.into(), result: "GREATER", target: "VERSION", version: Some(0), mod_revision: None }
    }

    /// The key was last written at this revision of etcd's; 0: it is absent.
    pub fn written_at(key: impl Into<String>, revision: u64) -> Self {
        Self { key: key.into(), result: "EQUAL", target: "MOD", version: None, mod_revision: Some(revision) }
    }
}

/// An operation of a transaction.
#[derive(Clone, Debug, Serialize)]
pub enum Op {
    /// Writes a key.
    #[serde(rename = "request_put")]
    Put {
        /// The key.
        #[serde(serialize_with = "base64")]
        key: String,
        /// The value.
        #[serde(serialize_with = "base64")]
        value: Vec<u8>,
        /// The lease it goes with; 0 for none.
        #[serde(serialize_with = "as_text", skip_serializing_if = "is_zero")]
        lease: u64,
    },
    /// Removes keys.
    #[serde(rename = "request_delete_range")]
    Delete(RangeRequest),
    /// Reads keys.
    #[serde(rename = "request_range")]
    Range(RangeRequest),
}

impl Op {
    /// Writes a key for good.
    pub fn put(key: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        Self::Put { key: key.into(), value: value.into(), lease: 0 }
    }
}

/// A transaction: `success` if all of `compare` is so, else `failure`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Txn {
    /// What must be so.
    pub compare: Vec<Compare>,
    /// What is done if it is.
    pub success: Vec<Op>,
    /// What is done if it is not.
    pub failure: Vec<Op>,
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn base64<S: Serializer>(bytes: &impl AsRef<[u8]>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&BASE64_STANDARD.encode(bytes))
}

fn as_text<S: Serializer>(number: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}

fn maybe_text<S: Serializer>(number: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&number.unwrap_or_default())
}

fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    BASE64_STANDARD.decode(text).map_err(D::Error::custom)
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    String::from_utf8(bytes(deserializer)?).map_err(D::Error::custom)
}

fn number<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(deserializer: D) -> Result<T, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_is_written_as_the_gateway_reads_it() {
        let txn = Txn {
            compare: vec![Compare::absent("a/1"), Compare::present("a/0"), Compare::written_at("c", 7)],
            success: vec![Op::put("a/1", "x"), Op::Delete(RangeRequest::between("a/", "a/1"))],
            failure: vec![Op::Range(RangeRequest::prefix("a/").limit(5).at(9))],
        };
        let expected = serde_json::json!({
            "compare": [
                {"key": "YS8x", "result": "EQUAL", "target": "VERSION", "version": "0"},
                {"key": "YS8w", "result": "GREATER", "target": "VERSION", "version": "0"},
                {"key": "Yw==", "result": "EQUAL", "target": "MOD", "mod_revision": "7"},
            ],
            "success": [
                {"request_put": {"key": "YS8x", "value": "eA=="}},
                {"request_delete_range": {"key": "YS8=", "range_end": "YS8x"}},
            ],
            "failure": [{"request_range": {"key": "YS8=", "range_end": "YTA=", "limit": "5", "revision": "9"}}],
        });
        assert_eq!(serde_json::to_value(txn).unwrap(), expected);
    }

    #[test]
    fn what_is_left_out_of_an_answer_is_zero() {
        let answer = r#"{"header":{"revision":"2"},"responses":[{"response_range":{"kvs":[
            {"key":"YS8x","create_revision":"2","mod_revision":"2","version":"1","value":"eA=="}],"count":"1"}}]}"#;
        let answer: TxnAnswer = serde_json::from_str(answer).unwrap();
        let range = answer.responses[0].response_range.as_ref().unwrap();
        assert!(!answer.succeeded && !range.more && range.header.revision == 0);
        let kv = &range.kvs[0];
        assert_eq!((kv.key.as_str(), kv.value.as_slice(), kv.mod_revision, kv.lease), ("a/1", &b"x"[..], 2, 0));
        for bad in [r#"{"key":"!"}"#, r#"{"key":"/w=="}"#, r#"{"key":"YQ==","lease":"-1"}"#, r#"{"key":3}"#] {
            assert!(serde_json::from_str::<KeyValue>(bad).is_err(), "{bad}");
        }
    }
}
