//! Table Queue; written by the test `tables` from the schemas. See ovs-vswitchd.conf.db(5).

use std::collections::BTreeMap;

typed_row! {
/// A row of Queue.
Queue of "Queue" {
    /// `dscp`: optional integer, 0 to 63.
    dscp: Option<i64> = "dscp",
    /// `external_ids`: map of string to string.
    external_ids: BTreeMap<String, String> = "external_ids",
    /// `other_config`: map of string to string.
    other_config: BTreeMap<String, String> = "other_config",
}
}
