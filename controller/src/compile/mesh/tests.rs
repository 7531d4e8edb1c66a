use api::{MeshSpec, NodeSpec};

use crate::{
    compile::{
        Compiler, Host, Mesh, PortKind, View, agent_config, host,
        tests::{built, commit, endpoint, json, name},
    },
    intent::Change,
    pipeline::Table,
};

/// What matches and actions of a node's flows say, each once.
fn said(compiler: &Compiler, n: u32) -> String {
    let state = compiler.state(&name(&format!("h{n}")));
    state.flows.iter().map(|(key, body)| format!("{:?} {:?}\n", key.matching, body.instructions)).collect()
}

fn node(n: u32, zone: Option<&str>) -> Change {
    let spec: NodeSpec = json(serde_json::json!({"address": format!("172.30.0.{n}"), "mtu": 1500, "zone": zone}));
    Change::PutNode(name(&format!("h{n}")), spec)
}

fn pair(one: u32, other: u32, way: Option<api::Way>) -> Change {
    Change::PutPair([name(&format!("h{one}")), name(&format!("h{other}"))], way)
}

/// Three nodes in zones a, a and b, two in none, and a flat network with an endpoint on each of the first three.
fn zones() -> Vec<Change> {
    let nodes = [node(1, Some("a")), node(2, Some("a")), node(3, Some("b")), node(4, None), node(5, None)];
    let flat = json(serde_json::json!({"subnets": ["10.50.0.0/24"], "mode": "flat", "tunnel": "geneve"}));
    let mut changes = nodes.to_vec();
    changes.push(Change::PutNetwork(name("blue"), flat));
    changes.extend((1..4).map(|n| {
        let spec = serde_json::json!({"node": format!("h{n}"), "device": format!("q{n}"), "network": "blue"});
        Change::PutEndpoint(name(&format!("b{n}")), json(spec))
    }));
    changes.push(endpoint(1, 1, false));
    changes
}

fn mode(mode: Mesh) -> Change {
    Change::PutMesh(MeshSpec { mode })
}

fn with(changes: &[Change]) -> Compiler {
    built(&[zones(), changes.to_vec()].concat())
}

fn tunnels(compiler: &Compiler, n: u32) -> Vec<String> {
    let view = View { intent: compiler.intent(), settings: compiler.settings() };
    let Host { ports, .. } = host(&view, &name(&format!("h{n}")));
    ports.into_keys().filter(|port| port.starts_with("kbr0-")).collect()
}

#[test]
fn a_mixed_mesh_has_ports_within_zones_and_another_for_all_others() {
    let compiler = with(&[mode(Mesh::Mixed)]);
    assert_eq!(tunnels(&compiler, 1), ["kbr0-geneve", "kbr0-to-0002", "kbr0-vxlan"]);
    assert_eq!(tunnels(&compiler, 3), ["kbr0-geneve", "kbr0-vxlan"]);
    assert_eq!(tunnels(&compiler, 4), ["kbr0-geneve", "kbr0-vxlan"], "who says no zone is in none");
}

#[test]
fn a_pair_goes_its_own_way_in_every_mode() {
    let chosen = [pair(3, 1, Some(api::Way::Static)), pair(1, 2, Some(api::Way::Flow))];
    let of = |kind: Mesh| with(&[&chosen[..], &[mode(kind)]].concat());
    assert_eq!(tunnels(&of(Mesh::Flow), 1), ["kbr0-geneve", "kbr0-to-0003", "kbr0-vxlan"]);
    assert_eq!(tunnels(&of(Mesh::Flow), 4), ["kbr0-geneve", "kbr0-vxlan"]);
    let fixed = of(Mesh::Static);
    assert_eq!(tunnels(&fixed, 1), ["kbr0-geneve", "kbr0-to-0003", "kbr0-to-0004", "kbr0-to-0005", "kbr0-vxlan"]);
    assert_eq!(tunnels(&fixed, 3), ["kbr0-to-0001", "kbr0-to-0002", "kbr0-to-0004", "kbr0-to-0005"]);
}

