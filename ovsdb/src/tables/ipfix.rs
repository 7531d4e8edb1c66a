//! Table IPFIX; written by the test `tables` from the schemas. See ovs-vswitchd.conf.db(5).

use std::collections::{BTreeMap, BTreeSet};

typed_row! {
/// A row of IPFIX.
Ipfix of "IPFIX" {
    /// `cache_active_timeout`: optional integer, 0 to 4200.
    cache_active_timeout: Option<i64> = "cache_active_timeout",
    /// `cache_max_flows`: optional integer, 0 to 4294967295.
    cache_max_flows: Option<i64> = "cache_max_flows",
    /// `external_ids`: map of string to string.
    external_ids: BTreeMap<String, String> = "external_ids",
    /// `obs_domain_id`: optional integer, 0 to 4294967295.
    obs_domain_id: Option<i64> = "obs_domain_id",
    /// `obs_point_id`: optional integer, 0 to 4294967295.
    obs_point_id: Option<i64> = "obs_point_id",
    /// `other_config`: map of string to string.
    other_config: BTreeMap<String, String> = "other_config",
    /// `sampling`: optional integer, 1 to 4294967295.
    sampling: Option<i64> = "sampling",
    /// `stats_interval`: optional integer, 1 to 3600. Since OVS 3.5.
    stats_interval: Option<i64> = "stats_interval",
    /// `targets`: set of string.
    targets: BTreeSet<String> = "targets",
    /// `template_interval`: optional integer, 1 to 3600. Since OVS 3.5.
    template_interval: Option<i64> = "template_interval",
}
}
