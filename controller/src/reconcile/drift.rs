//! What someone else changed: noted as installed, marked as dirty, so that the next batch puts it right.

use std::{collections::BTreeSet, sync::Arc};

use imbl::OrdMap;

use super::{Switch, differences::Differences};
use crate::{
    compile::{State, differing},
    pipeline::{FlowBody, FlowKey, Flows, Groups},
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
    pub flows: Option<Flows>,
    /// All groups by id.
    pub groups: Groups,
}

impl Switch {
    /// The switch said that someone changed these flows; none as a body: removed.
    pub fn foreign(&mut self, changes: Vec<(Arc<FlowKey>, Option<Arc<FlowBody>>)>, desired: &State) -> Vec<Drift> {
        let Some(known) = &mut self.known else { return Vec::new() };
        let mut drifts = Vec::new();
        for (key, seen) in changes {
            let want = desired.flows.get(&key);
            drifts.extend(flow_drift(&key, seen.as_ref(), want));
            known.flows.saw(key, seen, want.cloned());
        }
        drifts
    }

    /// What the switch has was read again. Says nothing while a batch is on its way: it may or may not be seen.
    pub fn audit(&mut self, audit: Audit, desired: &State) -> Vec<Drift> {
        if self.in_flight.is_some() {
            return Vec::new();
        }
        let Some(known) = &mut self.known else { return Vec::new() };
        let flows = audit.flows.map(|seen| unexpected(&seen, &desired.flows, &known.flows)).unwrap_or_default();
        let groups = unexpected(&audit.groups, &desired.groups, &known.groups);
        let drifts = flows.iter().filter_map(|(key, seen, want)| flow_drift(key, seen.as_ref(), want.as_ref()));
        let drifts = drifts.chain(groups.iter().filter_map(|(id, seen, want)| match want {
            Some(_) => (seen != want).then_some(Drift::GroupChanged(*id)),
            None => seen.is_some().then_some(Drift::GroupForeign(*id)),
        }));
        let drifts = drifts.collect();
        flows.into_iter().for_each(|(key, seen, want)| known.flows.saw(key, seen, want));
        groups.into_iter().for_each(|(id, seen, want)| known.groups.saw(id, seen, want));
        drifts
    }
}

/// A key, what was seen under it, and what is wanted there.
type Seen<K, T> = (K, Option<Arc<T>>, Option<Arc<T>>);

/// What was seen and is neither wanted nor known to differ from that.
fn unexpected<K: Ord + Clone, T: PartialEq>(
    seen: &OrdMap<K, Arc<T>>,
    desired: &OrdMap<K, Arc<T>>,
    known: &Differences<K, T>,
) -> Vec<Seen<K, T>> {
    let differ = differing(desired, seen).map(|(key, ..)| key);
    let keys: BTreeSet<&K> = differ.chain(known.iter().map(|(key, _)| key)).collect();
    let all = keys.into_iter().map(|key| (key.clone(), seen.get(key).cloned(), desired.get(key).cloned()));
    let expected = |key: &K, want: &Option<Arc<T>>| known.get(key).map_or(want.clone(), |known| known.have.clone());
    all.filter(|(key, seen, want)| *seen != expected(key, want)).collect()
}

fn flow_drift(key: &FlowKey, seen: Option<&Arc<FlowBody>>, want: Option<&Arc<FlowBody>>) -> Option<Drift> {
    match (want, seen) {
        (Some(want), None) => Some(Drift::FlowGone(key.clone(), (**want).clone())),
        (Some(want), Some(seen)) if want != seen => Some(Drift::FlowChanged(key.clone(), (**want).clone())),
        (None, Some(_)) => Some(Drift::FlowForeign(key.clone())),
        _ => None,
    }
}
