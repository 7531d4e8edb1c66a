//! Laws that hold for values of every type.

use proptest::collection::vec;
use proptest::prelude::*;

use super::{Arb, Gen};
use crate::message::{Body, Message, VERSION_1_5};
use crate::msg::group15::GroupMod15;
use crate::multipart::{MultipartReply, MultipartReplyBody};

fn message(bytes: &[u8]) -> Message {
    Message::arb(&mut Gen::new(bytes))
}

/// A message of OpenFlow 1.5.
fn message15(bytes: &[u8]) -> Message {
    let g = &mut Gen::new(bytes);
    let body = match bool::arb(g) {
        true => Body::GroupMod15(GroupMod15::arb(g)),
        false => {
            let body = MultipartReplyBody::GroupDesc15(Arb::arb(g));
            MultipartReply { flags: Arb::arb(g), body }.into()
        }
    };
    Message { version: VERSION_1_5, xid: Arb::arb(g), body }
}

fn comes_back(message: &Message) -> Result<(), TestCaseError> {
    let bytes = message.encode().unwrap();
    let back = Message::decode(&bytes);
    prop_assert_eq!(back.as_ref(), Ok(message));
    #[cfg(feature = "json")]
    {
        let json = serde_json::to_string(message).unwrap();
        let back: Message = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(&back, message);
    }
    Ok(())
}

/// Decodes what must not panic; what decodes must encode, and then decode to the same.
fn survives(bytes: &[u8]) {
    if let Ok(message) = Message::decode(bytes) {
        let again = message.encode().unwrap();
        assert_eq!(Message::decode(&again).as_ref(), Ok(&message));
    }
}

/// Sets the header's length to what there is, so that decoding goes on to the inside.
fn honest(mut bytes: Vec<u8>) -> Vec<u8> {
    let length = (bytes.len() as u16).to_be_bytes();
    if let Some(slot) = bytes.get_mut(2..4) {
        slot.copy_from_slice(&length);
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn values_come_back(seed in vec(any::<u8>(), 0..600)) {
        comes_back(&message(&seed))?;
    }

    #[test]
    fn values_of_1_5_come_back(seed in vec(any::<u8>(), 0..600)) {
        comes_back(&message15(&seed))?;
    }

    #[test]
    fn any_bytes_are_survived(kind in 0u8..32, tail in vec(any::<u8>(), 4..200)) {
        survives(&honest([&[4, kind, 0, 0], tail.as_slice()].concat()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..Default::default() })]

    #[test]
    fn truncation_is_survived(seed in vec(any::<u8>(), 0..300)) {
        let bytes = message(&seed).encode().unwrap();
        for n in 0..bytes.len() {
            survives(&bytes[..n]);
            survives(&honest(bytes[..n].to_vec()));
        }
    }

    #[test]
    fn lies_about_lengths_are_survived(seed in vec(any::<u8>(), 0..200)) {
        let bytes = message(&seed).encode().unwrap();
        for at in 0..bytes.len() - 1 {
            let told = u16::from_be_bytes([bytes[at], bytes[at + 1]]);
            for lie in [0, 1, told.wrapping_sub(1), told.wrapping_add(1), told ^ 8, 0x7fff, 0xffff] {
                let mut bytes = bytes.clone();
                bytes[at..at + 2].copy_from_slice(&lie.to_be_bytes());
                survives(&bytes);
            }
        }
    }
}

/// Our bytes are what Open vSwitch takes for OpenFlow.
#[test]
fn open_vswitch_reads_them() {
    let available = std::process::Command::new("ovs-ofctl").arg("--version").output();
    if available.is_err() {
        println!("skipped: ovs-ofctl is not installed");
        return;
    }
    let mut state = 88_172_645_463_325_252_u64;
    let mut lines = Vec::new();
    for _ in 0..3000 {
        let seed: Vec<u8> = (0..300).map(|_| random(&mut state)).collect();
        let bytes = plain(&seed).encode().unwrap();
        lines.push(bytes);
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("messages");
    std::fs::write(&path, lines.concat()).unwrap();
    let out = std::process::Command::new("ovs-ofctl").arg("ofp-parse").arg(&path).output().unwrap();
    let text = String::from_utf8_lossy(&out.stdout);
    let bad: Vec<&str> = text.lines().filter(|l| l.contains("OFPBRC_BAD_LEN")).collect();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert!(bad.is_empty(), "{} of {}: {:?}", bad.len(), lines.len(), bad.first());
}

fn random(state: &mut u64) -> u8 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state as u8
}

/// A message without what Open vSwitch does not know.
fn plain(seed: &[u8]) -> Message {
    use crate::msg::group::GroupMod;
    use crate::msg::meter::MeterMod;
    use crate::msg::port::PortStatus;
    let g = &mut Gen::new(seed);
    let body = match g.below(4) {
        0 => Body::GroupMod(GroupMod::arb(g)),
        1 => Body::MeterMod(MeterMod::arb(g)),
        2 => Body::PortStatus(PortStatus::arb(g)),
        _ => Body::FlowMod(crate::msg::flow::FlowMod::arb(g)),
    };
    Message::new(Arb::arb(g), body)
}
