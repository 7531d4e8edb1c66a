//! Checks of flow-mods, group-mods and meter-mods that need nothing of the switch, and the small form in which a bundle
//! keeps them.

use openflow::action::canonical;
use openflow::model::Refusal;
use openflow::msg::error::ERROR_TYPE_EXPERIMENTER;
use openflow::msg::flow::{FlowMod, FlowModCommand, FlowModFlags};
use openflow::msg::group::{Bucket, GroupDesc, GroupMod, GroupModCommand, GroupType};
use openflow::msg::meter::{MeterConfig, MeterMod, MeterModCommand};
use openflow::oxm::MatchErrorKind;
use openflow::wire::{Wire, Writer};
use openflow::{Action, Body, GroupId, Instruction, Match, MeterId, PortNo, TableId};

use super::N_TABLES;
use super::filter::{Filter, groups};
use super::flow::{Flow, normal, stats};

/// A change that was checked.
#[derive(Debug)]
pub(super) enum Change {
    /// Adds a flow that leads to these groups.
    Add { flow: Flow, groups: Vec<GroupId> },
    /// Gives flows other instructions.
    Modify { filter: Filter, instructions: Vec<Instruction>, groups: Vec<GroupId> },
    /// Removes flows.
    Delete { filter: Filter },
    /// Adds or replaces a group: there has to be none, one, or either.
    Group { id: GroupId, exists: Option<bool>, desc: Box<[u8]> },
    /// Removes one group, or all.
    DeleteGroup { id: GroupId },
    /// Adds or replaces a meter.
    Meter { id: MeterId, exists: bool, config: Box<[u8]> },
    /// Removes one meter, or all.
    DeleteMeter { id: MeterId },
}

/// There is no such meter, or there is one already (section 7.5.4.12): the model has no meters.
pub(super) const UNKNOWN_METER: Refusal = Refusal { error_type: 12, code: 2 };
/// There is a meter with this number.
pub(super) const METER_EXISTS: Refusal = Refusal { error_type: 12, code: 1 };
/// A meter-mod command that is not known.
const BAD_METER_COMMAND: Refusal = Refusal { error_type: 12, code: 3 };

/// An instruction twice (ONF 2600).
const DUP_INSTRUCTION: Refusal = Refusal { error_type: ERROR_TYPE_EXPERIMENTER, code: 2600 };

/// Checks a message.
pub(super) fn prepare(body: &Body) -> Result<Change, Refusal> {
    match body {
        Body::FlowMod(flow_mod) => prepare_flow(flow_mod),
        Body::GroupMod(group_mod) => prepare_group(group_mod),
        Body::MeterMod(meter_mod) => prepare_meter(meter_mod),
        _ => Err(Refusal::BAD_TYPE),
    }
}

fn prepare_flow(flow_mod: &FlowMod) -> Result<Change, Refusal> {
    check_match(&flow_mod.matching)?;
    let is_add = flow_mod.command == FlowModCommand::ADD;
    if flow_mod.table_id.0 >= N_TABLES && (is_add || flow_mod.table_id != TableId::ALL) {
        return Err(Refusal::BAD_TABLE_ID);
    }
    let filter = || Filter::of_mod(flow_mod).ok_or(Refusal::BAD_LEN);
    let groups = || groups(&flow_mod.instructions);
    Ok(match flow_mod.command {
        FlowModCommand::ADD => {
            check_instructions(flow_mod)?;
            Change::Add { flow: new_flow(flow_mod).ok_or(Refusal::BAD_LEN)?, groups: groups() }
        }
        FlowModCommand::MODIFY | FlowModCommand::MODIFY_STRICT => {
            check_instructions(flow_mod)?;
            Change::Modify { filter: filter()?, instructions: normal(&flow_mod.instructions), groups: groups() }
        }
        FlowModCommand::DELETE | FlowModCommand::DELETE_STRICT => Change::Delete { filter: filter()? },
        _ => return Err(Refusal::BAD_COMMAND),
    })
}

fn new_flow(flow_mod: &FlowMod) -> Option<Flow> {
    // what is asked for once is not kept
    let once = FlowModFlags::CHECK_OVERLAP.0 | FlowModFlags::RESET_COUNTS.0;
    let mut flow =
        stats(flow_mod.table_id, flow_mod.priority, flow_mod.matching.canonical(), normal(&flow_mod.instructions));
    flow.idle_timeout = flow_mod.idle_timeout;
    flow.hard_timeout = flow_mod.hard_timeout;
    flow.flags = FlowModFlags(flow_mod.flags.0 & !once);
    flow.cookie = flow_mod.cookie;
    Flow::new(&flow)
}

