//! Table Port; written by the test `tables` from the schemas. See ovs-vswitchd.conf.db(5).

use std::collections::{BTreeMap, BTreeSet};

use crate::Uuid;

typed_row! {
/// A row of Port.
Port of "Port" {
    /// `bond_active_slave`: optional string.
    bond_active_slave: Option<String> = "bond_active_slave",
    /// `bond_downdelay`: integer.
    bond_downdelay: i64 = "bond_downdelay",
    /// `bond_fake_iface`: boolean.
    bond_fake_iface: bool = "bond_fake_iface",
    /// `bond_mode`: optional string, one of `active-backup`, `balance-slb`, `balance-tcp`.
    bond_mode: Option<String> = "bond_mode",
    /// `bond_updelay`: integer.
    bond_updelay: i64 = "bond_updelay",
    /// `cvlans`: set of integer, 0 to 4095.
    cvlans: BTreeSet<i64> = "cvlans",
    /// `external_ids`: map of string to string.
    external_ids: BTreeMap<String, String> = "external_ids",
    /// `fake_bridge`: boolean.
    fake_bridge: bool = "fake_bridge",
    /// `interfaces`: set of row of Interface.
    interfaces: BTreeSet<Uuid> = "interfaces",
    /// `lacp`: optional string, one of `active`, `off`, `passive`.
    lacp: Option<String> = "lacp",
    /// `mac`: optional string.
    mac: Option<String> = "mac",
    /// `name`: string.
    name: String = "name",
    /// `other_config`: map of string to string.
    other_config: BTreeMap<String, String> = "other_config",
    /// `protected`: boolean.
    protected: bool = "protected",
    /// `qos`: optional row of QoS.
    qos: Option<Uuid> = "qos",
    /// `rstp_statistics`: map of string to integer.
    rstp_statistics: BTreeMap<String, i64> = "rstp_statistics",
    /// `rstp_status`: map of string to string.
    rstp_status: BTreeMap<String, String> = "rstp_status",
    /// `statistics`: map of string to integer.
    statistics: BTreeMap<String, i64> = "statistics",
    /// `status`: map of string to string.
    status: BTreeMap<String, String> = "status",
    /// `tag`: optional integer, 0 to 4095.
    tag: Option<i64> = "tag",
    /// `trunks`: set of integer, 0 to 4095.
    trunks: BTreeSet<i64> = "trunks",
    /// `vlan_mode`: optional string, one of `access`, `dot1q-tunnel`, `native-tagged`,
    /// `native-untagged`, `trunk`.
    vlan_mode: Option<String> = "vlan_mode",
}
}
