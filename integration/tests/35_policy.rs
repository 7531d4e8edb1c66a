//! Policies: who may talk with whom, with real packets.

mod common;

use std::fs;
use std::net::IpAddr;

use api::status::FlowDump;
use api::{Manifest, Planned};
use common::{add, at, flows, host, ip_of, packets, pings, pings_all, pod_at, sdnctl, sh, up};
use integration::client::sdnctl_json;
use integration::traffic::{Connection, Echo, Server, ask};
use integration::{Place, Pod, PodSpec, Testbed};
use serde_json::json;

const VIP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 96, 0, 10));

fn labelled(testbed: &Testbed, name: &str, n: u16, label: &str) -> Pod {
    let labels = vec![label.to_owned()];
    testbed.pod_add(&PodSpec { labels, ..PodSpec::new(name, host(n)) }).unwrap()
}

fn sdnctl_file(testbed: &Testbed, verb: &str, objects: &serde_json::Value) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), objects.to_string()).unwrap();
    sdnctl(testbed, &format!("{verb} -f {}", file.path().display()))
}

fn policy(testbed: &Testbed, name: &str, spec: serde_json::Value) {
    sdnctl_file(testbed, "apply", &json!({"kind": "policy", "name": name, "spec": spec}));
}

fn relabel(testbed: &Testbed, pod: &Pod, labels: serde_json::Value) {
    let mut found: Vec<serde_json::Value> = sdnctl_json(testbed, &format!("get endpoint/{}", pod.name)).unwrap();
    found[0]["spec"]["labels"] = labels;
    sdnctl_file(testbed, "apply", &found[0]);
}

fn reaches(testbed: &Testbed, from: &Pod, to: &Pod, port: u16) -> bool {
    ask(testbed, &pod_at(from), ip_of(to), port).is_ok()
}

/// Nothing on any switch is other than it is to be.
fn assert_as_intended(testbed: &Testbed) {
    for node in ["h1", "h2"] {
        let differing: FlowDump = sdnctl_json(testbed, &format!("flows dump {node} --diff")).unwrap();
        assert!(differing.flows.is_empty(), "{differing:?}");
    }
}

/// What the datapath of the first host has for packets from one pod to another.
fn in_datapath(testbed: &Testbed, from: &Pod, to: &Pod) -> Vec<String> {
    let dump = sh(testbed, &at(1), "ovs-appctl dpctl/dump-flows netdev@ovs-netdev");
    let between = format!("src={},dst={}", from.ip, to.ip);
    dump.lines().filter(|line| line.contains(&between)).map(str::to_owned).collect()
}

fn denied(testbed: &Testbed, node: &str, owner: &str) -> u64 {
    let reason = Some("no policy allows it");
    packets(testbed, node, |flow| flow.owner.as_deref() == Some(owner) && flow.reason.as_deref() == reason)
}

