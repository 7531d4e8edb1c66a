//! Scripted sessions: what the server says and when, against what this side says and tells.

use std::time::Duration;

use super::*;
use crate::{Datum, Limits, Uuid};

const A: &str = "00000000-0000-0000-0000-00000000000a";
const TXN: &str = "00000000-0000-0000-0000-0000000000ff";

struct Script {
    session: Session,
    now: Instant,
}

fn options() -> Options {
    Options::new("db").table("T", &["n"])
}

fn schema() -> Value {
    json!({"name": "db", "version": "1.0.0", "tables": {"T": {"columns": {
        "n": {"type": "integer"}, "s": {"type": "string"}}}}})
}

impl Script {
    fn new(options: Options) -> Script {
        let now = Instant::now();
        Script { session: Session::new(options, now), now }
    }

    fn says(&mut self, message: Value) {
        self.session.handle_input(message.to_string().as_bytes(), self.now);
    }

    fn after(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        self.session.handle_timeout(self.now);
    }

    /// What this side sent since.
    fn sent(&mut self) -> Vec<Value> {
        let bytes = self.session.poll_transmit().unwrap_or_default();
        let stream = serde_json::Deserializer::from_slice(&bytes).into_iter();
        stream.map(|value| value.expect("json")).collect()
    }

    fn methods(&mut self) -> Vec<String> {
        let text = |value: &Value| value["method"].as_str().unwrap_or("-").to_owned();
        self.sent().iter().map(text).collect()
    }

    fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.session.poll_event()).collect()
    }

    fn closed(&mut self) -> Option<CloseReason> {
        match self.events().pop() {
            Some(Event::Closed(reason)) => Some((*reason).clone()),
            _ => None,
        }
    }

    /// Brings the session to where it is ready.
    fn ready(mut self) -> Script {
        self.says(json!({"id": 0, "result": {}, "error": null}));
        self.says(json!({"id": 1, "result": schema(), "error": null}));
        let updates = json!({"T": {A: {"initial": {"n": 1}}}});
        self.says(json!({"id": 2, "result": [false, TXN, updates], "error": null}));
        assert!(matches!(self.events().as_slice(), [Event::Ready]));
        self.sent();
        self
    }
}

#[test]
fn a_session_begins_with_schema_and_monitor() {
    let mut script = Script::new(options());
    assert_eq!(script.methods(), ["set_db_change_aware", "get_schema"]);
    script.says(json!({"id": 0, "result": {}, "error": null}));
    script.says(json!({"id": 1, "result": schema(), "error": null}));
    let sent = script.sent();
    assert_eq!(
        sent[0]["params"],
        json!(["db", "main", {"T": [{"columns": ["n"]}]},
                                         "00000000-0000-0000-0000-000000000000"])
    );
    assert!(!script.session.is_ready());
}

#[test]
fn an_old_server_is_asked_by_older_methods() {
    let mut script = Script::new(options());
    script.says(json!({"id": 0, "error": "unknown method", "result": null}));
    script.says(json!({"id": 1, "result": schema(), "error": null}));
    script.sent();
    script.says(json!({"id": 2, "error": {"error": "unknown method"}, "result": null}));
    assert_eq!(script.methods(), ["monitor_cond"]);
    script.says(json!({"id": 3, "error": {"error": "unknown method"}, "result": null}));
    assert_eq!(script.methods(), ["monitor"]);
    script.says(json!({"id": 4, "result": {"T": {A: {"new": {"n": 7}}}}, "error": null}));
    assert!(script.session.is_ready());
    let row = script.session.replica().rows("T").next().expect("row");
    assert_eq!(row.get("n").and_then(Datum::as_integer), Some(7));
    script.says(json!({"id": null, "method": "update",
                       "params": ["main", {"T": {A: {"old": {"n": 7}}}}]}));
    assert_eq!(script.session.replica().table("T").map(|t| t.len()), Some(0));
}

