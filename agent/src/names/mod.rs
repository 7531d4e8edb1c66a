//! The resolver of this host: names of services and endpoints, for the endpoints that are here.
//!
//! ```text
//!  endpoint ──query──► serve ──► answer ──reply──► endpoint
//!                                  │ │
//!              not of ours: forward  needed: fetch ──► controller
//!              (host's resolvers)                 │
//!                                  book ◄──────────┴── follow (what changed of all that was fetched)
//! ```
//!
//! Who asks is told by the source address, which the switch vouches for, and sees the names of its own network only.
//! [`answer`](answer::answer) is pure: it answers from the [`Book`](book::Book), or says what it would have to know. What
//! is in the book is followed, so that it is never older than the network between host and controller makes it; without
//! a controller it is answered from as it is.

pub mod answer;
pub mod book;
pub mod client;
pub mod follow;
mod forward;
mod limits;
mod listen;
pub mod pods;
mod reply;
mod serve;
#[cfg(test)]
mod tests;
mod upstream;
pub mod zone;

pub use serve::{Place, keep};

/// How long clients may keep an answer, in seconds.
const TTL: u32 = 1;

/// The port of name servers (RFC 1035 section 4.2).
const PORT: u16 = 53;