#[test]
fn what_no_rule_allows_is_dropped_and_counted_and_labels_ports_and_addresses_open() {
    let testbed = up("t35-rules", 2);
    let web = labelled(&testbed, "web", 1, "app=web");
    let _servers = [80, 8080, 8081, 8090].map(|port| Server::start(&testbed, &pod_at(&web), port).unwrap());
    let [near, far] = [(1, "near"), (2, "far")].map(|(n, name)| labelled(&testbed, name, n, "app=client"));
    let [db, other] = [(1, "db"), (2, "other")].map(|(n, name)| labelled(&testbed, name, n, "app=db"));
    assert!([&near, &far, &db].iter().all(|from| reaches(&testbed, from, &web, 80)));

    policy(&testbed, "quiet", json!({"selector": {"app": "web"}, "ingress": []}));
    assert!(![&near, &far, &db].iter().any(|from| reaches(&testbed, from, &web, 80)), "nothing is allowed");
    assert!(denied(&testbed, "h1", "policy/quiet") >= 3);
    assert!(pings_all(&testbed, &pod_at(&near), &db.ip), "others are not concerned");
    let datapath = in_datapath(&testbed, &near, &db);
    assert_eq!(datapath.len(), 1, "one flow each way: {datapath:?}");
    assert!(datapath[0].contains("recirc_id(0)") && !datapath[0].contains("ct("), "{datapath:?}");
    assert!(pings_all(&testbed, &pod_at(&web), &far.ip), "what it begins itself is answered");
    assert!(pings(&testbed, &at(1), &web.ip), "its own host reaches it");
    assert!(!pings(&testbed, &at(2), &web.ip), "another host does not");

    let ports = json!([{"port": 80}, {"port": 8080, "end_port": 8085}]);
    let clients = json!([{"peers": [{"selector": {"app": "client"}}], "ports": ports}]);
    policy(&testbed, "clients", json!({"selector": {"app": "web"}, "ingress": clients}));
    for from in [&near, &far] {
        let opened = [80, 8080, 8081, 8090].map(|port| reaches(&testbed, from, &web, port));
        assert_eq!(opened, [true, true, true, false], "from {}", from.name);
        assert!(!pings(&testbed, &pod_at(from), &web.ip));
    }
    assert!(!reaches(&testbed, &db, &web, 80));
    assert_as_intended(&testbed);

    let cidr = json!({"cidr": "10.244.0.0/16", "except": [format!("{}/32", other.ip)]});
    policy(&testbed, "pods", json!({"selector": {"app": "web"}, "ingress": [{"peers": [cidr]}]}));
    assert!(reaches(&testbed, &db, &web, 8090) && pings_all(&testbed, &pod_at(&db), &web.ip));
    assert!(!reaches(&testbed, &other, &web, 80), "excepted");
    assert!(sdnctl(&testbed, "policy ls").contains("clients") && sdnctl(&testbed, "get policies").contains("except"));
    assert!(sdnctl(&testbed, "policy inspect pods").contains(&other.ip));

    ["quiet", "clients", "pods"].iter().for_each(|name| drop(sdnctl(&testbed, &format!("policy rm {name}"))));
    assert!(reaches(&testbed, &other, &web, 8090));
    assert_as_intended(&testbed);
}

#[test]
fn a_service_is_allowed_by_its_backend_and_seen_as_its_client() {
    let testbed = up("t35-service", 2);
    let [one, two] = [(1, "web1"), (2, "web2")].map(|(n, name)| labelled(&testbed, name, n, "app=web"));
    let _servers = [&one, &two].map(|pod| Server::start(&testbed, &pod_at(pod), 8080).unwrap());
    let client = labelled(&testbed, "client", 1, "app=client");
    let stranger = add(&testbed, "stranger", 1);
    sdnctl(&testbed, &format!("service create web --vip {VIP} --port 80:8080/tcp --selector app=web"));
    let web = json!({"selector": {"app": "web"}});
    let port = json!([{"port": 8080}]);
    let from_clients = json!([{"peers": [{"selector": {"app": "client"}}], "ports": port}]);
    policy(&testbed, "web", json!({"selector": {"app": "web"}, "ingress": from_clients}));
    policy(&testbed, "client", json!({"selector": {"app": "client"}, "egress": [{"peers": [web], "ports": port}]}));
    let mut met = std::collections::BTreeSet::new();
    for _ in 0..20 {
        let (server, seen) = ask(&testbed, &pod_at(&client), VIP, 80).unwrap();
        assert_eq!(seen, ip_of(&client));
        met.insert(server);
    }
    assert_eq!(met.len(), 2, "both backends answer: {met:?}");
    assert!(ask(&testbed, &pod_at(&stranger), VIP, 80).is_err(), "the backends let only clients in");
    assert!(!pings(&testbed, &pod_at(&client), &stranger.ip), "the client gets nowhere else");
    assert!(denied(&testbed, "h1", "policy/client") > 0);
    policy(&testbed, "client", json!({"selector": {"app": "client"}, "egress": []}));
    assert!(ask(&testbed, &pod_at(&client), VIP, 80).is_err());
    assert_as_intended(&testbed);
}

