use serde_json::json;

use super::*;
use crate::{Atom, Datum};

fn column(ty: Value) -> Result<ColumnType, SchemaError> {
    ColumnType::from_json(&ty)
}

#[test]
fn types_are_read() {
    let ty = column(json!({"key": {"type": "integer", "minInteger": 1, "maxInteger": 5},
                           "min": 0, "max": "unlimited"}));
    let ty = ty.expect("a type");
    assert_eq!((ty.min, ty.max, ty.key.integers), (0, None, (1, 5)));
    let map = column(json!({"key": "string", "value": {"type": "uuid", "refTable": "Port",
                            "refType": "weak"}, "min": 0, "max": 7}));
    let value = map.expect("a map").value.expect("values");
    assert_eq!((value.ref_table.as_deref(), value.ref_type), (Some("Port"), RefType::Weak));
}

#[test]
fn types_the_rfc_does_not_have_are_refused() {
    for bad in [
        json!("int"),
        json!(5),
        json!({}),
        json!({"type": "integer"}),
        json!({"key": "integer", "min": 2}),
        json!({"key": "integer", "min": -1}),
        json!({"key": "integer", "max": 0}),
        json!({"key": "integer", "max": "many"}),
        json!({"key": "integer", "extra": 1}),
        json!({"key": {"type": "integer", "minLength": 1}}),
        json!({"key": {"type": "integer", "minInteger": 2, "maxInteger": 1}}),
        json!({"key": {"type": "real", "minReal": 2.5, "maxReal": 1}}),
        json!({"key": {"type": "string", "minLength": -1}}),
        json!({"key": {"type": "string", "maxLength": 4294967296u64}}),
        json!({"key": {"type": "string", "enum": ["set", []]}}),
        json!({"key": {"type": "string", "enum": ["set", ["a", "a"]]}}),
        json!({"key": {"type": "string", "enum": "a", "maxLength": 3}}),
        json!({"key": {"type": "uuid", "refTable": "no id"}}),
        json!({"key": {"type": "uuid", "refTable": "T", "refType": "soft"}}),
    ] {
        assert!(column(bad.clone()).is_err(), "{bad}");
    }
}

#[test]
fn values_are_held_against_every_constraint() {
    let good = |ty: Value, value: Value| Datum::from_json(&column(ty).expect("a type"), &value).is_ok();
    let range = json!({"key": {"type": "integer", "minInteger": -1, "maxInteger": 3}});
    assert!(good(range.clone(), json!(3)) && good(range.clone(), json!(-1.0)));
    assert!(!good(range.clone(), json!(4)) && !good(range, json!(1.5)));
    let length = json!({"key": {"type": "string", "minLength": 2, "maxLength": 2}});
    assert!(good(length.clone(), json!("éé")) && !good(length, json!("é")));
    let pair = json!({"key": "string", "value": "boolean", "min": 1, "max": 2});
    assert!(good(pair.clone(), json!(["map", [["a", true]]])));
    assert!(!good(pair.clone(), json!(["map", []])));
    assert!(!good(pair.clone(), json!(["map", [["a", true], ["a", false]]])));
    assert!(!good(pair, json!(["set", []])));
    assert!(!good(json!("uuid"), json!(["named-uuid", "x"])));
    assert!(!good(json!("uuid"), json!(["uuid", "b5078be0-7664-4299-b836-8bcc03ef941"])));
    assert!(!good(json!("integer"), json!(9223372036854775808u64)));
}

#[test]
fn defaults_are_those_of_the_server() {
    let default = |ty: Value| column(ty).expect("a type").default_datum().to_json();
    assert_eq!(default(json!("integer")), json!(0));
    assert_eq!(default(json!({"key": {"type": "string", "enum": ["set", ["b", "a"]]}})), json!("a"));
    assert_eq!(default(json!({"key": "string", "min": 0})), json!(["set", []]));
    assert_eq!(default(json!({"key": "string", "value": "string", "min": 0})), json!(["map", []]));
}

#[test]
fn canonical_form_is_sorted_and_short() {
    let ty = column(json!({"key": "string", "min": 0, "max": "unlimited"})).expect("a type");
    let form = |value: Value| Datum::from_json(&ty, &value).expect("a value").to_json();
    assert_eq!(form(json!(["set", ["b", "a"]])), json!(["set", ["a", "b"]]));
    assert_eq!(form(json!(["set", ["a"]])), json!("a"));
    let id = column(json!("uuid")).expect("a type");
    let upper = json!(["uuid", "B5078BE0-7664-4299-B836-8BCC03EF941F"]);
    let lower = json!(["uuid", "b5078be0-7664-4299-b836-8bcc03ef941f"]);
    assert_eq!(Datum::from_json(&id, &upper).expect("a uuid").to_json(), lower);
}

#[test]
fn differences_toggle_sets_and_merge_maps() {
    let set = column(json!({"key": "integer", "min": 0, "max": 9})).expect("a type");
    let ints = |list: &[i64]| Datum::set(list.iter().map(|n| Atom::Integer(*n)));
    assert_eq!(ints(&[1, 2, 3]).apply_diff(&set, &ints(&[2, 4])), ints(&[1, 3, 4]));
    let map = column(json!({"key": "string", "value": "string", "min": 0, "max": 9}));
    let map = map.expect("a type");
    let text = |list: &[(&str, &str)]| crate::ToDatum::to_datum(list);
    let (old, diff) = (text(&[("a", "1"), ("b", "2")]), text(&[("a", "1"), ("b", "3"), ("c", "4")]));
    assert_eq!(old.apply_diff(&map, &diff), text(&[("b", "3"), ("c", "4")]));
    let optional = column(json!({"key": "integer", "min": 0})).expect("a type");
    assert_eq!(ints(&[1]).apply_diff(&optional, &Datum::empty()), Datum::empty());
}

#[test]
fn a_schema_names_the_place_of_its_fault() {
    let schema = json!({"name": "db", "tables": {"T": {"columns": {"c": {"type": "text"}}}}});
    let error = DatabaseSchema::from_json(&schema).expect_err("bad type");
    assert_eq!(error.to_string(), "T.c.type: unknown atomic type");
}
