//! OpenFlow 1.3 with the extensions of Open vSwitch: types, wire codec, text form, session.
#![warn(missing_docs)]

pub mod action;
pub mod conn;
pub mod error;
pub mod instruction;
mod macros;
pub mod message;
pub mod msg;
pub mod multipart;
#[cfg(feature = "net")]
pub mod net;
pub mod oxm;
pub mod property;
pub mod text;
pub mod types;
pub mod wire;

#[cfg(feature = "json")]
pub mod json;

pub use action::Action;
pub use error::{DecodeError, EncodeError};
pub use instruction::Instruction;
pub use message::{Body, Message};
pub use oxm::{Field, Match, Oxm, OxmId};
pub use types::{Blob, GroupId, Mac, MeterId, PortNo, QueueId, TableId, Xid};
