//! Any bytes as a message.
#![no_main]

use libfuzzer_sys::fuzz_target;
use openflow_fuzz::checks;

fuzz_target!(|bytes: &[u8]| checks::message(bytes));
