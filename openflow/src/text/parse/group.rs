//! Groups and their buckets.

use super::action::{Context, action_list};
use super::number::{number, port};
use super::{Fault, Kind, Result, fault};
use crate::msg::group::{Bucket, GroupMod, GroupType};
use crate::types::GroupId;

pub(super) fn group(text: &str) -> Result<'_, GroupMod> {
    let mut group = GroupMod::add(0_u32, GroupType::ALL, Vec::new());
    let (head, buckets) = buckets(text);
    let (mut has_id, mut has_type) = (false, false);
    for part in head.split([',', ' ', '\t', '\n', '\r']).filter(|p| !p.is_empty()) {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        match key {
            "group_id" => {
                group.group_id = GroupId(number(value)?);
                has_id = true;
            }
            "type" => {
                group.group_type = kind(value)?;
                has_type = true;
            }
            _ => return fault(part, Kind::UnknownArgument),
        }
    }
    if !has_id || !has_type {
        return fault(text, Kind::Needs(if has_id { "type" } else { "group_id" }));
    }
    for bucket_text in buckets {
        let bucket = bucket(bucket_text, group.group_type)?;
        group.buckets.push(bucket);
    }
    Ok(group)
}

fn kind(text: &str) -> Result<'_, GroupType> {
    Ok(match text {
        "all" => GroupType::ALL,
        "select" => GroupType::SELECT,
        "indirect" => GroupType::INDIRECT,
        "ff" | "fast_failover" => GroupType::FF,
        _ => return fault(text, Kind::Expected("all, select, indirect or ff")),
    })
}

/// What stands before the buckets, and each bucket.
fn buckets(text: &str) -> (&str, Vec<&str>) {
    let starts: Vec<usize> = ["bucket=", "buckets="]
        .iter()
        .flat_map(|word| text.match_indices(word))
        .map(|(at, _)| at)
        .filter(|at| text.get(..*at).is_some_and(|before| before.is_empty() || before.ends_with([',', ' '])))
        .collect();
    let Some(first) = starts.first() else { return (text, Vec::new()) };
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    let parts = starts.iter().zip(ends).filter_map(|(start, end)| {
        let part = text.get(*start..end)?;
        part.split_once('=').map(|(_, bucket)| bucket.trim_end_matches([',', ' ', '\n']))
    });
    (text.get(..*first).unwrap_or_default(), parts.collect())
}

fn bucket(text: &str, kind: GroupType) -> Result<'_, Bucket> {
    let weight = if kind == GroupType::SELECT { 1 } else { 0 };
    let mut bucket = Bucket::new([]).weight(weight);
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([',', ' ', '\t']);
        let end = rest.find([',', ' ']).unwrap_or(rest.len());
        let (part, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let actions = |word: &str| rest.strip_prefix(word);
        if let Some(actions) = actions("actions=").or_else(|| actions("action=")).or_else(|| actions("actions:")) {
            bucket.actions = action_list(actions, &mut Context::default())?;
            return Ok(bucket);
        }
        if part.is_empty() {
            return Ok(bucket);
        }
        let Some((key, value)) = part.split_once([':', '=']) else {
            bucket.actions = action_list(rest, &mut Context::default())?;
            return Ok(bucket);
        };
        match key {
            "weight" => bucket.weight = number(value)?,
            "bucket_id" => drop(number::<u32>(value)?),
            "watch_port" => bucket.watch_port = port(value)?,
            "watch_group" => bucket.watch_group = GroupId(number(value)?),
            _ => {
                bucket.actions = action_list(rest, &mut Context::default()).map_err(|error: Fault<'_>| error)?;
                return Ok(bucket);
            }
        }
        rest = after;
    }
}
