//! `sdnctl openflow decode`.

use openflow::Message;
use openflow::json::{decode_hex, encode_hex};

use super::lines::fail;

/// Tells what a message in hexadecimal says.
pub fn answer(line: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    if let Err(error) = try_answer(line, out) {
        out.truncate(start);
        fail(error, out);
    }
}

fn try_answer(line: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
    let message = read(line)?;
    out.extend_from_slice(br#"{"ok":true"#);
    let brace = out.len();
    serde_json::to_writer(&mut *out, &message).map_err(|e| e.to_string())?;
    // the message is an object of its own: its members become those of the answer
    if let Some(brace) = out.get_mut(brace) {
        *brace = b',';
    }
    out.pop();
    out.extend_from_slice(br#","reencoded":""#);
    let bytes = message.encode().map_err(|e| e.to_string())?;
    encode_hex(&bytes, out);
    out.extend_from_slice(br#""}"#);
    Ok(())
}

/// Reads a message in hexadecimal.
pub fn read(line: &[u8]) -> Result<Message, String> {
    let mut bytes = Vec::with_capacity(line.len() / 2);
    decode_hex(line, &mut bytes).map_err(|at| match at == line.len() {
        true => "odd number of hexadecimal digits".to_owned(),
        false => format!("no hexadecimal digit at column {}", at + 1),
    })?;
    Message::decode(&bytes).map_err(|e| e.to_string())
}
