//! Groups as OpenFlow 1.5 has them.

use std::fmt::{self, Formatter};

use super::action::{Actions, hashed_field};
use super::group::{Command, Type};
use super::list::List;
use super::multipart::Group;
use super::number::Port;
use crate::msg::group::{GroupModCommand, GroupType};
use crate::msg::group15::{Bucket15, BucketProperty, GroupDesc15, GroupMod15, GroupProperty, SelectionMethod};

pub(super) fn group_mod(m: &GroupMod15, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, "\n {} ", Command(m.command))?;
    if matches!(m.command, GroupModCommand::INSERT_BUCKET | GroupModCommand::REMOVE_BUCKET) {
        f.write_str("command_bucket_id:")?;
        match m.command_bucket_id {
            0xffff_fffd => f.write_str("first,")?,
            0xffff_fffe => f.write_str("last,")?,
            0xffff_ffff => f.write_str("all,")?,
            id => write!(f, "{id},")?,
        }
        write!(f, "group_id={}", Group(m.group_id))?;
    } else {
        write!(f, "group_id={},type={}", Group(m.group_id), Type(m.group_type))?;
    }
    m.properties.iter().try_for_each(|p| property(p, f))?;
    m.buckets.iter().try_for_each(|b| bucket(m.group_type, b, f))
}

pub(super) fn desc(g: &GroupDesc15, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, "\n group_id={},type={}", g.group_id.0, Type(g.group_type))?;
    g.body.properties.iter().try_for_each(|p| property(p, f))?;
    g.body.buckets.iter().try_for_each(|b| bucket(g.group_type, b, f))
}

fn bucket(kind: GroupType, b: &Bucket15, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, ",bucket=bucket_id:{},", b.bucket_id)?;
    for property in &b.properties {
        match property {
            BucketProperty::Weight(1) => {}
            BucketProperty::Weight(weight) if kind == GroupType::SELECT || *weight != 0 => {
                write!(f, "weight:{weight},")?
            }
            BucketProperty::WatchPort(port) => write!(f, "watch_port:{},", Port(*port))?,
            BucketProperty::WatchGroup(group) => write!(f, "watch_group:{},", group.0)?,
            BucketProperty::Weight(_) | BucketProperty::Other(_) => {}
        }
    }
    write!(f, "actions={}", Actions(&b.actions))
}

fn property(property: &GroupProperty, f: &mut Formatter<'_>) -> fmt::Result {
    match property {
        GroupProperty::SelectionMethod(method) => selection_method(method, f),
        GroupProperty::Experimenter { .. } | GroupProperty::Other(_) => Ok(()),
    }
}

fn selection_method(m: &SelectionMethod, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, ",selection_method={}", m.selection_method)?;
    if m.selection_method_param != 0 {
        write!(f, ",selection_method_param={}", m.selection_method_param)?;
    }
    match m.fields.as_slice() {
        [] => Ok(()),
        [one] => write!(f, ",fields={}", hashed_field(one)),
        several => {
            f.write_str(",fields(")?;
            let mut list = List::new(f);
            several.iter().try_for_each(|field| list.item(hashed_field(field)))?;
            f.write_str(")")
        }
    }
}
