//! The host agent: it joins a host to the mesh and does what needs the host's kernel.
//!
//! The controller owns intent and the switch; the agent owns what the switch
//! cannot reach: veths into pods, addresses and routes, offloads, masquerade,
//! probes through the tunnels, and gossip about who is there. Decisions are
//! pure ([`plan`], [`prober`], [`swim`], the `wanted` and `steps` functions of [`ovs`] and [`nat`]); everything
//! else is the edge that observes and carries them out, so that what is right
//! already is never touched.

pub mod announce;
pub mod args;
pub mod bridge;
pub mod call;
pub mod conntrack;
pub mod direct;
pub mod endpoint;
mod error;
pub mod ethtool;
pub mod follow;
pub mod gossip;
pub mod hash;
pub mod health;
pub mod held;
pub mod identity;
pub mod link;
pub mod names;
pub mod nat;
pub mod neighbours;
pub mod netns;
pub mod ovs;
pub mod plan;
pub mod probe;
pub mod prober;
pub mod renew;
pub mod report;
pub mod run;
pub mod server;
pub mod state;
pub mod swim;
pub mod sysctl;
pub mod takeover;
pub mod tracked;
pub mod trouble;
pub mod udp;
pub mod vswitchd;

pub use error::Error;
