//! Table Datapath; written by the test `tables` from the schemas. See ovs-vswitchd.conf.db(5).

use std::collections::BTreeMap;

use crate::Uuid;

typed_row! {
/// A row of Datapath.
Datapath of "Datapath" {
    /// `capabilities`: map of string to string.
    capabilities: BTreeMap<String, String> = "capabilities",
    /// `ct_zone_default_limit`: optional integer, 0 to 4294967295. Since OVS 3.5.
    ct_zone_default_limit: Option<i64> = "ct_zone_default_limit",
    /// `ct_zones`: map of integer, 0 to 65535 to row of CT_Zone.
    ct_zones: BTreeMap<i64, Uuid> = "ct_zones",
    /// `datapath_version`: string.
    datapath_version: String = "datapath_version",
    /// `external_ids`: map of string to string.
    external_ids: BTreeMap<String, String> = "external_ids",
}
}
