use serde_json::{Value, json};

use super::*;
use crate::error::{ErrorKind, ValueError};
use crate::op::Condition;
use crate::{Atom, DatabaseSchema, Datum};

fn schema() -> DatabaseSchema {
    let text = include_bytes!("../../tests/schema/vswitch-3.1.ovsschema");
    let value = crate::json::parse(text, 100).expect("json");
    DatabaseSchema::from_json(&value).expect("schema")
}

fn ops(txn: &Txn) -> Vec<Value> {
    txn.encode(&schema()).expect("a good transaction").split_off(1)
}

fn problem(build: impl FnOnce(&mut Txn)) -> (String, Problem) {
    let mut txn = Txn::new("Open_vSwitch");
    build(&mut txn);
    let error = txn.encode(&schema()).expect_err("a bad transaction");
    (error.at, error.problem)
}

/// What is built stays in the transaction.
fn none<T>(_: T) {}

#[test]
fn the_ten_operations_are_written_as_the_rfc_says() {
    let mut txn = Txn::new("Open_vSwitch");
    let bridge = txn.insert("Bridge").set("name", "b").set("protocols", ["OpenFlow13"]).id();
    txn.select("Bridge", Where::eq("name", "b")).columns(&["_uuid", "name"]);
    txn.update("Bridge", &bridge).set("fail_mode", Some("secure")).set("flood_vlans", [2, 1]);
    txn.mutate("Open_vSwitch", Where::all()).insert("bridges", &bridge).add("next_cfg", 1);
    txn.delete("Port", Condition::includes("external_ids", [("k", "v")]));
    txn.wait("Bridge", Where::all()).row(&[("name", "b")]).until_not();
    txn.durable().abort().comment("why").assert("mine");
    assert_eq!(
        ops(&txn),
        [
            json!({"op": "insert", "table": "Bridge", "uuid-name": "row1",
                   "row": {"name": "b", "protocols": "OpenFlow13"}}),
            json!({"op": "select", "table": "Bridge", "where": [["name", "==", "b"]],
                   "columns": ["_uuid", "name"]}),
            json!({"op": "update", "table": "Bridge",
                   "where": [["_uuid", "==", ["named-uuid", "row1"]]],
                   "row": {"fail_mode": "secure", "flood_vlans": ["set", [1, 2]]}}),
            json!({"op": "mutate", "table": "Open_vSwitch", "where": [], "mutations": [
                   ["bridges", "insert", ["named-uuid", "row1"]], ["next_cfg", "+=", 1]]}),
            json!({"op": "delete", "table": "Port",
                   "where": [["external_ids", "includes", ["map", [["k", "v"]]]]]}),
            json!({"op": "wait", "table": "Bridge", "where": [], "columns": ["name"],
                   "until": "!=", "rows": [{"name": "b"}], "timeout": 0}),
            json!({"op": "commit", "durable": true}),
            json!({"op": "abort"}),
            json!({"op": "comment", "comment": "why"}),
            json!({"op": "assert", "lock": "mine"}),
        ]
    );
}

#[test]
fn an_empty_list_fits_a_map() {
    let mut txn = Txn::new("Open_vSwitch");
    let none: Vec<(String, String)> = Vec::new();
    txn.update("Bridge", Where::all()).set("external_ids", none);
    assert_eq!(
        ops(&txn),
        [json!({"op": "update", "table": "Bridge", "where": [],
                                  "row": {"external_ids": ["map", []]}})]
    );
}

#[test]
fn keys_of_a_map_are_deleted_and_set() {
    let mut txn = Txn::new("Open_vSwitch");
    txn.mutate("Bridge", Where::all()).put("external_ids", &[("a", "1"), ("b", "2")]);
    assert_eq!(
        ops(&txn)[0]["mutations"],
        json!([
            ["external_ids", "delete", ["set", ["a", "b"]]],
            ["external_ids", "insert", ["map", [["a", "1"], ["b", "2"]]]]
        ])
    );
}

#[test]
fn an_error_names_table_column_and_value() {
    let mut txn = Txn::new("Open_vSwitch");
    txn.comment("first");
    txn.update("Bridge", Where::all()).set("fail_mode", "sure");
    let error = txn.encode(&schema()).expect_err("not in the enum");
    assert_eq!(error.to_string(), "operation 1: Bridge.fail_mode: \"sure\": not one of the allowed values");
}

