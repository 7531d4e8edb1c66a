//! Sockets: one OpenFlow and one OVSDB session per host. No policy lives here.

mod audit;
mod bindings;
mod challenge;
mod fence;
mod host_plan;
mod hosts;
mod messages;
mod read;
mod session;
mod switch;
mod switches;

pub use challenge::serve as serve_challenges;
pub use hosts::serve as serve_hosts;
pub use messages::{bundle, flow, installed, is_learned};
pub use read::ReadError;
pub use session::SwitchSession;
pub use switches::{Switches, serve as serve_switches};
