//! The text form: by hand, and against `ovs-ofctl` on random values.

#[path = "../common/mod.rs"]
#[allow(dead_code)]
mod common;
mod live;
mod oracle;
mod parse;
mod print;
mod random;
