use std::collections::{BTreeMap, BTreeSet};

use api::{Name, NameKey, NameKeys};

use super::*;
use crate::intent::{Change, Intent, Txn};

/// An intent in the making, and the log that follows it.
struct World {
    intent: Intent,
    log: NameLog,
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn json<T: serde::de::DeserializeOwned>(value: serde_json::Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn keys(list: &[(&str, NameKey)]) -> NameKeys {
    let mut keys = BTreeMap::<Name, BTreeSet<NameKey>>::new();
    for (network, key) in list {
        keys.entry(name(network)).or_default().insert(key.clone());
    }
    keys
}

fn of(text: &str) -> NameKey {
    NameKey::Name(text.into())
}

fn backends(text: &str) -> NameKey {
    NameKey::Backends(text.into())
}

impl World {
    fn new() -> Self {
        let mut world = Self { intent: Intent::default(), log: NameLog::default() };
        let network = |subnet: &str, mode: &str| json(serde_json::json!({"subnets": [subnet], "mode": mode}));
        world.change(Change::PutNetwork(name("default"), network("10.244.0.0/16", "routed")));
        world.change(Change::PutNetwork(name("blue"), network("10.50.0.0/16", "flat")));
        for n in 1..=2 {
            let node = serde_json::json!({"address": format!("172.30.0.{n}"), "mtu": 1500, "datapath": "netdev"});
            world.change(Change::PutNode(name(&format!("h{n}")), json(node)));
        }
        world
    }

    fn change(&mut self, change: Change) -> Txn {
        let services = "10.96.0.0/12".parse().unwrap();
        let txn = self.intent.plan(&[change], &services, 0).unwrap().txn.unwrap();
        self.intent.apply(&txn);
        self.log.follow(&txn, &self.intent);
        txn
    }

    fn endpoint(&mut self, at: (&str, &str), endpoint: &str) {
        let (node, network) = at;
        let spec = serde_json::json!({
            "node": node, "network": network, "device": format!("p{endpoint}"), "labels": {"app": "web"},
        });
        self.change(Change::PutEndpoint(name(endpoint), json(spec)));
    }

    fn service(&mut self, service: &str, network: &str, vip: &str) {
        let spec = serde_json::json!({
            "network": network, "vip": vip, "ports": [{"port": 80, "target_port": 8080}], "selector": {"app": "web"},
        });
        self.change(Change::PutService(name(service), json(spec)));
    }

    fn found(&self, node: &str, network: &str, key: &NameKey) -> Option<api::Found> {
        let [named] = &lookup(&self.intent, &name(node), &name(network), key)[..] else { panic!("one answer") };
        named.found.clone()
    }

    fn revision(&self) -> u64 {
        self.intent.revision()
    }
}

#[test]
fn a_name_is_a_service_or_else_an_endpoint_of_its_own_network_only() {
    let mut world = World::new();
    world.endpoint(("h1", "default"), "a");
    world.endpoint(("h1", "blue"), "web");
    world.service("web", "default", "10.96.0.10");
    world.service("Shop", "default", "none");
    let vip = world.found("h1", "default", &of("web")).unwrap();
    assert!(vip.service && vip.ips == ["10.96.0.10".parse::<std::net::IpAddr>().unwrap()] && vip.backends.is_empty());
    assert!(!world.found("h1", "blue", &of("web")).unwrap().service, "an endpoint of the other network");
    assert_eq!(world.found("h1", "blue", &of("a")), None);
    assert_eq!(world.found("h2", "blue", &of("web")), None, "h2 has no endpoint there");
    let headless = world.found("h2", "default", &of("shop")).unwrap();
    assert_eq!((headless.ips.len(), headless.backends.len()), (0, 1));
    let tasks = world.found("h1", "default", &backends("web")).unwrap();
    assert_eq!(tasks.backends[0].name, name("a"));
    let reverse = world.found("h1", "default", &NameKey::Ip(tasks.backends[0].ips[0])).unwrap();
    assert_eq!(reverse.name, name("a"));
    assert_eq!(world.found("h1", "blue", &NameKey::Ip(tasks.backends[0].ips[0])), None);
}

#[test]
fn all_services_with_an_address_come_at_once() {
    let mut world = World::new();
    for n in 1..=3 {
        world.service(&format!("s{n}"), "default", &format!("10.96.0.{n}"));
    }
    world.service("bare", "default", "none");
    let all = lookup(&world.intent, &name("h1"), &name("default"), &NameKey::Services);
    let names: Vec<&NameKey> = all.iter().map(|named| &named.key).collect();
    assert_eq!(names, [&of("s1"), &of("s2"), &of("s3"), &NameKey::Services]);
}

#[test]
fn whoever_follows_a_name_is_told_of_its_changes_and_of_no_others() {
    let mut world = World::new();
    world.endpoint(("h1", "default"), "a");
    world.service("web", "default", "10.96.0.10");
    world.service("bare", "default", "none");
    let known = keys(&[("default", of("a")), ("default", backends("web")), ("default", of("bare"))]);
    let all = keys(&[("default", NameKey::Services)]);
    let before = world.revision();
    assert_eq!(world.log.changes(&known, before), Changes::default());
    world.endpoint(("h2", "default"), "b");
    let changed = keys(&[("default", backends("web")), ("default", of("bare"))]);
    assert_eq!(world.log.changes(&known, before), Changes { keys: changed, last: world.revision() });
    assert_eq!(world.log.changes(&all, before), Changes::default(), "its address stays");
    let before = world.revision();
    world.change(Change::DeleteService(name("web")));
    assert_eq!(world.log.changes(&all, before).keys, keys(&[("default", of("web"))]));
    let before = world.revision();
    world.change(Change::SetNodeDown(name("h2"), true));
    assert_eq!(world.log.changes(&known, before).keys, keys(&[("default", of("bare"))]));
    assert_eq!(world.found("h1", "default", &of("bare")).unwrap().backends.len(), 1);
    assert_eq!(world.log.last_touch(&keys(&[("default", of("bare"))])), world.revision());
}

#[test]
fn backends_that_take_nothing_new_are_left_out_while_there_are_others() {
    let mut world = World::new();
    world.endpoint(("h1", "default"), "a");
    world.endpoint(("h2", "default"), "b");
    world.service("web", "default", "10.96.0.10");
    let tasks = |world: &World| {
        let found = world.found("h1", "default", &backends("web")).unwrap();
        found.backends.iter().map(|target| target.name.to_string()).collect::<Vec<_>>()
    };
    let known = keys(&[("default", backends("web"))]);
    let before = world.revision();
    let ends = serde_json::json!({
        "node": "h1", "network": "default", "device": "pa", "labels": {"app": "web"}, "terminating": true,
    });
    world.change(Change::PutEndpoint(name("a"), json(ends)));
    assert_eq!(tasks(&world), ["b"]);
    assert_eq!(world.log.changes(&known, before).keys, known);
    world.change(Change::SetNodeDrained(name("h2"), true));
    assert_eq!(tasks(&world), ["a", "b"], "nobody else is there");
}

#[test]
fn what_is_not_remembered_counts_as_changed() {
    let mut world = World::new();
    let known = keys(&[("default", of("a"))]);
    let log = NameLog::default();
    log.start(&world.intent);
    assert_eq!(log.changes(&known, world.revision() - 1).keys, known);
    assert_eq!(log.changes(&known, world.revision() + 1).keys, known, "a backup was put in place");
    assert!(log.changes(&known, world.revision()).keys.is_empty());
    for n in 0..5_000 {
        let vip = format!("10.96.{}.{}", n % 2, 1);
        world.service("other", "default", &vip);
    }
    assert_eq!(world.log.changes(&known, 5).keys, known);
    assert!(world.log.changes(&known, world.revision() - 10).keys.is_empty());
}

#[test]
fn domains_are_checked() {
    assert_eq!("SDN.internal.".parse::<Domain>().unwrap(), Domain::default());
    for bad in ["", ".", "a..b", "-a", "a b", "a_b", &"a".repeat(65)] {
        assert!(bad.parse::<Domain>().is_err(), "{bad:?}");
    }
}