#[test]
fn what_the_schema_forbids_is_not_sent() {
    let at = |text: &str| text.to_owned();
    let value = |text: &str, error| Problem::Value { value: text.to_owned(), error };
    let all = Where::all;
    assert_eq!(problem(|t| none(t.insert("Bridges"))), (at("Bridges"), Problem::NoTable));
    assert_eq!(problem(|t| none(t.insert("Bridge").set("nom", 1))), (at("Bridge.nom"), Problem::NoColumn));
    assert_eq!(problem(|t| none(t.update("Bridge", all()).set("name", "x"))), (at("Bridge.name"), Problem::Immutable));
    assert_eq!(
        problem(|t| none(t.update("Port", all()).set("tag", 4096))),
        (at("Port.tag"), value("4096", ValueError::OutOfRange { value: at("4096") }))
    );
    assert_eq!(
        problem(|t| none(t.update("Port", all()).set("tag", [1, 2]))),
        (at("Port.tag"), value("[\"set\",[1,2]]", ValueError::BadSize { count: 2 }))
    );
    assert_eq!(
        problem(|t| none(t.update("Port", all()).set("external_ids", "x"))),
        (at("Port.external_ids"), value("\"x\"", ValueError::NotAMap))
    );
    assert_eq!(
        problem(|t| none(t.insert("Port").set("name", "p").set("interfaces", Uuid::ZERO).set("mac", "a\0b"))).1,
        value("\"a\\u0000b\"", ValueError::NullCharacter)
    );
    assert_eq!(
        problem(|t| none(t.mutate("Port", all()).add("external_ids", 1))),
        (at("Port.external_ids"), Problem::NotApplicable("+="))
    );
    assert_eq!(
        problem(|t| none(t.update("Bridge", all()).set("ports", NamedUuid::new("p")))),
        (at("Bridge.ports"), Problem::NoSuchName(at("p")))
    );
    assert_eq!(
        problem(|t| {
            let _ = t.insert("Queue").named("q");
            let _ = t.insert("Queue").named("q");
        }),
        (at("Queue"), Problem::BadName(at("q")))
    );
}

#[test]
fn results_are_matched_to_operations() {
    let schema = schema();
    let mut txn = Txn::new("Open_vSwitch");
    let queue = txn.insert("Queue").id();
    txn.delete("Queue", Where::all());
    txn.select("Queue", Where::all());
    let id = "00000000-0000-0000-0000-00000000000a";
    let reply = json!([{"uuid": ["uuid", id]}, {"count": 3},
                       {"rows": [{"_uuid": ["uuid", id], "dscp": 4}]}]);
    let outcome = read(&txn, &schema, Ok(reply)).expect("an outcome");
    assert_eq!(outcome.uuid(&queue).map(|id| id.to_string()).as_deref(), Some(id));
    assert_eq!(outcome.count(), 3);
    assert_eq!(outcome.rows()[0]["dscp"], Datum::One(Atom::Integer(4)));
}

#[test]
fn errors_are_matched_to_operations() {
    let schema = schema();
    let mut txn = Txn::new("Open_vSwitch");
    txn.comment("a").abort();
    let refused = json!({"error": "aborted", "details": "d"});
    let error = read(&txn, &schema, Ok(json!([{}, refused, null]))).expect_err("aborted");
    assert_eq!(error.to_string(), "abort (operation 1): aborted: d");
    let error = read(&txn, &schema, Ok(json!([{}, {}, refused]))).expect_err("commit");
    assert!(matches!(error, TransactError::Commit(e) if e.kind == ErrorKind::Aborted));
    let error = read(&txn, &schema, Err(json!("canceled"))).expect_err("canceled");
    assert!(matches!(error, TransactError::Request(e) if e.kind == ErrorKind::Canceled));
    for bad in [json!(null), json!([]), json!([{}, {}, {}])] {
        let error = read(&txn, &schema, Ok(bad)).expect_err("not an answer");
        assert!(matches!(error, TransactError::Protocol(_)));
    }
}
