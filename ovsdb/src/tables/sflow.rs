//! Table sFlow; written by the test `tables` from the schemas. See ovs-vswitchd.conf.db(5).

use std::collections::{BTreeMap, BTreeSet};

typed_row! {
/// A row of sFlow.
Sflow of "sFlow" {
    /// `agent`: optional string.
    agent: Option<String> = "agent",
    /// `external_ids`: map of string to string.
    external_ids: BTreeMap<String, String> = "external_ids",
    /// `header`: optional integer.
    header: Option<i64> = "header",
    /// `polling`: optional integer.
    polling: Option<i64> = "polling",
    /// `sampling`: optional integer.
    sampling: Option<i64> = "sampling",
    /// `targets`: set of string.
    targets: BTreeSet<String> = "targets",
}
}
