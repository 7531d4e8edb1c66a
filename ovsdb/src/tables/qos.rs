//! Table QoS; written by the test `tables` from the schemas. See ovs-vswitchd.conf.db(5).

use std::collections::BTreeMap;

use crate::Uuid;

typed_row! {
/// A row of QoS.
Qos of "QoS" {
    /// `external_ids`: map of string to string.
    external_ids: BTreeMap<String, String> = "external_ids",
    /// `other_config`: map of string to string.
    other_config: BTreeMap<String, String> = "other_config",
    /// `queues`: map of integer, 0 to 4294967295 to row of Queue.
    queues: BTreeMap<i64, Uuid> = "queues",
    /// `type`: string.
    type_: String = "type",
}
}
