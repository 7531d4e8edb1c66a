//! Any bytes as a Nicira packet-in 2.
#![no_main]

use libfuzzer_sys::fuzz_target;
use openflow_fuzz::frames::{frame, round};

fuzz_target!(|bytes: &[u8]| round(&frame("packet_in2", bytes)));
