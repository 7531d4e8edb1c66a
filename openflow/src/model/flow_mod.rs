//! How flow-mods and group-mods change what a switch holds.

use std::sync::Arc;
use std::time::Duration;

use super::flow::{Bits, Entry, Flow, Key, bits, is_covered, normal, ops, overlaps};
use super::refusal::Refusal;
use super::{N_TABLES, State, check, groups};
use crate::action::Action;
use crate::message::Body;
use crate::msg::flow::{FlowMod, FlowModCommand, FlowModFlags, FlowRemoved, FlowRemovedReason, FlowRequest};
use crate::types::{GroupId, PortNo, TableId};

/// Which flows a message is about.
struct Filter {
    tables: std::ops::RangeInclusive<u8>,
    /// Only the flow with this key.
    strict: Option<Key>,
    criteria: Vec<Bits>,
    cookie: u64,
    cookie_mask: u64,
    out_port: PortNo,
    out_group: GroupId,
}

impl Filter {
    fn meets(&self, flow: &Flow) -> bool {
        let strict = self
            .strict
            .as_ref()
            .is_none_or(|(priority, matching)| priority.0 == flow.priority && *matching == flow.matching);
        let outputs =
            |port| flow.all_actions().iter().any(|a| matches!(a, Action::Output { port: p, .. } if *p == port));
        let uses = |id| flow.all_actions().iter().any(|a| matches!(a, Action::Group { group_id } if *group_id == id));
        strict
            && (flow.cookie ^ self.cookie) & self.cookie_mask == 0
            && is_covered(&flow.bits, &self.criteria)
            && (self.out_port == PortNo::ANY || outputs(self.out_port))
            && (self.out_group == GroupId::ANY || uses(self.out_group))
    }
}

fn tables(table: TableId) -> std::ops::RangeInclusive<u8> {
    if table == TableId::ALL { 0..=u8::MAX } else { table.0..=table.0 }
}

impl State {
    /// Applies a message; says which flows ended that somebody wants to know of.
    pub fn apply(&mut self, message: &Body, now: Duration) -> Result<Vec<FlowRemoved>, Refusal> {
        match message {
            Body::FlowMod(flow_mod) => self.flow_mod(flow_mod, now),
            Body::GroupMod(group_mod) => {
                let gone = groups::apply(&mut self.groups, group_mod)?;
                Ok(gone.into_iter().flat_map(|id| self.delete_users(id, now)).collect())
            }
            _ => Err(Refusal::BAD_TYPE),
        }
    }

    fn flow_mod(&mut self, flow_mod: &FlowMod, now: Duration) -> Result<Vec<FlowRemoved>, Refusal> {
        flow_mod.matching.check()?;
        let deletes = matches!(flow_mod.command, FlowModCommand::DELETE | FlowModCommand::DELETE_STRICT);
        if flow_mod.table_id == TableId::ALL && !deletes {
            return Err(Refusal::BAD_TABLE_ID);
        }
        if flow_mod.command > FlowModCommand::DELETE_STRICT {
            return Err(Refusal::BAD_COMMAND);
        }
        check::read_instructions(&flow_mod.instructions)?;
        check::instructions(&flow_mod.instructions, flow_mod.table_id, &flow_mod.matching)?;
        if flow_mod.table_id.0 == N_TABLES && !deletes {
            // the switch's own
            return Err(Refusal::EPERM);
        }
        match flow_mod.command {
            FlowModCommand::ADD => self.add(new_flow(flow_mod), flow_mod.flags, now).map(|()| Vec::new()),
            FlowModCommand::MODIFY | FlowModCommand::MODIFY_STRICT => {
                self.modify(flow_mod, now)?;
                Ok(Vec::new())
            }
            FlowModCommand::DELETE | FlowModCommand::DELETE_STRICT => {
                Ok(self.delete(&filter(flow_mod), FlowRemovedReason::DELETE, now))
            }
            _ => Err(Refusal::BAD_COMMAND),
        }
    }

    /// Adds a flow; one of same match and priority gives way. Its counters stay unless the flags
    /// say otherwise.
    pub fn add(&mut self, flow: Flow, flags: FlowModFlags, now: Duration) -> Result<(), Refusal> {
        self.check_groups(&flow)?;
        let table = self.tables.entry(flow.table_id.0).or_default();
        let clash = |other: &Flow| other.priority == flow.priority && overlaps(&other.bits, &flow.bits);
        // one that is replaced does not overlap, and then nothing else is looked for
        let is_new = !table.flows.contains_key(&flow.key());
        if is_new && flags.contains(FlowModFlags::CHECK_OVERLAP) && table.flows.values().any(|e| clash(&e.flow)) {
            return Err(Refusal::OVERLAP);
        }
        let key = flow.key();
        let reset = flags.contains(FlowModFlags::RESET_COUNTS);
        let (packets, bytes) = match table.flows.get(&key) {
            Some(old) if !reset => (old.packets, old.bytes),
            _ => (0, 0),
        };
        table.flows.insert(key, Entry { flow: Arc::new(flow), created: now, used: now, packets, bytes });
        Ok(())
    }

    fn check_groups(&self, flow: &Flow) -> Result<(), Refusal> {
        let missing =
            |action: &&Action| matches!(action, Action::Group { group_id } if !self.groups.contains_key(group_id));
        if flow.all_actions().iter().any(missing) { Err(Refusal::BAD_OUT_GROUP) } else { Ok(()) }
    }

