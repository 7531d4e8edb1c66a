//! Table Interface; written by the test `tables` from the schemas. See ovs-vswitchd.conf.db(5).

use std::collections::{BTreeMap, BTreeSet};

typed_row! {
/// A row of Interface.
Interface of "Interface" {
    /// `admin_state`: optional string, one of `down`, `up`.
    admin_state: Option<String> = "admin_state",
    /// `bfd`: map of string to string.
    bfd: BTreeMap<String, String> = "bfd",
    /// `bfd_status`: map of string to string.
    bfd_status: BTreeMap<String, String> = "bfd_status",
    /// `cfm_fault`: optional boolean.
    cfm_fault: Option<bool> = "cfm_fault",
    /// `cfm_fault_status`: set of string.
    cfm_fault_status: BTreeSet<String> = "cfm_fault_status",
    /// `cfm_flap_count`: optional integer.
    cfm_flap_count: Option<i64> = "cfm_flap_count",
    /// `cfm_health`: optional integer, 0 to 100.
    cfm_health: Option<i64> = "cfm_health",
    /// `cfm_mpid`: optional integer.
    cfm_mpid: Option<i64> = "cfm_mpid",
    /// `cfm_remote_mpids`: set of integer.
    cfm_remote_mpids: BTreeSet<i64> = "cfm_remote_mpids",
    /// `cfm_remote_opstate`: optional string, one of `down`, `up`.
    cfm_remote_opstate: Option<String> = "cfm_remote_opstate",
    /// `duplex`: optional string, one of `full`, `half`.
    duplex: Option<String> = "duplex",
    /// `error`: optional string.
    error: Option<String> = "error",
    /// `external_ids`: map of string to string.
    external_ids: BTreeMap<String, String> = "external_ids",
    /// `ifindex`: optional integer, 0 to 4294967295.
    ifindex: Option<i64> = "ifindex",
    /// `ingress_policing_burst`: integer, at least 0.
    ingress_policing_burst: i64 = "ingress_policing_burst",
    /// `ingress_policing_kpkts_burst`: integer, at least 0. Since OVS 3.1.
    ingress_policing_kpkts_burst: i64 = "ingress_policing_kpkts_burst",
    /// `ingress_policing_kpkts_rate`: integer, at least 0. Since OVS 3.1.
    ingress_policing_kpkts_rate: i64 = "ingress_policing_kpkts_rate",
    /// `ingress_policing_rate`: integer, at least 0.
    ingress_policing_rate: i64 = "ingress_policing_rate",
    /// `lacp_current`: optional boolean.
    lacp_current: Option<bool> = "lacp_current",
    /// `link_resets`: optional integer.
    link_resets: Option<i64> = "link_resets",
    /// `link_speed`: optional integer.
    link_speed: Option<i64> = "link_speed",
    /// `link_state`: optional string, one of `down`, `up`.
    link_state: Option<String> = "link_state",
    /// `lldp`: map of string to string.
    lldp: BTreeMap<String, String> = "lldp",
    /// `mac`: optional string.
    mac: Option<String> = "mac",
    /// `mac_in_use`: optional string.
    mac_in_use: Option<String> = "mac_in_use",
    /// `mtu`: optional integer.
    mtu: Option<i64> = "mtu",
    /// `mtu_request`: optional integer, at least 1.
    mtu_request: Option<i64> = "mtu_request",
    /// `name`: string.
    name: String = "name",
    /// `ofport`: optional integer.
    ofport: Option<i64> = "ofport",
    /// `ofport_request`: optional integer, 1 to 65279.
    ofport_request: Option<i64> = "ofport_request",
    /// `options`: map of string to string.
    options: BTreeMap<String, String> = "options",
    /// `other_config`: map of string to string.
    other_config: BTreeMap<String, String> = "other_config",
    /// `statistics`: map of string to integer.
    statistics: BTreeMap<String, i64> = "statistics",
    /// `status`: map of string to string.
    status: BTreeMap<String, String> = "status",
    /// `type`: string.
    type_: String = "type",
}
}