#[test]
fn whatever_the_way_the_same_flows_lead_there() {
    let count = |compiler: &Compiler| compiler.state(&name("h1")).flows.len();
    let all = count(&with(&[mode(Mesh::Mixed)]));
    assert_eq!(count(&with(&[mode(Mesh::Mixed), pair(1, 2, Some(api::Way::Flow))])), all + 1, "of two kinds of tunnel");
    assert_eq!(count(&with(&[mode(Mesh::Mixed), pair(1, 3, Some(api::Way::Static))])), all - 1);
}

#[test]
fn choosing_for_a_pair_changes_these_two_nodes_only() {
    let mut compiler = with(&[]);
    let mut intent = compiler.intent().clone();
    let txn = commit(&mut intent, &pair(1, 3, Some(api::Way::Static))).unwrap();
    let deltas = compiler.apply(&txn);
    assert_eq!(deltas.keys().map(|name| name.as_str()).collect::<Vec<_>>(), ["h1", "h3"]);
}

#[test]
fn a_pair_is_of_two_nodes_that_are_there_and_goes_with_them() {
    let mut intent = with(&[]).intent().clone();
    let way = Some(api::Way::Static);
    assert!(commit(&mut intent, &pair(1, 1, way)).is_none());
    assert!(commit(&mut intent, &pair(1, 9, way)).is_none());
    assert!(commit(&mut intent, &pair(4, 1, way)).is_some());
    assert!(commit(&mut intent, &pair(1, 4, way)).is_none(), "it is so already");
    assert!(commit(&mut intent, &pair(1, 5, None)).is_none());
    commit(&mut intent, &Change::DeleteNode(name("h4"))).unwrap();
    assert_eq!(intent.mesh.unwrap().pairs, []);
}

#[test]
fn an_underlay_of_ipv6_has_tunnels_of_ipv6_and_nothing_else_of_it() {
    let node = |n: u32, ip: &str| {
        let spec: NodeSpec = json(serde_json::json!({"address": ip, "mtu": 1500}));
        Change::PutNode(name(&format!("h{n}")), spec)
    };
    let compiler = built(&[node(1, "fd30::1"), node(2, "fd30::2")]);
    let view = View { intent: compiler.intent(), settings: compiler.settings() };
    let Host { bridge, ports } = host(&view, &name("h1"));
    assert_eq!(bridge.unwrap().mtu, 1430);
    let PortKind::Tunnel { local, remote: None, .. } = &ports["kbr0-vxlan"].kind else { panic!("{ports:?}") };
    assert_eq!(local.to_string(), "fd30::1");
    let flows = said(&compiler, 1);
    let four = said(&built(&[node(1, "172.30.0.1"), node(2, "172.30.0.2")]), 1);
    let count = |text: &str, what: &str| text.to_lowercase().matches(what).count();
    assert_eq!(count(&flows, "tun_ipv6_dst"), count(&four, "tun_ipv4_dst") - 1, "no way to the address of a node");
    assert!(count(&flows, "tun_ipv6_src") > 0 && count(&flows, "tun_ipv4") == 0, "{flows}");
    assert_eq!(count(&flows, "ipv6_dst") - count(&flows, "tun_ipv6_dst"), 0);
}

#[test]
fn all_nodes_have_underlay_addresses_of_one_family() {
    let mut intent = built(&[node(1, None)]).intent().clone();
    let put = |ip: &str| Change::PutNode(name("h2"), json(serde_json::json!({"address": ip, "mtu": 1500})));
    assert!(commit(&mut intent, &put("fd30::2")).is_none());
    for wrong in ["fe80::1", "::1", "::ffff:192.0.2.1", "ff02::1", "::"] {
        assert!(commit(&mut built(&[]).intent().clone(), &put(wrong)).is_none(), "{wrong}");
    }
    assert!(commit(&mut intent, &put("172.30.0.2")).is_some());
}

