//! `sdnctl openflow parse-flow`.

use openflow::json::encode_hex;
use openflow::{Message, text};

use super::lines::fail;

/// Turns the text of a flow into the message that adds it, in hexadecimal.
pub fn answer(line: &[u8], out: &mut Vec<u8>) {
    match parse(line) {
        Ok(bytes) => {
            out.extend_from_slice(br#"{"ok":true,"hex":""#);
            encode_hex(&bytes, out);
            out.extend_from_slice(br#""}"#);
        }
        Err(error) => fail(error, out),
    }
}

fn parse(line: &[u8]) -> Result<Vec<u8>, String> {
    let text = std::str::from_utf8(line).map_err(|e| e.to_string())?;
    let flow = text::parse_flow(text.trim()).map_err(|e| e.to_string())?;
    Message::new(0, flow).encode().map_err(|e| e.to_string())
}
