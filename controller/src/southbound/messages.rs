//! Between our words and OpenFlow's: batches to messages, what a switch answers to [`State`].

use std::{net::IpAddr, sync::Arc};

use api::Protocol;
use openflow::{
    Blob, Body, Match, PortNo, TableId,
    msg::{
        experimenter::{Experimenter, ExperimenterRequest},
        flow::{FlowMod, FlowStats},
        group::{Bucket, GroupDesc, GroupMod, GroupType},
        monitor::{FlowMonitor, FlowUpdate, FlowUpdateFull, MonitorFlags, MonitorRequest},
        nicira::{CtFlush as CtFlushMessage, CtFlushProperty, FlushZone, Tuple, TupleProperty},
    },
    multipart::MultipartRequestBody,
};

use crate::{
    compile::State,
    dump::{self, Owners},
    pipeline::{Cookie, Flow, FlowBody, FlowKey, Group, affinity},
    reconcile::{Batch, CtFlush, Front, OwnerId},
};

/// The messages of a batch, in an order in which no packet meets a half-built table, and whose each is.
pub fn bundle(batch: &Batch) -> Vec<Body> {
    let added = batch.groups_added.iter().map(|group| group_mod(group, GroupMod::add));
    let changed = batch.groups_changed.iter().map(|group| group_mod(group, GroupMod::modify));
    let set = batch.flows_set.iter().map(add);
    let removed = batch.flows_removed.iter().map(|key| delete(key));
    let gone = batch.groups_removed.iter().map(|id| Body::from(GroupMod::delete(*id)));
    added.chain(changed).chain(set).chain(removed).chain(gone).collect()
}

/// Whose flow or group the message at `index` of [`bundle`] is about; none for a removal of a flow.
pub fn owner(batch: &Batch, index: usize) -> Option<OwnerId> {
    let group = |id: u32| Some(OwnerId::of_group(id));
    let groups = batch.groups_added.iter().chain(&batch.groups_changed).map(|changed| group(changed.id));
    let flows = batch.flows_set.iter().map(|flow| Some(OwnerId::of_flow(&flow.body)));
    let removed = batch.flows_removed.iter().map(|_| None);
    let gone = batch.groups_removed.iter().map(|id| group(*id));
    groups.chain(flows).chain(removed).chain(gone).nth(index).flatten()
}

/// What the message at `index` of [`bundle`] is about, for people.
pub fn describe(batch: &Batch, index: usize, owners: &Owners) -> String {
    let groups = batch.groups_added.iter().chain(&batch.groups_changed).map(|group| group.id);
    let flows = batch.flows_set.iter().map(|flow| (&flow.key, Some(flow.body.cookie)));
    let removed = batch.flows_removed.iter().map(|key| (key, None));
    let gone = batch.groups_removed.iter().copied();
    let owned = |owner: Option<String>, what: String| owner.map_or(what.clone(), |owner| format!("{owner}: {what}"));
    let flow = |(key, cookie): (&Arc<FlowKey>, Option<u64>)| {
        owned(cookie.and_then(|cookie| owners.of(Cookie::from_u64(cookie))), dump::describe(key))
    };
    let group = |id: u32| owned(dump::group_owner(id, owners), format!("group {id}"));
    let mut all = groups.map(group).chain(flows.chain(removed).map(flow)).chain(gone.map(group));
    all.nth(index).unwrap_or_else(|| format!("message {index}"))
}

/// Forgets the connections of a backend: those whose answers come from it, of the clients that asked the service it left.
pub fn flush(flush: &CtFlush) -> Body {
    let CtFlush { to, front, .. } = flush;
    let mut from = vec![TupleProperty::Src(octets(to.ip))];
    from.extend(to.port.map(TupleProperty::SrcPort));
    let asked = |front: Front| {
        // Where the backend's port is not known, the service's is not, either.
        let port = to.port.map(|_| TupleProperty::DstPort(front.port));
        Tuple { tuple: [TupleProperty::Dst(octets(front.ip))].into_iter().chain(port).collect() }
    };
    let ip_proto = match (front, to.port) {
        (Some(front), _) => front.protocol.number(),
        (None, None) => Protocol::Sctp.number(),
        (None, Some(_)) => 0,
    };
    let mut properties: Vec<CtFlushProperty> = front.map(asked).map(CtFlushProperty::OrigTuple).into_iter().collect();
    properties.push(CtFlushProperty::ReplyTuple(Tuple { tuple: from }));
    properties.push(CtFlushProperty::ZoneId(FlushZone { value: to.zone }));
    Body::Experimenter(Experimenter::NxtCtFlush(CtFlushMessage { ip_proto, properties }))
}

