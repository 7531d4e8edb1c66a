//! What someone else changed: noted as installed, marked as dirty, so that the next batch puts it right.

use std::collections::{BTreeMap, BTreeSet};

use super::Switch;
use crate::{
    compile::SwitchState,
    pipeline::{FlowBody, FlowKey, Group},
};

/// A flow or group that is not as it is to be, and was not changed by us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Drift {
    /// A flow of ours is gone; what it was to be.
    FlowGone(FlowKey, FlowBody),
    /// A flow of ours does something else or has another cookie; what it is to be.
    FlowChanged(FlowKey, FlowBody),
    /// A flow that is none of ours.
    FlowForeign(FlowKey),
    /// A group of ours is gone or another.
    GroupChanged(u32),
    /// A group that is none of ours.
    GroupForeign(u32),
}

/// What a switch was seen to have, some time after it was read back.
#[derive(Clone, Debug, Default)]
pub struct Audit {
    /// All flows, if they were read.
    pub flows: Option<BTreeMap<FlowKey, FlowBody>>,
    /// All groups by id.
    pub groups: BTreeMap<u32, Group>,
}

impl Switch {
    /// The switch said that someone changed these flows; none as a body: removed.
    pub fn foreign(&mut self, changes: Vec<(FlowKey, Option<FlowBody>)>, desired: &SwitchState) -> Vec<Drift> {
        let Some(installed) = &mut self.installed else { return Vec::new() };
        let mut drifts = Vec::new();
        for (key, body) in changes {
            drifts.extend(flow_drift(&key, body.as_ref(), desired));
            match body {
                Some(body) => drop(installed.flows.insert(key.clone(), body)),
                None => drop(installed.flows.remove(&key)),
            }
            self.dirty_flows.insert(key);
        }
        drifts
    }

    /// What the switch has was read again. Says nothing while a batch is on its way: it may or may not be seen.
    pub fn audit(&mut self, audit: Audit, desired: &SwitchState) -> Vec<Drift> {
        if self.in_flight.is_some() {
            return Vec::new();
        }
        let Some(installed) = &mut self.installed else { return Vec::new() };
        let mut drifts = Vec::new();
        if let Some(seen) = audit.flows {
            let differing = |key: &&FlowKey| seen.get(*key) != installed.flows.get(*key);
            let keys: BTreeSet<FlowKey> =
                seen.keys().chain(installed.flows.keys()).filter(differing).cloned().collect();
            drifts.extend(keys.iter().filter_map(|key| flow_drift(key, seen.get(key), desired)));
            self.dirty_flows.extend(keys);
            installed.flows = seen;
        }
        let differing = |id: &&u32| audit.groups.get(*id) != installed.groups.get(*id);
        let ids: BTreeSet<u32> =
            audit.groups.keys().chain(installed.groups.keys()).filter(differing).copied().collect();
        for id in ids {
            match (desired.groups().get(&id), audit.groups.get(&id)) {
                (Some(want), seen) if seen != Some(want) => drifts.push(Drift::GroupChanged(id)),
                (None, Some(_)) => drifts.push(Drift::GroupForeign(id)),
                _ => {}
            }
            self.dirty_groups.insert(id);
        }
        installed.groups = audit.groups;
        drifts
    }
}

fn flow_drift(key: &FlowKey, seen: Option<&FlowBody>, desired: &SwitchState) -> Option<Drift> {
    match (desired.flow(key), seen) {
        (Some(want), None) => Some(Drift::FlowGone(key.clone(), want.clone())),
        (Some(want), Some(seen)) if want != seen => Some(Drift::FlowChanged(key.clone(), want.clone())),
        (None, Some(_)) => Some(Drift::FlowForeign(key.clone())),
        _ => None,
    }
}
