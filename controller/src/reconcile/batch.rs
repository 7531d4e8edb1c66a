//! The difference between what a switch is to have and what it has, in an order in which no packet meets a half-built
//! table: groups before the flows that use them, removals last.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use api::Protocol;

use super::differences::Difference;
use crate::{
    compile::State,
    pipeline::{Flow, FlowBody, FlowKey, Group, Translation, group},
};

/// What clients of a service's port ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Front {
    /// The virtual address.
    pub ip: IpAddr,
    /// The port there.
    pub port: u16,
    /// The protocol.
    pub protocol: Protocol,
}

/// Connections whose entries must go because their backend left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CtFlush {
    /// The service's port that it left, as of [`group::port`].
    pub service_port: u32,
    /// The backend.
    pub to: Translation,
    /// What its clients asked. Without it, those of other services with the same backend go, too.
    pub front: Option<Front>,
}

/// The backends of groups before and after a batch, by service and port: one that goes from one slice to another
/// keeps its connections.
#[derive(Debug, Default)]
pub(super) struct Moves {
    had: BTreeSet<(u32, Translation)>,
    have: BTreeSet<(u32, Translation)>,
}

impl Moves {
    /// What a group or a flow of a service's port translated to, and what it does now.
    fn add<T>(
        &mut self,
        port: u32,
        had: &Option<Arc<T>>,
        have: &Option<Arc<T>>,
        backends: fn(&T) -> BTreeSet<Translation>,
    ) {
        let all = |of: &Option<Arc<T>>| {
            let backends = of.as_ref().map(|of| backends(of)).unwrap_or_default();
            backends.into_iter().map(move |backend| (port, backend))
        };
        self.had.extend(all(had));
        self.have.extend(all(have));
    }

    /// Those that left.
    pub fn left(&self) -> Vec<CtFlush> {
        let flush = |&(service_port, to): &(u32, Translation)| CtFlush { service_port, to, front: None };
        self.had.difference(&self.have).map(flush).collect()
    }

    /// Whether a backend is one of a service's port after the batch, which changes what the port has.
    pub fn has(&self, flush: &CtFlush) -> bool {
        self.have.contains(&(flush.service_port, flush.to))
    }
}

/// Whether a switch that has all this sends clients of the service's port to the backend.
pub(super) fn serves(state: &State, flush: &CtFlush) -> bool {
    let groups = state.groups.values().filter(|it| group::port(it.id) == flush.service_port);
    let flows = state.flows.iter().filter(|(key, _)| key.binds() == Some(flush.service_port));
    groups.flat_map(|it| it.backends()).chain(flows.flat_map(|(_, body)| body.backends())).any(|to| to == flush.to)
}

/// One atomic change of a switch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Its number within the switch.
    pub id: u64,
    /// Groups to add.
    pub groups_added: Vec<Arc<Group>>,
    /// Groups to change.
    pub groups_changed: Vec<Arc<Group>>,
    /// Flows to add or replace.
    pub flows_set: Vec<Flow>,
    /// Flows to remove.
    pub flows_removed: Vec<Arc<FlowKey>>,
    /// Groups to remove.
    pub groups_removed: Vec<u32>,
    /// Connections to forget, once the rest is done.
    pub flushes: Vec<CtFlush>,
}

impl Batch {
    /// Adds what makes a flow as it is to be.
    pub(super) fn flow(&mut self, key: &Arc<FlowKey>, difference: &Difference<FlowBody>, moves: &mut Moves) {
        if let Some(port) = key.binds() {
            moves.add(port, &difference.have, &difference.want, FlowBody::backends);
        }
        match &difference.want {
            Some(want) => self.flows_set.push(Flow { key: key.clone(), body: want.clone() }),
            None => self.flows_removed.push(key.clone()),
        }
    }

    /// Adds what makes a group as it is to be.
    pub(super) fn group(&mut self, id: u32, difference: &Difference<Group>, moves: &mut Moves) {
        let Difference { have, want, .. } = difference;
        match want {
            Some(want) if have.is_none() => self.groups_added.push(want.clone()),
            Some(want) => self.groups_changed.push(want.clone()),
            None => self.groups_removed.push(id),
        }
        moves.add(group::port(id), have, want, Group::backends);
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        *self == Self { id: self.id, ..Self::default() }
    }

    /// How many flow-mods it takes.
    pub fn flow_mods(&self) -> usize {
        self.flows_set.len() + self.flows_removed.len()
    }

    /// How many group-mods it takes.
    pub fn group_mods(&self) -> usize {
        self.groups_added.len() + self.groups_changed.len() + self.groups_removed.len()
    }
}
