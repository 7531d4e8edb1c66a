//! `sdnctl openflow print`.

use std::io::Write;

use openflow::text;

use super::decode::read;
use super::lines::fail;

/// Prints a message in hexadecimal as `ovs-ofctl ofp-print` does.
pub fn text(line: &[u8], out: &mut Vec<u8>) {
    let written = match read(line) {
        Ok(message) => write!(out, "{}", text::Message(&message)),
        Err(error) => write!(out, "*** {error}"),
    };
    // a vector takes all that is written
    written.unwrap_or_default();
}

/// The same as one line of JSON.
pub fn json(line: &[u8], out: &mut Vec<u8>) {
    match read(line) {
        Ok(message) => {
            let text = text::Message(&message).to_string();
            out.extend_from_slice(serde_json::json!({ "ok": true, "text": text }).to_string().as_bytes());
        }
        Err(error) => fail(error, out),
    }
}
