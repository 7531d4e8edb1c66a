//! Table CT_Zone; written by the test `tables` from the schemas. See ovs-vswitchd.conf.db(5).

use std::collections::BTreeMap;

use crate::Uuid;

typed_row! {
/// A row of CT_Zone.
CtZone of "CT_Zone" {
    /// `external_ids`: map of string to string.
    external_ids: BTreeMap<String, String> = "external_ids",
    /// `limit`: optional integer, 0 to 4294967295. Since OVS 3.5.
    limit: Option<i64> = "limit",
    /// `timeout_policy`: optional row of CT_Timeout_Policy.
    timeout_policy: Option<Uuid> = "timeout_policy",
}
}
