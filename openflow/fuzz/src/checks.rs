//! What must hold for any input of the targets that do not fuzz one structure.

use std::time::{Duration, Instant};

use openflow::conn::{Config, Conn};
use openflow::multipart::MultipartRequestBody;
use openflow::{Message, text};

use crate::frames::{round, with_length};

/// A message: what decodes encodes, and then decodes to the same.
pub fn message(bytes: &[u8]) {
    round(&with_length(bytes));
}

/// A message that decodes prints.
pub fn print(bytes: &[u8]) {
    if let Ok(message) = Message::decode(&with_length(bytes)) {
        let _ = text::Message(&message).to_string();
    }
}

/// Text is read or refused; what is read prints, and reads back as the same.
pub fn text(input: &str) {
    let _ = (text::parse_match(input), text::parse_group(input));
    if let Ok(flow) = text::parse_flow(input) {
        let _ = text::FlowMod(&flow).to_string();
    }
    let Ok(actions) = text::parse_actions(input) else { return };
    let printed = text::Actions(&actions).to_string();
    if let Ok(again) = text::parse_actions(&printed) {
        assert_eq!(text::Actions(&again).to_string(), printed);
    }
}

/// Bytes from a switch, cut anywhere, over time.
pub fn session(bytes: &[u8]) {
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
}
