//! Actions and instructions.

mod choice;
mod controller;
mod ct;
mod encap;
mod learn;
mod set;

use super::flow::place;
use super::item::{Item, each, split};
use super::number::{hex_bytes, named_port, number, number_or, port, port16};
use super::subfield::{short_subfield, subfield};
use super::{Kind, MAX_DEPTH, Result, fault};
use crate::action::{Action, DecTtlCntIds, DeleteField};
use crate::instruction::Instruction;
use crate::oxm::field::NICIRA;
use crate::types::{GroupId, MeterId, PortNo, QueueId, TableId, WHOLE_PACKET};

/// What the actions before and the match say.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Context {
    /// How many actions this one is within.
    pub depth: u8,
    pub nw_proto: Option<u16>,
    pub has_vlan: bool,
}

impl Context {
    fn deeper<'a>(&self, token: &'a str) -> Result<'a, Self> {
        if self.depth >= MAX_DEPTH { fault(token, Kind::TooDeep) } else { Ok(Self { depth: self.depth + 1, ..*self }) }
    }
}

/// Reads instructions; those done at once are gathered in one.
pub(super) fn instruction_list<'a>(text: &'a str, context: &mut Context) -> Result<'a, Vec<Instruction>> {
    let mut apply = Vec::new();
    let mut others: Vec<Instruction> = Vec::new();
    let mut dropped = None;
    each(text, |item| {
        if item.key == "drop" && !item.has_value {
            dropped = Some(item.key);
            return Ok(());
        }
        let Some(instruction) = instruction(item, context)? else {
            if !others.iter().all(|i| place(i) < 1) {
                return fault(item.key, Kind::Order);
            }
            return action(item, context, &mut apply);
        };
        if others.iter().any(|i| place(i) >= place(&instruction)) || place(&instruction) == 0 && !apply.is_empty() {
            return fault(item.key, Kind::Order);
        }
        others.push(instruction);
        Ok(())
    })?;
    if let Some(token) = dropped
        && !(apply.is_empty() && others.is_empty())
    {
        return fault(token, Kind::Expected("drop alone"));
    }
    let at = others.iter().filter(|i| place(i) == 0).count();
    if !apply.is_empty() {
        others.insert(at, Instruction::ApplyActions { actions: apply });
    }
    Ok(others)
}

fn instruction<'a>(item: Item<'a>, context: &Context) -> Result<'a, Option<Instruction>> {
    Ok(Some(match item.key {
        "goto_table" => Instruction::GotoTable { table_id: TableId(number(item.value)?) },
        "meter" => Instruction::Meter { meter_id: MeterId(number(item.value)?) },
        "clear_actions" => Instruction::ClearActions,
        "write_actions" => {
            Instruction::WriteActions { actions: action_list(item.value, &mut context.deeper(item.key)?)? }
        }
        "write_metadata" => {
            let (value, mask) = item.value.split_once('/').unwrap_or((item.value, "0xffffffffffffffff"));
            Instruction::WriteMetadata { metadata: number(value)?, metadata_mask: number(mask)? }
        }
        _ => return Ok(None),
    }))
}

/// Reads actions; `drop` stands for none.
pub(super) fn action_list<'a>(text: &'a str, context: &mut Context) -> Result<'a, Vec<Action>> {
    let mut actions = Vec::new();
    each(text, |item| match item.key {
        "drop" if !item.has_value => Ok(()),
        _ => action(item, context, &mut actions),
    })?;
    Ok(actions)
}

/// Reads one action, which may stand for several.
fn action<'a>(item: Item<'a>, context: &mut Context, out: &mut Vec<Action>) -> Result<'a, ()> {
    if !item.has_value
        && let Some(action) = bare_port(item.key)
    {
        out.push(action);
        return Ok(());
    }
    if set::take(item, context, out)? {
        return Ok(());
    }
    if item.key == "enqueue" {
        return enqueue(item, out);
    }
    let known = simple(item)?;
    let action = match known {
        Some(action) => action,
        None => composed(item, context)?,
    };
    if let Action::PushVlan { .. } = action {
        context.has_vlan = true;
    }
    if let Action::PopVlan = action {
        context.has_vlan = false;
    }
    out.push(action);
    Ok(())
}

fn output(port: PortNo) -> Action {
    Action::Output { port, max_len: if port == PortNo::CONTROLLER { WHOLE_PACKET } else { 0 } }
}

/// A port alone is an output.
fn bare_port(key: &str) -> Option<Action> {
    let numeric = key.starts_with(|c: char| c.is_ascii_digit());
    match (named_port(key), numeric) {
        (Some(PortNo::ANY), _) => None,
        (Some(port), _) => Some(output(port)),
        (None, true) => port(key).ok().map(output),
        (None, false) => None,
    }
}

