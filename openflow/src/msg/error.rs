//! Errors (section 7.5.4).

mod names;

use std::fmt;

pub use names::{code_name, type_name};

use crate::types::Blob;
use crate::wire::{Reader, Result, Wire, Writer};

/// The `error_type` of experimenters.
pub const ERROR_TYPE_EXPERIMENTER: u16 = 0xffff;
/// The `error_type` of a handshake that failed.
pub const HELLO_FAILED: u16 = 0;
/// The code there that says no version is common.
pub const HELLO_FAILED_INCOMPATIBLE: u16 = 0;

/// Says what was wrong with a message that carried the same xid.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ErrorMsg {
    /// An error of OpenFlow.
    Standard {
        /// What it is about.
        error_type: u16,
        /// What is wrong.
        code: u16,
        /// At least 64 bytes of the message, or a text if the type is hello-failed.
        data: Blob,
    },
    /// An error that an experimenter defines.
    Experimenter {
        /// Its number.
        exp_type: u16,
        /// Who defines it.
        experimenter: u32,
        /// At least 64 bytes of the message.
        data: Blob,
    },
}

impl ErrorMsg {
    /// An error of OpenFlow.
    pub fn new(error_type: u16, code: u16, data: impl Into<Blob>) -> Self {
        Self::Standard { error_type, code, data: data.into() }
    }
}

impl fmt::Display for ErrorMsg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name(), self) {
            (Some(name), _) => f.write_str(&name),
            (None, Self::Standard { error_type, code, .. }) => {
                write!(f, "error type {error_type} code {code}")
            }
            (None, Self::Experimenter { exp_type, experimenter, .. }) => {
                write!(f, "error {exp_type} of experimenter {experimenter:#010x}")
            }
        }
    }
}

impl Wire for ErrorMsg {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let error_type = u16::read(r)?;
        let code = u16::read(r)?;
        if error_type == ERROR_TYPE_EXPERIMENTER {
            let (experimenter, data) = (u32::read(r)?, Blob::read(r)?);
            return Ok(Self::Experimenter { exp_type: code, experimenter, data });
        }
        Ok(Self::Standard { error_type, code, data: Blob::read(r)? })
    }

    fn write(&self, w: &mut Writer) {
        match self {
            Self::Standard { error_type, code, data } => {
                error_type.write(w);
                code.write(w);
                data.write(w);
            }
            Self::Experimenter { exp_type, experimenter, data } => {
                ERROR_TYPE_EXPERIMENTER.write(w);
                exp_type.write(w);
                experimenter.write(w);
                data.write(w);
            }
        }
    }
}
