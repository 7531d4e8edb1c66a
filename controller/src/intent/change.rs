//! What users may ask for, and how it is refused.

use api::{EndpointSpec, Invalid, Kind, Name, NetworkSpec, NodeSpec, ServiceSpec};
use ipnet::IpNet;

use super::{Counters, Intent, Key, Txn, Value, Write};

/// Something a user or an agent asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A controller starts: counts the generation up.
    Start,
    /// Makes a network.
    CreateNetwork(Name, NetworkSpec),
    /// Makes a node or changes what is known of it.
    PutNode(Name, NodeSpec),
    /// Removes a node.
    DeleteNode(Name),
    /// Makes an endpoint; the same again changes nothing.
    CreateEndpoint(Name, EndpointSpec),
    /// Removes an endpoint.
    DeleteEndpoint(Name),
    /// Makes a service.
    CreateService(Name, ServiceSpec),
    /// Changes a service.
    PutService(Name, ServiceSpec),
    /// Removes a service.
    DeleteService(Name),
}

/// Why a change is not made. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A field is wrong.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// It contradicts what is there.
    #[error("{0}")]
    Conflict(String),
    /// What it speaks of is not there.
    #[error("there is no {0} {1}; `sdnctl {0} ls` shows what there is")]
    NotFound(Kind, Name),
    /// No number or address is left.
    #[error("{0}")]
    Exhausted(String),
}

/// What a change amounts to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Planned {
    /// It is so already, as of this revision of the object.
    Unchanged(u64),
    /// It takes this transaction.
    Txn(Txn),
}

impl Intent {
    /// What `change` amounts to. `now` is the Unix time in seconds; `services` is the range virtual addresses lie in.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn plan(&self, change: &Change, services: &IpNet, now: u64) -> Result<Planned, Refused> {
        let mut draft = Draft::new(self, now);
        match change {
            Change::Start => draft.counters.generation += 1,
            Change::CreateNetwork(name, spec) => self.create_network(&mut draft, name, spec, services)?,
            Change::PutNode(name, spec) => self.put_node(&mut draft, name, spec)?,
            Change::DeleteNode(name) => self.delete_node(&mut draft, name)?,
            Change::CreateEndpoint(name, spec) => self.create_endpoint(&mut draft, name, spec)?,
            Change::DeleteEndpoint(name) => self.delete_endpoint(&mut draft, name)?,
            Change::CreateService(name, spec) => self.create_service(&mut draft, name, spec, services)?,
            Change::PutService(name, spec) => self.put_service(&mut draft, name, spec, services)?,
            Change::DeleteService(name) => self.delete_service(&mut draft, name)?,
        }
        Ok(draft.finish(matches!(change, Change::Start)))
    }
}

/// A transaction in the making.
pub(super) struct Draft {
    pub counters: Counters,
    pub now: u64,
    unchanged: u64,
    writes: Vec<Write>,
}

impl Draft {
    fn new(intent: &Intent, now: u64) -> Self {
        let mut counters = intent.counters;
        counters.revision += 1;
        Self { counters, now, unchanged: 0, writes: Vec::new() }
    }

    pub fn revision(&self) -> u64 {
        self.counters.revision
    }

    pub fn put(&mut self, value: Value) {
        self.writes.push(Write { key: value.key(), value: Some(value) });
    }

    pub fn remove(&mut self, key: Key) {
        self.writes.push(Write { key, value: None });
    }

    pub fn already_at(&mut self, revision: u64) {
        self.unchanged = revision;
    }

    fn finish(mut self, count: bool) -> Planned {
        if self.writes.is_empty() && !count {
            return Planned::Unchanged(self.unchanged);
        }
        self.put(Value::Counters(self.counters));
        Planned::Txn(Txn { revision: self.counters.revision, writes: self.writes })
    }
}
