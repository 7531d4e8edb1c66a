//! OpenFlow port numbers on `kbr0`. They are part of intent, so that flows need not wait for ports.
//!
//! | numbers | whose |
//! | --- | --- |
//! | 1 to 3 | tunnels to any host: VXLAN, GRE, Geneve |
//! | 256 to 16,383 | endpoints |
//! | 16,385 to 32,767 | tunnels to one host: 16,384 + its node's id |

use api::Tunnel;

/// The port of the tunnel of this kind whose remote end a flow chooses.
pub fn flow_tunnel_port(tunnel: Tunnel) -> u32 {
    match tunnel {
        Tunnel::Vxlan => 1,
        Tunnel::Gre => 2,
        Tunnel::Geneve => 3,
    }
}

/// The port of the tunnel to one node.
pub fn static_tunnel_port(node_id: u32) -> u32 {
    16_384 + node_id
}
