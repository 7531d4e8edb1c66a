//! `learn`: adds a flow made from the packet.

use crate::error::{DecodeErrorKind, EncodeError};
use crate::macros::flags;
use crate::oxm::OxmId;
use crate::types::{Blob, TableId};
use crate::wire::{Reader, Result, Wire, Writer};

flags! {
    /// Flags of [`Learn`].
    LearnFlags: u16 {
        /// Tells when the flow ends.
        SEND_FLOW_REM = 1;
        /// Deletes learned flows with the flow that learned them.
        DELETE_LEARNED = 2;
        /// Stores whether the limit let the flow be added.
        WRITE_RESULT = 4;
    }
}

/// Adds a flow made from the packet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
pub struct Learn {
    /// Idle timeout of the flow, in seconds.
    pub idle_timeout: u16,
    /// Hard timeout of the flow, in seconds.
    pub hard_timeout: u16,
    /// Its priority.
    pub priority: u16,
    /// Its cookie.
    pub cookie: u64,
    /// How it is learned.
    pub flags: LearnFlags,
    /// Its table.
    pub table_id: TableId,
    /// Its idle timeout once a TCP connection ends.
    pub fin_idle_timeout: u16,
    /// Its hard timeout once a TCP connection ends.
    pub fin_hard_timeout: u16,
    /// What it matches and does.
    pub specs: Vec<LearnSpec>,
}

impl Learn {
    fn read_head(r: &mut Reader<'_>) -> Result<Self> {
        let (idle_timeout, hard_timeout) = (u16::read(r)?, u16::read(r)?);
        let (priority, cookie) = (u16::read(r)?, u64::read(r)?);
        let (flags, table_id) = (LearnFlags::read(r)?, TableId::read(r)?);
        r.skip(1)?;
        Ok(Self {
            idle_timeout,
            hard_timeout,
            priority,
            cookie,
            flags,
            table_id,
            fin_idle_timeout: u16::read(r)?,
            fin_hard_timeout: u16::read(r)?,
            specs: Vec::new(),
        })
    }

    fn write_head(&self, w: &mut Writer) {
        [self.idle_timeout, self.hard_timeout, self.priority].iter().for_each(|x| x.write(w));
        self.cookie.write(w);
        self.flags.write(w);
        self.table_id.write(w);
        w.zeros(1);
        [self.fin_idle_timeout, self.fin_hard_timeout].iter().for_each(|x| x.write(w));
    }
}

impl Wire for Learn {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let mut learn = Self::read_head(r)?;
        learn.specs = read_specs(r)?;
        Ok(learn)
    }

    fn write(&self, w: &mut Writer) {
        self.write_head(w);
        self.specs.write(w);
    }
}

/// Adds a flow made from the packet, unless there are too many.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
pub struct Learn2 {
    /// The flow.
    #[cfg_attr(feature = "json", serde(flatten))]
    pub learn: Learn,
    /// How many learned flows there may be; 0 for any number.
    pub limit: u32,
    /// The bit that is set if the flow was added.
    pub result_dst_ofs: u16,
    /// In which field; on the wire only if the flags have [`LearnFlags::WRITE_RESULT`].
    #[cfg_attr(feature = "json", serde(default, skip_serializing_if = "Option::is_none"))]
    pub result_dst: Option<OxmId>,
}

impl Wire for Learn2 {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let mut learn = Learn::read_head(r)?;
        let (limit, result_dst_ofs) = (u32::read(r)?, u16::read(r)?);
        r.skip(2)?;
        let mut result_dst = None;
        if learn.flags.contains(LearnFlags::WRITE_RESULT) {
            result_dst = Some(OxmId::read(r)?);
        }
        learn.specs = read_specs(r)?;
        Ok(Self { learn, limit, result_dst_ofs, result_dst })
    }

    fn write(&self, w: &mut Writer) {
        self.learn.write_head(w);
        self.limit.write(w);
        self.result_dst_ofs.write(w);
        w.zeros(2);
        let flagged = self.learn.flags.contains(LearnFlags::WRITE_RESULT);
        match &self.result_dst {
            Some(dst) if flagged => dst.write(w),
            None if !flagged => {}
            _ => w.fail(EncodeError::OutOfRange {
                what: "flags of a learn whose result_dst they do not fit",
                value: u64::from(self.learn.flags.0),
            }),
        }
        self.learn.specs.write(w);
    }
}

