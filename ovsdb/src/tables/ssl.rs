//! Table SSL; written by the test `tables` from the schemas. See ovs-vswitchd.conf.db(5).

use std::collections::BTreeMap;

typed_row! {
/// A row of SSL.
Ssl of "SSL" {
    /// `bootstrap_ca_cert`: boolean.
    bootstrap_ca_cert: bool = "bootstrap_ca_cert",
    /// `ca_cert`: string.
    ca_cert: String = "ca_cert",
    /// `certificate`: string.
    certificate: String = "certificate",
    /// `external_ids`: map of string to string.
    external_ids: BTreeMap<String, String> = "external_ids",
    /// `private_key`: string.
    private_key: String = "private_key",
}
}