#[test]
fn other_refusals_end_the_session() {
    let mut script = Script::new(options());
    script.says(json!({"id": 1, "error": {"error": "unknown database"}, "result": null}));
    let reason = script.closed().expect("closed");
    assert_eq!(reason.to_string(), "peer refused get_schema: unknown database");
}

#[test]
fn a_resumed_session_asks_for_what_is_new() {
    let first = Script::new(options()).ready();
    let replica = first.session.replica().clone();
    let now = Instant::now();
    let mut script = Script { session: Session::resume(options(), replica, now), now };
    script.says(json!({"id": 0, "result": {}, "error": null}));
    script.sent();
    script.says(json!({"id": 1, "result": schema(), "error": null}));
    assert_eq!(script.sent()[0]["params"][3], json!(TXN));
    let updates = json!({"T": {A: {"modify": {"n": 9}}}});
    script.says(json!({"id": 2, "result": [true, TXN, updates], "error": null}));
    let row = script.session.replica().rows("T").next().expect("row");
    assert_eq!(row.get("n").and_then(Datum::as_integer), Some(9));
}

#[test]
fn with_another_schema_nothing_is_resumed() {
    let first = Script::new(options()).ready();
    let replica = first.session.replica().clone();
    let now = Instant::now();
    let mut script = Script { session: Session::resume(options(), replica, now), now };
    let mut other = schema();
    other["version"] = json!("2.0.0");
    script.says(json!({"id": 0, "result": {}, "error": null}));
    script.sent();
    script.says(json!({"id": 1, "result": other, "error": null}));
    assert_eq!(script.sent()[0]["params"][3], json!(Uuid::ZERO.to_string()));
}

#[test]
fn what_a_transaction_did_is_told_before_its_answer() {
    let mut script = Script::new(options()).ready();
    let mut txn = Txn::new("db");
    txn.update("T", Where::all()).set("n", 5);
    let id = script.session.transact(Arc::new(txn)).expect("sent");
    assert_eq!(script.methods(), ["transact"]);
    script.says(json!({"id": null, "method": "update3",
                       "params": ["main", A, {"T": {A: {"modify": {"n": 5}}}}]}));
    script.says(json!({"id": id.0, "result": [{"count": 1}], "error": null}));
    let events = script.events();
    assert!(matches!(events.as_slice(), [Event::Updated(_), Event::Transacted(_, Ok(_))]));
    assert_eq!(script.session.replica().last_txn().map(|id| id.to_string()).as_deref(), Some(A));
}

#[test]
fn the_server_is_answered_when_it_asks() {
    let mut script = Script::new(options()).ready();
    script.says(json!({"id": "echo", "method": "echo", "params": [1, "x"]}));
    assert_eq!(script.sent(), [json!({"id": "echo", "result": [1, "x"], "error": null})]);
    script.says(json!({"id": 5, "method": "reboot", "params": []}));
    assert_eq!(script.sent()[0]["error"]["error"], json!("unknown method"));
}

#[test]
fn a_silent_server_is_probed_and_then_given_up() {
    let mut script = Script::new(options()).ready();
    script.after(4);
    assert!(script.sent().is_empty());
    script.after(1);
    assert_eq!(script.methods(), ["echo"]);
    assert_eq!(script.session.poll_timeout().map(|(_, why)| why), Some("probe answer"));
    script.says(json!({"id": 3, "result": [], "error": null}));
    script.after(5);
    assert_eq!(script.methods(), ["echo"]);
    script.after(5);
    assert_eq!(script.closed(), Some(CloseReason::Silent { seconds: 5 }));
    assert_eq!(script.session.poll_timeout(), None);
}

#[test]
fn a_server_that_never_gets_ready_is_given_up() {
    let mut script = Script::new(options().probe_interval(None));
    assert_eq!(script.session.poll_timeout().map(|(_, why)| why), Some("start of session"));
    script.after(60);
    assert_eq!(script.closed(), Some(CloseReason::NotReady { seconds: 60 }));
}

