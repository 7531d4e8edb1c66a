//! Names of services and endpoints: what they stand for, and which of them a transaction changes.
//!
//! Hosts ask for the names that their clients ask for, and for changes of these. What a host has to be told so depends on
//! its clients and not on how large the cluster is: of a transaction nothing but the names it touches is remembered.

mod domain;
mod log;
mod lookup;
#[cfg(test)]
mod tests;
mod touched;

pub use domain::{BadDomain, Domain};
pub use log::{Changes, NameLog};
pub use lookup::lookup;
pub use touched::{Touched, touched};
