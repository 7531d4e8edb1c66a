//! `sdnctl openflow encode`.

use openflow::Message;
use openflow::json::encode_hex;

use super::lines::fail;

/// Turns a message as JSON into hexadecimal.
pub fn answer(line: &[u8], out: &mut Vec<u8>) {
    match encode(line) {
        Ok(bytes) => encode_hex(&bytes, out),
        Err(error) => fail(error, out),
    }
}

fn encode(line: &[u8]) -> Result<Vec<u8>, String> {
    let message: Message = serde_json::from_slice(line).map_err(|e| e.to_string())?;
    message.encode().map_err(|e| e.to_string())
}