/// Three nodes in one subnet and one in another.
fn subnets() -> Vec<Change> {
    let node = |n: u32, prefix: u8| {
        let spec = serde_json::json!({"address": format!("172.30.0.{n}"), "prefix": prefix, "mtu": 1500});
        Change::PutNode(name(&format!("h{n}")), json(spec))
    };
    let mut changes: Vec<Change> = [1, 2, 3].map(|n| node(n, 24)).to_vec();
    changes.extend([node(4, 25), endpoint(1, 1, false)]);
    changes
}

fn way(compiler: &Compiler, one: u32, other: u32) -> api::Way {
    let view = View { intent: compiler.intent(), settings: compiler.settings() };
    let node = |n: u32| compiler.intent().nodes.get(format!("h{n}").as_str()).unwrap().clone();
    view.way(&node(one), &node(other))
}

fn direct_peers(compiler: &Compiler, n: u32) -> Vec<(String, String)> {
    let config = agent_config(compiler.intent(), compiler.settings(), &name(&format!("h{n}")), 1).unwrap();
    let direct = config.peers.into_iter().filter_map(|peer| Some((peer.name.to_string(), peer.direct?.to_string())));
    direct.collect()
}

#[test]
fn hosts_of_one_subnet_send_plain_packets_to_their_kernel_and_all_else_as_ever() {
    let flow = built(&subnets());
    let direct = built(&[subnets(), vec![mode(Mesh::Direct)]].concat());
    assert_eq!((way(&direct, 1, 2), way(&direct, 1, 4)), (api::Way::Direct, api::Way::Flow), "another subnet");
    assert_eq!(tunnels(&direct, 1), tunnels(&flow, 1));
    let (before, after) = (flow.state(&name("h1")), direct.state(&name("h1")));
    assert!(before.flows.keys().all(|key| after.flows.contains_key(key)));
    let new = after.flows.iter().filter(|(key, _)| !before.flows.contains_key(*key));
    let new: Vec<(u8, u16)> = new.map(|(key, _)| (key.table, key.priority)).collect();
    assert_eq!(new, [(Table::Route.id(), 110), (Table::Route.id(), 110), (Table::Deliver.id(), 50)]);
    let range = Change::SetContainers(name("h2"), Some("10.244.2.128/25".parse().unwrap()));
    let contained = built(&[subnets(), vec![mode(Mesh::Direct), range]].concat()).state(&name("h1"));
    let range = contained.flows.keys().filter(|key| (key.table, key.priority) == (Table::Route.id(), 120));
    assert_eq!((range.count(), contained.flows.len()), (1, after.flows.len() + 1), "to a range of containers");
    let h2 = ("h2".to_owned(), "10.244.2.0/24".to_owned());
    assert_eq!(direct_peers(&direct, 1), [h2, ("h3".to_owned(), "10.244.3.0/24".to_owned())]);
    assert_eq!(direct_peers(&direct, 4), []);
}

#[test]
fn two_hosts_may_go_direct_by_themselves() {
    let mut compiler = built(&subnets());
    let mut intent = compiler.intent().clone();
    let deltas = compiler.apply(&commit(&mut intent, &pair(1, 3, Some(api::Way::Direct))).unwrap());
    assert_eq!(deltas.keys().map(|name| name.as_str()).collect::<Vec<_>>(), ["h1", "h3"]);
    assert!(deltas.values().all(|delta| delta.flows.len() == 2 && delta.ports.is_empty()), "{deltas:?}");
    assert_eq!((way(&compiler, 3, 1), way(&compiler, 1, 2)), (api::Way::Direct, api::Way::Flow));
    assert_eq!(direct_peers(&compiler, 3).len(), 1);
    commit(&mut intent, &Change::SetNodeDown(name("h1"), true)).unwrap();
    assert_eq!(direct_peers(&Compiler::new(compiler.settings().clone(), intent), 3), [], "who is down is not");
    let far = built(&[subnets(), vec![pair(1, 4, Some(api::Way::Direct))]].concat());
    assert_eq!(way(&far, 1, 4), api::Way::Flow);
}
