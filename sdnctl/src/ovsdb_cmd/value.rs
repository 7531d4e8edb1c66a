//! `sdnctl ovsdb value`.

use ovsdb::Datum;
use ovsdb::schema::ColumnType;
use serde_json::{Value, json};

/// Checks a value, applies a difference, or checks a type alone.
pub fn answer(line: &Value) -> Result<Value, String> {
    let ty = line.get("type").ok_or("no type")?;
    let ty = ColumnType::from_json(ty).map_err(|error| format!("type: {error}"))?;
    let value = match (line.get("value"), line.get("old"), line.get("diff")) {
        (Some(value), None, None) => Datum::from_json(&ty, value).map_err(|error| error.to_string())?,
        (_, Some(old), Some(diff)) => {
            let old = Datum::diff_from_json(&ty, old).map_err(|error| format!("old: {error}"))?;
            let diff = Datum::diff_from_json(&ty, diff).map_err(|error| format!("diff: {error}"))?;
            old.apply_diff(&ty, &diff)
        }
        (None, None, None) => return Ok(json!({ "ok": true })),
        _ => return Err("old and diff go together".to_owned()),
    };
    Ok(json!({ "ok": true, "value": value.to_json() }))
}
