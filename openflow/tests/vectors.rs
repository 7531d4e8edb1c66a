//! Messages of a real switch: they decode, and encode to the same bytes. Cut short or with a
//! length changed they do no harm.

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

/// The corpora of the fuzz targets for messages and their parts, and what they found before.
#[test]
fn fuzz_corpora() {
    for target in frames::FRAMES.iter().map(|(name, ..)| *name).chain(["message"]) {
        let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
        let mut n = 0;
        for entry in std::fs::read_dir(&dir).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            frames::round(&frames::frame(target, &bytes));
            n += 1;
        }
        assert!(n > 15, "{n} files for {target}");
    }
}
