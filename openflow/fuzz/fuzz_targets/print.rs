//! Any message that decodes prints.
#![no_main]

use libfuzzer_sys::fuzz_target;
use openflow::{Message, text};

fuzz_target!(|bytes: &[u8]| {
    let mut bytes = bytes.to_vec();
    let length = (bytes.len() as u16).to_be_bytes();
    if let Some(slot) = bytes.get_mut(2..4) {
        slot.copy_from_slice(&length);
    }
    if let Ok(message) = Message::decode(&bytes) {
        let _ = text::Message(&message).to_string();
    }
});
