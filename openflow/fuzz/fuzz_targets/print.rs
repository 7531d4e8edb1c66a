//! Any bytes as a message to print.
#![no_main]

use libfuzzer_sys::fuzz_target;
use openflow_fuzz::checks;

fuzz_target!(|bytes: &[u8]| checks::print(bytes));
