//! `learn`.

use super::set::fitting;
use crate::action::{Action, Learn, Learn2, LearnDst, LearnFlags, LearnSpec, LearnSrc, Subfield};
use crate::text::fields::Key;
use crate::text::parse::item::{Item, each};
use crate::text::parse::number::number;
use crate::text::parse::subfield::{field, id, subfield};
use crate::text::parse::value::value;
use crate::text::parse::{Kind, Result, fault};
use crate::types::TableId;

const DEFAULT_TABLE: TableId = TableId(1);

pub(super) fn learn(text: &str) -> Result<'_, Action> {
    let mut learn = Learn {
        idle_timeout: 0,
        hard_timeout: 0,
        priority: 0x8000,
        cookie: 0,
        flags: LearnFlags::NONE,
        table_id: DEFAULT_TABLE,
        fin_idle_timeout: 0,
        fin_hard_timeout: 0,
        specs: Vec::new(),
    };
    let (mut limit, mut result) = (0, None);
    each(text, |part| {
        match part.key {
            "table" => learn.table_id = TableId(number(part.value)?),
            "priority" => learn.priority = number(part.value)?,
            "idle_timeout" => learn.idle_timeout = number(part.value)?,
            "hard_timeout" => learn.hard_timeout = number(part.value)?,
            "fin_idle_timeout" => learn.fin_idle_timeout = number(part.value)?,
            "fin_hard_timeout" => learn.fin_hard_timeout = number(part.value)?,
            "cookie" => learn.cookie = number(part.value)?,
            "send_flow_rem" => learn.flags = learn.flags | LearnFlags::SEND_FLOW_REM,
            "delete_learned" => learn.flags = learn.flags | LearnFlags::DELETE_LEARNED,
            "limit" => limit = number(part.value)?,
            "result_dst" => {
                learn.flags = learn.flags | LearnFlags::WRITE_RESULT;
                result = Some(subfield(part.value)?);
            }
            _ => learn.specs.push(spec(part)?),
        }
        Ok(())
    })?;
    if limit == 0 && result.is_none() {
        return Ok(Action::NxLearn(Box::new(learn)));
    }
    let result_dst_ofs = result.map_or(0, |dst| dst.bits.ofs);
    Ok(Action::NxLearn2(Box::new(Learn2 { learn, limit, result_dst_ofs, result_dst: result.map(|dst| dst.id) })))
}

fn spec(part: Item<'_>) -> Result<'_, LearnSpec> {
    match part.key {
        "output" => {
            let src = subfield(part.value)?;
            Ok(LearnSpec { n_bits: src.bits.n_bits, src: from(src), dst: LearnDst::Output })
        }
        "load" => load(part.value),
        _ => matching(part),
    }
}

fn from(src: Subfield) -> LearnSrc {
    LearnSrc::Field(src.id, src.bits.ofs)
}

/// The bytes of a value, as many pairs as its bits need.
fn immediate(value: u128, n_bits: u16) -> LearnSrc {
    let size = usize::from(n_bits).div_ceil(16) * 2;
    let bytes = value.to_be_bytes();
    let mut out = vec![0; size.saturating_sub(bytes.len())];
    out.extend_from_slice(bytes.get(bytes.len().saturating_sub(size)..).unwrap_or(&bytes));
    LearnSrc::Immediate(out.into())
}

fn load(text: &str) -> Result<'_, LearnSpec> {
    let Some((given, target)) = text.split_once("->") else { return fault(text, Kind::Expected("->")) };
    let dst = subfield(target)?;
    let n_bits = dst.bits.n_bits;
    let src = source(given, n_bits)?;
    Ok(LearnSpec { n_bits, src, dst: LearnDst::Load(dst.id, dst.bits.ofs) })
}

/// A number, or bits of a field.
fn source(text: &str, n_bits: u16) -> Result<'_, LearnSrc> {
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return Ok(immediate(fitting(text, n_bits)?, n_bits));
    }
    let src = subfield(text)?;
    if src.bits.n_bits != n_bits {
        return fault(text, Kind::Expected("as many bits on both sides"));
    }
    Ok(from(src))
}

/// `FIELD=VALUE`, `BITS=VALUE`, `BITS=BITS`, or `BITS` of the packet.
fn matching(part: Item<'_>) -> Result<'_, LearnSpec> {
    let whole = if part.key.contains('[') { None } else { field(part.key) };
    if let (Some(field), true) = (whole, part.has_value)
        && !part.value.contains('[')
        && let Some(row) = Key::of(field).map(Key::row)
        && let Ok(given) = value(row.kind, row.size(), part.value)
    {
        let n_bits = row.n_bits();
        let dst = LearnDst::Match(id(field), 0);
        return match given.mask {
            None => Ok(LearnSpec { n_bits, src: immediate(given.value, n_bits), dst }),
            Some(_) => fault(part.value, Kind::BadMask),
        };
    }
    let dst = subfield(part.key).or_else(|_| fault(part.key, Kind::UnknownArgument))?;
    let n_bits = dst.bits.n_bits;
    let src = if part.has_value { source(part.value, n_bits)? } else { from(dst) };
    Ok(LearnSpec { n_bits, src, dst: LearnDst::Match(dst.id, dst.bits.ofs) })
}
