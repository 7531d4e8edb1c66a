//! Simulated hosts: what `sdn-load` puts in front of a controller.
//!
//! ```text
//!                      ┌────────────── Host ───────────────┐
//!   controller:6640 ◄──┤ Database   OVSDB: rows, monitors  │   thousands in a process
//!                      │   │ Controller rows of the bridge │
//!   controller:6653 ◄──┤ Switch     flows, groups, meters  │
//!                      └───────────────────────────────────┘
//!   controller:6680 ◄── nodes, reports, endpoints, services: one HTTP client for all hosts
//! ```
//!
//! [`switch`] and [`database`] are without I/O: bytes in, bytes out. They do what Open vSwitch does as far as a
//! controller can see it through messages (`tests/80_load.rs` holds them against a real one), but no packet ever
//! passes them: counters stay at zero, and flows do not time out.

pub mod classic;
pub mod crowd;
pub mod database;
pub mod figures;
pub mod host;
pub mod intent;
pub mod link;
pub mod mesh;
pub mod owner;
pub mod switch;
