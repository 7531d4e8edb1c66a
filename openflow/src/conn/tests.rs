//! Scripts: bytes and times in, messages and events out.

use super::*;
use crate::msg::config::{Capabilities, FeaturesReply};
use crate::msg::error::ErrorMsg;
use crate::msg::experimenter::Experimenter;
use crate::msg::flow::FlowMod;
use crate::msg::onf::{BundleControl, BundleControlType};
use crate::multipart::{MultipartFlags, MultipartReply, MultipartReplyBody, MultipartRequestBody, TableStats};
use crate::oxm::field::ONF;
use crate::types::TableId;
use crate::wire::{Reader, Wire};

const SECOND: Duration = Duration::from_secs(1);

struct Script {
    conn: Conn,
    now: Instant,
}

impl Script {
    fn new() -> Self {
        let now = Instant::now();
        Self { conn: Conn::new(Config::default(), now), now }
    }

    /// A session whose handshake is over and whose output is taken.
    fn up() -> Self {
        let mut s = Self::new();
        s.input(&message(9, Hello::versions(&[4])));
        let xid = s.sent().last().unwrap().xid;
        s.input(&message(xid, features()));
        assert_eq!(s.event(), Some(Event::Up { features: features() }));
        s
    }

    fn input(&mut self, bytes: &[u8]) {
        self.conn.handle_input(bytes, self.now);
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.conn.handle_timeout(self.now);
    }

    fn event(&mut self) -> Option<Event> {
        self.conn.poll_event()
    }

    fn sent(&mut self) -> Vec<Message> {
        let bytes = self.conn.poll_transmit().unwrap_or_default();
        let mut r = Reader::new(&bytes, "sent");
        Vec::read(&mut r).unwrap()
    }
}

fn message(xid: Xid, body: impl Into<Body>) -> Vec<u8> {
    Message::new(xid, body).encode().unwrap()
}

fn features() -> FeaturesReply {
    FeaturesReply {
        datapath_id: 1,
        n_buffers: 0,
        n_tables: 254,
        auxiliary_id: 0,
        capabilities: Capabilities::FLOW_STATS,
        reserved: 0,
    }
}

fn tables(more: bool, ids: &[u8]) -> Body {
    let stats = |id: &u8| TableStats { table_id: TableId(*id), active_count: 0, lookup_count: 0, matched_count: 0 };
    let flags = if more { MultipartFlags::MORE } else { MultipartFlags::NONE };
    let body = MultipartReplyBody::Table(ids.iter().map(stats).collect());
    MultipartReply { flags, body }.into()
}

#[test]
fn handshake_byte_by_byte() {
    let mut s = Script::new();
    let [hello] = s.sent().try_into().unwrap();
    assert_eq!(hello.body, Body::Hello(Hello::versions(&[4])));
    for byte in message(1, Hello::versions(&[1, 4])) {
        s.input(&[byte]);
    }
    let [request] = s.sent().try_into().unwrap();
    assert_eq!(request.body, Body::FeaturesRequest);
    for byte in message(request.xid, features()) {
        s.input(&[byte]);
    }
    assert_eq!(s.event(), Some(Event::Up { features: features() }));
    assert!(s.conn.is_up());
}

#[test]
fn hello_of_1_0_is_refused_in_its_version() {
    let mut s = Script::new();
    s.sent();
    s.input(&[1, 0, 0, 8, 0, 0, 0, 5]);
    assert_eq!(s.event(), Some(Event::Closed { reason: CloseReason::Version { peer: 1 } }));
    let [error] = s.sent().try_into().unwrap();
    assert_eq!((error.version, error.xid), (1, 5));
    assert!(matches!(error.body, Body::Error(ErrorMsg::Standard { error_type: 0, code: 0, .. })));
    s.input(&message(1, Hello::versions(&[4])));
    assert_eq!(s.event(), None);
}

#[test]
fn newer_peers_are_taken_if_their_bitmap_has_1_3() {
    for (version, versions, ok) in [(6, vec![4, 6], true), (6, vec![6], false), (5, vec![], true)] {
        let mut s = Script::new();
        s.sent();
        let hello = if versions.is_empty() { Hello::default() } else { Hello::versions(&versions) };
        let message = Message { version, xid: 1, body: hello.into() };
        s.input(&message.encode().unwrap());
        assert_eq!(s.event().is_none(), ok, "{version} {versions:?}");
    }
}

