//! Endpoints: the veths that lead into pods, and what the agent remembers of them.
//!
//! ```text
//!            attach                   real
//!   (none) ─────────► Attaching ─────────► Attached
//!      ▲                  │ failed             │ detach, or its namespace is gone
//!      │                  ▼                    ▼
//!      └───────────── Detaching ◄──────────────┘
//!        the controller
//!        has forgotten it
//! ```
//!
//! The record is on disk before the first change, so that whatever a crash
//! leaves behind is found and finished.

mod attach;
mod containers;
mod detach;
mod pod;
mod sweep;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use api::{Attach, Client, Endpoint, Name};
use serde::{Deserialize, Serialize};
use tokio::sync::OwnedMutexGuard;

use crate::{
    Error,
    follow::{Configs, Current},
    hash::fnv1a,
    link::Netlink,
    netns::NamespaceId,
    state::State,
};

pub use sweep::keep;

/// What the agent remembers of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Record {
    /// It is being made.
    Attaching,
    /// It is real.
    Attached(Box<Attached>),
    /// It is being removed; the controller may not know yet.
    Detaching,
}

/// An endpoint that is real.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attached {
    /// What was asked.
    pub attach: Attach,
    /// The namespace that was at the path then.
    pub netns: NamespaceId,
    /// What the controller made of it.
    pub endpoint: Endpoint,
}

impl Attached {
    /// Whether its namespace is still where it was.
    fn is_alive(&self) -> bool {
        NamespaceId::at(&self.attach.netns) == Some(self.netns)
    }

    /// Whether `attach` asks for this very endpoint.
    fn answers(&self, attach: &Attach, netns: NamespaceId) -> bool {
        let same_path = Attach { netns: PathBuf::new(), ..self.attach.clone() };
        self.netns == netns && same_path == Attach { netns: PathBuf::new(), ..attach.clone() }
    }
}

/// The device on the host that leads to the endpoint called `name`.
///
/// `p` and the first 48 bits of the name's FNV-1a hash: the same name has the same device on every host.
pub fn device_name(name: &Name) -> String {
    format!("p{:012x}", fnv1a(name.as_str().as_bytes()) >> 16)
}

/// The note that stands by that device (`ip link` prints it as alias).
pub fn alias(name: &Name) -> String {
    format!("sdn:{name}")
}

/// All endpoints of this host.
#[derive(Debug)]
pub struct Endpoints {
    node: Name,
    client: Client,
    netlink: Netlink,
    state: State,
    configs: Configs,
    ovs_db: String,
    records: Mutex<BTreeMap<Name, Record>>,
    busy: Mutex<BTreeMap<Name, Arc<tokio::sync::Mutex<()>>>>,
}

impl Endpoints {
    /// The endpoints that the state directory remembers, ports of the Open vSwitch whose database is at `ovs_db`.
    pub fn new(node: Name, client: Client, netlink: Netlink, state: State, configs: Configs, ovs_db: String) -> Self {
        let records = Mutex::new(state.endpoints());
        Self { node, client, netlink, state, configs, ovs_db, records, busy: Mutex::default() }
    }

    fn current(&self) -> Option<Arc<Current>> {
        self.configs.borrow().clone()
    }

    fn record(&self, name: &Name) -> Option<Record> {
        unpoisoned(&self.records).get(name).cloned()
    }

    fn snapshot(&self) -> BTreeMap<Name, Record> {
        unpoisoned(&self.records).clone()
    }

    async fn remember(&self, name: &Name, record: Record) -> Result<(), Error> {
        unpoisoned(&self.records).insert(name.clone(), record.clone());
        let kept = self.state.keep_endpoint(name, &record).await;
        kept.map_err(|e| Error::kernel("keep the endpoint's record", e))
    }

    fn forget(&self, name: &Name) -> Result<(), Error> {
        unpoisoned(&self.records).remove(name);
        self.state.drop_endpoint(name).map_err(|e| Error::kernel("drop the endpoint's record", e))
    }

    /// Waits until nobody else is at work on the endpoint.
    async fn claim(&self, name: &Name) -> OwnedMutexGuard<()> {
        self.lock(name).lock_owned().await
    }

    fn claim_if_idle(&self, name: &Name) -> Option<OwnedMutexGuard<()>> {
        self.lock(name).try_lock_owned().ok()
    }

    fn lock(&self, name: &Name) -> Arc<tokio::sync::Mutex<()>> {
        let mut busy = unpoisoned(&self.busy);
        busy.retain(|_, lock| Arc::strong_count(lock) > 1);
        busy.entry(name.clone()).or_default().clone()
    }
}

/// Nothing that holds these locks can leave a map half changed.
fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_names_are_stable_distinct_and_short_enough() {
        let name = |text: &str| device_name(&Name::new(text).unwrap());
        assert_eq!(name("foobar"), "p85944171f739");
        assert_eq!(name(&"x".repeat(128)).len(), 13);
        assert_ne!(name("a"), name("b"));
    }
}
