//! A testbed of real Open vSwitch hosts in network namespaces, and what the end-to-end tests share.
//!
//! ```text
//!            namespace NAME-underlay: one Linux bridge
//!   ┌──────────┬───────┴──────┬──────────────┬─────────────┐
//!  eth1       eth1           eth1           eth1          eth1
//!  br-phy     br-phy         br-phy         (address)     (address)
//!  NAME-h1    NAME-h2        NAME-h3        NAME-         NAME-
//!  ovsdb-server, ovs-vswitchd, sdn-agent    controller    external
//!   │
//!  kbr0 ── eth0 of NAME-pod-web
//! ```
//!
//! [`Testbed`] does what the `sdn-testbed` command does; the command and the tests share it.

pub mod alone;
pub mod bench;
pub mod client;
pub mod clock;
pub mod control;
pub mod demo;
pub mod docker;
pub mod etcd;
pub mod host;
pub mod load;
pub mod netns;
pub mod ovs;
pub mod ping;
pub mod plan;
pub mod pod;
pub mod process;
pub mod ready;
pub mod state;
pub mod teardown;
pub mod testbed;
pub mod tool;
pub mod traffic;
pub mod underlay;

pub use alone::Alone;
pub use plan::{Config, HostId, Mesh, Place, Target, Tunnel};
pub use pod::{Pod, PodSpec};
pub use testbed::{Scoped, Testbed};
