//! Table Mirror; written by the test `tables` from the schemas. See ovs-vswitchd.conf.db(5).

use std::collections::{BTreeMap, BTreeSet};

use crate::Uuid;

typed_row! {
/// A row of Mirror.
Mirror of "Mirror" {
    /// `external_ids`: map of string to string.
    external_ids: BTreeMap<String, String> = "external_ids",
    /// `filter`: optional string. Since OVS 3.5.
    filter: Option<String> = "filter",
    /// `name`: string.
    name: String = "name",
    /// `output_port`: optional row of Port.
    output_port: Option<Uuid> = "output_port",
    /// `output_vlan`: optional integer, 1 to 4095.
    output_vlan: Option<i64> = "output_vlan",
    /// `select_all`: boolean.
    select_all: bool = "select_all",
    /// `select_dst_port`: set of row of Port.
    select_dst_port: BTreeSet<Uuid> = "select_dst_port",
    /// `select_src_port`: set of row of Port.
    select_src_port: BTreeSet<Uuid> = "select_src_port",
    /// `select_vlan`: set of integer, 0 to 4095.
    select_vlan: BTreeSet<i64> = "select_vlan",
    /// `snaplen`: optional integer, 14 to 65535.
    snaplen: Option<i64> = "snaplen",
    /// `statistics`: map of string to integer.
    statistics: BTreeMap<String, i64> = "statistics",
}
}
