//! The vocabulary of our flows: tables, registers, ports, cookies, reasons to drop.

pub mod act;
pub mod affinity;
mod cookie;
mod flow;
pub mod group;
pub mod ip;
mod ports;
mod reason;
mod tables;

pub use cookie::Cookie;
pub use flow::{Bucket, Flow, FlowBody, FlowKey, Flows, Group, Groups, Translation, translations};
pub use ip::Family;
pub use ports::{flow_tunnel_port, static_tunnel_port};
pub use reason::Reason;
pub use tables::Table;

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// The bridge on every host.
pub const BRIDGE: &str = "kbr0";

/// The address that stands for the cluster's distributed router on every node: next hop of the host's routes.
pub const ROUTER_IP: Ipv4Addr = Ipv4Addr::new(169, 254, 77, 1);

/// The same for IPv6. It ends as [`ROUTER_IP`] does, so that both have one Ethernet address.
pub const ROUTER_IP6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0x4d01);

/// The address at which every host's resolver answers its own endpoints, of whatever network.
pub const NAMES_IP: Ipv4Addr = Ipv4Addr::new(169, 254, 77, 53);

/// Sources of connections from an endpoint to itself, and of what a host's kernel is sent back, from the address on.
/// Conntrack picks one by hash, and tries no other: of clients whom it knows without ports the second of a pair is dropped.
pub const BOUNCED: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(169, 254, 96, 1), 19);

/// The same for IPv6. A kernel answers no link-local address of others.
pub const BOUNCED6: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0xfda9, 0xfe4d, 0x35, 1, 0, 0, 0, 1), 112);

/// Where every endpoint with an IPv6 address reaches it, too: a unique local address (RFC 4193) that says the same as
/// [`NAMES_IP`], as a link-local one would need the name of the endpoint's device in `resolv.conf`.
pub const NAMES_IP6: Ipv6Addr = Ipv6Addr::new(0xfda9, 0xfe4d, 0x35, 0, 0, 0, 0, 0x53);

/// Registers, by number, and the values they take.
pub mod reg {
    /// The network's id (its VNI).
    pub const NETWORK: u8 = 0;
    /// The port the packet will leave by.
    pub const OUT: u8 = 1;
    /// Where the packet came from: one of the `FROM_…` values.
    pub const FROM: u8 = 2;
    /// Bits: see [`HAIRPIN`] and those after it.
    pub const FLAGS: u8 = 3;
    /// The group that is to choose a backend: see [`group`](super::group).
    pub const GROUP: u8 = 4;
    /// The conntrack zone of the endpoint whose policies the packet is judged by.
    pub const ZONE: u8 = 5;
    /// The id of the node that a packet came from by a tunnel.
    pub const PEER: u8 = 6;
    /// The number of the backend that the client is bound to; 0 for none.
    pub const BACKEND: u8 = 7;
    /// The number of the backend that a group chose, with bit [`PICKED`]; 0 before one did.
    pub const PICK: u8 = 8;

    /// Bit of [`PICK`]: a group chose.
    pub const PICKED: u8 = 31;

    /// From an endpoint of this node.
    pub const FROM_ENDPOINT: u32 = 1;
    /// From the host itself.
    pub const FROM_GATEWAY: u32 = 2;
    /// From another node.
    pub const FROM_TUNNEL: u32 = 3;

    /// Bit of [`FLAGS`]: the packet goes back to the endpoint it came from, which reached itself through a service.
    pub const HAIRPIN: u8 = 0;
    /// Bit of [`FLAGS`]: it comes from where a service has a backend; conntrack knows whether it is an answer to a virtual
    /// address.
    pub const SERVED: u8 = 1;
    /// Bit of [`FLAGS`]: this host sends it on for someone who is neither an endpoint nor the host itself.
    pub const STRANGER: u8 = 2;
    /// Bit of [`FLAGS`]: of a stranger's connection to a service. Its answers must leave by the node where it came in.
    pub const OUTSIDE: u8 = 3;
    /// Bit of [`FLAGS`]: for the host's kernel whatever its address: to a service without backends, which the kernel is to
    /// refuse; or an answer to a stranger that came in here.
    pub const KERNEL: u8 = 4;
    /// Bit of [`FLAGS`]: conntrack was asked whether this answer begins a connection that it knows.
    pub const ASKED: u8 = 5;
}
