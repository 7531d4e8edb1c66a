use serde_json::json;

use super::*;

const DEPTH: usize = 1000;

fn kind(text: &[u8]) -> Option<JsonErrorKind> {
    parse(text, DEPTH).err().map(|error| error.kind)
}

#[test]
fn values_are_as_serde_json_reads_them() {
    for text in [
        r#"{}"#,
        r#" {"a" : [ ] , "b":{"c":[1,-2,0,-0.5,1e3,1E-2,12.25e+1,9223372036854775807]}} "#,
        r#"{"u":18446744073709551615,"min":-9223372036854775808}"#,
        r#"{"s":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00 é 😀","t":true,"f":false,"n":null}"#,
        r#"{"deep":[[[[{"x":[{}]}]]]]}"#,
    ] {
        let wanted: Value = serde_json::from_str(text).expect("good json");
        assert_eq!(parse(text.as_bytes(), DEPTH), Ok(wanted), "{text}");
    }
}

#[test]
fn bad_text_is_refused_for_the_right_reason() {
    use JsonErrorKind::*;
    for (text, wanted) in [
        (&b""[..], Truncated),
        (b"[]", NotAnObject),
        (b"1", NotAnObject),
        (b"{\"a\":1", Truncated),
        (b"{} x", Trailing),
        (b"{}{}", Trailing),
        (b"{,}", Unexpected),
        (b"{\"a\":1,}", Unexpected),
        (b"{\"a\":[1,]}", Unexpected),
        (b"{\"a\":[1}", Unexpected),
        (b"{\"a\" 1}", Unexpected),
        (b"{'a':1}", Unexpected),
        (b"{\"a\":01}", Unexpected),
        (b"{\"a\":-}", Unexpected),
        (b"{\"a\":1.}", Unexpected),
        (b"{\"a\":.5}", Unexpected),
        (b"{\"a\":+1}", Unexpected),
        (b"{\"a\":NaN}", Unexpected),
        (b"{\"a\":nul}", Unexpected),
        (b"{\"a\":1e999}", Number),
        (b"{\"a\":\"\t\"}", Control),
        (b"{\"a\":\"\\u0000\"}", Control),
        (b"{\"a\":\"\\x\"}", Escape),
        (b"{\"a\":\"\\ud800\"}", Escape),
        (b"{\"a\":\"\\udc00\"}", Escape),
        (b"{\"a\":\"\\ud800\\u0041\"}", Escape),
        (b"{\"a\":\"\xff\"}", Utf8),
        (b"{\"a\":\"\xc3\\n\"}", Utf8),
        (b"{\"a\":\"\xed\xa0\x80\"}", Utf8),
        (b"{\"a\":1,\"a\":2}", DuplicateKey),
        (b"{\"a\":1,\"\\u0061\":2}", DuplicateKey),
    ] {
        assert_eq!(kind(text), Some(wanted), "{}", String::from_utf8_lossy(text));
    }
}

#[test]
fn a_stream_may_be_cut_anywhere() {
    let stream = "{\"é\":\"\\ud83d\\ude00 😀\\n\",\"n\":-12.5e2}  {\"a\":[true,null]}\n{\"b\":\"\"}";
    let wanted = [json!({"é": "😀 😀\n", "n": -1250.0}), json!({"a": [true, null]}), json!({"b": ""})];
    for size in 1..stream.len() {
        let mut framer = Framer::new(1 << 20, DEPTH);
        let mut found = Vec::new();
        for mut piece in stream.as_bytes().chunks(size) {
            while !piece.is_empty() {
                found.extend(framer.feed(&mut piece).expect("good stream"));
            }
        }
        assert_eq!(found, wanted, "pieces of {size}");
        assert!(!framer.is_partial());
    }
}

#[test]
fn an_error_comes_with_the_byte_that_makes_it() {
    for text in ["{\"a\":\"\u{1}", "{\"a\":]", "{\"a\":tx", "{\"a\":\"\\q"] {
        let (bad, good) = text.as_bytes().split_last().expect("not empty");
        let mut framer = Framer::new(1 << 20, DEPTH);
        assert_eq!(framer.feed(&mut &*good), Ok(None), "{text:?}");
        assert!(framer.feed(&mut std::slice::from_ref(bad)).is_err(), "{text:?}");
    }
    let mut framer = Framer::new(1 << 20, DEPTH);
    assert!(framer.feed(&mut &b"{\"a\":\"abc\xff"[..]).is_err(), "utf-8 before the string ends");
}

