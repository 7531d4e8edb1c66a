//! Table Bridge; written by the test `tables` from the schemas. See ovs-vswitchd.conf.db(5).

use std::collections::{BTreeMap, BTreeSet};

use crate::Uuid;

typed_row! {
/// A row of Bridge.
Bridge of "Bridge" {
    /// `auto_attach`: optional row of AutoAttach.
    auto_attach: Option<Uuid> = "auto_attach",
    /// `controller`: set of row of Controller.
    controller: BTreeSet<Uuid> = "controller",
    /// `datapath_id`: optional string.
    datapath_id: Option<String> = "datapath_id",
    /// `datapath_type`: string.
    datapath_type: String = "datapath_type",
    /// `datapath_version`: string.
    datapath_version: String = "datapath_version",
    /// `external_ids`: map of string to string.
    external_ids: BTreeMap<String, String> = "external_ids",
    /// `fail_mode`: optional string, one of `secure`, `standalone`.
    fail_mode: Option<String> = "fail_mode",
    /// `flood_vlans`: set of integer, 0 to 4095.
    flood_vlans: BTreeSet<i64> = "flood_vlans",
    /// `flow_tables`: map of integer, 0 to 254 to row of Flow_Table.
    flow_tables: BTreeMap<i64, Uuid> = "flow_tables",
    /// `ipfix`: optional row of IPFIX.
    ipfix: Option<Uuid> = "ipfix",
    /// `mcast_snooping_enable`: boolean.
    mcast_snooping_enable: bool = "mcast_snooping_enable",
    /// `mirrors`: set of row of Mirror.
    mirrors: BTreeSet<Uuid> = "mirrors",
    /// `name`: string.
    name: String = "name",
    /// `netflow`: optional row of NetFlow.
    netflow: Option<Uuid> = "netflow",
    /// `other_config`: map of string to string.
    other_config: BTreeMap<String, String> = "other_config",
    /// `ports`: set of row of Port.
    ports: BTreeSet<Uuid> = "ports",
    /// `protocols`: set of string, one of `OpenFlow10`, `OpenFlow11`, `OpenFlow12`, `OpenFlow13`,
    /// `OpenFlow14`, `OpenFlow15`.
    protocols: BTreeSet<String> = "protocols",
    /// `rstp_enable`: boolean.
    rstp_enable: bool = "rstp_enable",
    /// `rstp_status`: map of string to string.
    rstp_status: BTreeMap<String, String> = "rstp_status",
    /// `sflow`: optional row of sFlow.
    sflow: Option<Uuid> = "sflow",
    /// `status`: map of string to string.
    status: BTreeMap<String, String> = "status",
    /// `stp_enable`: boolean.
    stp_enable: bool = "stp_enable",
}
}
