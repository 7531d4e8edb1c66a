//! Any text as the JSON of a message: what reads and encodes, decodes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use openflow::Message;

fuzz_target!(|text: &[u8]| {
    if let Ok(message) = serde_json::from_slice::<Message>(text) {
        if let Ok(bytes) = message.encode() {
            let _ = Message::decode(&bytes);
        }
    }
});