#[test]
fn depth_is_bounded_and_not_recursive() {
    let nested = |levels: usize| {
        let inner = levels - 1;
        format!("{{\"a\":{}{}}}", "[".repeat(inner), "]".repeat(inner))
    };
    let deepest = nested(DEPTH);
    let value = parse(deepest.as_bytes(), DEPTH).expect("as deep as allowed");
    assert_eq!(serde_json::to_string(&value).expect("text"), deepest);
    assert_eq!(kind(nested(DEPTH + 1).as_bytes()), Some(JsonErrorKind::Depth));
    assert_eq!(kind("{\"a\":[".repeat(1_000_000).as_bytes()), Some(JsonErrorKind::Depth));
}

#[test]
fn size_is_bounded_also_within_a_string() {
    let mut framer = Framer::new(1000, DEPTH);
    assert_eq!(framer.feed(&mut &b"{\"a\":\""[..]), Ok(None));
    let mut fed = 0;
    let error = loop {
        match framer.feed(&mut &[b'x'; 100][..]) {
            Ok(_) => fed += 100,
            Err(error) => break error,
        }
        assert!(fed <= 1000);
    };
    assert_eq!(error.kind, JsonErrorKind::Size);
}

#[test]
fn memory_is_bounded_not_only_text() {
    let mut framer = Framer::new(100_000, DEPTH);
    let objects = format!("{{\"a\":[{}1]}}", "{\"\":0},".repeat(14_000));
    let error = framer.feed(&mut objects.as_bytes()).expect_err("too much memory");
    assert_eq!(error.kind, JsonErrorKind::Memory);
    let mut framer = Framer::new(100_000, DEPTH);
    let arrays = format!("{{\"a\":[{}1]}}", "[1],".repeat(24_000));
    for _ in 0..3 {
        assert!(framer.feed(&mut arrays.as_bytes()).is_ok_and(|message| message.is_some()));
    }
}

#[test]
fn size_counts_for_each_message_anew() {
    let mut framer = Framer::new(20, DEPTH);
    for _ in 0..10 {
        assert_eq!(framer.feed(&mut &b"  {\"a\":\"0123456\"}"[..]), Ok(Some(json!({"a": "0123456"}))));
    }
}

#[test]
fn the_scanner_finds_the_same_messages_as_text() {
    let stream = b" {\"a\":\n1}{\"b\":[\"}\"]} ";
    let mut scanner = Scanner::new(1000, DEPTH);
    let (mut rest, mut found) = (&stream[..], Vec::new());
    while !rest.is_empty() {
        let scanned = scanner.feed(&mut rest).expect("good stream");
        if scanned.complete {
            found.push(scanned.text);
        }
    }
    assert_eq!(found, [&b"{\"a\":\n1}"[..], b"{\"b\":[\"}\"]}"]);
    let twice = scanner.feed(&mut &b"{\"k\":1,\"k\":2}"[..]).map_err(|error| error.kind);
    assert_eq!(twice, Err(JsonErrorKind::DuplicateKey));
}

#[test]
fn messages_are_told_apart() {
    let kind = |text: &str| Message::kind(&parse(text.as_bytes(), DEPTH).expect("json")).ok();
    assert_eq!(kind(r#"{"method":"echo","params":[],"id":0}"#), Some(Kind::Request));
    assert_eq!(kind(r#"{"method":"update","params":[],"id":null}"#), Some(Kind::Notification));
    assert_eq!(kind(r#"{"id":1,"result":null,"error":null}"#), Some(Kind::Reply));
    assert_eq!(kind(r#"{"id":1,"result":null}"#), Some(Kind::Reply));
    assert_eq!(kind(r#"{"id":1,"error":{}}"#), Some(Kind::Error));
    for bad in [
        r#"{}"#,
        r#"{"id":null,"result":1}"#,
        r#"{"id":1}"#,
        r#"{"method":1,"params":[],"id":1}"#,
        r#"{"method":"m","params":{},"id":1}"#,
        r#"{"method":"m","params":[]}"#,
    ] {
        assert_eq!(kind(bad), None, "{bad}");
    }
}