fn simple(item: Item<'_>) -> Result<'_, Option<Action>> {
    let value = item.value;
    Ok(Some(match item.key {
        "output" if item.in_parens && value.contains('=') => truncated(item)?,
        "output" => output_to(value)?,
        "group" => Action::Group { group_id: GroupId(number(value)?) },
        "strip_vlan" | "pop_vlan" => Action::PopVlan,
        "push_vlan" => Action::PushVlan { ethertype: number(value)? },
        "push_mpls" => Action::PushMpls { ethertype: number(value)? },
        "pop_mpls" => Action::PopMpls { ethertype: number(value)? },
        "push_pbb" => Action::PushPbb { ethertype: number(value)? },
        "pop_pbb" => Action::PopPbb,
        "copy_ttl_in" => Action::CopyTtlIn,
        "copy_ttl_out" => Action::CopyTtlOut,
        "set_mpls_ttl" => Action::SetMplsTtl { mpls_ttl: number(value)? },
        "dec_mpls_ttl" => Action::DecMplsTtl,
        "mod_nw_ttl" => Action::SetNwTtl { nw_ttl: number(value)? },
        "dec_ttl" if item.has_value => dec_ttl(value)?,
        "dec_ttl" => Action::DecNwTtl,
        "set_queue" => Action::SetQueue { queue_id: QueueId(number(value)?) },
        "pop_queue" => Action::NxPopQueue,
        "exit" => Action::NxExit,
        "ct_clear" => Action::NxCtClear,
        "dec_nsh_ttl" => Action::NxDecNshTtl,
        "note" => note(value)?,
        "resubmit" => resubmit(item)?,
        "push" | "pop" => stack(item)?,
        "fin_timeout" => fin_timeout(value)?,
        "conjunction" => conjunction(value)?,
        "delete_field" => {
            let part = subfield(value)?;
            Action::NxDeleteField(DeleteField { field: part.id })
        }
        "check_pkt_larger" => check_pkt_larger(item)?,
        "debug_slow" => unnamed(NICIRA, &DEBUG_SLOW),
        "debug_recirc" => unnamed(NICIRA, &DEBUG_RECIRC),
        "experimenter" => experimenter(value)?,
        _ => return Ok(None),
    }))
}

/// Actions by which Open vSwitch tests itself: they have no type of their own here.
const DEBUG_SLOW: [u8; 8] = [0, 254, 0, 0, 0, 0, 0, 0];
const DEBUG_RECIRC: [u8; 8] = [0, 255, 0, 0, 0, 0, 0, 0];

fn unnamed(experimenter: u32, data: &[u8]) -> Action {
    Action::Experimenter { experimenter, data: data.into() }
}

/// An action that is not known here, as it is printed: who defines it, and its bytes.
fn experimenter(value: &str) -> Result<'_, Action> {
    let Some((who, data)) = value.split_once(',') else { return fault(value, Kind::Expected("a number, and bytes")) };
    Ok(unnamed(number(who)?, &hex_bytes(data.trim())?))
}

fn composed<'a>(item: Item<'a>, context: &Context) -> Result<'a, Action> {
    match item.key {
        "controller" | "CONTROLLER" => controller::controller(item),
        "learn" => learn::learn(item.value),
        "ct" => ct::ct(item.value, context),
        "nat" => ct::nat(item.value),
        "clone" => {
            let actions = action_list(item.value, &mut context.deeper(item.key)?)?;
            Ok(Action::NxClone { actions })
        }
        "multipath" => choice::multipath(item.value),
        "bundle" | "bundle_load" => choice::bundle(item),
        "sample" => controller::sample(item.value),
        "encap" => encap::encap(item.value),
        "decap" => encap::decap(item.value),
        _ => fault(item.key, Kind::UnknownAction),
    }
}

fn output_to(value: &str) -> Result<'_, Action> {
    if let Ok(port) = port(value) {
        return if port == PortNo::ANY { fault(value, Kind::OutOfRange) } else { Ok(output(port)) };
    }
    let src = short_subfield(value)?;
    Ok(match src.id.field.experimenter_id() {
        None => Action::NxOutputReg { bits: src.bits, src: src.id, max_len: WHOLE_PACKET },
        Some(_) => Action::NxOutputReg2 { bits: src.bits, max_len: WHOLE_PACKET, src: src.id },
    })
}

