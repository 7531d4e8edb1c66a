//! Messages around the bytes of one structure, so that each decoder is fuzzed from its first byte.

use openflow::Message;

/// The targets that fuzz one structure: its name, the type of the message around it, and what
/// stands before it.
pub const FRAMES: &[(&str, u8, &[u8])] = &[
    ("match", FLOW_MOD, &[0; 40]),
    ("instructions", FLOW_MOD, &EMPTY_FLOW),
    ("actions", PACKET_OUT, &[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]),
    ("group", GROUP_MOD, &[0, 0, 1, 0, 0, 0, 0, 7]),
    ("meter", METER_MOD, &[0, 0, 0, 1, 0, 0, 0, 7]),
    ("flow_stats", MULTIPART_REPLY, &[0, 1, 0, 0, 0, 0, 0, 0]),
    ("group_desc", MULTIPART_REPLY, &[0, 7, 0, 0, 0, 0, 0, 0]),
    ("meter_config", MULTIPART_REPLY, &[0, 10, 0, 0, 0, 0, 0, 0]),
    ("table_features", MULTIPART_REPLY, &[0, 12, 0, 0, 0, 0, 0, 0]),
    ("multipart_request", MULTIPART_REQUEST, &[]),
    ("multipart_reply", MULTIPART_REPLY, &[]),
    ("packet_in2", EXPERIMENTER, &[0, 0, 0x23, 0x20, 0, 0, 0, 30]),
    ("nicira", EXPERIMENTER, &[0, 0, 0x23, 0x20]),
    ("bundle_add", EXPERIMENTER, &[0x4f, 0x4e, 0x46, 0, 0, 0, 0x08, 0xfd]),
    ("onf", EXPERIMENTER, &[0x4f, 0x4e, 0x46, 0]),
];

const EXPERIMENTER: u8 = 4;
const PACKET_OUT: u8 = 13;
const FLOW_MOD: u8 = 14;
const GROUP_MOD: u8 = 15;
const MULTIPART_REQUEST: u8 = 18;
const MULTIPART_REPLY: u8 = 19;
const METER_MOD: u8 = 29;

/// A flow-mod up to its instructions: 40 bytes, and a match of everything.
const EMPTY_FLOW: [u8; 48] = {
    let mut bytes = [0; 48];
    bytes[41] = 1;
    bytes[43] = 4;
    bytes
};

/// The message of a target around `bytes`; they are cut to what a message can hold.
pub fn frame(target: &str, bytes: &[u8]) -> Vec<u8> {
    let Some((_, kind, before)) = FRAMES.iter().find(|(name, ..)| *name == target) else {
        return bytes.to_vec();
    };
    let bytes = &bytes[..bytes.len().min(60_000)];
    let length = (8 + before.len() + bytes.len()) as u16;
    let mut message = vec![4, *kind, 0, 0, 0, 0, 0, 1];
    message[2..4].copy_from_slice(&length.to_be_bytes());
    message.extend_from_slice(before);
    message.extend_from_slice(bytes);
    if *kind == PACKET_OUT {
        message[16..18].copy_from_slice(&(bytes.len() as u16).to_be_bytes());
    }
    message
}

/// The bytes with their number in the header's length.
pub fn with_length(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let length = (bytes.len() as u16).to_be_bytes();
    if let Some(slot) = bytes.get_mut(2..4) {
        slot.copy_from_slice(&length);
    }
    bytes
}

/// What decodes encodes, and then decodes to the same.
pub fn round(message: &[u8]) {
    if let Ok(message) = Message::decode(message) {
        let again = message.encode().expect("what decodes encodes");
        assert_eq!(Message::decode(&again).as_ref(), Ok(&message));
    }
}
