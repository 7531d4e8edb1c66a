//! Random flows and groups in a real switch, dumped by `ovs-ofctl` and by us: the same lines.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::time::Duration;

use openflow::msg::flow::FlowRequest;
use openflow::msg::hello::{Echo, Hello};
use openflow::multipart::{MultipartFlags, MultipartReplyBody, MultipartRequestBody};
use openflow::{Body, Message, text};

use crate::common::Switch;
use crate::random::{self, Rng};

/// What `ovs-ofctl` prints, without heads of messages.
fn dump(switch: &Switch, what: &str) -> Vec<String> {
    let target = format!("unix:{}", switch.mgmt().display());
    let mut ofctl = switch.command("ovs-ofctl");
    let out = ofctl.args(["-O", "OpenFlow13", what, &target]).stdout(Stdio::piped()).output().expect("runs");
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    lines(text.lines().filter(|l| l.starts_with(' ')).map(|l| l.trim().to_owned()))
}

/// Lines in order, without what changes from one dump to the next.
fn lines(all: impl Iterator<Item = String>) -> Vec<String> {
    let still = |line: String| match line.split_once("duration=").zip(line.split_once("s, table=")) {
        Some(((head, _), (_, tail))) => format!("{head}table={tail}"),
        None => line,
    };
    let mut all: Vec<String> = all.map(still).collect();
    all.sort();
    all
}

struct Session(UnixStream);

impl Session {
    fn connect(switch: &Switch) -> Self {
        let stream = UnixStream::connect(switch.mgmt()).expect("connects");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("timeout");
        let mut session = Self(stream);
        session.send(&Message::new(0, Hello::versions(&[4])));
        session
    }

    fn send(&mut self, message: &Message) {
        self.0.write_all(&message.encode().expect("encodes")).expect("write");
    }

    fn receive(&mut self) -> Message {
        loop {
            let mut bytes = vec![0; 8];
            self.0.read_exact(&mut bytes).expect("an answer");
            bytes.resize(usize::from(u16::from_be_bytes([bytes[2], bytes[3]])), 0);
            self.0.read_exact(&mut bytes[8..]).expect("an answer");
            let message = Message::decode(&bytes).expect("decodes");
            match message.body {
                Body::EchoRequest(Echo { data }) => {
                    let reply = Body::EchoReply(Echo { data });
                    self.send(&Message { version: 4, xid: message.xid, body: reply });
                }
                _ => return message,
            }
        }
    }

    fn barrier(&mut self) {
        self.send(&Message { version: 4, xid: 0x00ba_0000, body: Body::BarrierRequest });
        while self.receive().body != Body::BarrierReply {}
    }

    fn ask(&mut self, what: MultipartRequestBody) -> Vec<MultipartReplyBody> {
        self.send(&Message::new(7, what));
        let mut parts = Vec::new();
        loop {
            if let Body::MultipartReply(reply) = self.receive().body {
                let more = reply.flags.contains(MultipartFlags::MORE);
                parts.push(reply.body);
                if !more {
                    return parts;
                }
            }
        }
    }
}

#[test]
fn a_switch_dumps_what_we_print() {
    let Some(switch) = Switch::start() else { return };
    let mut session = Session::connect(&switch);
    for seed in 0..400 {
        let mut group = random::group_mod(&mut Rng::new(seed));
        group.group_id.0 = seed as u32;
        session.send(&Message::new(1, group));
        if seed % 50 == 0 {
            session.barrier();
        }
    }
    for seed in 0..4000 {
        session.send(&Message::new(1, random::flow_mod(&mut Rng::new(seed))));
        if seed % 100 == 0 {
            session.barrier();
        }
    }
    session.barrier();

    let parts = session.ask(MultipartRequestBody::Flow(FlowRequest::default()));
    let flows = parts.iter().flat_map(|p| if let MultipartReplyBody::Flow(all) = p { all.as_slice() } else { &[] });
    let ours = lines(flows.map(|s| text::FlowStats(s).to_string()));
    assert!(ours.len() > 1500, "only {} flows are taken", ours.len());
    assert_same(&ours, &dump(&switch, "dump-flows"));

    let parts = session.ask(MultipartRequestBody::GroupDesc);
    let groups = parts.iter().flat_map(|p| if let MultipartReplyBody::GroupDesc(g) = p { g.as_slice() } else { &[] });
    let ours = lines(groups.map(|g| text::GroupDesc(g).to_string()));
    assert!(ours.len() > 150, "only {} groups are taken", ours.len());
    assert_same(&ours, &dump(&switch, "dump-groups"));
}

fn assert_same(ours: &[String], theirs: &[String]) {
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert_eq!(ours, theirs);
    }
    assert_eq!(ours.len(), theirs.len());
}