    /// Gives other instructions to flows; cookies, timeouts and, unless the flags say otherwise,
    /// counters stay.
    fn modify(&mut self, flow_mod: &FlowMod, now: Duration) -> Result<(), Refusal> {
        // out_port and out_group are for deletes (section 7.3.4.1)
        let filter = Filter { out_port: PortNo::ANY, out_group: GroupId::ANY, ..filter(flow_mod) };
        let new = new_flow(flow_mod);
        let in_tables = || self.tables.range(filter.tables.clone()).flat_map(|(_, table)| table.flows.values());
        if !in_tables().any(|entry| filter.meets(&entry.flow)) {
            return Ok(());
        }
        self.check_groups(&new)?;
        for (_, table) in self.tables.range_mut(filter.tables.clone()) {
            for entry in table.flows.values_mut().filter(|entry| filter.meets(&entry.flow)) {
                let old = &*entry.flow;
                let flow = Flow { instructions: new.instructions.clone(), ops: new.ops.clone(), ..old.clone() };
                entry.flow = Arc::new(flow);
                entry.used = now;
                if flow_mod.flags.contains(FlowModFlags::RESET_COUNTS) {
                    (entry.packets, entry.bytes) = (0, 0);
                }
            }
        }
        Ok(())
    }

    fn delete(&mut self, filter: &Filter, reason: FlowRemovedReason, now: Duration) -> Vec<FlowRemoved> {
        self.remove_where(now, |entry| {
            let in_table = filter.tables.contains(&entry.flow.table_id.0);
            (in_table && filter.meets(&entry.flow)).then_some(reason)
        })
    }

    fn delete_users(&mut self, group: GroupId, now: Duration) -> Vec<FlowRemoved> {
        let all = Filter { out_group: group, ..request_filter(&FlowRequest::default()) };
        self.delete(&all, FlowRemovedReason::GROUP_DELETE, now)
    }

    /// Removes flows whose timeouts are over.
    pub fn expire(&mut self, now: Duration) -> Vec<FlowRemoved> {
        let over =
            |since: Duration, timeout: u16| timeout != 0 && now.saturating_sub(since).as_secs() >= u64::from(timeout);
        self.remove_where(now, |entry| match &*entry.flow {
            flow if over(entry.created, flow.hard_timeout) => Some(FlowRemovedReason::HARD_TIMEOUT),
            flow if over(entry.used, flow.idle_timeout) => Some(FlowRemovedReason::IDLE_TIMEOUT),
            _ => None,
        })
    }

    fn remove_where(
        &mut self,
        now: Duration,
        reason: impl Fn(&Entry) -> Option<FlowRemovedReason>,
    ) -> Vec<FlowRemoved> {
        let mut removed = Vec::new();
        for table in self.tables.values_mut() {
            table.flows.retain(|_, entry| {
                let Some(reason) = reason(entry) else { return true };
                if entry.flow.flags.contains(FlowModFlags::SEND_FLOW_REM) {
                    removed.push(flow_removed(entry, reason, now));
                }
                false
            });
        }
        removed
    }

    /// The flows that a request asks for.
    pub fn select<'a>(&'a self, request: &FlowRequest) -> impl Iterator<Item = (u8, &'a Entry)> {
        let filter = request_filter(request);
        let all = self.tables.range(filter.tables.clone());
        let all = all.flat_map(|(id, table)| table.flows.values().map(|entry| (*id, entry)));
        all.filter(move |(_, entry)| filter.meets(&entry.flow))
    }
}

fn new_flow(flow_mod: &FlowMod) -> Flow {
    let matching = flow_mod.matching.canonical();
    let instructions = normal(&flow_mod.instructions);
    // what is asked for once is not kept
    let once = FlowModFlags::CHECK_OVERLAP.0 | FlowModFlags::RESET_COUNTS.0;
    Flow {
        table_id: flow_mod.table_id,
        priority: flow_mod.priority,
        bits: bits(&matching),
        matching,
        cookie: flow_mod.cookie,
        idle_timeout: flow_mod.idle_timeout,
        hard_timeout: flow_mod.hard_timeout,
        flags: FlowModFlags(flow_mod.flags.0 & !once),
        ops: ops(&instructions),
        instructions,
    }
}

fn filter(flow_mod: &FlowMod) -> Filter {
    let matching = flow_mod.matching.canonical();
    let strict = matches!(flow_mod.command, FlowModCommand::MODIFY_STRICT | FlowModCommand::DELETE_STRICT);
    Filter {
        tables: tables(flow_mod.table_id),
        criteria: bits(&matching),
        strict: strict.then_some((std::cmp::Reverse(flow_mod.priority), matching)),
        cookie: flow_mod.cookie,
        cookie_mask: flow_mod.cookie_mask,
        out_port: flow_mod.out_port,
        out_group: flow_mod.out_group,
    }
}

fn request_filter(request: &FlowRequest) -> Filter {
    Filter {
        tables: tables(request.table_id),
        strict: None,
        criteria: bits(&request.matching.canonical()),
        cookie: request.cookie,
        cookie_mask: request.cookie_mask,
        out_port: request.out_port,
        out_group: request.out_group,
    }
}

fn flow_removed(entry: &Entry, reason: FlowRemovedReason, now: Duration) -> FlowRemoved {
    let stats = entry.stats(now);
    FlowRemoved {
        cookie: stats.cookie,
        priority: stats.priority,
        reason,
        table_id: stats.table_id,
        duration_sec: stats.duration_sec,
        duration_nsec: stats.duration_nsec,
        idle_timeout: stats.idle_timeout,
        hard_timeout: stats.hard_timeout,
        packet_count: stats.packet_count,
        byte_count: stats.byte_count,
        matching: stats.matching,
    }
}
