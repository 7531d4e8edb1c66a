//! Table Flow_Table; written by the test `tables` from the schemas. See ovs-vswitchd.conf.db(5).

use std::collections::{BTreeMap, BTreeSet};

typed_row! {
/// A row of Flow_Table.
FlowTable of "Flow_Table" {
    /// `external_ids`: map of string to string.
    external_ids: BTreeMap<String, String> = "external_ids",
    /// `flow_limit`: optional integer, at least 0.
    flow_limit: Option<i64> = "flow_limit",
    /// `groups`: set of string.
    groups: BTreeSet<String> = "groups",
    /// `name`: optional string.
    name: Option<String> = "name",
    /// `overflow_policy`: optional string, one of `evict`, `refuse`.
    overflow_policy: Option<String> = "overflow_policy",
    /// `prefixes`: set of string.
    prefixes: BTreeSet<String> = "prefixes",
}
}
