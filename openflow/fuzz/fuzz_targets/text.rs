//! Any text as a match, a group, a flow, actions.
#![no_main]

use libfuzzer_sys::fuzz_target;
use openflow_fuzz::checks;

fuzz_target!(|input: &str| checks::text(input));
