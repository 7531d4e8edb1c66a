//! Instructions of a flow (section 7.2.3).

use crate::action::Action;
use crate::error::DecodeErrorKind;
use crate::types::{Blob, MeterId, TableId};
use crate::wire::{Reader, Result, Wire, Writer, count_by_length};

/// One instruction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "json", serde(tag = "type", rename_all = "snake_case"))]
pub enum Instruction {
    /// Goes on in another table.
    GotoTable {
        /// The table.
        table_id: TableId,
    },
    /// Sets bits of the metadata.
    WriteMetadata {
        /// The value.
        metadata: u64,
        /// The bits that are set.
        metadata_mask: u64,
    },
    /// Adds to the action set.
    WriteActions {
        /// The actions.
        actions: Vec<Action>,
    },
    /// Does these actions now.
    ApplyActions {
        /// The actions.
        actions: Vec<Action>,
    },
    /// Empties the action set.
    ClearActions,
    /// Sends the packet through a meter.
    Meter {
        /// The meter.
        meter_id: MeterId,
    },
    /// An instruction of an experimenter.
    Experimenter {
        /// Who defines it.
        experimenter: u32,
        /// All that follows.
        data: Blob,
    },
}

impl Instruction {
    /// Goes on in another table.
    pub fn goto(table: impl Into<TableId>) -> Self {
        Self::GotoTable { table_id: table.into() }
    }

    /// Does these actions now.
    pub fn apply(actions: impl Into<Vec<Action>>) -> Self {
        Self::ApplyActions { actions: actions.into() }
    }
}

const GOTO_TABLE: u16 = 1;
const WRITE_METADATA: u16 = 2;
const WRITE_ACTIONS: u16 = 3;
const APPLY_ACTIONS: u16 = 4;
const CLEAR_ACTIONS: u16 = 5;
const METER: u16 = 6;
const EXPERIMENTER: u16 = 0xffff;

impl Wire for Instruction {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let mut one = Vec::with_capacity(1);
        Self::read_onto(&mut one, r)?;
        one.pop().ok_or_else(|| r.bad_length(0))
    }

    #[inline]
    fn read_onto(out: &mut Vec<Self>, r: &mut Reader<'_>) -> Result<()> {
        let [t0, t1, l0, l1] = r.peek()?;
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        if length < 4 || length > r.left() {
            r.label("instruction");
            return Err(r.bad_length(length));
        }
        let mut r = r.sub(length, "instruction")?;
        r.skip(4)?;
        read_body(u16::from_be_bytes([t0, t1]), out, &mut r)?;
        r.end()
    }

    #[inline]
    fn write(&self, w: &mut Writer) {
        let start = w.position();
        let kind = match self {
            Self::GotoTable { .. } => GOTO_TABLE,
            Self::WriteMetadata { .. } => WRITE_METADATA,
            Self::WriteActions { .. } => WRITE_ACTIONS,
            Self::ApplyActions { .. } => APPLY_ACTIONS,
            Self::ClearActions => CLEAR_ACTIONS,
            Self::Meter { .. } => METER,
            Self::Experimenter { .. } => EXPERIMENTER,
        };
        let [k0, k1] = kind.to_be_bytes();
        w.put_array([k0, k1, 0, 0]);
        write_body(self, w);
        w.patch_len(start + 2, start, "instruction");
    }

    #[inline]
    fn count(r: &Reader<'_>) -> usize {
        count_by_length::<2>(r)
    }
}

#[inline]
fn read_body(kind: u16, out: &mut Vec<Instruction>, r: &mut Reader<'_>) -> Result<()> {
    match kind {
        GOTO_TABLE => {
            let table_id = TableId::read(r)?;
            r.skip(3)?;
            out.push(Instruction::GotoTable { table_id });
        }
        WRITE_METADATA => {
            r.skip(4)?;
            out.push(Instruction::WriteMetadata { metadata: u64::read(r)?, metadata_mask: u64::read(r)? });
        }
        WRITE_ACTIONS => {
            r.skip(4)?;
            let actions = Vec::read(r)?;
            out.push(Instruction::WriteActions { actions });
        }
        APPLY_ACTIONS => {
            r.skip(4)?;
            let actions = Vec::read(r)?;
            out.push(Instruction::ApplyActions { actions });
        }
        CLEAR_ACTIONS => {
            r.skip(4)?;
            out.push(Instruction::ClearActions);
        }
        METER => out.push(Instruction::Meter { meter_id: MeterId::read(r)? }),
        EXPERIMENTER => out.push(Instruction::Experimenter { experimenter: u32::read(r)?, data: Blob::read(r)? }),
        _ => return Err(r.error(DecodeErrorKind::UnknownType(u32::from(kind)))),
    }
    Ok(())
}

#[inline]
fn write_body(instruction: &Instruction, w: &mut Writer) {
    match instruction {
        Instruction::GotoTable { table_id } => {
            table_id.write(w);
            w.zeros(3);
        }
        Instruction::WriteMetadata { metadata, metadata_mask } => {
            w.zeros(4);
            metadata.write(w);
            metadata_mask.write(w);
        }
        Instruction::WriteActions { actions } | Instruction::ApplyActions { actions } => {
            w.zeros(4);
            actions.write(w);
        }
        Instruction::ClearActions => w.zeros(4),
        Instruction::Meter { meter_id } => meter_id.write(w),
        Instruction::Experimenter { experimenter, data } => {
            experimenter.write(w);
            data.write(w);
        }
    }
}
