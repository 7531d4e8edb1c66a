//! Groups.

use std::fmt::{self, Display, Formatter};

use super::action::Actions;
use super::number::Port;
use crate::msg::group::{self, Bucket, GroupType};
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

/// The name of a group type: `all`, `select`, `indirect`, `fast_failover`.
pub fn group_type(kind: GroupType) -> Option<&'static str> {
    Some(match kind {
        GroupType::ALL => "all",
        GroupType::SELECT => "select",
        GroupType::INDIRECT => "indirect",
        GroupType::FF => "fast_failover",
        _ => return None,
    })
}

struct Type(GroupType);

impl Display for Type {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match group_type(self.0) {
            Some(name) => f.write_str(name),
            None => write!(f, "{}", self.0.0),
        }
    }
}
