//! Messages of a real switch: they decode, and encode to the same bytes. Cut short or with a
//! length changed they do no harm.

#[path = "../fuzz/src/checks.rs"]
mod checks;
#[path = "../fuzz/src/frames.rs"]
mod frames;

use openflow::Message;

fn vectors() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    let lines = include_str!("vectors/switch.txt").lines().filter(|l| !l.starts_with('#'));
    lines.map(|line| {
        let (name, hex) = line.split_once(": ").unwrap();
        let pairs = hex.as_bytes().chunks(2).map(|p| std::str::from_utf8(p).unwrap());
        (name, pairs.map(|p| u8::from_str_radix(p, 16).unwrap()).collect())
    })
}

#[test]
fn they_come_back() {
    let mut n = 0;
    for (name, bytes) in vectors() {
        let message = Message::decode(&bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(message.encode().unwrap(), bytes, "{name}: {message:?}");
        n += 1;
    }
    assert!(n > 25, "{n} messages");
}

#[test]
fn cut_or_changed_they_do_no_harm() {
    for (_, bytes) in vectors() {
        for at in 2..bytes.len().min(400) {
            let mut cut = bytes[..at].to_vec();
            if at >= 4 {
                cut[2..4].copy_from_slice(&(at as u16).to_be_bytes());
            }
            let _ = Message::decode(&cut);
            for lie in [0, 1, 4, 7, 8, 0xff] {
                let mut changed = bytes.clone();
                changed[at] = lie;
                let _ = Message::decode(&changed);
            }
        }
    }
}

/// The files in the corpus of a fuzz target, at least 15.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let files: Vec<_> = std::fs::read_dir(&dir).unwrap().map(|f| std::fs::read(f.unwrap().path()).unwrap()).collect();
    assert!(files.len() > 15, "{} files for {target}", files.len());
    files
}

/// What the fuzzers found before, and what covers most: nothing of it does harm.
#[test]
fn fuzz_corpora() {
    for (target, ..) in frames::FRAMES {
        corpus(target).iter().for_each(|bytes| frames::round(&frames::frame(target, bytes)));
    }
    corpus("message").iter().for_each(|bytes| checks::message(bytes));
    corpus("print").iter().for_each(|bytes| checks::print(bytes));
    corpus("session").iter().for_each(|bytes| checks::session(bytes));
    corpus("text").iter().filter_map(|bytes| std::str::from_utf8(bytes).ok()).for_each(checks::text);
}

#[cfg(feature = "json")]
#[test]
fn fuzz_corpus_of_json() {
    for bytes in corpus("json") {
        if let Ok(message) = serde_json::from_slice::<Message>(&bytes) {
            let _ = message.encode().map(|bytes| Message::decode(&bytes));
        }
    }
}