/// Reads specs up to a zero header, which begins the padding, or the end.
fn read_specs(r: &mut Reader<'_>) -> Result<Vec<LearnSpec>> {
    let mut specs = Vec::new();
    while r.left() >= 2 && r.peek()? != [0, 0] {
        specs.push(LearnSpec::read(r)?);
    }
    Ok(specs)
}

/// One part of what a learned flow matches or does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LearnSpec {
    /// How many bits, 1 to 1023.
    pub n_bits: u16,
    /// Where the bits come from.
    pub src: LearnSrc,
    /// Where they go.
    pub dst: LearnDst,
}

/// Where the bits of a [`LearnSpec`] come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LearnSrc {
    /// A field of the packet, from this bit up.
    Field(OxmId, u16),
    /// These bytes: as many pairs as hold the bits.
    Immediate(Blob),
}

/// Where the bits of a [`LearnSpec`] go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LearnDst {
    /// The learned flow matches them in this field, from this bit up.
    Match(OxmId, u16),
    /// The learned flow loads them into this field, from this bit up.
    Load(OxmId, u16),
    /// The learned flow outputs to the port they name.
    Output,
}

const N_BITS: u16 = 0x3ff;
const SRC_IMMEDIATE: u16 = 1 << 13;
const DST_LOAD: u16 = 1 << 11;
const DST_OUTPUT: u16 = 2 << 11;

/// Bytes of an immediate value of this many bits.
fn immediate_size(n_bits: u16) -> usize {
    usize::from(n_bits).div_ceil(16) * 2
}

impl Wire for LearnSpec {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        r.label("learn spec");
        let header = u16::read(r)?;
        let n_bits = header & N_BITS;
        let src = match header & SRC_IMMEDIATE {
            0 => LearnSrc::Field(OxmId::read(r)?, u16::read(r)?),
            _ => LearnSrc::Immediate(r.take(immediate_size(n_bits))?.into()),
        };
        let dst = match header & !(N_BITS | SRC_IMMEDIATE) {
            0 => LearnDst::Match(OxmId::read(r)?, u16::read(r)?),
            DST_LOAD => LearnDst::Load(OxmId::read(r)?, u16::read(r)?),
            DST_OUTPUT => LearnDst::Output,
            _ => return Err(r.error(DecodeErrorKind::BadValue(u32::from(header)))),
        };
        Ok(Self { n_bits, src, dst })
    }

    fn write(&self, w: &mut Writer) {
        let src_bits = if matches!(self.src, LearnSrc::Immediate(_)) { SRC_IMMEDIATE } else { 0 };
        let dst_bits = match self.dst {
            LearnDst::Match(..) => 0,
            LearnDst::Load(..) => DST_LOAD,
            LearnDst::Output => DST_OUTPUT,
        };
        let header = self.n_bits | src_bits | dst_bits;
        if self.n_bits > N_BITS || header == 0 {
            let value = u64::from(self.n_bits);
            return w.fail(EncodeError::OutOfRange { what: "n_bits of a learn spec", value });
        }
        header.write(w);
        match &self.src {
            LearnSrc::Field(field, ofs) => {
                field.write(w);
                ofs.write(w);
            }
            LearnSrc::Immediate(value) if value.len() == immediate_size(self.n_bits) => {
                value.write(w);
            }
            LearnSrc::Immediate(value) => {
                w.fail(EncodeError::OutOfRange { what: "length of a learn spec's value", value: value.len() as u64 })
            }
        }
        if let LearnDst::Match(field, ofs) | LearnDst::Load(field, ofs) = &self.dst {
            field.write(w);
            ofs.write(w);
        }
    }
}
