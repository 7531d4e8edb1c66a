//! Table Open_vSwitch; written by the test `tables` from the schemas. See ovs-vswitchd.conf.db(5).

use std::collections::{BTreeMap, BTreeSet};

use crate::Uuid;

typed_row! {
/// A row of Open_vSwitch.
OpenVswitch of "Open_vSwitch" {
    /// `bridges`: set of row of Bridge.
    bridges: BTreeSet<Uuid> = "bridges",
    /// `cur_cfg`: integer.
    cur_cfg: i64 = "cur_cfg",
    /// `datapath_types`: set of string.
    datapath_types: BTreeSet<String> = "datapath_types",
    /// `datapaths`: map of string to row of Datapath.
    datapaths: BTreeMap<String, Uuid> = "datapaths",
    /// `db_version`: optional string.
    db_version: Option<String> = "db_version",
    /// `dpdk_initialized`: boolean.
    dpdk_initialized: bool = "dpdk_initialized",
    /// `dpdk_version`: optional string.
    dpdk_version: Option<String> = "dpdk_version",
    /// `external_ids`: map of string to string.
    external_ids: BTreeMap<String, String> = "external_ids",
    /// `iface_types`: set of string.
    iface_types: BTreeSet<String> = "iface_types",
    /// `manager_options`: set of row of Manager.
    manager_options: BTreeSet<Uuid> = "manager_options",
    /// `next_cfg`: integer.
    next_cfg: i64 = "next_cfg",
    /// `other_config`: map of string to string.
    other_config: BTreeMap<String, String> = "other_config",
    /// `ovs_version`: optional string.
    ovs_version: Option<String> = "ovs_version",
    /// `ssl`: optional row of SSL.
    ssl: Option<Uuid> = "ssl",
    /// `statistics`: map of string to string.
    statistics: BTreeMap<String, String> = "statistics",
    /// `system_type`: optional string.
    system_type: Option<String> = "system_type",
    /// `system_version`: optional string.
    system_version: Option<String> = "system_version",
}
}
