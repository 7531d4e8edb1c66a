//! The central controller. Data walks one way:
//!
//! ```text
//! http ──► store ──► compile ──► reconcile ──► southbound ──► switches
//!          (intent)   (pure)      (pure)       (sockets)
//! ```

pub mod agents;
pub mod args;
mod balance;
pub mod bfd;
pub mod cluster;
pub mod compile;
pub mod core;
pub mod dump;
pub mod etcd;
pub mod events;
pub mod history;
mod housekeeping;
pub mod http;
pub mod intent;
pub mod links;
pub mod membership;
pub mod metrics;
pub mod names;
pub mod pipeline;
pub mod pki;
pub mod predict;
pub mod reconcile;
pub mod runtime;
mod serve;
pub mod southbound;
pub mod store;

pub use serve::serve;
