//! Table Manager; written by the test `tables` from the schemas. See ovs-vswitchd.conf.db(5).

use std::collections::BTreeMap;

typed_row! {
/// A row of Manager.
Manager of "Manager" {
    /// `connection_mode`: optional string, one of `in-band`, `out-of-band`.
    connection_mode: Option<String> = "connection_mode",
    /// `external_ids`: map of string to string.
    external_ids: BTreeMap<String, String> = "external_ids",
    /// `inactivity_probe`: optional integer.
    inactivity_probe: Option<i64> = "inactivity_probe",
    /// `is_connected`: boolean.
    is_connected: bool = "is_connected",
    /// `max_backoff`: optional integer, at least 1000.
    max_backoff: Option<i64> = "max_backoff",
    /// `other_config`: map of string to string.
    other_config: BTreeMap<String, String> = "other_config",
    /// `status`: map of string to string.
    status: BTreeMap<String, String> = "status",
    /// `target`: string.
    target: String = "target",
}
}
