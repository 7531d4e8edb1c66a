//! What a host's OVSDB holds against what it is to hold: pure, and empty the second time.

use std::collections::{BTreeMap, BTreeSet};

use api::{Bfd, BfdState, Name};
use ovsdb::{NamedUuid, Replica, Row, Txn, Uuid};

use crate::{
    compile::{Bridge, Host, Port, PortKind},
    core::Broken,
    pipeline::BRIDGE,
};

/// Marks what is ours among `external_ids`.
const OWNER: &str = "sdn-owner";

/// How long Open vSwitch waits between attempts to reach the controller, at the most, in milliseconds.
const MAX_BACKOFF: i64 = 1000;

/// After how long Open vSwitch asks a silent controller for a word, in milliseconds.
const PROBE: i64 = 5000;

/// The tables and columns a plan looks at.
pub const MONITORED: [(&str, &[&str]); 5] = [
    ("Open_vSwitch", &["bridges", "external_ids"]),
    (
        "Bridge",
        &["name", "ports", "controller", "fail_mode", "protocols", "datapath_type", "other_config", "external_ids"],
    ),
    ("Port", &["name", "interfaces", "external_ids"]),
    ("Interface", INTERFACE),
    ("Controller", &["target", "connection_mode", "max_backoff", "inactivity_probe"]),
];

const INTERFACE: &[&str] =
    &["name", "type", "options", "ofport", "ofport_request", "error", "mtu_request", "bfd", "bfd_status"];

/// BFD on tunnel ports that lead to one host. Packets each 2 s find a break within 6 s, when a host that is gone has left
/// the mesh, and its ports with it. Open vSwitch takes packets for BFD that have the Ethernet address to which it sends
/// its own, rather than look at protocol and UDP port of every packet, which splits datapath flows; and only those of
/// tunnel key 0, which no network has: endpoints cannot forge them.
const BFD: [(&str, &str); 5] = [
    ("enable", "true"),
    ("min_rx", "2000"),
    ("min_tx", "2000"),
    ("bfd_remote_dst_mac", "00:23:20:00:00:01"),
    ("check_tnl_key", "true"),
];

/// The longest diagnostic that is kept, in characters.
const MAX_DIAGNOSTIC: usize = 64;

type StringMap = BTreeMap<String, String>;

/// What it takes, and what stands in the way.
#[derive(Debug)]
pub struct Plan {
    /// One transaction; empty if all is as it is to be.
    pub txn: Txn,
    /// What differs, in words.
    pub differs: Vec<String>,
    /// Ports that do not work, and why.
    pub broken: Broken,
}

/// The least that makes `replica` hold `host`, with its bridge under the controllers at `targets`.
pub fn plan(host: &Host, replica: &Replica, targets: &BTreeSet<String>) -> Plan {
    let mut plan = Plan { txn: Txn::new("Open_vSwitch"), differs: Vec::new(), broken: Broken::new() };
    let Some(bridge) = &host.bridge else { return plan };
    match replica.rows("Bridge").find(|row| row.read::<String>("name") == BRIDGE) {
        None => plan.create(host, bridge, replica, targets),
        Some(row) => plan.update(host, bridge, &row, replica, targets),
    }
    plan
}

/// What the host says of BFD on those of its ports that lead to one peer each.
pub fn bfd(host: &Host, replica: &Replica) -> BTreeMap<Name, Bfd> {
    let peers: BTreeMap<&str, &Name> =
        host.ports.values().filter_map(|port| Some((&*port.name, peer_of(port)?))).collect();
    if peers.is_empty() {
        return BTreeMap::new();
    }
    let said = |row: Row| {
        let peer = *peers.get(&*row.read::<String>("name"))?;
        let status: StringMap = row.read("bfd_status");
        let state = BfdState::read(status.get("state")?)?;
        let why = status.get("diagnostic").filter(|why| *why != "No Diagnostic");
        let diagnostic = why.map(|why| why.chars().take(MAX_DIAGNOSTIC).collect());
        let flaps = status.get("flap_count").and_then(|count| count.parse().ok()).unwrap_or_default();
        Some((peer.clone(), Bfd { state, diagnostic, flaps }))
    };
    replica.rows("Interface").filter_map(said).collect()
}

impl Plan {
    /// Bridge, local port, tunnels, endpoints and controller in one transaction: it is never there without them.
    fn create(&mut self, host: &Host, bridge: &Bridge, replica: &Replica, targets: &BTreeSet<String>) {
        let Some(root) = replica.rows("Open_vSwitch").next() else { return };
        self.differs.push(format!("bridge {BRIDGE} is not there"));
        let mut ports = vec![self.insert_local(bridge)];
        let taken = names_of_ports(replica);
        for port in host.ports.values() {
            if self.is_free(port, &taken) {
                ports.push(self.insert_port(port));
            }
        }
        let controllers: Vec<NamedUuid> = targets.iter().map(|target| self.insert_controller(target)).collect();
        let mut insert =
            self.txn.insert("Bridge").set("name", BRIDGE).set("ports", ports).set("controller", controllers);
        for (column, value) in strings(bridge) {
            insert = insert.set(column, value);
        }
        let made = insert.set("other_config", other_config(bridge)).set("external_ids", owned("bridge")).id();
        self.txn.mutate("Open_vSwitch", root.uuid()).insert("bridges", made);
    }

