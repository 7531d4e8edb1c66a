//! Table AutoAttach; written by the test `tables` from the schemas. See ovs-vswitchd.conf.db(5).

use std::collections::BTreeMap;

typed_row! {
/// A row of AutoAttach.
AutoAttach of "AutoAttach" {
    /// `mappings`: map of integer, 0 to 16777215 to integer, 0 to 4095.
    mappings: BTreeMap<i64, i64> = "mappings",
    /// `system_description`: string.
    system_description: String = "system_description",
    /// `system_name`: string.
    system_name: String = "system_name",
}
}
