//! Groups: how they change, and which of their buckets are alive.

use std::collections::{BTreeMap, BTreeSet};

use super::check;
use super::refusal::Refusal;
use crate::action::canonical;
use crate::msg::group::{Bucket, GroupDesc, GroupMod, GroupModCommand, GroupType};
use crate::types::{GroupId, PortNo};

/// How deep groups watch groups, in Open vSwitch.
const MAX_LIVENESS_RECURSION: usize = 128;

/// The groups of a switch.
pub(super) type Groups = BTreeMap<GroupId, GroupDesc>;

/// Applies a group-mod; says which groups are gone.
pub(super) fn apply(groups: &mut Groups, group_mod: &GroupMod) -> Result<Vec<GroupId>, Refusal> {
    let id = group_mod.group_id;
    let exists = groups.contains_key(&id);
    match group_mod.command {
        GroupModCommand::ADD if exists => Err(Refusal::GROUP_EXISTS),
        GroupModCommand::MODIFY if !exists => Err(Refusal::UNKNOWN_GROUP),
        GroupModCommand::ADD | GroupModCommand::MODIFY | GroupModCommand::ADD_OR_MOD => {
            groups.insert(id, checked(group_mod)?);
            Ok(Vec::new())
        }
        GroupModCommand::DELETE if id == GroupId::ALL => Ok(std::mem::take(groups).into_keys().collect()),
        GroupModCommand::DELETE => Ok(groups.remove(&id).map(|g| g.group_id).into_iter().collect()),
        _ => Err(Refusal::BAD_GROUP_COMMAND),
    }
}

fn checked(group_mod: &GroupMod) -> Result<GroupDesc, Refusal> {
    let GroupMod { group_type, group_id, buckets, .. } = group_mod;
    if *group_id > GroupId::MAX {
        return Err(Refusal::INVALID_GROUP);
    }
    for bucket in buckets {
        check::actions(&bucket.actions, None)?;
    }
    match *group_type {
        GroupType::ALL | GroupType::SELECT => {}
        GroupType::INDIRECT if buckets.len() == 1 => {}
        GroupType::INDIRECT => return Err(Refusal::INVALID_GROUP),
        GroupType::FF if buckets.iter().all(watches) => {}
        GroupType::FF => return Err(Refusal::INVALID_GROUP),
        _ => return Err(Refusal::BAD_GROUP_TYPE),
    }
    let normal = |bucket: &Bucket| Bucket { actions: canonical(&bucket.actions), ..bucket.clone() };
    let buckets = buckets.iter().map(normal).collect();
    Ok(GroupDesc { group_type: *group_type, group_id: *group_id, buckets })
}

fn watches(bucket: &Bucket) -> bool {
    bucket.watch_port != PortNo::ANY || bucket.watch_group != GroupId::ANY
}

/// The buckets of a group that are alive, with their positions.
pub(super) fn live<'a>(
    groups: &'a Groups,
    group: &'a GroupDesc,
    port_is_live: &dyn Fn(PortNo) -> bool,
) -> Vec<(usize, &'a Bucket)> {
    let alive = |bucket: &Bucket| bucket_is_live(groups, bucket, port_is_live, &mut BTreeSet::new());
    group.buckets.iter().enumerate().filter(|(_, bucket)| alive(bucket)).collect()
}

/// `seen` are groups that were looked at: none of them is alive, or waits for itself.
fn bucket_is_live(
    groups: &Groups,
    bucket: &Bucket,
    port_is_live: &dyn Fn(PortNo) -> bool,
    seen: &mut BTreeSet<GroupId>,
) -> bool {
    if !watches(bucket) || (bucket.watch_port != PortNo::ANY && port_is_live(bucket.watch_port)) {
        return true;
    }
    let id = bucket.watch_group;
    if id == GroupId::ANY || seen.len() >= MAX_LIVENESS_RECURSION || !seen.insert(id) {
        return false;
    }
    let buckets = groups.get(&id).map(|g| g.buckets.as_slice()).unwrap_or_default();
    buckets.iter().any(|b| bucket_is_live(groups, b, port_is_live, seen))
}