    fn update(&mut self, host: &Host, bridge: &Bridge, row: &Row, replica: &Replica, targets: &BTreeSet<String>) {
        for (column, value) in strings(bridge) {
            if row.read::<BTreeSet<String>>(column) != BTreeSet::from([value.to_owned()]) {
                self.txn.update("Bridge", row.uuid()).set(column, value);
                self.differs.push(format!("{column} of {BRIDGE} is not {value}"));
            }
        }
        self.put_missing("Bridge", row, "other_config", other_config(bridge));
        self.put_missing("Bridge", row, "external_ids", owned("bridge"));
        self.update_controllers(row, replica, targets);
        let ports: BTreeMap<String, Row> = row
            .read::<BTreeSet<Uuid>>("ports")
            .into_iter()
            .filter_map(|uuid| replica.row("Port", uuid))
            .map(|port| (port.read("name"), port))
            .collect();
        self.update_local(bridge, ports.get(BRIDGE), row.uuid(), replica);
        let all_there = host.ports.keys().all(|name| ports.contains_key(name));
        let taken = if all_there { BTreeSet::new() } else { names_of_ports(replica) };
        for port in host.ports.values() {
            match ports.get(&port.name) {
                Some(there) => self.update_port(port, there, replica),
                None if self.is_free(port, &taken) => {
                    let made = self.insert_port(port);
                    self.txn.mutate("Bridge", row.uuid()).insert("ports", made);
                    self.differs.push(format!("port {} is not there", port.name));
                }
                None => {}
            }
        }
        let ours = |port: &Row| port.read::<StringMap>("external_ids").contains_key(OWNER);
        for (name, port) in &ports {
            if !host.ports.contains_key(name) && name != BRIDGE && ours(port) {
                self.txn.mutate("Bridge", row.uuid()).delete("ports", port.uuid());
                self.differs.push(format!("port {name} is not wanted"));
            }
        }
    }

    /// Pairs of a map that must be there; others are none of our business.
    fn put_missing(&mut self, table: &str, row: &Row, column: &str, wanted: StringMap) {
        let there: StringMap = row.read(column);
        let missing: Vec<(String, String)> =
            wanted.into_iter().filter(|(key, value)| there.get(key) != Some(value)).collect();
        if !missing.is_empty() {
            self.txn.mutate(table, row.uuid()).put(column, &missing);
            let keys: Vec<&str> = missing.iter().map(|(key, _)| key.as_str()).collect();
            self.differs.push(format!("{column} of table {table} lacks {}", keys.join(", ")));
        }
    }

    /// Those that are right stay as they are, and with them their sessions.
    fn update_controllers(&mut self, bridge: &Row, replica: &Replica, targets: &BTreeSet<String>) {
        let rows =
            bridge.read::<BTreeSet<Uuid>>("controller").into_iter().filter_map(|uuid| replica.row("Controller", uuid));
        let mut missing = targets.clone();
        let right = |row: &Row| {
            row.read::<String>("connection_mode") == "out-of-band"
                && row.read::<Option<i64>>("max_backoff") == Some(MAX_BACKOFF)
                && row.read::<Option<i64>>("inactivity_probe") == Some(PROBE)
        };
        for row in rows {
            let named = row.read::<String>("target");
            if !right(&row) || !missing.remove(&named) {
                self.txn.mutate("Bridge", bridge.uuid()).delete("controller", row.uuid());
                self.differs.push(format!("{BRIDGE} has controller {named}, which is not wanted"));
            }
        }
        for named in missing {
            let made = self.insert_controller(&named);
            self.txn.mutate("Bridge", bridge.uuid()).insert("controller", made);
            self.differs.push(format!("{BRIDGE} lacks controller {named}"));
        }
    }

    fn update_local(&mut self, bridge: &Bridge, port: Option<&Row>, bridge_row: Uuid, replica: &Replica) {
        let interface = port.and_then(|port| interface(port, replica));
        let Some(interface) = interface else {
            let made = self.insert_local(bridge);
            self.txn.mutate("Bridge", bridge_row).insert("ports", made);
            self.differs.push(format!("the local port of {BRIDGE} is not there"));
            return;
        };
        if interface.read::<Option<i64>>("mtu_request") != Some(i64::from(bridge.mtu)) {
            self.txn.update("Interface", interface.uuid()).set("mtu_request", i64::from(bridge.mtu));
            self.differs.push(format!("mtu_request of {BRIDGE} is not {}", bridge.mtu));
        }
    }

