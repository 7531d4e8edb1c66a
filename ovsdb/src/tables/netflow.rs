//! Table NetFlow; written by the test `tables` from the schemas. See ovs-vswitchd.conf.db(5).

use std::collections::{BTreeMap, BTreeSet};

typed_row! {
/// A row of NetFlow.
Netflow of "NetFlow" {
    /// `active_timeout`: integer, at least -1.
    active_timeout: i64 = "active_timeout",
    /// `add_id_to_interface`: boolean.
    add_id_to_interface: bool = "add_id_to_interface",
    /// `engine_id`: optional integer, 0 to 255.
    engine_id: Option<i64> = "engine_id",
    /// `engine_type`: optional integer, 0 to 255.
    engine_type: Option<i64> = "engine_type",
    /// `external_ids`: map of string to string.
    external_ids: BTreeMap<String, String> = "external_ids",
    /// `targets`: set of string.
    targets: BTreeSet<String> = "targets",
}
}
