//! What we need of etcd v3, by its JSON gateway: transactions, ranges, leases, and being told that something changed.

mod nudge;
#[cfg(test)]
pub mod testing;
mod url;
mod wire;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use reqwest::StatusCode;
use serde::{Serialize, de::DeserializeOwned};

pub use nudge::nudge;
pub use url::Url;
pub use wire::{Compare, KeyValue, Op, Range, RangeRequest, Txn, TxnAnswer, after_all};

use wire::{LeaseAnswer, Line, Refusal};

/// How long a member may take to be connected to, and to answer.
const PATIENCE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(2));

/// How many pairs are read at once.
const PAGE: u64 = 1000;

/// What etcd does not do.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EtcdError {
    /// No member answered; whether the request was carried out is not known.
    #[error("no etcd member answers: {0}")]
    Unreachable(String),
    /// etcd said no.
    #[error("etcd refused: {0}")]
    Refused(String),
}

/// A client of an etcd cluster: asks one member after the other until one answers.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    url: Arc<Url>,
    /// The member that answered last.
    current: Arc<AtomicUsize>,
}

impl Client {
    /// A client of the cluster at `url`.
    ///
    /// # Errors
    /// When the client cannot be set up.
    pub fn new(url: Url) -> Result<Self, EtcdError> {
        let http = api::plain_http().connect_timeout(PATIENCE.0).no_proxy().build();
        let http = http.map_err(|error| EtcdError::Unreachable(innermost(&error)))?;
        Ok(Self { http, url: Arc::new(url), current: Arc::default() })
    }

    /// Where it is.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The key called `name` below the prefix.
    pub fn key(&self, name: &str) -> String {
        format!("{}/{name}", self.url.prefix)
    }

    /// Carries out a transaction.
    ///
    /// # Errors
    /// See [`EtcdError`].
    pub async fn txn(&self, txn: &Txn) -> Result<TxnAnswer, EtcdError> {
        self.ask("kv/txn", txn).await
    }

    /// Reads what a range holds, up to the limit it names.
    ///
    /// # Errors
    /// See [`EtcdError`].
    pub async fn range(&self, range: &RangeRequest) -> Result<Range, EtcdError> {
        self.ask("kv/range", range).await
    }

    /// Reads all keys that begin with `prefix`, as of etcd's revision `revision`, or of now if that is 0.
    ///
    /// # Errors
    /// See [`EtcdError`].
    pub async fn all(&self, prefix: &str, revision: u64) -> Result<Range, EtcdError> {
        let end = after_all(prefix);
        let mut all = self.range(&RangeRequest::prefix(prefix).limit(PAGE).at(revision)).await?;
        let revision = if revision == 0 { all.header.revision } else { revision };
        while all.more {
            let Some(last) = all.kvs.last() else { break };
            let after = format!("{}\0", last.key);
            let page = self.range(&RangeRequest::between(after, end.as_str()).limit(PAGE).at(revision)).await?;
            all.kvs.extend(page.kvs);
            all.more = page.more;
        }
        all.header.revision = revision;
        Ok(all)
    }

    /// A new lease of `ttl` seconds, and how many etcd granted.
    ///
    /// # Errors
    /// See [`EtcdError`].
    pub async fn grant(&self, ttl: u64) -> Result<(u64, u64), EtcdError> {
        let answer: LeaseAnswer = self.ask("lease/grant", &serde_json::json!({"TTL": ttl.to_string()})).await?;
        Ok((answer.id, answer.ttl))
    }

    /// Keeps a lease alive; false if it is no more.
    ///
    /// # Errors
    /// See [`EtcdError`].
    pub async fn keep_alive(&self, lease: u64) -> Result<bool, EtcdError> {
        let request = serde_json::json!({"ID": lease.to_string()});
        let answer: Line<LeaseAnswer> = self.ask("lease/keepalive", &request).await?;
        Ok(answer.result.is_some_and(|lease| lease.ttl > 0))
    }

    /// Ends a lease, and with it the keys that go with it.
    ///
    /// # Errors
    /// See [`EtcdError`].
    pub async fn revoke(&self, lease: u64) -> Result<(), EtcdError> {
        let _: serde_json::Value = self.ask("lease/revoke", &serde_json::json!({"ID": lease.to_string()})).await?;
        Ok(())
    }

    /// The member asked last did not answer as fast as need be: another one is asked first from now on.
    pub fn try_another(&self) {
        self.current.fetch_add(1, Ordering::Relaxed);
    }

    async fn ask<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, EtcdError> {
        let count = self.url.members.len();
        let first = self.current.load(Ordering::Relaxed) % count;
        let mut failed = EtcdError::Unreachable("it has no members".into());
        for index in (first..first + count).map(|index| index % count) {
            match self.ask_one(index, path, body).await {
                Ok(answer) => {
                    self.current.store(index, Ordering::Relaxed);
                    return Ok(answer);
                }
                Err(refused @ EtcdError::Refused(_)) => return Err(refused),
                Err(unreachable) => failed = unreachable,
            }
        }
        // Whoever asks next begins with another one.
        self.current.store((first + 1) % count, Ordering::Relaxed);
        Err(failed)
    }

    async fn ask_one<T: DeserializeOwned>(
        &self,
        member: usize,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, EtcdError> {
        let member = &self.url.members[member];
        let unreachable = |error: reqwest::Error| EtcdError::Unreachable(format!("{member}: {}", innermost(&error)));
        let request = self.http.post(format!("http://{member}/v3/{path}")).timeout(PATIENCE.1).json(body);
        let answer = request.send().await.map_err(unreachable)?;
        let status = answer.status();
        let bytes = answer.bytes().await.map_err(unreachable)?;
        if !status.is_success() {
            return Err(refusal(member, status, &bytes));
        }
        serde_json::from_slice(&bytes)
            .map_err(|error| EtcdError::Refused(format!("{member} answered what is not understood: {error}")))
    }
}

/// A member that has lost its leader, or is about to end, answers so; another one may know better.
fn refusal(member: &str, status: StatusCode, bytes: &[u8]) -> EtcdError {
    let reason = serde_json::from_slice::<Refusal>(bytes).map_or_else(|_| status.to_string(), |refusal| refusal.error);
    let passing = [StatusCode::SERVICE_UNAVAILABLE, StatusCode::GATEWAY_TIMEOUT, StatusCode::INTERNAL_SERVER_ERROR];
    match passing.contains(&status) {
        true => EtcdError::Unreachable(format!("{member}: {reason}")),
        false => EtcdError::Refused(reason),
    }
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
