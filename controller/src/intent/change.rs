//! What users may ask for, and how it is refused.

use std::collections::BTreeMap;

use api::{
    EndpointSpec, GossipKey, Invalid, Kind, MeshSpec, Name, NetworkSpec, NodeSpec, PolicySpec, ServiceSpec, Way,
};
use ipnet::IpNet;

use super::{Authority, Counters, Enrolment, HeldPorts, Intent, Key, Known, Token, Txn, Value, VirtualRange, Write};

/// Something a user or an agent asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A controller starts: counts the generation up.
    Start,
    /// Makes a network; the same again changes nothing.
    PutNetwork(Name, NetworkSpec),
    /// Removes a network.
    DeleteNetwork(Name),
    /// Makes a node or changes what is known of it.
    PutNode(Name, NodeSpec),
    /// Its peers have lost a node, or it is back.
    SetNodeDown(Name, bool),
    /// A node is to be left, or no longer.
    SetNodeDrained(Name, bool),
    /// Removes a node that has no endpoint.
    DeleteNode(Name),
    /// A node gives these addresses of its share to containers itself, or none any more.
    SetContainers(Name, Option<IpNet>),
    /// Removes a node with its endpoints.
    EvictNode(Name),
    /// Makes an endpoint or changes its labels; the same again changes nothing.
    PutEndpoint(Name, EndpointSpec),
    /// Removes an endpoint.
    DeleteEndpoint(Name),
    /// Makes a service.
    CreateService(Name, ServiceSpec),
    /// Makes or changes a service.
    PutService(Name, ServiceSpec),
    /// Removes a service.
    DeleteService(Name),
    /// Makes or changes a policy.
    PutPolicy(Name, PolicySpec),
    /// Removes a policy.
    DeletePolicy(Name),
    /// Makes the first gossip key, or takes the step after this one of giving agents another; does nothing if that was
    /// done already.
    StepGossip(Option<u64>, GossipKey),
    /// Lays the mesh out in another way.
    PutMesh(MeshSpec),
    /// Two nodes reach each other by this way whatever the mode, or as the mode says again.
    PutPair([Name; 2], Option<Way>),
    /// Makes the authority that signs certificates; does nothing if there is one.
    PutAuthority(Authority),
    /// A certificate counts from now on.
    PutKnown(Known),
    /// Someone who has shown a certificate that is known, by its fingerprint, has another.
    Renew(Known, String),
    /// Makes a token that hosts join with.
    PutToken(Token),
    /// Revokes a token.
    DeleteToken(String),
    /// A host joins with a token.
    Enrol(Enrolment),
    /// Puts a backup in the place of all there is; of anything that is there only by force.
    Restore {
        /// What the backup holds.
        values: Vec<Value>,
        /// Whether objects that are there may be lost.
        force: bool,
    },
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
    /// Whoever asks may not.
    #[error("{0}")]
    Forbidden(String),
    /// No number or address is left.
    #[error("{0}")]
    Exhausted(String),
}

/// One of several changes was refused, and so all are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Which one, from 0.
    pub index: usize,
    /// Why.
    pub refused: Refused,
}

/// What a change does to the object it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It was not there.
    Created,
    /// It was there and is another now.
    Changed,
    /// It is no more.
    Removed,
    /// It is so already, as of this revision of the object.
    Unchanged(u64),
}

/// What changes amount to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The transaction it takes; none if all is so already.
    pub txn: Option<Txn>,
    /// What each change does.
    pub effects: Vec<Effect>,
}

impl Intent {
    /// What `changes`, made one after the other, amount to: one transaction, or none of them is made. `now` is the Unix
    /// time in seconds; `services` is the range virtual addresses lie in.
    ///
    /// # Errors
    /// The first change that is refused.
    pub fn plan(&self, changes: &[Change], services: &VirtualRange, now: u64) -> Result<Plan, Rejected> {
        self.plan_beside(&HeldPorts::new(), changes, services, now)
    }

    /// The same where processes of hosts hold ports: at these no service is published that is not yet.
    ///
    /// # Errors
    /// The first change that is refused.
    pub fn plan_beside(
        &self,
        held: &HeldPorts,
        changes: &[Change],
        services: &VirtualRange,
        now: u64,
    ) -> Result<Plan, Rejected> {
        let mut draft = Draft::new(self, services, held, now);
        let effects = changes
            .iter()
            .enumerate()
            .map(|(index, change)| draft.change(change).map_err(|refused| Rejected { index, refused }))
            .collect::<Result<Vec<Effect>, Rejected>>()?;
        Ok(Plan { txn: draft.finish(), effects })
    }
}