#[test]
fn handshake_has_a_deadline() {
    let mut s = Script::new();
    assert_eq!(s.conn.poll_timeout(), Some((s.now + 10 * SECOND, "await hello")));
    s.pass(10 * SECOND);
    assert_eq!(s.event(), Some(Event::Closed { reason: CloseReason::HandshakeTimeout }));
    assert_eq!(s.conn.poll_timeout(), None);
}

#[test]
fn short_frames_and_rubbish_close() {
    let mut s = Script::up();
    s.input(&[4, 2, 0, 7, 0, 0, 0, 0]);
    assert_eq!(s.event(), Some(Event::Closed { reason: CloseReason::BadFrame { length: 7 } }));
    let mut s = Script::up();
    s.input(&[4, 99, 0, 8, 0, 0, 0, 0]);
    assert!(matches!(s.event(), Some(Event::Closed { reason: CloseReason::Malformed(_) })));
}

#[test]
fn echoes_both_ways() {
    let mut s = Script::up();
    let echo = Echo { data: vec![1, 2].into() };
    s.input(&message(77, Body::EchoRequest(echo.clone())));
    assert_eq!(s.sent(), vec![Message::new(77, Body::EchoReply(echo))]);

    s.pass(5 * SECOND);
    let [probe] = s.sent().try_into().unwrap();
    assert_eq!(probe.body, Body::EchoRequest(Echo::default()));
    s.input(&message(probe.xid, Body::EchoReply(Echo::default())));
    assert_eq!(s.conn.poll_timeout(), Some((s.now + 5 * SECOND, "idle")));
    s.pass(5 * SECOND);
    assert_eq!(s.conn.poll_timeout(), Some((s.now + 5 * SECOND, "await echo")));
    s.pass(5 * SECOND);
    assert_eq!(s.event(), Some(Event::Closed { reason: CloseReason::Silent }));
}

#[test]
fn parts_are_joined() {
    let mut s = Script::up();
    let xid = s.conn.request(MultipartRequestBody::Table).unwrap();
    s.input(&message(xid, tables(true, &[0, 1])));
    s.input(&message(xid, tables(true, &[2])));
    assert_eq!(s.event(), None);
    s.input(&message(xid, tables(false, &[3])));
    assert_eq!(s.event(), Some(Event::Reply { xid, body: tables(false, &[0, 1, 2, 3]) }));
}

#[test]
fn parts_have_a_bound() {
    let mut s = Script::up();
    s.conn.config.max_reply_bytes = 100;
    let xid = s.conn.request(MultipartRequestBody::Table).unwrap();
    s.input(&message(xid, tables(true, &[0, 1])));
    s.input(&message(xid, tables(true, &[2, 3])));
    let failed = Event::Failed { xid, error: RequestError::Closed };
    assert_eq!(s.event(), Some(failed));
    let reason = CloseReason::ReplyTooLong { limit: 100 };
    assert_eq!(s.event(), Some(Event::Closed { reason }));
}

#[test]
fn requests_time_out() {
    let mut s = Script::up();
    let xid = s.conn.request(Body::GetConfigRequest).unwrap();
    for _ in 0..30 {
        s.pass(SECOND);
        s.input(&message(0, Body::EchoReply(Echo::default())));
    }
    assert_eq!(s.event(), Some(Event::Failed { xid, error: RequestError::TimedOut }));
}

#[test]
fn a_flow_mod_is_answered_by_its_barrier() {
    let mut s = Script::up();
    let xid = s.conn.request(FlowMod::default()).unwrap();
    let [_, barrier] = s.sent().try_into().unwrap();
    assert_eq!(barrier.body, Body::BarrierRequest);
    s.input(&message(barrier.xid, Body::BarrierReply));
    assert_eq!(s.event(), Some(Event::Reply { xid, body: Body::BarrierReply }));

    let xid = s.conn.request(FlowMod::default()).unwrap();
    let [_, barrier] = s.sent().try_into().unwrap();
    let error = ErrorMsg::new(5, 1, vec![]);
    s.input(&message(xid, error.clone()));
    s.input(&message(barrier.xid, Body::BarrierReply));
    assert_eq!(s.event(), Some(Event::Failed { xid, error: RequestError::Switch(error) }));
}

