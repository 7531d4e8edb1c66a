//! What a switch keeps, and how changes are done and undone.

use std::collections::{BTreeMap, BTreeSet};

use openflow::model::Refusal;
use openflow::msg::flow::FlowRemovedReason;
use openflow::{GroupId, Instruction, MeterId};

use super::filter::Filter;
use super::flow::Flow;
use super::prepare::{Change, METER_EXISTS, UNKNOWN_METER};

/// Flows, groups and meters; the latter two as the bytes of their descriptions.
#[derive(Debug, Default)]
pub(super) struct State {
    pub flows: BTreeSet<Flow>,
    pub groups: BTreeMap<GroupId, Box<[u8]>>,
    pub meters: BTreeMap<MeterId, Box<[u8]>>,
}

/// Something that was done.
#[derive(Debug)]
pub(super) enum Done {
    /// A flow was this and is that.
    Flow { old: Option<Flow>, new: Option<Flow>, how: How },
    /// A group was this before.
    Group { id: GroupId, old: Option<Box<[u8]>> },
    /// A meter was this before.
    Meter { id: MeterId, old: Option<Box<[u8]>> },
}

/// What happened to a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// It was added, maybe in the place of another.
    Added,
    /// It got other instructions.
    Modified,
    /// It is gone.
    Deleted(FlowRemovedReason),
}

impl State {
    /// Does a change, or nothing; adds what it did to `log`.
    pub fn apply(&mut self, change: Change, log: &mut Vec<Done>) -> Result<(), Refusal> {
        match change {
            Change::Add { flow, groups } => {
                self.check_groups(&groups)?;
                self.set(flow, How::Added, log);
            }
            Change::Modify { filter, instructions, groups } => {
                self.check_groups(&groups)?;
                self.modify(&filter, &instructions, log);
            }
            Change::Delete { filter } => self.delete(&filter, FlowRemovedReason::DELETE, log),
            Change::Group { id, exists, desc } => {
                match (exists, self.groups.contains_key(&id)) {
                    (Some(false), true) => return Err(Refusal::GROUP_EXISTS),
                    (Some(true), false) => return Err(Refusal::UNKNOWN_GROUP),
                    _ => {}
                }
                let old = self.groups.insert(id, desc);
                log.push(Done::Group { id, old });
            }
            Change::DeleteGroup { id } => self.delete_groups(id, log),
            Change::Meter { id, exists, config } => {
                match (exists, self.meters.contains_key(&id)) {
                    (false, true) => return Err(METER_EXISTS),
                    (true, false) => return Err(UNKNOWN_METER),
                    _ => {}
                }
                let old = self.meters.insert(id, config);
                log.push(Done::Meter { id, old });
            }
            Change::DeleteMeter { id } => {
                let ids: Vec<MeterId> =
                    if id == MeterId::ALL { self.meters.keys().copied().collect() } else { vec![id] };
                for id in ids {
                    let old = self.meters.remove(&id);
                    log.push(Done::Meter { id, old });
                }
            }
        }
        Ok(())
    }

    /// Takes back what was done, the last first.
    pub fn undo(&mut self, log: Vec<Done>) {
        for done in log.into_iter().rev() {
            match done {
                Done::Flow { old: Some(old), .. } => drop(self.flows.replace(old)),
                Done::Flow { old: None, new, .. } => drop(new.map(|new| self.flows.remove(&new))),
                Done::Group { id, old: Some(old) } => drop(self.groups.insert(id, old)),
                Done::Group { id, old: None } => drop(self.groups.remove(&id)),
                Done::Meter { id, old: Some(old) } => drop(self.meters.insert(id, old)),
                Done::Meter { id, old: None } => drop(self.meters.remove(&id)),
            }
        }
    }

    /// The flows that are meant.
    pub fn select<'a>(&'a self, filter: &'a Filter) -> impl Iterator<Item = &'a Flow> {
        let only = filter.strict();
        let all = only.is_none().then(|| self.flows.iter());
        let one = only.and_then(|key| self.flows.get(key));
        all.into_iter().flatten().chain(one).filter(|flow| filter.meets(flow))
    }

    fn check_groups(&self, groups: &[GroupId]) -> Result<(), Refusal> {
        let there = groups.iter().all(|id| self.groups.contains_key(id));
        if there { Ok(()) } else { Err(Refusal::BAD_OUT_GROUP) }
    }

    fn set(&mut self, flow: Flow, how: How, log: &mut Vec<Done>) {
        let old = self.flows.replace(flow.clone());
        log.push(Done::Flow { old, new: Some(flow), how });
    }

    fn modify(&mut self, filter: &Filter, instructions: &[Instruction], log: &mut Vec<Done>) {
        let meant: Vec<Flow> = self.select(filter).cloned().collect();
        for flow in meant {
            let mut stats = flow.stats();
            stats.instructions = instructions.to_vec();
            if let Some(flow) = Flow::new(&stats) {
                self.set(flow, How::Modified, log);
            }
        }
    }

    fn delete(&mut self, filter: &Filter, reason: FlowRemovedReason, log: &mut Vec<Done>) {
        let meant: Vec<Flow> = self.select(filter).cloned().collect();
        for flow in meant {
            let old = self.flows.take(&flow);
            log.push(Done::Flow { old, new: None, how: How::Deleted(reason) });
        }
    }

    fn delete_groups(&mut self, id: GroupId, log: &mut Vec<Done>) {
        let ids: Vec<GroupId> = if id == GroupId::ALL { self.groups.keys().copied().collect() } else { vec![id] };
        for id in ids {
            if let Some(old) = self.groups.remove(&id) {
                log.push(Done::Group { id, old: Some(old) });
                self.delete(&Filter::users(id), FlowRemovedReason::GROUP_DELETE, log);
            }
        }
    }
}
