//! The text form: flows, groups, meters, packets and messages as `ovs-ofctl` prints them
//! (ovs-ofctl(8), ovs-fields(7), ovs-actions(7)).
//!
//! Everything here is a view that borrows what it shows and implements [`Display`](std::fmt::Display):
//!
//! ```
//! use openflow::{Match, text};
//! let m = Match::new().eth_type(0x0800).ip_proto(6).tcp_dst(80);
//! assert_eq!(text::Match(&m).to_string(), "tcp,tp_dst=80");
//! ```

mod action;
mod continuation;
mod error;
mod extension;
mod fields;
mod flow;
mod group;
mod group15;
mod instruction;
mod list;
mod matching;
mod message;
mod meter;
mod multipart;
mod number;
mod packet;
mod packet_io;
mod parse;
mod port;
mod switch;
mod table_features;
mod value;

pub use action::{Action, Actions};
pub use flow::{FlowMod, FlowStats};
pub use group::{GroupDesc, GroupMod, group_type};
pub use instruction::Instructions;
pub use matching::Match;
pub use message::Message;
pub use meter::Meter;
pub use number::Port;
pub use packet::Packet;
pub use parse::{ParseError, ParseErrorKind, parse_actions, parse_flow, parse_group, parse_match};
