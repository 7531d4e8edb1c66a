//! What switches hold, with the reason of each flow.

use std::collections::BTreeMap;

use api::{
    Kind, Name,
    status::{Flow, FlowDump, Group, GroupDump},
};
use openflow::{
    Action, Instruction, TableId,
    action::Ct,
    msg::{
        flow::{FlowModFlags, FlowStats},
        group::{GroupDesc, GroupStats},
    },
    text,
};

use crate::{
    compile::Delta,
    intent::Intent,
    pipeline::{Cookie, FlowBody, FlowKey, Flows, Table, group},
    reconcile::Drift,
    southbound,
};

/// The names of objects by kind and number.
pub struct Owners {
    names: BTreeMap<(Kind, u32), Name>,
}

impl Owners {
    /// Of all objects there are in any of these.
    pub fn new(intents: &[&Intent]) -> Self {
        let mut names = BTreeMap::new();
        for intent in intents {
            names.extend(intent.nodes.values().map(|node| ((Kind::Node, node.id), node.name.clone())));
            names.extend(intent.networks.values().map(|network| ((Kind::Network, network.id), network.name.clone())));
            names.extend(intent.endpoints.values().map(|it| ((Kind::Endpoint, it.id), it.name.clone())));
            names.extend(intent.services.values().map(|service| ((Kind::Service, service.id), service.name.clone())));
            names.extend(intent.policies.values().map(|policy| ((Kind::Policy, policy.id), policy.name.clone())));
        }
        Self { names }
    }

    /// The name of an object.
    pub fn name(&self, kind: Kind, id: u32) -> Option<&Name> {
        self.names.get(&(kind, id))
    }

    /// The object like `service/web`; its number where it is no more; none if the cookie is not ours.
    pub fn of(&self, cookie: Option<Cookie>) -> Option<String> {
        let cookie = cookie?;
        if cookie.kind == Kind::Pipeline {
            return Some(Kind::Pipeline.to_string());
        }
        match self.names.get(&(cookie.kind, cookie.id)) {
            Some(name) => Some(format!("{}/{name}", cookie.kind)),
            None => Some(format!("{}/#{}", cookie.kind, cookie.id)),
        }
    }
}

/// All flows.
pub fn flows(node: &Name, read: &[FlowStats], owners: &Owners) -> FlowDump {
    sorted(node, read.iter().map(|stats| flow(stats, owners, None)).collect())
}

/// The flows that are not as they are to be: missing ones are shown as they should be, others as they are.
pub fn difference(node: &Name, read: &[FlowStats], mut wanted: Flows, owners: &Owners) -> FlowDump {
    let mut differing = Vec::new();
    for stats in read.iter().filter(|stats| !southbound::is_learned(stats)) {
        let (key, body) = southbound::flow(stats);
        match wanted.remove(&key) {
            Some(want) if *want == body => {}
            Some(_) => differing.push(flow(stats, owners, Some("changed"))),
            None => differing.push(flow(stats, owners, Some("foreign"))),
        }
    }
    differing.extend(wanted.iter().map(|(key, body)| flow(&as_if_read(key, body), owners, Some("missing"))));
    sorted(node, differing)
}

/// Flows that change: removed ones as they were, others as they will be.
pub fn changes(node: &Name, delta: &Delta, owners: &Owners) -> FlowDump {
    let changed = delta.flows.iter().filter_map(|(key, edit)| match (&edit.before, &edit.after) {
        (None, Some(after)) => Some((key, after, "added")),
        (Some(_), Some(after)) => Some((key, after, "changed")),
        (Some(before), None) => Some((key, before, "removed")),
        (None, None) => None,
    });
    sorted(node, changed.map(|(key, body, diff)| flow(&as_if_read(key, body), owners, Some(diff))).collect())
}

/// Flows a switch is or was to have.
pub fn desired(node: &Name, flows: &Flows, owners: &Owners) -> FlowDump {
    sorted(node, flows.iter().map(|(key, body)| flow(&as_if_read(key, body), owners, None)).collect())
}

/// Flows by table, then priority from high to low, then match.
fn sorted(node: &Name, mut flows: Vec<Flow>) -> FlowDump {
    let order = |flow: &Flow| (flow.table_id, std::cmp::Reverse(flow.priority), flow.matching.clone());
    flows.sort_by_cached_key(order);
    FlowDump { node: node.clone(), flows }
}

