//! Flows: fields and attributes, then instructions.

use super::action::{Context, instruction_list};
use super::fields::Fields;
use super::item::{Item, each};
use super::number::{integer, number, port};
use super::{Kind, Result, fault};
use crate::action::Action;
use crate::instruction::Instruction;
use crate::msg::flow::{FlowMod, FlowModFlags};
use crate::oxm::Match;
use crate::text::fields::Key;
use crate::text::flow::FLAGS;
use crate::types::GroupId;

pub(super) fn flow(text: &str) -> Result<'_, FlowMod> {
    let (head, actions) = split_actions(text);
    let Some(actions) = actions else { return fault(text, Kind::Expected("actions=")) };
    let mut flow = FlowMod::default();
    let mut fields = Fields::default();
    each(head, |item| match attribute(item, &mut flow)? {
        true => Ok(()),
        false if fields.take(item)? => Ok(()),
        false => fault(item.key, Kind::UnknownField),
    })?;
    let mut context = context(&fields);
    flow.matching = fields.finish()?;
    flow.instructions = instruction_list(actions, &mut context)?;
    Ok(flow)
}

pub(super) fn matching(text: &str) -> Result<'_, Match> {
    let mut fields = Fields::default();
    each(text, |item| match fields.take(item)? {
        true => Ok(()),
        false => fault(item.key, Kind::UnknownField),
    })?;
    fields.finish()
}

pub(super) fn actions(text: &str) -> Result<'_, Vec<Action>> {
    super::action::action_list(text, &mut Context::default())
}

fn context(fields: &Fields<'_>) -> Context {
    let narrow = |id| fields.exact(id).and_then(|n| u16::try_from(n).ok());
    Context { depth: 0, nw_proto: narrow(Key::NwProto), has_vlan: fields.has_vlan() }
}

/// What follows `actions=`, which ends the fields.
fn split_actions(text: &str) -> (&str, Option<&str>) {
    for word in ["actions=", "action="] {
        let starts = text.match_indices(word).map(|(at, _)| at);
        let mut own = starts
            .filter(|at| text.get(..*at).is_some_and(|before| before.ends_with([',', ' ', '\t']) || before.is_empty()));
        if let Some(at) = own.next() {
            return (text.get(..at).unwrap_or_default(), text.get(at + word.len()..));
        }
    }
    (text, None)
}

/// Takes what is not a field; whether it is.
fn attribute<'a>(item: Item<'a>, flow: &mut FlowMod) -> Result<'a, bool> {
    if !item.has_value {
        let Some((bit, _)) = FLAGS.iter().find(|(_, name)| *name == item.key) else {
            return Ok(item.key == "allow_hidden_fields");
        };
        flow.flags = flow.flags | FlowModFlags(*bit);
        return Ok(true);
    }
    match item.key {
        "table" => flow.table_id = number::<u8>(item.value)?.into(),
        "priority" => flow.priority = number(item.value)?,
        "idle_timeout" => flow.idle_timeout = number(item.value)?,
        "hard_timeout" => flow.hard_timeout = number(item.value)?,
        "out_port" => flow.out_port = port(item.value)?,
        "out_group" => flow.out_group = GroupId(number(item.value)?),
        "cookie" => match item.value.split_once('/') {
            Some(_) => return fault(item.value, Kind::BadMask),
            None => flow.cookie = number(item.value)?,
        },
        "importance" | "n_packets" | "n_bytes" | "idle_age" | "hard_age" => {
            integer(item.value)?;
        }
        "duration" => {}
        _ => return Ok(false),
    }
    Ok(true)
}

/// Whether an instruction may stand after another: the order of OpenFlow 1.3.
pub(super) fn place(instruction: &Instruction) -> u8 {
    match instruction {
        Instruction::Meter { .. } => 0,
        Instruction::ApplyActions { .. } => 1,
        Instruction::ClearActions => 2,
        Instruction::WriteActions { .. } => 3,
        Instruction::WriteMetadata { .. } => 4,
        Instruction::GotoTable { .. } | Instruction::Experimenter { .. } => 5,
    }
}
