//! The agent on hosts of its own: real namespaces, veths, routes, nftables and ovsdb-server; only the controller
//! pretends.

mod endpoint;
mod gateway;
mod lab;
mod mesh;
mod ovs;
mod recovery;
