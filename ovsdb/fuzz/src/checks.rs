//! What must hold of any input, one function for each decoder: fuzz targets call them with what
//! they find, the test `corpus` with what was found before.

use std::sync::Arc;
use std::time::Instant;

use ovsdb::json::{Framer, Scanner, parse};
use ovsdb::schema::ColumnType;
use ovsdb::{DatabaseSchema, Datum, Options, Replica, Session, TableSpec, UpdateForm};
use serde_json::{Value, json};

const SIZE: usize = 1 << 20;

fn messages(stream: &[u8], piece: usize) -> (Vec<Value>, bool) {
    let mut framer = Framer::new(SIZE, 100);
    let mut found = Vec::new();
    for mut rest in stream.chunks(piece.max(1)) {
        while !rest.is_empty() {
            match framer.feed(&mut rest) {
                Ok(message) => found.extend(message),
                Err(_) => return (found, false),
            }
        }
    }
    (found, true)
}

/// Equal but for the last digits of reals, which serde_json reads less exactly than the standard
/// library, and for `-0`, which is the integer 0 here.
fn alike(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            let (x, y) = (a.as_f64().unwrap_or_default(), b.as_f64().unwrap_or_default());
            a == b || (x - y).abs() <= x.abs() * 1e-12
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0 == b.0 && alike(a.1, b.1))
        }
        _ => a == b,
    }
}

/// However a stream is cut, it holds the same messages; each is what serde_json reads in it.
pub fn framer(data: &[u8]) {
    let Some((piece, stream)) = data.split_first() else { return };
    let whole = messages(stream, stream.len());
    assert_eq!(whole, messages(stream, usize::from(*piece)));
    let mut scanner = Scanner::new(SIZE, 100);
    let (mut rest, mut count) = (stream, 0);
    while let Ok(scanned) = scanner.feed(&mut rest) {
        if scanned.complete {
            let value: Value = serde_json::from_slice(scanned.text).expect("json");
            assert!(whole.0.get(count).is_some_and(|found| alike(found, &value)));
            count += 1;
        }
        if rest.is_empty() {
            break;
        }
    }
    assert_eq!(count, whole.0.len());
    for value in &whole.0 {
        let text = serde_json::to_vec(value).expect("text");
        assert_eq!(parse(&text, 100).as_ref(), Ok(value));
    }
}

/// Values that are read write the same value again; differences apply without end.
pub fn value(data: &[u8]) {
    let Ok(line) = parse(data, 100) else { return };
    let Ok(ty) = ColumnType::from_json(&line["type"]) else { return };
    if let Ok(datum) = Datum::from_json(&ty, &line["value"]) {
        let again = Datum::from_json(&ty, &datum.to_json());
        assert_eq!(again.as_ref(), Ok(&datum));
        assert!(!datum.to_text(&ty).is_empty());
    }
    let read = |name: &str| Datum::diff_from_json(&ty, &line[name]).ok();
    if let (Some(old), Some(diff)) = (read("old"), read("diff")) {
        let new = old.apply_diff(&ty, &diff);
        if ty.max != Some(1) && !ty.is_map() {
            assert_eq!(new.apply_diff(&ty, &diff), old, "a set toggles back");
        }
    }
}

/// A schema that is read can be copied by.
pub fn schema(data: &[u8]) {
    let Ok(value) = parse(data, 100) else { return };
    let Ok(schema) = DatabaseSchema::from_json(&value) else { return };
    let spec = TableSpec::default();
    let names: Vec<String> = schema.tables.keys().cloned().collect();
    let replica = Replica::new(Arc::new(schema), names.iter().map(|name| (name.as_str(), &spec)));
    assert_eq!(replica.tables().count(), names.len());
}

fn small_schema() -> Value {
    json!({"name": "db", "tables": {"T": {"columns": {
        "n": {"type": "integer"},
        "s": {"type": {"key": "string", "min": 0}},
        "set": {"type": {"key": "integer", "min": 0, "max": "unlimited"}},
        "map": {"type": {"key": "string", "value": "uuid", "min": 0, "max": "unlimited"}},
    }}}})
}

/// Updates change exactly the rows that they say they change. Two updates, one for each byte 0xff
/// between them.
pub fn update(data: &[u8]) {
    let schema = Arc::new(DatabaseSchema::from_json(&small_schema()).expect("schema"));
    let spec = TableSpec { columns: None, indexes: vec![vec!["n".to_owned()]] };
    for form in [UpdateForm::Rows, UpdateForm::Differences] {
        let mut replica = Replica::new(schema.clone(), [("T", &spec)]);
        for text in data.split(|byte| *byte == 0xff) {
            let Ok(updates) = parse(text, 100) else { continue };
            let before = replica.clone();
            match replica.apply(form, &updates) {
                Ok(changes) => assert_eq!(changes, replica.changes_since(&before)),
                Err(_) => replica = before,
            }
            for row in replica.rows("T") {
                let n = row.get("n").expect("a column");
                assert!(replica.find("T", "n", n).contains(&row));
            }
        }
    }
}

/// A first copy, whose rows are read one by one while its message comes, is what the same updates
/// read as a whole are.
pub fn copy(data: &[u8]) {
    let Some((piece, text)) = data.split_first() else { return };
    let Ok(updates) = parse(text, 100) else { return };
    let now = Instant::now();
    let mut session = Session::new(Options::new("db").whole_table("T"), now);
    for (id, result) in [(0, json!({})), (1, small_schema())] {
        let answer = json!({"id": id, "result": result, "error": null});
        session.handle_input(answer.to_string().as_bytes(), now);
    }
    let txn = "00000000-0000-0000-0000-00000000000a";
    let answer = [b"{\"id\":2,\"result\":[false,\"", txn.as_bytes(), b"\",", text, b"],\"error\":null}"].concat();
    for bytes in answer.chunks(usize::from(*piece).max(1)) {
        session.handle_input(bytes, now);
    }
    let schema = Arc::new(DatabaseSchema::from_json(&small_schema()).expect("schema"));
    let mut whole = Replica::new(schema, [("T", &TableSpec::default())]);
    let applied = whole.apply(UpdateForm::Differences, &updates).is_ok();
    if session.is_ready() {
        assert!(applied && session.replica().rows("T").eq(whole.rows("T")));
    } else {
        // Two keys of one row, in upper and lower case, are refused only where rows come one by one.
        assert!(!applied || text.iter().any(u8::is_ascii_uppercase));
    }
}

/// Whatever a server says, a session goes on or ends.
pub fn session(data: &[u8]) {
    let now = Instant::now();
    let mut session = Session::new(Options::new("db").whole_table("T").leader_only(), now);
    let hello = [
        json!({"id": 0, "result": {}, "error": null}),
        json!({"id": 1, "result": {}, "error": {"error": "unknown database"}}),
        json!({"id": 2, "result": small_schema(), "error": null}),
    ];
    for message in hello {
        session.handle_input(message.to_string().as_bytes(), now);
    }
    let Some((piece, stream)) = data.split_first() else { return };
    for bytes in stream.chunks(usize::from(*piece).max(1)) {
        session.handle_input(bytes, now);
        while session.poll_event().is_some() {}
        assert!(session.poll_transmit().unwrap_or_default().len() < 1 << 26);
    }
}

/// An address that is read prints as one that reads the same.
pub fn address(data: &[u8]) {
    use ovsdb::transport::{Passive, Remote};
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = text.parse::<Passive>();
    if let Ok(remote) = text.parse::<Remote>() {
        assert_eq!(remote.to_string().parse(), Ok(remote));
    }
}
