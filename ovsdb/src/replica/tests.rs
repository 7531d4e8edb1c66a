use serde_json::json;

use super::*;
use crate::{Datum, Uuid};

const A: &str = "00000000-0000-0000-0000-00000000000a";
const B: &str = "00000000-0000-0000-0000-00000000000b";

fn replica() -> Replica {
    let optional = json!({"key": "string", "min": 0});
    let schema = json!({"name": "db", "tables": {
        "T": {"columns": {
            "name": {"type": "string"},
            "tag": {"type": optional},
            "n": {"type": "integer"},
            "set": {"type": {"key": "integer", "min": 0, "max": "unlimited"}},
        }},
        "Other": {"columns": {"x": {"type": "integer"}}},
    }});
    let schema = Arc::new(DatabaseSchema::from_json(&schema).expect("schema"));
    let columns = ["name", "tag", "n", "set", "lacking"].map(str::to_owned).to_vec();
    let spec = TableSpec { columns: Some(columns), indexes: vec![vec!["name".to_owned()]] };
    Replica::new(schema, [("T", &spec), ("Lacking", &TableSpec::default())])
}

fn id(text: &str) -> Uuid {
    text.parse().expect("uuid")
}

fn rows(replica: &mut Replica, updates: Value) -> Vec<Change> {
    replica.apply(UpdateForm::Rows, &updates).expect("update")
}

fn differences(replica: &mut Replica, updates: Value) -> Vec<Change> {
    replica.apply(UpdateForm::Differences, &updates).expect("update2")
}

#[test]
fn tables_and_columns_the_schema_lacks_are_left_out() {
    let replica = replica();
    assert_eq!(replica.tables().map(|(name, _)| name).collect::<Vec<_>>(), ["T"]);
    let columns: Vec<&str> = replica.table("T").expect("T").columns().collect();
    assert_eq!(columns, ["n", "name", "set", "tag"]);
}

#[test]
fn the_three_forms_come_to_the_same() {
    let mut by_rows = replica();
    rows(&mut by_rows, json!({"T": {A: {"new": {"name": "a", "n": 1, "tag": ["set", []], "set": 4}}}}));
    rows(
        &mut by_rows,
        json!({"T": {A: {"old": {"n": 1},
        "new": {"name": "a", "n": 2, "tag": "x", "set": ["set", [4, 5]]}}}}),
    );
    let mut by_differences = replica();
    differences(&mut by_differences, json!({"T": {A: {"initial": {"name": "a", "n": 1, "set": 4}}}}));
    differences(&mut by_differences, json!({"T": {A: {"modify": {"n": 2, "tag": "x", "set": 5}}}}));
    assert!(by_rows.rows("T").eq(by_differences.rows("T")));
    let row = by_rows.row("T", id(A)).expect("row");
    assert_eq!(row.get("n").and_then(Datum::as_integer), Some(2));
    assert_eq!(row.get("lacking"), None);
    rows(&mut by_rows, json!({"T": {A: {"old": {"n": 2}}}}));
    differences(&mut by_differences, json!({"T": {A: {"delete": null}}}));
    assert_eq!(by_rows.table("T").map(Table::len), Some(0));
    assert_eq!(by_differences.table("T").map(Table::len), Some(0));
    assert_eq!(by_differences.bytes(), 0);
}

#[test]
fn columns_left_out_of_an_insert_have_their_default() {
    let mut replica = replica();
    differences(&mut replica, json!({"T": {A: {"insert": {}}}}));
    let row = replica.row("T", id(A)).expect("row");
    assert_eq!(row.get("n").map(Datum::to_json), Some(json!(0)));
    assert_eq!(row.get("set").map(Datum::to_json), Some(json!(["set", []])));
}

#[test]
fn a_change_has_the_row_before_and_after() {
    let mut replica = replica();
    differences(&mut replica, json!({"T": {A: {"insert": {"n": 1}}, B: {"insert": {}}}}));
    let seen = replica.clone();
    let changes = differences(&mut replica, json!({"T": {A: {"modify": {"n": 5}}, B: {"delete": null}}}));
    assert_eq!(changes, replica.changes_since(&seen));
    let numbers = |row: &Option<Row>| row.as_ref().map(|row| row.read::<i64>("n"));
    let found: Vec<_> = changes.iter().map(|c| (c.uuid, numbers(&c.old), numbers(&c.new))).collect();
    assert_eq!(found, [(id(A), Some(1), Some(5)), (id(B), Some(0), None)]);
    assert_eq!(seen.row("T", id(A)).map(|row| row.read::<i64>("n")), Some(1), "a snapshot changed");
    assert_eq!(replica.changes_since(&replica.clone()), []);
}

#[test]
fn an_index_follows_the_rows() {
    let mut replica = replica();
    differences(&mut replica, json!({"T": {A: {"insert": {"name": "x"}}, B: {"insert": {"name": "x"}}}}));
    let find = |replica: &Replica, name: &str| -> Vec<Uuid> {
        replica.find("T", "name", name).iter().map(Row::uuid).collect()
    };
    assert_eq!(find(&replica, "x"), [id(A), id(B)]);
    let seen = replica.clone();
    differences(&mut replica, json!({"T": {A: {"modify": {"name": "y"}}, B: {"delete": null}}}));
    assert_eq!(find(&replica, "x"), []);
    assert_eq!(find(&replica, "y"), [id(A)]);
    assert_eq!(find(&seen, "x"), [id(A), id(B)]);
    assert_eq!(replica.find("T", "n", 0).len(), 1, "without an index every row is looked at");
}

#[test]
fn one_row_changed_is_one_row_of_work() {
    let mut replica = replica();
    let many: serde_json::Map<String, Value> =
        (0..10_000).map(|n| (format!("{n:08x}-0000-0000-0000-000000000000"), json!({"initial": {"n": n}}))).collect();
    differences(&mut replica, json!({"T": many}));
    let before = replica.rows_applied();
    differences(&mut replica, json!({"T": {"00000007-0000-0000-0000-000000000000": {"modify": {"n": 1}}}}));
    assert_eq!(replica.rows_applied() - before, 1);
}

#[test]
fn updates_that_make_no_sense_are_refused() {
    for (form, updates) in [
        (UpdateForm::Rows, json!([])),
        (UpdateForm::Rows, json!({"Other": {}})),
        (UpdateForm::Rows, json!({"T": []})),
        (UpdateForm::Rows, json!({"T": {"x": {"new": {}}}})),
        (UpdateForm::Rows, json!({"T": {A: {}}})),
        (UpdateForm::Rows, json!({"T": {A: {"new": {"n": "1"}}}})),
        (UpdateForm::Rows, json!({"T": {A: {"new": {"lacking": 1}}}})),
        (UpdateForm::Differences, json!({"T": {A: {"modify": {"n": 1}}}})),
        (UpdateForm::Differences, json!({"T": {A: {"insert": {"set": ["set", [1, 1]]}}}})),
        (UpdateForm::Differences, json!({"T": {A: {"new": {}}}})),
        (UpdateForm::Differences, json!({"T": {A: null}})),
    ] {
        assert!(replica().apply(form, &updates).is_err(), "{updates}");
    }
}