/// A transaction in the making: intent as it will be, and what it takes.
pub(super) struct Draft<'a> {
    pub intent: Intent,
    pub counters: Counters,
    pub services: &'a VirtualRange,
    pub held: &'a HeldPorts,
    pub now: u64,
    pub base: &'a Intent,
    writes: BTreeMap<Key, Option<Value>>,
}

impl<'a> Draft<'a> {
    fn new(intent: &'a Intent, services: &'a VirtualRange, held: &'a HeldPorts, now: u64) -> Self {
        let mut counters = intent.counters;
        counters.revision += 1;
        Self { intent: intent.clone(), counters, services, held, now, base: intent, writes: BTreeMap::new() }
    }

    fn change(&mut self, change: &Change) -> Result<Effect, Refused> {
        match change {
            Change::Start => {
                self.counters.generation += 1;
                Ok(Effect::Changed)
            }
            Change::PutNetwork(name, spec) => self.put_network(name, spec),
            Change::DeleteNetwork(name) => self.delete_network(name),
            Change::PutNode(name, spec) => self.put_node(name, spec),
            Change::SetNodeDown(name, down) => self.set_node_down(name, *down),
            Change::SetNodeDrained(name, drained) => self.set_node_drained(name, *drained),
            Change::SetContainers(name, range) => self.set_containers(name, *range),
            Change::DeleteNode(name) => self.delete_node(name),
            Change::EvictNode(name) => self.evict_node(name),
            Change::PutEndpoint(name, spec) => self.put_endpoint(name, spec),
            Change::DeleteEndpoint(name) => self.delete_endpoint(name),
            Change::CreateService(name, spec) => self.create_service(name, spec),
            Change::PutService(name, spec) => self.put_service(name, spec),
            Change::DeleteService(name) => self.delete_service(name),
            Change::PutPolicy(name, spec) => self.put_policy(name, spec),
            Change::DeletePolicy(name) => self.delete_policy(name),
            Change::PutMesh(spec) => Ok(self.put_mesh(*spec)),
            Change::PutPair(pair, way) => self.put_pair(pair, *way),
            Change::StepGossip(after, key) => Ok(self.step_gossip(*after, key)),
            Change::PutAuthority(authority) => Ok(self.put_authority(authority)),
            Change::PutKnown(known) => Ok(self.put_known(known)),
            Change::Renew(known, shown) => self.renew(known, shown),
            Change::PutToken(token) => Ok(self.put_token(token)),
            Change::DeleteToken(name) => self.delete_token(name),
            Change::Enrol(asked) => self.enrol(asked),
            Change::Restore { values, force } => self.restore(values, *force),
        }
    }

    /// The revision that will hold the transaction.
    pub fn revision(&self) -> u64 {
        self.counters.revision
    }

    pub fn put(&mut self, value: Value) {
        self.write(value.key(), Some(value));
    }

    pub fn remove(&mut self, key: Key) {
        self.write(key, None);
    }

    /// What is written so far.
    pub fn written(&self) -> impl Iterator<Item = &Key> {
        self.writes.keys()
    }

    fn write(&mut self, key: Key, value: Option<Value>) {
        let write = Write { key, value };
        self.intent.write(&write);
        self.writes.insert(write.key, write.value);
    }

    fn finish(mut self) -> Option<Txn> {
        if self.writes.is_empty() && self.counters.generation == self.intent.counters.generation {
            return None;
        }
        self.seat_backends();
        self.forget_rested();
        self.writes.insert(Key::Counters, Some(Value::Counters(self.counters)));
        let writes = self.writes.into_iter().map(|(key, value)| Write { key, value }).collect();
        Some(Txn { revision: self.counters.revision, writes })
    }

    /// Addresses that have rested are free: nothing need be known of them any more.
    fn forget_rested(&mut self) {
        let rested = self.intent.resting.iter().filter(|(_, until)| **until <= self.now).take(256);
        let rested: Vec<Key> = rested.map(|((network, ip), _)| Key::Resting(network.clone(), *ip)).collect();
        rested.into_iter().for_each(|key| self.remove(key));
    }
}
