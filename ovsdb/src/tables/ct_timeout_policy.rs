//! Table CT_Timeout_Policy; written by the test `tables` from the schemas. See ovs-vswitchd.conf.db(5).

use std::collections::BTreeMap;

typed_row! {
/// A row of CT_Timeout_Policy.
CtTimeoutPolicy of "CT_Timeout_Policy" {
    /// `external_ids`: map of string to string.
    external_ids: BTreeMap<String, String> = "external_ids",
    /// `timeouts`: map of string, one of `icmp_first`, `icmp_reply`, `tcp_close`, `tcp_close_wait`,
    /// `tcp_established`, `tcp_fin_wait`, `tcp_last_ack`, `tcp_retransmit`, `tcp_syn_recv`,
    /// `tcp_syn_sent`, `tcp_syn_sent2`, `tcp_time_wait`, `tcp_unack`, `udp_first`, `udp_multiple`,
    /// `udp_single` to integer, 0 to 4294967295.
    timeouts: BTreeMap<String, i64> = "timeouts",
}
}
