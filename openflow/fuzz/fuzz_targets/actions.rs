//! Any bytes as a list of actions.
#![no_main]

use libfuzzer_sys::fuzz_target;
use openflow_fuzz::frames::{frame, round};

fuzz_target!(|bytes: &[u8]| round(&frame("actions", bytes)));