fn control_reply(s: &mut Script, id: BundleId, xid: Xid, control_type: BundleControlType) {
    let flags = BundleFlags::ATOMIC;
    let control = BundleControl { bundle_id: id.0, control_type, flags, properties: vec![] };
    s.input(&message(xid, Experimenter::OnftBundleControl(control)));
}

#[test]
fn a_bundle_is_one_event() {
    let mut s = Script::up();
    let flows = (0..3).map(|_| Body::from(FlowMod::default()));
    let id = s.conn.bundle(flows, BundleFlags::ATOMIC).unwrap();
    let [open, _, _, _, close]: [Message; 5] = s.sent().try_into().unwrap();
    control_reply(&mut s, id, open.xid, BundleControlType::OPEN_REPLY);
    control_reply(&mut s, id, close.xid, BundleControlType::CLOSE_REPLY);
    assert_eq!(s.event(), None);
    let [commit] = s.sent().try_into().unwrap();
    assert_eq!(control_type(&commit), Some(BundleControlType::COMMIT_REQUEST));
    control_reply(&mut s, id, commit.xid, BundleControlType::COMMIT_REPLY);
    assert_eq!(s.event(), Some(Event::BundleDone { id, outcome: Ok(()) }));
    assert_eq!(s.event(), None);
}

#[test]
fn a_bundle_names_the_message_refused_and_is_discarded() {
    let mut s = Script::up();
    let flows = (0..3).map(|_| Body::from(FlowMod::default()));
    let id = s.conn.bundle(flows, BundleFlags::ATOMIC).unwrap();
    let sent = s.sent();
    let error = ErrorMsg::new(5, 1, vec![]);
    s.input(&message(sent[2].xid, error.clone()));
    control_reply(&mut s, id, sent[4].xid, BundleControlType::CLOSE_REPLY);
    assert_eq!(s.event(), None);
    let [discard] = s.sent().try_into().unwrap();
    assert_eq!(control_type(&discard), Some(BundleControlType::DISCARD_REQUEST));
    control_reply(&mut s, id, discard.xid, BundleControlType::DISCARD_REPLY);
    let outcome = Err(BundleError { index: Some(1), error: RequestError::Switch(error) });
    assert_eq!(s.event(), Some(Event::BundleDone { id, outcome }));
    assert_eq!(s.event(), None);
}

#[test]
fn a_bundle_names_the_message_that_failed_at_commit() {
    let mut s = Script::up();
    let flows = (0..3).map(|_| Body::from(FlowMod::default()));
    let id = s.conn.bundle(flows, BundleFlags::ATOMIC).unwrap();
    let sent = s.sent();
    control_reply(&mut s, id, sent[4].xid, BundleControlType::CLOSE_REPLY);
    let [commit] = s.sent().try_into().unwrap();
    let error = ErrorMsg::new(5, 1, vec![]);
    s.input(&message(sent[3].xid, error.clone()));
    let last = ErrorMsg::Experimenter { exp_type: 2313, experimenter: ONF, data: vec![].into() };
    s.input(&message(commit.xid, last));
    let outcome = Err(BundleError { index: Some(2), error: RequestError::Switch(error) });
    assert_eq!(s.event(), Some(Event::BundleDone { id, outcome }));
}

fn control_type(message: &Message) -> Option<BundleControlType> {
    match &message.body {
        Body::Experimenter(Experimenter::OnftBundleControl(c)) => Some(c.control_type),
        _ => None,
    }
}

#[test]
fn backlog_is_bounded() {
    let mut s = Script::up();
    s.conn.config.max_backlog = 100;
    s.conn.send(FlowMod::default()).unwrap();
    s.conn.send(FlowMod::default()).unwrap();
    assert_eq!(s.conn.send(FlowMod::default()), Err(SendError::Backlog));
    s.sent();
    s.conn.send(FlowMod::default()).unwrap();
}

#[test]
fn before_the_handshake_nothing_is_taken() {
    let mut s = Script::new();
    assert_eq!(s.conn.send(FlowMod::default()), Err(SendError::NotUp));
}
