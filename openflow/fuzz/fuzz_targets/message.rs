//! Any bytes as a message: what decodes encodes, and then decodes to the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use openflow::Message;

fuzz_target!(|bytes: &[u8]| {
    let mut bytes = bytes.to_vec();
    let length = (bytes.len() as u16).to_be_bytes();
    if let Some(slot) = bytes.get_mut(2..4) {
        slot.copy_from_slice(&length);
    }
    if let Ok(message) = Message::decode(&bytes) {
        let again = message.encode().expect("what decodes encodes");
        assert_eq!(Message::decode(&again).as_ref(), Ok(&message));
    }
});
