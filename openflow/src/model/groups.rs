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
    read(group_mod)?;
    let id = group_mod.group_id;
    let exists = groups.contains_key(&id);
    match group_mod.command {
        GroupModCommand::MODIFY if !exists => Err(Refusal::UNKNOWN_GROUP),
        GroupModCommand::DELETE if id == GroupId::ALL => Ok(std::mem::take(groups).into_keys().collect()),
        GroupModCommand::DELETE => Ok(groups.remove(&id).map(|g| g.group_id).into_iter().collect()),
        _ if id > GroupId::MAX => Err(Refusal::INVALID_GROUP),
        GroupModCommand::ADD if exists => Err(Refusal::GROUP_EXISTS),
        _ => {
            groups.insert(id, desc(group_mod));
            Ok(Vec::new())
        }
    }
}

/// What the switch checks before it looks at its groups.
fn read(group_mod: &GroupMod) -> Result<(), Refusal> {
    let GroupMod { command, group_type, buckets, .. } = group_mod;
    buckets.iter().try_for_each(|bucket| check::read(&bucket.actions))?;
    let deletes = *command == GroupModCommand::DELETE;
    match *group_type {
        GroupType::ALL | GroupType::SELECT | GroupType::FF => {}
        GroupType::INDIRECT if deletes || buckets.len() == 1 => {}
        GroupType::INDIRECT => return Err(Refusal::INVALID_GROUP),
        _ => return Err(Refusal::BAD_GROUP_TYPE),
    }
    if !matches!(
        *command,
        GroupModCommand::ADD | GroupModCommand::MODIFY | GroupModCommand::ADD_OR_MOD | GroupModCommand::DELETE
    ) {
        return Err(Refusal::BAD_GROUP_COMMAND);
    }
    for bucket in buckets {
        match *group_type {
            GroupType::SELECT => {}
            _ if bucket.weight != 0 => return Err(Refusal::INVALID_GROUP),
            GroupType::FF if watches(bucket) => {}
            GroupType::FF => return Err(Refusal::INVALID_GROUP),
            _ if watches(bucket) => return Err(Refusal::WATCH_UNSUPPORTED),
            _ => {}
        }
    }
    Ok(())
}

fn desc(group_mod: &GroupMod) -> GroupDesc {
    let normal = |bucket: &Bucket| Bucket { actions: canonical(&bucket.actions), ..bucket.clone() };
    GroupDesc {
        group_type: group_mod.group_type,
        group_id: group_mod.group_id,
        buckets: group_mod.buckets.iter().map(normal).collect(),
    }
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
