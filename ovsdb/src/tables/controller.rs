//! Table Controller; written by the test `tables` from the schemas. See ovs-vswitchd.conf.db(5).

use std::collections::BTreeMap;

typed_row! {
/// A row of Controller.
Controller of "Controller" {
    /// `connection_mode`: optional string, one of `in-band`, `out-of-band`.
    connection_mode: Option<String> = "connection_mode",
    /// `controller_burst_limit`: optional integer, at least 25.
    controller_burst_limit: Option<i64> = "controller_burst_limit",
    /// `controller_queue_size`: optional integer, 1 to 512.
    controller_queue_size: Option<i64> = "controller_queue_size",
    /// `controller_rate_limit`: optional integer, at least 100.
    controller_rate_limit: Option<i64> = "controller_rate_limit",
    /// `enable_async_messages`: optional boolean.
    enable_async_messages: Option<bool> = "enable_async_messages",
    /// `external_ids`: map of string to string.
    external_ids: BTreeMap<String, String> = "external_ids",
    /// `inactivity_probe`: optional integer.
    inactivity_probe: Option<i64> = "inactivity_probe",
    /// `is_connected`: boolean.
    is_connected: bool = "is_connected",
    /// `local_gateway`: optional string.
    local_gateway: Option<String> = "local_gateway",
    /// `local_ip`: optional string.
    local_ip: Option<String> = "local_ip",
    /// `local_netmask`: optional string.
    local_netmask: Option<String> = "local_netmask",
    /// `max_backoff`: optional integer, at least 1000.
    max_backoff: Option<i64> = "max_backoff",
    /// `other_config`: map of string to string.
    other_config: BTreeMap<String, String> = "other_config",
    /// `role`: optional string, one of `master`, `other`, `slave`.
    role: Option<String> = "role",
    /// `status`: map of string to string.
    status: BTreeMap<String, String> = "status",
    /// `target`: string.
    target: String = "target",
    /// `type`: optional string, one of `primary`, `service`.
    type_: Option<String> = "type",
}
}
