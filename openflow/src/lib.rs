//! OpenFlow 1.3 with the extensions of Open vSwitch: types, wire codec, text form, session.
//!
//! - [`Message`] is a header and a [`Body`]; [`Message::decode`] and [`Message::encode`] are the
//!   codec. Bodies are in [`msg`] and [`multipart`], named as in the specification.
//! - [`Match`], [`Action`] and [`Instruction`] have builders; fields are named as in Open vSwitch
//!   ([`Field::OXM_OF_IPV4_DST`]). What is not known is kept as bytes and encoded as it came.
//! - [`Match::canonical`] and [`action::canonical`] bring what was sent and what a switch gives
//!   back into one form.
//! - [`conn`] is a session with a switch without I/O, `net` runs it over tokio streams.
//!
//! ```
//! use std::net::Ipv4Addr;
//! use openflow::{Action, Match, Message, PortNo, msg::flow::FlowMod};
//!
//! let to_net = Match::new().eth_type(0x0800).ipv4_dst((Ipv4Addr::new(10, 1, 0, 0), 16));
//! let flow = FlowMod::add(0, 100, to_net).apply([Action::output(PortNo(3))]);
//! let bytes = Message::new(1, flow).encode()?;
//! assert_eq!(Message::decode(&bytes).unwrap().xid, 1);
//! # Ok::<(), openflow::EncodeError>(())
//! ```
//!
//! A session, over a stream that exists already:
//!
//! ```no_run
//! # #[cfg(feature = "net")]
//! # async fn example(flow: openflow::msg::flow::FlowMod) -> Result<(), Box<dyn std::error::Error>> {
//! let stream = openflow::net::connect_unix("/var/run/openvswitch/br0.mgmt").await?;
//! let (switch, mut events) = openflow::net::spawn(stream, Default::default());
//! let up = events.recv().await; // Event::Up with the features, or Event::Closed with the reason
//! switch.request(flow).await?; // Ok when the switch has done it
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod action;
#[cfg(test)]
mod arb;
pub mod conn;
pub mod error;
pub mod instruction;
mod macros;
pub mod message;
#[cfg(feature = "model")]
pub mod model;
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
