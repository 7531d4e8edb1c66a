//! The difference between what a switch is to have and what it has, in an order in which no packet meets a half-built
//! table: groups before the flows that use them, removals last.

use std::{collections::BTreeSet, net::Ipv4Addr};

use super::Installed;
use crate::{
    compile::SwitchState,
    pipeline::{Flow, FlowKey, Group},
};

/// Connections whose entries must go because their backend left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CtFlush {
    /// The zone the service translates in.
    pub zone: u16,
    /// The backend's address.
    pub ip: Ipv4Addr,
    /// The backend's port.
    pub port: u16,
}

/// One atomic change of a switch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Its number within the switch.
    pub id: u64,
    /// Groups to add.
    pub groups_added: Vec<Group>,
    /// Groups to change.
    pub groups_changed: Vec<Group>,
    /// Flows to add or replace.
    pub flows_set: Vec<Flow>,
    /// Flows to remove.
    pub flows_removed: Vec<FlowKey>,
    /// Groups to remove.
    pub groups_removed: Vec<u32>,
    /// Connections to forget, once the rest is done.
    pub flushes: Vec<CtFlush>,
}

impl Batch {
    /// What makes `installed` what is `desired`, as far as these flows and groups go.
    pub(super) fn difference(
        id: u64,
        desired: &SwitchState,
        installed: &Installed,
        flows: &BTreeSet<FlowKey>,
        groups: &BTreeSet<u32>,
    ) -> Self {
        let mut batch = Self { id, ..Self::default() };
        for key in flows {
            match (desired.flow(key), installed.flows.get(key)) {
                (Some(want), have) if have != Some(want) => {
                    batch.flows_set.push(Flow { key: key.clone(), body: want.clone() });
                }
                (None, Some(_)) => batch.flows_removed.push(key.clone()),
                _ => {}
            }
        }
        for id in groups {
            match (desired.groups().get(id), installed.groups.get(id)) {
                (Some(want), None) => batch.groups_added.push(want.clone()),
                (Some(want), Some(have)) if want != have => batch.groups_changed.push(want.clone()),
                (None, Some(_)) => batch.groups_removed.push(*id),
                _ => {}
            }
            let backends = |group: Option<&Group>| group.map(Group::backends).unwrap_or_default();
            let (before, after) = (backends(installed.groups.get(id)), backends(desired.groups().get(id)));
            batch.flushes.extend(before.difference(&after));
        }
        batch
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

    pub(super) fn apply_to(self, installed: &mut Installed) {
        for flow in self.flows_set {
            installed.flows.insert(flow.key, flow.body);
        }
        for key in &self.flows_removed {
            installed.flows.remove(key);
        }
        for group in self.groups_added.into_iter().chain(self.groups_changed) {
            installed.groups.insert(group.id, group);
        }
        for id in &self.groups_removed {
            installed.groups.remove(id);
        }
    }
}
