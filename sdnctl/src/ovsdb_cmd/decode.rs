//! `sdnctl ovsdb decode`.

use ovsdb::json::Message;
use serde_json::{Value, json};

/// Tells what a message is.
pub fn answer(message: Value) -> Result<Value, String> {
    let kind = Message::kind(&message).map_err(|error| error.to_string())?;
    let mut answer = json!({
        "ok": true,
        "kind": kind.name(),
        "method": message.get("method"),
        "id": message.get("id"),
    });
    // Moved, not copied: it may be large.
    answer["message"] = message;
    Ok(answer)
}
