//! Keeping etcd's log short: what its transactions wrote is put under the objects' own keys, and its beginning dropped.
//!
//! Whoever compacts first writes its name under `compacting`; every later step asks that nobody has written there
//! since. So a slow one that was overtaken can write no more, and a value never goes back in time. Whoever loads
//! meanwhile may see some objects newer than `compacted` says: applying the log from there on puts all right.

use std::collections::BTreeMap;

use super::{etcd::Keys, record::Record};
use crate::etcd::{Client, Compare, EtcdError, Op, RangeRequest, Txn, after_all};

/// How many transactions stay in the log, for controllers that lag behind.
pub const KEPT: u64 = 4096;

/// How many operations a transaction of etcd takes; its own limit is 128.
const MAX_OPS: usize = 100;

/// How many bytes a transaction of etcd takes; its own limit is 1.5 MiB.
pub const MAX_BYTES: usize = 1_200_000;

/// How many transactions of the log are read at once.
const PAGE: u64 = 64;

/// Puts what the log holds up to number `upto` under the objects' keys, unless someone else does.
///
/// # Errors
/// When etcd does not answer; what is done so far does no harm, and the next one begins anew.
pub async fn compact(client: &Client, writer: &str, upto: u64) -> Result<(), EtcdError> {
    let keys = Keys(client);
    let marker = client.range(&RangeRequest::key(keys.compacted())).await?.kvs.pop();
    let (from, seen) = marker.map_or((0, 0), |kv| (number(&kv.value), kv.mod_revision));
    let begin = Txn {
        compare: vec![Compare::written_at(keys.compacted(), seen)],
        success: vec![Op::put(keys.compacting(), writer)],
        failure: Vec::new(),
    };
    let begun = client.txn(&begin).await?;
    if !begun.succeeded || from >= upto {
        return Ok(());
    }
    let still = Compare::written_at(keys.compacting(), begun.header.revision);
    let step = |success| Txn { compare: vec![still.clone()], success, failure: Vec::new() };
    for ops in batches(last_writes(client, from, upto).await?, &keys) {
        if !client.txn(&step(ops)).await?.succeeded {
            return Ok(());
        }
    }
    let old = RangeRequest::between(keys.log(0), keys.log((upto + 1).saturating_sub(KEPT)));
    client.txn(&step(vec![Op::put(keys.compacted(), upto.to_string()), Op::Delete(old)])).await?;
    tracing::debug!(from, upto, "the log is compacted");
    Ok(())
}

/// A number that stands under a key; 0 if it is none.
pub fn number(bytes: &[u8]) -> u64 {
    std::str::from_utf8(bytes).ok().and_then(|text| text.parse().ok()).unwrap_or_default()
}

type Writes = BTreeMap<String, Option<Vec<u8>>>;

/// What each key was last written to by the log's transactions after `from`, up to `upto`.
async fn last_writes(client: &Client, from: u64, upto: u64) -> Result<Writes, EtcdError> {
    let keys = Keys(client);
    let (mut next, end) = (from + 1, keys.log(upto + 1));
    let mut writes = Writes::new();
    while next <= upto {
        let page = client.range(&RangeRequest::between(keys.log(next), end.as_str()).limit(PAGE)).await?;
        for kv in &page.kvs {
            if keys.number(&kv.key) != Some(next) {
                return Err(EtcdError::Refused(format!("the log has no number {next}")));
            }
            let record = Record::decode(&kv.key, &kv.value);
            let record = record.map_err(|unreadable| EtcdError::Refused(unreadable.to_string()))?;
            for (key, value) in record.writes {
                writes.insert(key, value.map(|value| value.get().as_bytes().to_vec()));
            }
            next += 1;
        }
        if page.kvs.is_empty() {
            return Err(EtcdError::Refused(format!("the log has no number {next}")));
        }
    }
    Ok(writes)
}

fn batches(writes: Writes, keys: &Keys) -> Vec<Vec<Op>> {
    let (mut batches, mut batch, mut bytes) = (Vec::new(), Vec::new(), 0);
    for (key, value) in writes {
        let size = key.len() + value.as_ref().map_or(0, Vec::len);
        if !batch.is_empty() && (batch.len() == MAX_OPS || bytes + size > MAX_BYTES) {
            batches.push(std::mem::take(&mut batch));
            bytes = 0;
        }
        bytes += size;
        let key = keys.object(&key);
        batch.push(match value {
            Some(value) => Op::put(key, value),
            None => Op::Delete(RangeRequest::key(key)),
        });
    }
    batches.push(batch);
    batches.retain(|batch| !batch.is_empty());
    batches
}

/// The end of the log's keys.
pub fn log_end(keys: &Keys) -> String {
    after_all(&keys.log_prefix())
}