    fn update_port(&mut self, port: &Port, there: &Row, replica: &Replica) {
        let Some(interface) = interface(there, replica) else { return };
        let (kind, options) = interface_of(port);
        let number = i64::from(port.number);
        let right = interface.read::<String>("type") == kind
            && interface.read::<StringMap>("options") == options
            && interface.read::<Option<i64>>("ofport_request") == Some(number);
        if !right {
            self.txn
                .update("Interface", interface.uuid())
                .set("type", kind)
                .set("options", &options)
                .set("ofport_request", number);
            self.differs.push(format!("type, options or ofport_request of {} are others", port.name));
        }
        self.put_missing("Interface", &interface, "bfd", bfd_of(port));
        self.put_missing("Port", there, "external_ids", owned(owner_of(port)));
        let error: Option<String> = interface.read("error");
        match interface.read::<Option<i64>>("ofport") {
            Some(has) if has == number => {}
            _ if error.is_some() => drop(self.broken.insert(port.name.clone(), error.unwrap_or_default())),
            Some(has) if has > 0 => {
                let why = format!("has OpenFlow port {has}, asked for {number}: another port of {BRIDGE} holds it");
                self.broken.insert(port.name.clone(), why);
            }
            _ => drop(self.broken.insert(port.name.clone(), "Open vSwitch has not opened it yet".into())),
        }
    }

    /// Names of ports are unique in the whole database: one that another bridge has would refuse the transaction.
    fn is_free(&mut self, port: &Port, taken: &BTreeSet<String>) -> bool {
        let free = !taken.contains(&port.name);
        if !free {
            self.broken.insert(port.name.clone(), "another bridge has a port of this name; remove it there".into());
        }
        free
    }

    fn insert_local(&mut self, bridge: &Bridge) -> NamedUuid {
        let interface = self.txn.insert("Interface").set("name", BRIDGE).set("type", "internal");
        let interface = interface.set("mtu_request", i64::from(bridge.mtu)).id();
        self.txn.insert("Port").set("name", BRIDGE).set("interfaces", interface).id()
    }

    fn insert_port(&mut self, port: &Port) -> NamedUuid {
        let (kind, options) = interface_of(port);
        let interface = self.txn.insert("Interface").set("name", port.name.as_str()).set("type", kind);
        let interface = interface.set("options", &options).set("ofport_request", i64::from(port.number));
        let interface = interface.set("bfd", bfd_of(port)).id();
        let made = self.txn.insert("Port").set("name", port.name.as_str()).set("interfaces", interface);
        made.set("external_ids", owned(owner_of(port))).id()
    }

    fn insert_controller(&mut self, target: &str) -> NamedUuid {
        let made = self.txn.insert("Controller").set("target", target);
        let made = made.set("connection_mode", "out-of-band").set("max_backoff", MAX_BACKOFF);
        made.set("inactivity_probe", PROBE).id()
    }
}

/// The names of all ports of all bridges.
fn names_of_ports(replica: &Replica) -> BTreeSet<String> {
    replica.rows("Port").map(|port| port.read("name")).collect()
}

/// Columns of the bridge that hold one string each.
fn strings(bridge: &Bridge) -> [(&'static str, &'static str); 3] {
    [("datapath_type", bridge.datapath.as_str()), ("fail_mode", "secure"), ("protocols", "OpenFlow13")]
}

fn other_config(bridge: &Bridge) -> StringMap {
    let pairs = [
        ("datapath-id", format!("{:016x}", bridge.datapath_id)),
        ("hwaddr", bridge.mac.to_string()),
        ("disable-in-band", "true".to_owned()),
    ];
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn owned(what: &str) -> StringMap {
    BTreeMap::from([(OWNER.to_owned(), what.to_owned())])
}

fn owner_of(port: &Port) -> &'static str {
    match port.kind {
        PortKind::Endpoint => "endpoint",
        PortKind::Tunnel { .. } => "tunnel",
    }
}

/// The peer that a port leads to, if it leads to one only.
fn peer_of(port: &Port) -> Option<&Name> {
    match &port.kind {
        PortKind::Tunnel { remote, .. } => remote.as_ref().map(|remote| &remote.node),
        PortKind::Endpoint => None,
    }
}

fn bfd_of(port: &Port) -> StringMap {
    let pairs = BFD.into_iter().filter(|_| peer_of(port).is_some());
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn interface(port: &Row, replica: &Replica) -> Option<Row> {
    let first = port.read::<BTreeSet<Uuid>>("interfaces").into_iter().next()?;
    replica.row("Interface", first)
}

/// Type and options of a port's interface.
fn interface_of(port: &Port) -> (&'static str, StringMap) {
    let PortKind::Tunnel { tunnel, local, remote } = &port.kind else { return ("", StringMap::new()) };
    let remote = remote.as_ref().map_or_else(|| "flow".to_owned(), |remote| remote.address.to_string());
    let options = [("local_ip", local.to_string()), ("remote_ip", remote), ("key", "flow".to_owned())];
    (tunnel.as_str(), options.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}
