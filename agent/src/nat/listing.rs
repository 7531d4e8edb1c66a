//! What there is of a table.

use std::collections::BTreeSet;

use serde_json::Value;

/// A table as `nft -j list table` prints it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Listing {
    /// Its chains.
    pub chains: BTreeSet<String>,
    /// Its sets and maps: which of the two, and the name.
    pub sets: BTreeSet<(&'static str, String)>,
    /// Its counters that have a name.
    pub counters: BTreeSet<String>,
    /// What stands by each of its rules.
    pub comments: Vec<String>,
    /// How many elements all of its sets and maps have.
    pub elements: usize,
}

impl Listing {
    /// Reads what was printed; none if that is no listing.
    pub fn parse(printed: &str) -> Option<Self> {
        let printed: Value = serde_json::from_str(printed).ok()?;
        let mut listing = Self::default();
        for object in printed.get("nftables")?.as_array()? {
            let Some((kind, object)) = object.as_object().and_then(|object| object.iter().next()) else { continue };
            let text = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            match kind.as_str() {
                "chain" => drop(listing.chains.insert(text("name"))),
                "counter" => drop(listing.counters.insert(text("name"))),
                "rule" => listing.comments.push(text("comment")),
                "map" => drop(listing.sets.insert(("map", text("name")))),
                "set" => drop(listing.sets.insert(("set", text("name")))),
                _ => {}
            }
            if matches!(kind.as_str(), "map" | "set") {
                listing.elements += object.get("elem").and_then(Value::as_array).map_or(0, Vec::len);
            }
        }
        Some(listing)
    }
}