#[test]
fn a_server_that_breaks_the_protocol_is_given_up() {
    for message in [
        json!({"id": 99, "result": {}, "error": null}),
        json!({"id": "echo", "result": [], "error": null}),
        json!({"id": null, "method": "update2", "params": ["other", {}]}),
        json!({"id": null, "method": "update3", "params": ["main", "x", {}]}),
        json!({"id": null, "method": "update2", "params": ["main"]}),
        json!({"id": null, "method": "update2", "params": ["main", {"X": {}}]}),
        json!({"id": null, "method": "monitor_canceled", "params": ["main"]}),
        json!({"neither": 1}),
    ] {
        let mut script = Script::new(options()).ready();
        script.says(message.clone());
        assert!(script.closed().is_some(), "{message}");
    }
    let mut script = Script::new(options()).ready();
    script.session.handle_input(b"{\"a\":]", script.now);
    assert!(matches!(script.closed(), Some(CloseReason::Json(_))));
}

#[test]
fn an_update_that_is_bad_in_its_middle_leaves_no_trace() {
    let mut script = Script::new(options()).ready();
    let before: Vec<_> = script.session.replica().rows("T").collect();
    let other = "00000000-0000-0000-0000-00000000000b";
    let rows = json!({A: {"delete": null}, other: {"modify": {"n": 1}}});
    script.says(json!({"id": null, "method": "update2", "params": ["main", {"T": rows}]}));
    assert!(matches!(script.closed(), Some(CloseReason::Protocol(_))));
    assert!(script.session.replica().rows("T").eq(before));
}

#[test]
fn a_copy_with_a_row_that_is_bad_is_refused_by_name() {
    const B: &str = "00000000-0000-0000-0000-00000000000b";
    for (table, problem) in [
        (json!({A: {"initial": {"n": 1}}, B: {"initial": {"n": "x"}}}), "T.n: expected integer"),
        (json!({A: {"initial": {"n": 1}}, "b": {"initial": {}}}), "key of a row is not a uuid"),
        (json!({A: {"initial": {"n": 1}}, A.to_uppercase(): {"initial": {}}}), "T: has a row twice"),
        (json!({A: {"modify": {"n": 1}}}), "T: modifies a row that is not there"),
        (json!({A: {"new": {"n": 1}}}), "row update has no initial, insert, modify or delete"),
    ] {
        let mut script = Script::new(options());
        script.says(json!({"id": 1, "result": schema(), "error": null}));
        script.says(json!({"id": 2, "result": [false, TXN, {"T": table}], "error": null}));
        let reason = script.closed().map(|reason| reason.to_string()).unwrap_or_default();
        assert!(reason.ends_with(problem), "{reason}");
        assert_eq!(script.session.replica().tables().count(), 0, "a copy that is not whole was shown");
    }
}

#[test]
fn only_the_answer_to_a_monitor_brings_rows() {
    let mut script = Script::new(options());
    script.says(json!({"id": 1, "result": schema(), "error": null}));
    let row = json!({"T": {A: {"initial": {"n": 1}}}});
    let echo = json!(["main", row]);
    script.sent();
    script.says(json!({"id": 9, "method": "echo", "params": echo}));
    assert_eq!(script.sent()[0]["result"], echo);
    script.says(json!({"id": 0, "result": row, "error": null}));
    script.says(json!({"id": 2, "result": [false, TXN, {"T": {}}], "error": null}));
    assert!(script.session.is_ready());
    assert_eq!(script.session.replica().rows("T").count(), 0);
}