fn octets(ip: IpAddr) -> Blob {
    let ip = match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    ip.octets().to_vec().into()
}

/// What a switch answered, in the normal form of ours.
pub fn installed(flows: Vec<FlowStats>, groups: Vec<GroupDesc>) -> State {
    let shared = |(key, body)| (Arc::new(key), Arc::new(body));
    State {
        flows: flows.iter().filter(|flow| !is_learned(flow)).map(flow).map(shared).collect(),
        groups: groups.into_iter().map(|desc| (desc.group_id.0, Arc::new(group(desc)))).collect(),
    }
}

/// Whether the switch learned a flow by itself.
pub fn is_learned(stats: &FlowStats) -> bool {
    affinity::is_learned(stats.table_id, stats.priority, stats.cookie, &stats.instructions)
}

/// What a monitor of flows tells, but for what we did ourselves and what the switch learned.
pub fn foreign(updates: Vec<FlowUpdate>) -> Vec<(Arc<FlowKey>, Option<Arc<FlowBody>>)> {
    let learned =
        |full: &FlowUpdateFull| affinity::is_learned(full.table_id, full.priority, full.cookie, &full.instructions);
    let change = |update| match update {
        FlowUpdate::Added(full) | FlowUpdate::Modified(full) | FlowUpdate::Deleted(full) if learned(&full) => None,
        FlowUpdate::Added(full) | FlowUpdate::Modified(full) => {
            let (key, body) = updated(full);
            Some((Arc::new(key), Some(Arc::new(body))))
        }
        FlowUpdate::Deleted(full) => Some((Arc::new(updated(full).0), None)),
        FlowUpdate::Abbrev { .. } => None,
    };
    updates.into_iter().filter_map(change).collect()
}

/// Asks to be told of every flow that others change.
pub fn monitor() -> Body {
    let flags = MonitorFlags::ADD | MonitorFlags::DELETE | MonitorFlags::MODIFY | MonitorFlags::ACTIONS;
    let every = FlowMonitor {
        id: 1,
        flags,
        match_len: 4,
        out_port: PortNo::ANY,
        table_id: TableId::ALL,
        matching: Match::new(),
    };
    let request = ExperimenterRequest::OnfstFlowMonitor(MonitorRequest { monitors: vec![every] });
    MultipartRequestBody::Experimenter(request).into()
}

fn updated(full: FlowUpdateFull) -> (FlowKey, FlowBody) {
    let key = FlowKey::new(full.table_id.0, full.priority, &full.matching);
    (key, FlowBody::new(full.cookie, full.instructions))
}

/// A flow as a switch answered it, in the normal form of ours.
pub fn flow(stats: &FlowStats) -> (FlowKey, FlowBody) {
    let key = FlowKey::new(stats.table_id.0, stats.priority, &stats.matching);
    (key, FlowBody::new(stats.cookie, stats.instructions.clone()))
}

/// A group that is no select group of ours becomes one without buckets, which differs from all of ours.
fn group(desc: GroupDesc) -> Group {
    let plain = |bucket: &Bucket| *bucket == Bucket::new(bucket.actions.clone()).weight(bucket.weight);
    let ours = desc.group_type == GroupType::SELECT && desc.buckets.iter().all(plain);
    let buckets = if ours { desc.buckets } else { Vec::new() };
    Group::select(desc.group_id.0, buckets.into_iter().map(|bucket| (bucket.weight, bucket.actions)))
}

fn group_mod(group: &Group, make: fn(u32, GroupType, Vec<Bucket>) -> GroupMod) -> Body {
    let buckets =
        group.buckets.iter().map(|bucket| Bucket::new(bucket.actions.clone()).weight(bucket.weight)).collect();
    make(group.id, GroupType::SELECT, buckets).into()
}

fn add(flow: &Flow) -> Body {
    let mut add = FlowMod::add(flow.key.table, flow.key.priority, flow.key.matching.clone()).cookie(flow.body.cookie);
    add.instructions = flow.body.instructions.clone();
    add.into()
}

/// Removes a flow.
pub fn delete(key: &FlowKey) -> Body {
    FlowMod::delete_strict(key.table, key.priority, key.matching.clone()).into()
}
