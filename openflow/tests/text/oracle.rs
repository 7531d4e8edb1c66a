//! Random values, printed by us and by `ovs-ofctl`. Without it these tests pass and say so.

use std::io::Write;
use std::process::Stdio;

use openflow::msg::packet::PacketOut;
use openflow::{Action, Body, Message, text};

use crate::common;
use crate::random::{self, Rng};

/// Whether `ovs-ofctl` is there.
pub fn ovs() -> bool {
    let found = common::program("ovs-ofctl").arg("--version").stdout(Stdio::null()).status().is_ok();
    if !found {
        eprintln!("ovs-ofctl is not installed: skipped");
    }
    found
}

/// What `ovs-ofctl ofp-parse` prints for each message.
pub fn ofp_print(messages: &[Message]) -> Vec<String> {
    let mut file = tempfile::NamedTempFile::new().expect("temporary file");
    let mut marks = Vec::new();
    for (i, message) in messages.iter().enumerate() {
        let mark = 0xd1a0_0000 + u32::try_from(i).expect("not that many");
        file.write_all(&message.encode().expect("fits")).expect("write");
        file.write_all(&[4, 2, 0, 8]).expect("write");
        file.write_all(&mark.to_be_bytes()).expect("write");
        marks.push(format!("OFPT_ECHO_REQUEST (OF1.3) (xid={mark:#x}): 0 bytes of payload\n"));
    }
    let output = common::program("ovs-ofctl").args(["-vconsole:off", "ofp-parse"]).arg(file.path()).output();
    let all = String::from_utf8_lossy(&output.expect("ovs-ofctl runs").stdout).into_owned();
    let mut rest = all.as_str();
    marks
        .iter()
        .map(|mark| {
            let (text, after) = rest.split_once(mark.as_str()).expect("every message is printed");
            rest = after;
            text.trim_end().to_owned()
        })
        .collect()
}

fn compare(count: u64, make: impl Fn(&mut Rng) -> Body) {
    if !ovs() {
        return;
    }
    let messages: Vec<Message> =
        (0..count).map(|seed| Message::new(seed as u32, make(&mut Rng::new(seed + 1)))).collect();
    let theirs = ofp_print(&messages);
    let mut refused = 0;
    let mut wrong = Vec::new();
    for (message, theirs) in messages.iter().zip(&theirs) {
        let ours = text::Message(message).to_string();
        if theirs.contains("***decode error") {
            refused += 1;
        } else if ours.trim_end() != theirs {
            wrong.push(format!("ours   {ours}\ntheirs {theirs}\n"));
        }
    }
    let shown = wrong.iter().take(8).cloned().collect::<String>();
    assert!(wrong.is_empty(), "{} of {count} differ:\n{shown}", wrong.len());
    assert!(refused * 6 < count, "{refused} of {count} are refused by ovs-ofctl");
}

#[test]
fn random_matches_print_alike() {
    compare(4000, |rng| openflow::msg::flow::FlowMod::add(1, 5, random::matching(rng)).into());
}

#[test]
fn random_flows_print_alike() {
    compare(4000, |rng| random::flow_mod(rng).into());
}

#[test]
fn random_groups_print_alike() {
    compare(2000, |rng| random::group_mod(rng).into());
}

#[test]
fn random_packets_print_alike() {
    compare(4000, |rng| PacketOut::new([Action::output(1)], random::packet(rng)).into());
}
