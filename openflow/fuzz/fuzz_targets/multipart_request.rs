//! Any bytes as the body of any multipart request.
#![no_main]

use libfuzzer_sys::fuzz_target;
use openflow_fuzz::frames::{frame, round};

fuzz_target!(|bytes: &[u8]| round(&frame("multipart_request", bytes)));
