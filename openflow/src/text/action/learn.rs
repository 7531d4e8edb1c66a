//! `learn`.

use std::fmt::{self, Display, Formatter};

use super::set::FieldValue;
use super::subfield::{Bits, field_bits, field_name};
use crate::action::{Learn, Learn2, LearnDst, LearnFlags, LearnSpec, LearnSrc};
use crate::oxm::OxmId;
use crate::text::fields::Key;
use crate::text::list::List;
use crate::text::matching::LongHex;
use crate::text::number::Hex;

/// The priority that is not mentioned.
const DEFAULT_PRIORITY: u16 = 0x8000;

pub(super) fn learn(learn: &Learn, more: Option<&Learn2>, f: &mut Formatter<'_>) -> fmt::Result {
    f.write_str("learn(")?;
    let mut list = List::new(f);
    list.item(format_args!("table={}", learn.table_id.0))?;
    timeouts(learn, &mut list)?;
    list.item_if(learn.priority != DEFAULT_PRIORITY, format_args!("priority={}", learn.priority))?;
    list.item_if(learn.flags.contains(LearnFlags::SEND_FLOW_REM), "send_flow_rem")?;
    list.item_if(learn.flags.contains(LearnFlags::DELETE_LEARNED), "delete_learned")?;
    list.item_if(learn.cookie != 0, format_args!("cookie={}", Hex(u128::from(learn.cookie))))?;
    if let Some(more) = more {
        list.item_if(more.limit != 0, format_args!("limit={}", more.limit))?;
        if let Some(dst) = more.result_dst {
            list.item(format_args!("result_dst={}", Bits(dst, more.result_dst_ofs, 1)))?;
        }
    }
    learn.specs.iter().try_for_each(|spec| list.item(Spec(spec)))?;
    f.write_str(")")
}

fn timeouts(learn: &Learn, list: &mut List<'_, '_>) -> fmt::Result {
    let all = [
        ("idle_timeout", learn.idle_timeout),
        ("hard_timeout", learn.hard_timeout),
        ("fin_idle_timeout", learn.fin_idle_timeout),
        ("fin_hard_timeout", learn.fin_hard_timeout),
    ];
    all.iter().try_for_each(|(name, seconds)| list.item_if(*seconds != 0, format_args!("{name}={seconds}")))
}

struct Spec<'a>(&'a LearnSpec);

impl Display for Spec<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let n = self.0.n_bits;
        match (&self.0.src, self.0.dst) {
            (LearnSrc::Immediate(value), LearnDst::Match(field, ofs)) => immediate(value, field, ofs, n, f),
            (LearnSrc::Immediate(value), LearnDst::Load(field, ofs)) => {
                write!(f, "load:{}->{}", LongHex(value), Bits(field, ofs, n))
            }
            (LearnSrc::Immediate(value), LearnDst::Output) => write!(f, "output:{}", LongHex(value)),
            (LearnSrc::Field(src, at), LearnDst::Match(dst, ofs)) => {
                write!(f, "{}", Bits(dst, ofs, n))?;
                if (src.field, *at) == (dst.field, ofs) { Ok(()) } else { write!(f, "={}", Bits(*src, *at, n)) }
            }
            (LearnSrc::Field(src, at), LearnDst::Load(dst, ofs)) => {
                write!(f, "load:{}->{}", Bits(*src, *at, n), Bits(dst, ofs, n))
            }
            (LearnSrc::Field(src, at), LearnDst::Output) => write!(f, "output:{}", Bits(*src, *at, n)),
        }
    }
}

/// A whole field reads like one of a match; bits of one are a number.
fn immediate(bytes: &[u8], field: OxmId, ofs: u16, n_bits: u16, f: &mut Formatter<'_>) -> fmt::Result {
    let whole = ofs == 0 && n_bits == field_bits(field);
    match Key::of(field.field) {
        Some(id) if whole && id != Key::TunMetadata && bytes.len() <= 16 => {
            let value = bytes.iter().fold(0, |n, b| n << 8 | u128::from(*b));
            write!(f, "{}={}", field_name(field), FieldValue { kind: id.row().kind, value, mask: None })
        }
        _ => write!(f, "{}={}", Bits(field, ofs, n_bits), LongHex(bytes)),
    }
}
