//! ONF: flow monitor, bundles, role status, forwarded requests.

use std::fmt::{self, Formatter};

use crate::message::Body;
use crate::msg::monitor::{FlowMonitor, FlowUpdate, FlowUpdateFull, MonitorFlags};
use crate::msg::onf::{BundleAdd, BundleControl, BundleControlType, BundleFlags, RequestForward, RoleStatus};
use crate::text::flow::RemovedReason;
use crate::text::group::GroupMod;
use crate::text::instruction::Instructions;
use crate::text::matching::Match;
use crate::text::message::{Message, unless_any};
use crate::text::meter::MeterMod;
use crate::text::number::{BitNames, Hex};
use crate::text::switch::RoleName;
use crate::types::TableId;

const MONITOR_FLAGS: &[(u32, &str)] =
    &[(1, "initial"), (2, "add"), (4, "delete"), (8, "modify"), (16, "actions"), (32, "own")];

pub(super) fn monitor(m: &FlowMonitor, f: &mut Formatter<'_>) -> fmt::Result {
    let MonitorFlags(bits) = m.flags;
    let flags = BitNames { bits: u32::from(bits), names: MONITOR_FLAGS, separator: ",", none: "0" };
    write!(f, "\n id={} flags={flags}", m.id)?;
    unless_any("out_port", m.out_port, f)?;
    if m.table_id != TableId::ALL {
        write!(f, " table={}", m.table_id.0)?;
    }
    if m.matching.is_empty() { Ok(()) } else { write!(f, " {}", Match(&m.matching)) }
}

pub(super) fn update(update: &FlowUpdate, f: &mut Formatter<'_>) -> fmt::Result {
    f.write_str("\n event=")?;
    match update {
        FlowUpdate::Abbrev { xid } => write!(f, "ABBREV xid={xid:#x}"),
        FlowUpdate::Added(full) => full_update("ADDED", full, f),
        FlowUpdate::Modified(full) => full_update("MODIFIED", full, f),
        FlowUpdate::Deleted(full) => {
            write!(f, "DELETED reason={}", RemovedReason(full.reason))?;
            full_update("", full, f)
        }
    }
}

fn full_update(event: &str, full: &FlowUpdateFull, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, "{event} table={}", full.table_id.0)?;
    if full.idle_timeout != 0 {
        write!(f, " idle_timeout={}", full.idle_timeout)?;
    }
    if full.hard_timeout != 0 {
        write!(f, " hard_timeout={}", full.hard_timeout)?;
    }
    write!(f, " cookie={} ", Hex(u128::from(full.cookie)))?;
    write!(f, "{}", Match(&full.matching))?;
    if full.instructions.is_empty() {
        return Ok(());
    }
    let space = if full.matching.is_empty() { "" } else { " " };
    write!(f, "{space}actions={}", Instructions(&full.instructions))
}

fn bundle_flags(flags: BundleFlags, f: &mut Formatter<'_>) -> fmt::Result {
    let names = &[(1, "atomic"), (2, "ordered")];
    write!(f, " flags={}", BitNames { bits: u32::from(flags.0), names, separator: " ", none: "0" })
}

pub(super) fn bundle_control(m: &BundleControl, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, "\n bundle_id={} type=", Hex(u128::from(m.bundle_id)))?;
    if let BundleControlType(0..=7) = m.control_type {
        write!(f, "{:?}", m.control_type)?;
    }
    bundle_flags(m.flags, f)
}

pub(super) fn bundle_add(m: &BundleAdd, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, "\n bundle_id={}", Hex(u128::from(m.bundle_id)))?;
    bundle_flags(m.flags, f)?;
    write!(f, "\n{}", Message(&m.message))
}

pub(super) fn request_forward(m: &RequestForward, f: &mut Formatter<'_>) -> fmt::Result {
    match &m.message.body {
        Body::GroupMod(body) => write!(f, " reason=group_mod\n {}", GroupMod(body)),
        Body::MeterMod(body) => write!(f, " reason=meter_mod {}", MeterMod(body)),
        _ => write!(f, "\n{}", Message(&m.message)),
    }
}

pub(super) fn role_status(m: &RoleStatus, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, " role={} reason=", RoleName(m.role))?;
    match m.reason {
        0 => f.write_str("primary_request")?,
        1 => f.write_str("configuration_changed")?,
        2 => f.write_str("experimenter_data_changed")?,
        other => write!(f, "{other}")?,
    }
    if matches!(m.generation_id, 0 | u64::MAX) { Ok(()) } else { write!(f, " generation_id={}", m.generation_id) }
}
