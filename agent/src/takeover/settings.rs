//! Docker's `daemon.json`: changing some of its keys, and putting them back.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    path::Path,
};

use anyhow::Context;
use serde_json::{Map, Value};

/// Values of keys; none for those that must not be there.
pub type Keys = BTreeMap<String, Option<Value>>;

/// The file's text; none if there is no file.
///
/// # Errors
/// What the system said.
pub fn read(path: &Path) -> anyhow::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Replaces the file whole.
///
/// # Errors
/// What the system said.
pub fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let write = || {
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
        let new = path.with_extension("json.sdn");
        let mut file = fs::File::create(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_data()?;
        fs::rename(&new, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// The settings in `text` with `keys` as they say, and what these were before.
///
/// # Errors
/// When the text is no JSON object.
pub fn change(text: Option<&str>, keys: &Keys) -> anyhow::Result<(String, Keys)> {
    let mut settings = parse(text)?;
    let mut before = Keys::new();
    for (key, value) in keys {
        let was = match value {
            Some(value) => settings.insert(key.clone(), value.clone()),
            None => settings.remove(key),
        };
        before.insert(key.clone(), was);
    }
    Ok((serde_json::to_string_pretty(&settings)? + "\n", before))
}

/// The settings in `text`, and that Docker's own bridge has the address `bip`, unless they say something of it.
///
/// # Errors
/// When the text is no JSON object.
pub fn with_bridge(text: Option<&str>, bip: &str) -> anyhow::Result<String> {
    let mut settings = parse(text)?;
    if !settings.contains_key("bridge") {
        settings.entry("bip").or_insert_with(|| bip.into());
    }
    Ok(serde_json::to_string_pretty(&settings)? + "\n")
}

fn parse(text: Option<&str>) -> anyhow::Result<Map<String, Value>> {
    match text.map(str::trim).filter(|text| !text.is_empty()) {
        Some(text) => serde_json::from_str(text).context("Docker's settings are no JSON object"),
        None => Ok(Map::new()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_changed_and_put_back_and_others_left_alone() {
        let keys: Keys = [
            ("bip".into(), Some(json!("10.244.1.129/25"))),
            ("bridge".into(), None),
            ("mtu".into(), Some(json!(1450))),
        ]
        .into();
        let text = r#"{"bridge": "br7", "mtu": 1400, "debug": true}"#;
        let (after, before) = change(Some(text), &keys).unwrap();
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(read(&after), json!({"bip": "10.244.1.129/25", "mtu": 1450, "debug": true}));
        let edited = after.replace("true", "false");
        let (back, _) = change(Some(&edited), &before).unwrap();
        assert_eq!(read(&back), json!({"bridge": "br7", "mtu": 1400, "debug": false}));
        for (text, expected) in [
            (None, json!({"bip": "172.17.0.1/16"})),
            (Some("{\"debug\": true}"), json!({"debug": true, "bip": "172.17.0.1/16"})),
            (Some("{\"bip\": \"10.0.0.1/24\"}"), json!({"bip": "10.0.0.1/24"})),
            (Some("{\"bridge\": \"br7\"}"), json!({"bridge": "br7"})),
        ] {
            assert_eq!(read(&with_bridge(text, "172.17.0.1/16").unwrap()), expected);
        }
        assert!(change(Some("[]"), &keys).is_err() && change(Some("{"), &keys).is_err());
        assert_eq!(read(&change(None, &keys).unwrap().0), json!({"bip": "10.244.1.129/25", "mtu": 1450}));
    }
}
