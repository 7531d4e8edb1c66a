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
mod fields;
mod flow;
mod group;
mod instruction;
mod list;
mod matching;
mod number;
mod value;

pub use action::{Action, Actions};
pub use flow::FlowStats;
pub use group::{GroupDesc, group_type};
pub use instruction::Instructions;
pub use matching::Match;
pub use number::Port;
