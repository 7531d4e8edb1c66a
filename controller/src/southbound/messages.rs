//! Between our words and OpenFlow's: batches to messages, what a switch answers to [`Installed`].

use openflow::{
    Body,
    msg::{
        experimenter::Experimenter,
        flow::{FlowMod, FlowStats},
        group::{Bucket, GroupDesc, GroupMod, GroupType},
        nicira::{CtFlush as CtFlushMessage, CtFlushProperty, FlushZone, Tuple, TupleProperty},
    },
};

use crate::{
    pipeline::{Flow, FlowBody, FlowKey, Group},
    reconcile::{Batch, CtFlush, Installed},
};

/// The messages of a batch, in an order in which no packet meets a half-built table, and whose each is.
pub fn bundle(batch: &Batch) -> Vec<Body> {
    let added = batch.groups_added.iter().map(|group| group_mod(group, GroupMod::add));
    let changed = batch.groups_changed.iter().map(|group| group_mod(group, GroupMod::modify));
    let set = batch.flows_set.iter().map(add);
    let removed = batch.flows_removed.iter().map(delete);
    let gone = batch.groups_removed.iter().map(|id| Body::from(GroupMod::delete(*id)));
    added.chain(changed).chain(set).chain(removed).chain(gone).collect()
}

/// Forgets the connections of a backend: those whose answers come from it.
pub fn flush(flush: &CtFlush) -> Body {
    let from = vec![
        TupleProperty::Src(flush.ip.to_ipv6_mapped().octets().to_vec().into()),
        TupleProperty::SrcPort(flush.port),
    ];
    let properties = vec![
        CtFlushProperty::ReplyTuple(Tuple { tuple: from }),
        CtFlushProperty::ZoneId(FlushZone { value: flush.zone }),
    ];
    Body::Experimenter(Experimenter::NxtCtFlush(CtFlushMessage { ip_proto: 0, properties }))
}

/// What a switch answered, in the normal form of ours.
pub fn installed(flows: Vec<FlowStats>, groups: Vec<GroupDesc>) -> Installed {
    Installed {
        flows: flows.into_iter().map(flow).collect(),
        groups: groups.into_iter().map(|desc| (desc.group_id.0, group(desc))).collect(),
    }
}

fn flow(stats: FlowStats) -> (FlowKey, FlowBody) {
    let key = FlowKey { table: stats.table_id.0, priority: stats.priority, matching: stats.matching.canonical() };
    (key, FlowBody::new(stats.cookie, stats.instructions))
}

/// A group that is no select group of ours becomes one without buckets, which differs from all of ours.
fn group(desc: GroupDesc) -> Group {
    let plain = |bucket: &Bucket| *bucket == Bucket::new(bucket.actions.clone());
    let ours = desc.group_type == GroupType::SELECT && desc.buckets.iter().all(plain);
    let buckets = if ours { desc.buckets } else { Vec::new() };
    Group::select(desc.group_id.0, buckets.into_iter().map(|bucket| bucket.actions))
}

fn group_mod(group: &Group, make: fn(u32, GroupType, Vec<Bucket>) -> GroupMod) -> Body {
    let buckets = group.buckets.iter().map(|actions| Bucket::new(actions.clone())).collect();
    make(group.id, GroupType::SELECT, buckets).into()
}

fn add(flow: &Flow) -> Body {
    let mut add = FlowMod::add(flow.key.table, flow.key.priority, flow.key.matching.clone()).cookie(flow.body.cookie);
    add.instructions = flow.body.instructions.clone();
    add.into()
}

fn delete(key: &FlowKey) -> Body {
    FlowMod::delete_strict(key.table, key.priority, key.matching.clone()).into()
}