fn truncated(item: Item<'_>) -> Result<'_, Action> {
    let (mut to, mut length) = (None, None);
    each(item.value, |part| {
        match part.key {
            "port" => to = Some(port16(part.value)?),
            "max_len" => length = Some(number(part.value)?),
            _ => return fault(part.key, Kind::UnknownArgument),
        }
        Ok(())
    })?;
    match (to, length) {
        (Some(port), Some(max_len)) => Ok(Action::NxOutputTrunc { port, max_len }),
        _ => fault(item.value, Kind::Needs("port and max_len")),
    }
}

fn dec_ttl(value: &str) -> Result<'_, Action> {
    let ids = split(value).into_iter().filter(|part| !part.is_empty());
    let controller_ids = ids.map(number).collect::<Result<'_, Vec<u16>>>()?;
    Ok(Action::NxDecTtlCntIds(DecTtlCntIds { controller_ids }))
}

/// The action is a multiple of eight bytes long: what is missing is zero.
fn note(value: &str) -> Result<'_, Action> {
    let mut note = hex_bytes(value)?;
    let length = (note.len() + 10).next_multiple_of(8) - 10;
    note.resize(length, 0);
    Ok(Action::NxNote { note: note.into() })
}

/// An output by a queue, `enqueue:port:queue` or `enqueue(port,queue)`: OpenFlow 1.3 has three
/// actions for it.
fn enqueue<'a>(item: Item<'a>, out: &mut Vec<Action>) -> Result<'a, ()> {
    let Some((to, queue)) = item.value.split_once([':', ',']) else {
        return fault(item.value, Kind::Expected("a port and a queue"));
    };
    out.push(Action::SetQueue { queue_id: QueueId(number(queue.trim())?) });
    out.push(output(port(to.trim())?));
    out.push(Action::NxPopQueue);
    Ok(())
}

/// The port of a resubmit that keeps the one the packet came in by.
const KEEP_PORT: u16 = 0xfff8;

fn resubmit(item: Item<'_>) -> Result<'_, Action> {
    if !item.in_parens {
        return Ok(Action::NxResubmit { in_port: port16(item.value)? });
    }
    let parts = split(item.value);
    let (port, table, ct) = match parts.as_slice() {
        [port] => (*port, "", false),
        [port, table] => (*port, *table, false),
        [port, table, "ct"] => (*port, *table, true),
        _ => return fault(item.value, Kind::Expected("port,table")),
    };
    let in_port = if port.is_empty() { KEEP_PORT } else { port16(port)? };
    let table_id = TableId(number_or(table, TableId::ALL.0)?);
    Ok(if ct { Action::NxResubmitTableCt { in_port, table_id } } else { Action::NxResubmitTable { in_port, table_id } })
}

fn stack(item: Item<'_>) -> Result<'_, Action> {
    let part = subfield(item.value)?;
    let (ofs, n_bits, field) = (part.bits.ofs, part.bits.n_bits, part.id);
    Ok(match item.key {
        "push" => Action::NxStackPush { ofs, field, n_bits },
        _ => Action::NxStackPop { ofs, field, n_bits },
    })
}

fn fin_timeout(value: &str) -> Result<'_, Action> {
    let (mut idle, mut hard) = (0, 0);
    each(value, |part| {
        match part.key {
            "idle_timeout" => idle = number(part.value)?,
            "hard_timeout" => hard = number(part.value)?,
            _ => return fault(part.key, Kind::UnknownArgument),
        }
        Ok(())
    })?;
    Ok(Action::NxFinTimeout { fin_idle_timeout: idle, fin_hard_timeout: hard })
}

/// `conjunction(id,k/n)`, where k counts from 1.
fn conjunction(value: &str) -> Result<'_, Action> {
    let Some((id, clause)) = value.split_once(',') else { return fault(value, Kind::Expected("id,k/n")) };
    let Some((k, n)) = clause.trim().split_once('/') else { return fault(clause, Kind::Expected("k/n")) };
    let (k, n_clauses): (u8, u8) = (number(k.trim())?, number(n.trim())?);
    if !(1..=64).contains(&k) || !(2..=64).contains(&n_clauses) || k > n_clauses {
        return fault(clause, Kind::OutOfRange);
    }
    Ok(Action::NxConjunction { clause: k - 1, n_clauses, id: number(id.trim())? })
}

fn check_pkt_larger(item: Item<'_>) -> Result<'_, Action> {
    let Some(target) = item.arrow else { return fault(item.value, Kind::Expected("->")) };
    let dst = subfield(target)?;
    if dst.bits.n_bits != 1 {
        return fault(target, Kind::OutOfRange);
    }
    Ok(Action::NxCheckPktLarger { pkt_len: number(item.value)?, ofs: dst.bits.ofs, dst: dst.id })
}
