//! The messages, by subject.

pub mod config;
pub mod error;
pub mod experimenter;
pub mod flow;
pub mod group;
pub mod group15;
pub mod hello;
pub mod meter;
pub mod monitor;
pub mod nicira;
pub mod onf;
pub mod packet;
pub mod port;
pub mod queue;
