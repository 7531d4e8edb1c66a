//! Hosts as backends: processes on a node itself, behind the node's addresses on the underlay.
//!
//! For services a host is like an endpoint of the default network whose name is that of its node. It is none: it has no
//! port, no policy is about it, and no selector picks it.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use api::{Endpoint, Mac, Name, Node, default_network};

use super::Intent;

/// Set in the number of a host, and in none of an endpoint: see [`alloc::MAX_ENDPOINT_ID`](super::alloc::MAX_ENDPOINT_ID).
pub(super) const HOST: u32 = 1 << 23;

impl Intent {
    /// The host of a node, as services see it.
    pub fn host(&self, node: &Name) -> Option<&Endpoint> {
        let address = self.nodes.get(node)?.spec.address;
        self.hosts.get(&address).filter(|host| host.node == *node).map(|host| &**host)
    }

    /// The endpoint or host that can be a backend at this address.
    pub fn backend_at(&self, network: &Name, ip: IpAddr) -> Option<&Endpoint> {
        let host = || self.hosts.get(&ip).filter(|host| host.network == *network).map(|host| &**host);
        self.endpoint_at(network, ip).or_else(host)
    }

    pub(super) fn write_host(&mut self, old: Option<&Node>, new: Option<&Arc<Node>>) {
        for (old, ip) in old.iter().flat_map(|old| old.spec.addresses().map(move |ip| (old, ip))) {
            if self.hosts.get(&ip).is_some_and(|it| it.node == old.name) {
                self.hosts.remove(&ip);
            }
        }
        if let Some(new) = new {
            let host = Arc::new(host(new));
            new.spec.addresses().for_each(|ip| drop(self.hosts.insert(ip, host.clone())));
        }
    }
}

/// Whether this stands for a host.
pub fn is_host(endpoint: &Endpoint) -> bool {
    endpoint.id & HOST != 0
}

fn host(node: &Node) -> Endpoint {
    Endpoint {
        name: node.name.clone(),
        id: HOST | node.id,
        revision: node.revision,
        node: node.name.clone(),
        network: default_network(),
        device: String::new(),
        port: 0,
        ips: node.spec.addresses().collect(),
        mac: Mac::of_ip(node.spec.address),
        labels: BTreeMap::new(),
        terminating: false,
    }
}
