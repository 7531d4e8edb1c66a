//! Any bytes from a switch, cut anywhere, over time.
#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use openflow::conn::{Config, Conn};
use openflow::multipart::MultipartRequestBody;

fuzz_target!(|bytes: &[u8]| {
    let start = Instant::now();
    let mut conn = Conn::new(Config::default(), start);
    conn.handle_input(&[4, 0, 0, 8, 0, 0, 0, 0], start);
    for (i, chunk) in bytes.chunks(61).enumerate() {
        let now = start + Duration::from_millis(100 * i as u64);
        conn.handle_input(chunk, now);
        conn.handle_timeout(now);
        let _ = conn.request(MultipartRequestBody::PortDesc);
        while conn.poll_event().is_some() {}
        let _ = conn.poll_transmit();
    }
});