fn check_match(matching: &Match) -> Result<(), Refusal> {
    matching.check().map_err(|error| match error.kind {
        MatchErrorKind::Unsupported => Refusal::BAD_FIELD,
        MatchErrorKind::Length(_) => Refusal { error_type: 4, code: 1 },
        MatchErrorKind::Mask => Refusal::BAD_MASK,
        MatchErrorKind::OutsideMask => Refusal::BAD_WILDCARDS,
        MatchErrorKind::Prerequisite(_) => Refusal::BAD_PREREQ,
        MatchErrorKind::Duplicate => Refusal::DUP_FIELD,
        MatchErrorKind::Inconsistent(_) => Refusal::MATCH_INCONSISTENT,
        MatchErrorKind::OutOfRange | MatchErrorKind::Reserved => Refusal::BAD_VALUE,
    })
}

fn check_instructions(flow_mod: &FlowMod) -> Result<(), Refusal> {
    let all = &flow_mod.instructions;
    for (number, instruction) in all.iter().enumerate() {
        let kind = std::mem::discriminant(instruction);
        if all.iter().take(number).any(|before| std::mem::discriminant(before) == kind) {
            return Err(DUP_INSTRUCTION);
        }
        match instruction {
            Instruction::ApplyActions { actions } | Instruction::WriteActions { actions } => check_actions(actions)?,
            Instruction::GotoTable { table_id } if *table_id <= flow_mod.table_id || *table_id == TableId::ALL => {
                return Err(Refusal::BAD_GOTO_TABLE);
            }
            Instruction::Experimenter { .. } => return Err(Refusal::UNKNOWN_INSTRUCTION),
            _ => {}
        }
    }
    Ok(())
}

fn check_actions(actions: &[Action]) -> Result<(), Refusal> {
    for action in actions {
        match action {
            Action::Output { port: PortNo::ANY | PortNo(0), .. } => return Err(Refusal::BAD_OUT_PORT),
            Action::Experimenter { .. } => return Err(Refusal::BAD_ACTION_TYPE),
            Action::NxClone { actions } => check_actions(actions)?,
            Action::NxCt(ct) => check_actions(&ct.actions)?,
            _ => {}
        }
    }
    Ok(())
}

fn prepare_group(group_mod: &GroupMod) -> Result<Change, Refusal> {
    let id = group_mod.group_id;
    let exists = match group_mod.command {
        GroupModCommand::ADD => Some(false),
        GroupModCommand::MODIFY => Some(true),
        GroupModCommand::ADD_OR_MOD => None,
        GroupModCommand::DELETE => return Ok(Change::DeleteGroup { id }),
        _ => return Err(Refusal::BAD_GROUP_COMMAND),
    };
    if id > GroupId::MAX {
        return Err(Refusal::INVALID_GROUP);
    }
    let watches = |bucket: &Bucket| bucket.watch_port != PortNo::ANY || bucket.watch_group != GroupId::ANY;
    match group_mod.group_type {
        GroupType::ALL | GroupType::SELECT => {}
        GroupType::INDIRECT if group_mod.buckets.len() == 1 => {}
        GroupType::FF if group_mod.buckets.iter().all(watches) => {}
        GroupType::INDIRECT | GroupType::FF => return Err(Refusal::INVALID_GROUP),
        _ => return Err(Refusal::BAD_GROUP_TYPE),
    }
    group_mod.buckets.iter().try_for_each(|bucket| check_actions(&bucket.actions))?;
    let normal = |bucket: &Bucket| Bucket { actions: canonical(&bucket.actions), ..bucket.clone() };
    let buckets = group_mod.buckets.iter().map(normal).collect();
    let desc = GroupDesc { group_type: group_mod.group_type, group_id: id, buckets };
    Ok(Change::Group { id, exists, desc: encoded(&desc).ok_or(Refusal::BAD_LEN)? })
}

fn prepare_meter(meter_mod: &MeterMod) -> Result<Change, Refusal> {
    let id = meter_mod.meter_id;
    let exists = match meter_mod.command {
        MeterModCommand::ADD => false,
        MeterModCommand::MODIFY => true,
        MeterModCommand::DELETE => return Ok(Change::DeleteMeter { id }),
        _ => return Err(BAD_METER_COMMAND),
    };
    let config = MeterConfig { flags: meter_mod.flags, meter_id: id, bands: meter_mod.bands.clone() };
    Ok(Change::Meter { id, exists, config: encoded(&config).ok_or(Refusal::BAD_LEN)? })
}

fn encoded(value: &impl Wire) -> Option<Box<[u8]>> {
    let mut writer = Writer::default();
    value.write(&mut writer);
    writer.finish().ok().map(Vec::into_boxed_slice)
}