#[test]
fn a_connection_lives_as_long_as_it_is_allowed() {
    let testbed = up("t35-cut", 2);
    let web = labelled(&testbed, "web", 1, "app=web");
    let _server = Server::start(&testbed, &pod_at(&web), 80).unwrap();
    let [good, bad] = ["good", "bad"].map(|name| labelled(&testbed, name, 2, &format!("app={name}")));
    let open = |pod: &Pod| Connection::open(&testbed, &pod_at(pod), ip_of(&web), 80).unwrap();
    let mut before = [open(&good), open(&bad)];
    let allow = |peers| json!({"selector": {"app": "web"}, "ingress": [{"peers": peers}]});
    policy(&testbed, "web", allow(json!([{"selector": {"app": "good"}}])));
    assert_eq!(before.each_mut().map(Connection::echo), [Echo::Answered, Echo::Hangs], "open before any policy");

    let mut tracked = open(&good);
    assert_eq!(tracked.echo(), Echo::Answered);
    policy(&testbed, "web", allow(json!([{"selector": {"app": "bad"}}])));
    assert_eq!(tracked.echo(), Echo::Hangs, "allowed no more");
    assert!(reaches(&testbed, &bad, &web, 80) && !reaches(&testbed, &good, &web, 80));

    relabel(&testbed, &bad, json!({"app": "good"}));
    assert!(!reaches(&testbed, &bad, &web, 80), "a peer that left the selector");
    relabel(&testbed, &bad, json!({"app": "bad"}));
    assert!(reaches(&testbed, &bad, &web, 80), "and entered it");
    relabel(&testbed, &web, json!({"app": "free"}));
    assert!(reaches(&testbed, &good, &web, 80), "the policy is not about it any more");
    relabel(&testbed, &web, json!({"app": "web"}));
    assert!(!reaches(&testbed, &good, &web, 80), "and is again");
}

#[test]
fn a_new_endpoint_is_isolated_from_its_first_packet_and_plans_and_watches_know_policies() {
    let testbed = up("t35-new", 2);
    let spec = json!({"selector": {"app": "web"}, "ingress": [], "egress": []});
    let object = json!({"kind": "policy", "name": "shut", "spec": spec});
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), object.to_string()).unwrap();
    let plan: Planned = sdnctl_json(&testbed, &format!("plan -f {}", file.path().display())).unwrap();
    assert!(plan.nodes.is_empty(), "it is about nobody yet");
    let without = flows(&testbed, "h1").len();
    policy(&testbed, "shut", spec);
    assert_eq!(flows(&testbed, "h1").len(), without, "it costs nothing where it is about nobody");
    let peer = add(&testbed, "peer", 2);
    let web = labelled(&testbed, "web", 1, "app=web");
    assert!(!pings(&testbed, &pod_at(&web), &peer.ip));
    assert!(!pings(&testbed, &pod_at(&peer), &web.ip));
    assert!(denied(&testbed, "h1", "policy/shut") >= 6, "each of them was dropped where it was to be");
    let watch = format!("timeout 1 sdnctl watch --after {} --kind policy || true", plan.revision);
    let told = testbed.run(&Place::Controller, &["sh", "-c", &watch]).unwrap();
    assert_eq!(told.lines().filter_map(|line| Some(line.split_once(' ')?.1)).collect::<Vec<_>>(), ["put policy/shut"]);
    let manifest: Vec<Manifest> = sdnctl_json(&testbed, "get policy/shut").unwrap();
    assert!(matches!(manifest.as_slice(), [Manifest::Policy { name, .. }] if name.as_str() == "shut"));
    let owned = flows(&testbed, "h1 --owner policy/shut");
    assert!(owned.len() >= 8 && owned.iter().all(|flow| flow.revision.is_some()), "{owned:?}");
}
