//! Instructions, which Open vSwitch writes as one list of actions.

use std::fmt::{self, Display, Formatter};

use super::action::{Actions, write_actions};
use super::list::List;
use super::number::{Hex, HexBytes};
use crate::instruction::Instruction;

/// What a flow does, such as `dec_ttl,output:2,goto_table:7`; `drop` if it is nothing.
///
/// Instructions are shown in the order in which a switch carries them out.
pub struct Instructions<'a>(pub &'a [Instruction]);

impl Display for Instructions<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if !self.0.iter().any(says_something) {
            return f.write_str("drop");
        }
        let mut list = List::new(f);
        for turn in 0..=LAST_TURN {
            self.0.iter().filter(|i| turn_of(i) == turn).try_for_each(|i| write(i, &mut list))?;
        }
        Ok(())
    }
}

fn says_something(instruction: &Instruction) -> bool {
    !matches!(instruction, Instruction::ApplyActions { actions } if actions.is_empty())
}

const LAST_TURN: u8 = 6;

fn turn_of(instruction: &Instruction) -> u8 {
    match instruction {
        Instruction::Meter { .. } => 0,
        Instruction::ApplyActions { .. } => 1,
        Instruction::ClearActions => 2,
        Instruction::WriteActions { .. } => 3,
        Instruction::WriteMetadata { .. } => 4,
        Instruction::GotoTable { .. } => 5,
        Instruction::Experimenter { .. } => LAST_TURN,
    }
}

fn write(instruction: &Instruction, list: &mut List<'_, '_>) -> fmt::Result {
    match instruction {
        Instruction::Meter { meter_id } => list.item(format_args!("meter:{}", meter_id.0)),
        Instruction::ApplyActions { actions } => write_actions(actions, list),
        Instruction::ClearActions => list.item("clear_actions"),
        Instruction::WriteActions { actions } => list.item(format_args!("write_actions({})", Actions(actions))),
        Instruction::WriteMetadata { metadata, metadata_mask } => {
            write_metadata(*metadata, *metadata_mask, list.next()?)
        }
        Instruction::GotoTable { table_id } => list.item(format_args!("goto_table:{}", table_id.0)),
        Instruction::Experimenter { experimenter, data } => {
            list.item(format_args!("experimenter({experimenter:#x},{})", HexBytes(data)))
        }
    }
}

/// `write_metadata`, with its mask if that is not all ones.
pub(super) fn write_metadata(value: u64, mask: u64, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, "write_metadata:{}", Hex(u128::from(value)))?;
    if mask == u64::MAX { Ok(()) } else { write!(f, "/{}", Hex(u128::from(mask))) }
}
