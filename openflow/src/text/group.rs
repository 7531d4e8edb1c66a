//! Groups.

use std::fmt::{self, Display, Formatter};

use super::action::Actions;
use super::number::{BitNames, Duration, Port};
use crate::msg::group::{self, Bucket, GroupFeatures, GroupModCommand, GroupStats, GroupType};
use crate::types::{GroupId, PortNo};

/// One group as `ovs-ofctl dump-groups` prints it, without the space before it.
pub struct GroupDesc<'a>(pub &'a group::GroupDesc);

impl Display for GroupDesc<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_group(self.0.group_id, self.0.group_type, &self.0.buckets, f)
    }
}

/// Writes number, type and buckets.
pub(super) fn write_group(id: GroupId, kind: GroupType, buckets: &[Bucket], f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, "group_id={},type={}", id.0, Type(kind))?;
    buckets.iter().try_for_each(|b| bucket(kind, b, f))
}

fn bucket(kind: GroupType, b: &Bucket, f: &mut Formatter<'_>) -> fmt::Result {
    f.write_str(",bucket=")?;
    if kind == GroupType::SELECT && b.weight != 1 {
        write!(f, "weight:{},", b.weight)?;
    }
    if b.watch_port != PortNo::ANY {
        write!(f, "watch_port:{},", Port(b.watch_port))?;
    }
    if b.watch_group != GroupId::ANY {
        write!(f, "watch_group:{},", b.watch_group.0)?;
    }
    write!(f, "actions={}", Actions(&b.actions))
}

/// The name of a group type: `all`, `select`, `indirect`, `ff`.
pub fn group_type(kind: GroupType) -> Option<&'static str> {
    Some(match kind {
        GroupType::ALL => "all",
        GroupType::SELECT => "select",
        GroupType::INDIRECT => "indirect",
        GroupType::FF => "ff",
        _ => return None,
    })
}

/// The name of a group type, or its number.
pub(super) struct Type(pub GroupType);

impl Display for Type {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match group_type(self.0) {
            Some(name) => f.write_str(name),
            None => write!(f, "{}", self.0.0),
        }
    }
}

/// A change of groups as `ovs-ofctl ofp-print` prints it: `ADD group_id=1,type=all,bucket=…`.
pub struct GroupMod<'a>(pub &'a group::GroupMod);

impl Display for GroupMod<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let m = self.0;
        write!(f, "{} ", Command(m.command))?;
        write_group(m.group_id, m.group_type, &m.buckets, f)
    }
}

pub(super) struct Command(pub GroupModCommand);

impl Display for Command {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            GroupModCommand::ADD => "ADD",
            GroupModCommand::MODIFY => "MOD",
            GroupModCommand::ADD_OR_MOD => "ADD_OR_MOD",
            GroupModCommand::DELETE => "DEL",
            GroupModCommand::INSERT_BUCKET => "INSERT_BUCKET",
            GroupModCommand::REMOVE_BUCKET => "REMOVE_BUCKET",
            GroupModCommand(other) => return write!(f, "cmd:{other}"),
        })
    }
}

pub(super) fn stats(s: &GroupStats, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, "\n group_id={},", s.group_id.0)?;
    write!(f, "duration={},", Duration { sec: s.duration_sec, nsec: s.duration_nsec })?;
    write!(f, "ref_count={},packet_count={},byte_count={}", s.ref_count, s.packet_count, s.byte_count)?;
    s.bucket_stats
        .iter()
        .enumerate()
        .filter(|(_, b)| b.packet_count != u64::MAX)
        .try_for_each(|(i, b)| write!(f, ",bucket{i}:packet_count={},byte_count={}", b.packet_count, b.byte_count))
}

pub(super) fn features(m: &GroupFeatures, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, "\n Group table:\n    Types:  {:#x}\n    Capabilities:  {:#x}", m.types, m.capabilities)?;
    let names = ["all", "select", "indirect", "fast failover"];
    for (i, (name, (max, actions))) in names.iter().zip(m.max_groups.iter().zip(m.actions)).enumerate() {
        if m.types & (1 << i) != 0 {
            let actions = BitNames { bits: actions, names: ACTION_TYPES, separator: " ", none: "(none)" };
            write!(f, "\n    {name} group:\n       max_groups={max:#x}\n       actions: {actions}")?;
        }
    }
    Ok(())
}

/// Action types of OpenFlow 1.3 by their bit.
pub(super) const ACTION_TYPES: &[(u32, &str)] = &[
    (1, "output"),
    (1 << 22, "group"),
    (1 << 25, "set_field"),
    (1 << 18, "strip_vlan"),
    (1 << 17, "push_vlan"),
    (1 << 23, "mod_nw_ttl"),
    (1 << 24, "dec_ttl"),
    (1 << 15, "set_mpls_ttl"),
    (1 << 16, "dec_mpls_ttl"),
    (1 << 19, "push_mpls"),
    (1 << 20, "pop_mpls"),
    (1 << 21, "set_queue"),
];