#[test]
fn every_limit_has_its_error() {
    let limits = Limits { pending_requests: 1, ..Limits::default() };
    let mut script = Script::new(options().limits(limits.clone())).ready();
    script.session.call("echo", Vec::new()).expect("the first");
    let second = script.session.call("echo", Vec::new());
    assert_eq!(second, Err(CallError::TooMany { limit: 1 }));
    let third = script.session.transact(Arc::new(Txn::new("db")));
    assert_eq!(third, Err(TransactError::TooMany { limit: 1 }));

    let limits = Limits { unsent_bytes: 1000, ..Limits::default() };
    let mut script = Script::new(options().limits(limits)).ready();
    for _ in 0..100 {
        script.says(json!({"id": 0, "method": "echo", "params": []}));
    }
    let unsent = CloseReason::Limit { what: "unsent bytes", limit: 1000 };
    assert_eq!(script.closed(), Some(unsent));

    let limits = Limits { replica_bytes: 10, ..Limits::default() };
    let mut script = Script::new(options().limits(limits));
    script.says(json!({"id": 1, "result": schema(), "error": null}));
    let updates = json!({"T": {A: {"initial": {"n": 1}}}});
    script.says(json!({"id": 2, "result": [false, TXN, updates], "error": null}));
    let rows = CloseReason::Limit { what: "bytes of rows", limit: 10 };
    assert_eq!(script.closed(), Some(rows));
}

#[test]
fn pending_requests_are_answered_when_the_session_ends() {
    let mut script = Script::new(options()).ready();
    script.session.transact(Arc::new(Txn::new("db"))).expect("sent");
    script.session.call("list_dbs", Vec::new()).expect("sent");
    script.session.handle_close(CloseReason::Eof);
    let events = script.events();
    assert!(matches!(
        events.as_slice(),
        [
            Event::Transacted(_, Err(TransactError::Unknown(_))),
            Event::Answered(_, Err(CallError::Unknown(_))),
            Event::Closed(_)
        ]
    ));
    assert_eq!(script.session.call("echo", Vec::new()), Err(CallError::NotConnected));
}

#[test]
fn convert_and_the_like_are_not_sent() {
    let mut script = Script::new(options()).ready();
    let refused = script.session.call("convert", Vec::new());
    assert_eq!(
        refused.map_err(|e| e.to_string()),
        Err("convert is not sent as a plain call: change the schema with ovsdb-client convert".to_owned())
    );
    assert!(script.sent().is_empty());
}

#[test]
fn locks_come_and_go() {
    let mut script = Script::new(options()).ready();
    let id = script.session.lock("L").expect("sent");
    script.says(json!({"id": id.0, "result": {"locked": false}, "error": null}));
    script.says(json!({"id": null, "method": "locked", "params": ["L"]}));
    script.says(json!({"id": null, "method": "stolen", "params": ["L"]}));
    script.says(json!({"id": null, "method": "locked", "params": ["not asked for"]}));
    let owned = |event: &Event| match event {
        Event::Lock { name, owned } => Some((name.clone(), *owned)),
        _ => None,
    };
    let seen: Vec<_> = script.events().iter().filter_map(owned).collect();
    assert_eq!(seen, [("L".to_owned(), true), ("L".to_owned(), false)]);
}

fn server_row(leader: bool, connected: bool) -> Value {
    json!({"Database": {A: {"initial": {"name": "db", "model": "clustered", "leader": leader,
                                        "connected": connected}}}})
}

#[test]
fn only_the_leader_will_do() {
    let mut script = Script::new(options().leader_only());
    assert_eq!(script.methods(), ["set_db_change_aware", "monitor_cond", "get_schema"]);
    script.says(json!({"id": 1, "result": server_row(false, true), "error": null}));
    let not_leader = CloseReason::NotUsable("it is not the leader of its cluster");
    assert_eq!(script.closed(), Some(not_leader.clone()));

    let mut script = Script::new(options().leader_only());
    script.says(json!({"id": 1, "result": server_row(true, true), "error": null}));
    assert_eq!(script.closed(), None);
    script.says(json!({"id": null, "method": "update2",
                       "params": ["server", {"Database": {A: {"modify": {"leader": false}}}}]}));
    assert_eq!(script.closed(), Some(not_leader));

    let mut script = Script::new(options().leader_only());
    script.says(json!({"id": 1, "error": {"error": "unknown database"}, "result": null}));
    assert_eq!(script.closed(), None, "a server without _Server has no clusters");
}