fn as_if_read(key: &FlowKey, body: &FlowBody) -> FlowStats {
    FlowStats {
        table_id: TableId(key.table),
        duration_sec: 0,
        duration_nsec: 0,
        priority: key.priority,
        idle_timeout: 0,
        hard_timeout: 0,
        flags: FlowModFlags::NONE,
        cookie: body.cookie,
        packet_count: 0,
        byte_count: 0,
        matching: key.matching.clone(),
        instructions: body.instructions.clone(),
    }
}

/// One flow.
pub fn flow(stats: &FlowStats, owners: &Owners, diff: Option<&str>) -> Flow {
    let cookie = Cookie::from_u64(stats.cookie);
    let table = Table::from_id(stats.table_id.0);
    Flow {
        table: table.map_or_else(|| stats.table_id.0.to_string(), |table| table.name().to_owned()),
        table_id: stats.table_id.0,
        priority: stats.priority,
        matching: text::Match(&stats.matching).to_string(),
        actions: text::Instructions(&stats.instructions).to_string(),
        owner: owners.of(cookie),
        revision: cookie
            .filter(|cookie| cookie.kind != Kind::Pipeline && !southbound::is_learned(stats))
            .map(|cookie| u64::from(cookie.revision)),
        reason: reason(cookie, &stats.instructions),
        diff: diff.map(str::to_owned),
        cookie: stats.cookie,
        packets: stats.packet_count,
        bytes: stats.byte_count,
        duration_seconds: f64::from(stats.duration_sec) + f64::from(stats.duration_nsec) / 1e9,
        ofctl: text::FlowStats(stats).to_string(),
    }
}

/// Why packets that meet a flow do not arrive, in words; none if they may.
fn reason(cookie: Option<Cookie>, instructions: &[Instruction]) -> Option<String> {
    let ends = |action: &Action| matches!(action, Action::NxCt(ct) if ct.recirc_table == Ct::NO_RECIRC);
    let drops = instructions.iter().all(|instruction| match instruction {
        Instruction::ApplyActions { actions } => actions.iter().all(ends),
        _ => false,
    });
    // A flow of the pipeline's own that has a reason hands packets to the kernel, which refuses them for that.
    cookie
        .filter(|cookie| drops || cookie.kind == Kind::Pipeline)
        .and_then(Cookie::reason)
        .map(|reason| reason.as_str().to_owned())
}

/// Groups in order of their ids.
pub fn groups(node: &Name, described: &[GroupDesc], counted: &[GroupStats], owners: &Owners) -> GroupDump {
    let counts: BTreeMap<u32, &GroupStats> = counted.iter().map(|stats| (stats.group_id.0, stats)).collect();
    let mut groups: Vec<Group> = described
        .iter()
        .map(|desc| {
            let id = desc.group_id.0;
            let packets = counts.get(&id).map(|stats| stats.bucket_stats.iter().map(|bucket| bucket.packet_count));
            Group {
                id,
                owner: group_owner(id, owners),
                bucket_packets: packets.map(Iterator::collect).unwrap_or_default(),
                ofctl: text::GroupDesc(desc).to_string(),
            }
        })
        .collect();
    groups.sort_by_key(|group| group.id);
    GroupDump { node: node.clone(), groups }
}

/// A flow in words: where it is and what it matches.
pub fn describe(key: &FlowKey) -> String {
    let table = Table::from_id(key.table).map_or_else(|| key.table.to_string(), |table| table.name().to_owned());
    match key.matching.is_empty() {
        true => format!("flow in table {table}, priority {}", key.priority),
        false => format!("flow in table {table}, priority {}, {}", key.priority, text::Match(&key.matching)),
    }
}

/// The owner of a group.
pub fn group_owner(id: u32, owners: &Owners) -> Option<String> {
    owners.of(Some(group::owner(id)))
}

/// What someone else did, and whom it concerned.
pub fn drift(drift: &Drift, owners: &Owners) -> (Option<String>, String) {
    let owner = |body: &FlowBody| owners.of(Cookie::from_u64(body.cookie));
    match drift {
        Drift::FlowGone(key, body) => (owner(body), format!("{} was removed by someone else: put back", describe(key))),
        Drift::FlowChanged(key, body) => {
            (owner(body), format!("{} was changed by someone else: put right", describe(key)))
        }
        Drift::FlowForeign(key) => (None, format!("{} was added by someone else: removed", describe(key))),
        Drift::GroupChanged(id) => {
            (group_owner(*id, owners), format!("group {id} was changed by someone else: put right"))
        }
        Drift::GroupForeign(id) => (None, format!("group {id} was added by someone else: removed")),
    }
}
