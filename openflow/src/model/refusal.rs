//! Why the switch refuses a message.

use thiserror::Error;

use crate::msg::error::{ERROR_TYPE_EXPERIMENTER, ErrorMsg, code_name};
use crate::oxm::field::{NICIRA, ONF};
use crate::oxm::{MatchError, MatchErrorKind};
use crate::types::Blob;

/// Why the switch refuses a message, as OpenFlow numbers it; some are numbered by ONF or Nicira.
#[derive(Clone, Copy, PartialEq, Eq, Error)]
#[error("{}", self.name())]
pub struct Refusal {
    /// What it is about.
    pub error_type: u16,
    /// What is wrong.
    pub code: u16,
}

/// Codes of experimenters below this are Nicira's.
const FIRST_OF_ONF: u16 = 2300;

macro_rules! refusals {
    ($($(#[$m:meta])* $name:ident = $kind:expr, $code:literal;)*) => {
        impl Refusal {
            $($(#[$m])* pub const $name: Self = Self { error_type: $kind, code: $code };)*
        }
    };
}

refusals! {
    /// A message of a type that is not known.
    BAD_TYPE = 1, 1;
    /// A multipart that is not known.
    BAD_MULTIPART = 1, 2;
    /// A message of an experimenter that is not known.
    BAD_EXPERIMENTER = 1, 3;
    /// What only the switch itself may do.
    EPERM = 1, 5;
    /// A message that cannot be read.
    BAD_LEN = 1, 6;
    /// A controller that is slave may not write.
    IS_SLAVE = 1, 10;
    /// No such port.
    BAD_PORT = 1, 11;
    /// A packet that cannot be read.
    BAD_PACKET = 1, 12;
    /// An action that is not known, or not where it is.
    BAD_ACTION_TYPE = 2, 0;
    /// An action of an experimenter that is not known.
    BAD_ACTION_EXPERIMENTER = 2, 2;
    /// An action outputs to a port that cannot be.
    BAD_OUT_PORT = 2, 4;
    /// An action with a bad argument.
    BAD_ACTION_ARGUMENT = 2, 5;
    /// No such group.
    BAD_OUT_GROUP = 2, 9;
    /// The match does not allow the action.
    MATCH_INCONSISTENT = 2, 10;
    /// A field that cannot be set.
    BAD_SET_TYPE = 2, 13;
    /// Other than the bits that it takes.
    BAD_SET_LEN = 2, 14;
    /// A value that a field cannot have.
    BAD_SET_ARGUMENT = 2, 15;
    /// An instruction that is not known.
    UNKNOWN_INSTRUCTION = 3, 0;
    /// An instruction twice.
    DUP_INSTRUCTION = ERROR_TYPE_EXPERIMENTER, 2600;
    /// A conjunction beside other actions.
    BAD_CONJUNCTION = ERROR_TYPE_EXPERIMENTER, 15;
    /// A table that cannot be gone to.
    BAD_GOTO_TABLE = 3, 2;
    /// A value whose length is not that of the field.
    BAD_MATCH_LEN = 4, 1;
    /// A value with bits that its mask does not have.
    BAD_WILDCARDS = 4, 5;
    /// A field that cannot be matched.
    BAD_FIELD = 4, 6;
    /// A value that a field cannot have.
    BAD_VALUE = 4, 7;
    /// A mask that a field cannot have.
    BAD_MASK = 4, 8;
    /// A field without what it needs.
    BAD_PREREQ = 4, 9;
    /// A field twice.
    DUP_FIELD = 4, 10;
    /// No such table.
    BAD_TABLE_ID = 5, 2;
    /// The flow overlaps another.
    OVERLAP = 5, 3;
    /// A flow-mod command that is not known.
    BAD_COMMAND = 5, 6;
    /// There is a group with this number.
    GROUP_EXISTS = 6, 0;
    /// A number that a group cannot have.
    INVALID_GROUP = 6, 1;
    /// A bucket that watches, in a group that does not look.
    WATCH_UNSUPPORTED = 6, 6;
    /// No such group.
    UNKNOWN_GROUP = 6, 8;
    /// A group type that is not known.
    BAD_GROUP_TYPE = 6, 10;
    /// A group-mod command that is not known.
    BAD_GROUP_COMMAND = 6, 11;
    /// A generation id that is older than one seen before.
    STALE = 11, 0;
    /// A role that is not known.
    BAD_ROLE = 11, 2;
    /// No such bundle.
    BUNDLE_BAD_ID = ERROR_TYPE_EXPERIMENTER, 2302;
    /// A bundle that is open already.
    BUNDLE_EXISTS = ERROR_TYPE_EXPERIMENTER, 2303;
    /// A bundle that takes no more messages.
    BUNDLE_CLOSED = ERROR_TYPE_EXPERIMENTER, 2304;
    /// A bundle control of a type that is not known.
    BUNDLE_BAD_TYPE = ERROR_TYPE_EXPERIMENTER, 2306;
    /// The flags are not those the bundle was opened with.
    BUNDLE_BAD_FLAGS = ERROR_TYPE_EXPERIMENTER, 2307;
    /// A message whose xid is not that of the message around it.
    BUNDLE_BAD_XID = ERROR_TYPE_EXPERIMENTER, 2309;
    /// A message that cannot be in a bundle.
    BUNDLE_UNSUPPORTED = ERROR_TYPE_EXPERIMENTER, 2310;
    /// A message of the bundle was refused.
    BUNDLE_MSG_FAILED = ERROR_TYPE_EXPERIMENTER, 2313;
}

impl Refusal {
    /// The name, such as `OFPGMFC_GROUP_EXISTS`.
    pub fn name(self) -> String {
        let known = match self.error_type {
            ERROR_TYPE_EXPERIMENTER => self.message(Blob::default()).name(),
            _ => code_name(self.error_type, self.code),
        };
        known.unwrap_or_else(|| format!("error type {} code {}", self.error_type, self.code))
    }

    /// The message that says so; `data` is the message that is refused, or its beginning.
    pub fn message(self, data: Blob) -> ErrorMsg {
        match self.error_type {
            ERROR_TYPE_EXPERIMENTER => {
                let experimenter = if self.code < FIRST_OF_ONF { NICIRA } else { ONF };
                ErrorMsg::Experimenter { exp_type: self.code, experimenter, data }
            }
            _ => ErrorMsg::new(self.error_type, self.code, data),
        }
    }
}

impl From<MatchError> for Refusal {
    fn from(error: MatchError) -> Self {
        match error.kind {
            MatchErrorKind::Unsupported => Self::BAD_FIELD,
            MatchErrorKind::Length(_) => Self::BAD_MATCH_LEN,
            MatchErrorKind::Mask => Self::BAD_MASK,
            MatchErrorKind::OutsideMask => Self::BAD_WILDCARDS,
            MatchErrorKind::Prerequisite(_) => Self::BAD_PREREQ,
            MatchErrorKind::Duplicate => Self::DUP_FIELD,
            MatchErrorKind::OutOfRange => Self::BAD_VALUE,
            MatchErrorKind::Inconsistent(_) => Self::MATCH_INCONSISTENT,
            MatchErrorKind::Reserved => Self::EPERM,
        }
    }
}

impl std::fmt::Debug for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name())
    }
}
