//! Table Flow_Sample_Collector_Set; written by the test `tables` from the schemas. See ovs-vswitchd.conf.db(5).

use std::collections::BTreeMap;

use crate::Uuid;

typed_row! {
/// A row of Flow_Sample_Collector_Set.
FlowSampleCollectorSet of "Flow_Sample_Collector_Set" {
    /// `bridge`: row of Bridge.
    bridge: Uuid = "bridge",
    /// `external_ids`: map of string to string.
    external_ids: BTreeMap<String, String> = "external_ids",
    /// `id`: integer, 0 to 4294967295.
    id: i64 = "id",
    /// `ipfix`: optional row of IPFIX.
    ipfix: Option<Uuid> = "ipfix",
    /// `local_group_id`: optional integer, 0 to 4294967295. Since OVS 3.5.
    local_group_id: Option<i64> = "local_group_id",
}
}
