//! What fuzzing was begun with and what it found, replayed.

use std::path::Path;

#[path = "../fuzz/src/checks.rs"]
mod checks;

fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        check(&std::fs::read(&path).expect("a file"));
        count += 1;
    }
    assert!(count > 0, "{} is empty", folder.display());
}

#[test]
fn datagram() {
    replay("datagram", checks::datagram);
}

#[test]
fn payload() {
    replay("payload", checks::payload);
}

#[test]
fn gossip() {
    replay("gossip", checks::gossip);
}

#[test]
fn names() {
    replay("names", checks::names);
}
