//! What a switch is and how it is set: features, configuration, roles, events, queues, tables.

use std::fmt::{self, Display, Formatter};

use super::number::BitNames;
use crate::msg::config::{AsyncConfig, Capabilities, FeaturesReply, Role, RoleMsg, SwitchConfig};
use crate::msg::queue::{QueueConfigReply, QueueProperty};
use crate::multipart::{Desc, TableStats};

pub(super) fn features(m: &FeaturesReply, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, " dpid:{:016x}\nn_tables:{}, n_buffers:{}", m.datapath_id, m.n_tables, m.n_buffers)?;
    if m.auxiliary_id != 0 {
        write!(f, ", auxiliary_id:{}", m.auxiliary_id)?;
    }
    write!(f, "\ncapabilities: {}", CapabilityNames(m.capabilities))
}

struct CapabilityNames(Capabilities);

impl Display for CapabilityNames {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let names = &[
            (1, "FLOW_STATS"),
            (2, "TABLE_STATS"),
            (4, "PORT_STATS"),
            (8, "GROUP_STATS"),
            (0x20, "IP_REASM"),
            (0x40, "QUEUE_STATS"),
            (0x100, "PORT_BLOCKED"),
        ];
        let known = names.iter().fold(0, |all, (bit, _)| all | bit);
        write!(f, "{}", BitNames { bits: self.0.0 & known, names, separator: " ", none: "0" })
    }
}

pub(super) fn config(m: &SwitchConfig, f: &mut Formatter<'_>) -> fmt::Result {
    f.write_str(" frags=")?;
    match m.flags & 3 {
        0 => f.write_str("normal")?,
        1 => f.write_str("drop")?,
        2 => f.write_str("reassemble")?,
        _ => f.write_str("nx-match")?,
    }
    if m.flags & 4 != 0 {
        f.write_str(" invalid_ttl_to_controller")?;
    }
    write!(f, " miss_send_len={}", m.miss_send_len)
}

/// A role as Open vSwitch names it.
pub(super) struct RoleName(pub Role);

impl Display for RoleName {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Role::NOCHANGE => f.write_str("nochange"),
            Role::EQUAL => f.write_str("equal"),
            Role::MASTER => f.write_str("primary"),
            Role::SLAVE => f.write_str("secondary"),
            Role(other) => write!(f, "{other}"),
        }
    }
}

pub(super) fn role(m: &RoleMsg, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, " role={}", RoleName(m.role))?;
    if m.generation_id == u64::MAX { Ok(()) } else { write!(f, " generation_id={}", m.generation_id) }
}

type Names = &'static [(u32, &'static str)];

/// The kinds of events, and the names of their reasons.
const EVENTS: [(&str, Names); 6] = [
    (
        "PACKET_IN",
        &[(1, "no_match"), (2, "action"), (4, "invalid_ttl"), (8, "action_set"), (0x10, "group"), (0x20, "packet_out")],
    ),
    ("PORT_STATUS", &[(1, "add"), (2, "delete"), (4, "modify")]),
    (
        "FLOW_REMOVED",
        &[(1, "idle"), (2, "hard"), (4, "delete"), (8, "group_delete"), (0x10, "meter_delete"), (0x20, "eviction")],
    ),
    ("ROLE_STATUS", &[(1, "primary_request"), (2, "configuration_changed"), (4, "experimenter_data_changed")]),
    ("TABLE_STATUS", &[(8, "vacancy_down"), (0x10, "vacancy_up")]),
    ("REQUESTFORWARD", &[(1, "group_mod_request"), (2, "meter_mod_request")]),
];

/// Which events a controller gets, in the role of master and equal, and in that of slave.
pub(super) fn events(masks: [[u32; 6]; 2], f: &mut Formatter<'_>) -> fmt::Result {
    for (role, bits) in [" primary", "\n secondary"].iter().zip(masks) {
        write!(f, "\n{role}:")?;
        for ((kind, names), bits) in EVENTS.iter().zip(bits) {
            let known = names.iter().fold(0, |all, (bit, _)| all | bit);
            let names = BitNames { bits: bits & known, names, separator: " ", none: "(off)" };
            write!(f, "\n{kind:>16}: {names}")?;
        }
    }
    Ok(())
}

pub(super) fn async_config(m: &AsyncConfig, f: &mut Formatter<'_>) -> fmt::Result {
    let [p, s] = [0, 1].map(|role: usize| {
        let of = |mask: &[u32; 2]| mask.get(role).copied().unwrap_or_default();
        // OpenFlow 1.3 has the first three reasons
        [of(&m.packet_in_mask) & 7, of(&m.port_status_mask), of(&m.flow_removed_mask), 0, 0, 0]
    });
    events([p, s], f)
}

pub(super) fn queues(m: &QueueConfigReply, f: &mut Formatter<'_>) -> fmt::Result {
    if !m.queues.is_empty() {
        write!(f, " port={}", super::number::Port(m.port))?;
    }
    for queue in &m.queues {
        write!(f, "\nqueue {}:", queue.queue_id.0)?;
        for property in &queue.properties {
            match property {
                QueueProperty::MinRate { rate } => rate_of("min_rate", *rate, f)?,
                QueueProperty::MaxRate { rate } => rate_of("max_rate", *rate, f)?,
                QueueProperty::Experimenter { .. } => {}
            }
        }
    }
    Ok(())
}

/// A rate in tenths of a percent; more than all of them is none.
fn rate_of(name: &str, rate: u16, f: &mut Formatter<'_>) -> fmt::Result {
    match rate {
        0..=1000 => write!(f, " {name}:{}.{}%", rate / 10, rate % 10),
        _ => write!(f, " {name}:(disabled)"),
    }
}

pub(super) fn desc(m: &Desc, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, "\nManufacturer: {}\nHardware: {}\nSoftware: {}\n", m.mfr_desc, m.hw_desc, m.sw_desc)?;
    write!(f, "Serial Num: {}\nDP Description: {}", m.serial_num, m.dp_desc)
}

/// Counters of tables; those that repeat the one before are named together.
pub(super) fn tables(tables: &[TableStats], f: &mut Formatter<'_>) -> fmt::Result {
    let same = |a: &TableStats, b: &TableStats| {
        (a.active_count, a.lookup_count, a.matched_count) == (b.active_count, b.lookup_count, b.matched_count)
    };
    for (i, run) in tables.chunk_by(same).enumerate() {
        let ([first, rest @ ..], Some(last)) = (run, run.last()) else { continue };
        write!(f, "{}\n  table {}:", if i == 0 { "" } else { "\n" }, first.table_id.0)?;
        write!(
            f,
            "\n    active={}, lookup={}, matched={}",
            first.active_count, first.lookup_count, first.matched_count
        )?;
        match rest {
            [] => {}
            [one] => write!(f, "\n\n  table {}: ditto", one.table_id.0)?,
            [two, ..] => write!(f, "\n\n  tables {}...{}: ditto", two.table_id.0, last.table_id.0)?,
        }
    }
    Ok(())
}
