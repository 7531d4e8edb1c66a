//! Clients that keep their backend, from wherever they come, also when the controller starts anew.

mod common;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use api::status::{Event, Flow};
use common::{add, at, eventually, flows, host, pod_at, sdnctl, settle, sh, up};
use integration::client::{flow_mods, sdnctl_json};
use integration::traffic::{Server, ask};
use integration::{Place, Pod, PodSpec, Target, Testbed};

const VIP: &str = "10.96.0.10";

fn backends(testbed: &Testbed) -> (Vec<Pod>, Vec<Server>) {
    let labels = vec!["app=web".to_owned()];
    let pod = |n: u16| {
        testbed.pod_add(&PodSpec { labels: labels.clone(), ..PodSpec::new(&format!("web{n}"), host(n % 2 + 1)) })
    };
    let pods: Vec<Pod> = (1..=4u16).map(|n| pod(n).unwrap()).collect();
    let servers = pods.iter().map(|pod| Server::start(testbed, &pod_at(pod), 8080).unwrap()).collect();
    (pods, servers)
}

/// Who answers a client's connections, opened one right after the other.
fn who(testbed: &Testbed, from: &Place, ip: &str, port: u16, times: usize) -> BTreeSet<String> {
    let ip: IpAddr = ip.parse().unwrap();
    (0..times).map(|_| ask(testbed, from, ip, port).unwrap_or_else(|error| panic!("{from}: {error:#}")).0).collect()
}

/// The only one.
fn one(answered: BTreeSet<String>) -> String {
    assert_eq!(answered.len(), 1, "{answered:?}");
    answered.into_iter().next().unwrap()
}

fn learned(testbed: &Testbed, node: &str) -> Vec<Flow> {
    let flows = flows(testbed, &format!("{node} --table affinity"));
    flows.into_iter().filter(|flow| flow.priority > 0).collect()
}

/// Waits until clients of the first host are bound to nobody.
///
/// When Open vSwitch removes a learned flow, its datapath still has what followed from it until the revalidators' next
/// round: a connection that comes in between goes where the client was bound to, and binds it to nobody. So this waits for
/// a round that began afterwards: the first to end may have begun before.
fn is_free(testbed: &Testbed) {
    eventually("the client is free", 10, || learned(testbed, "h1").is_empty());
    for _ in 0..2 {
        sh(testbed, &at(1), "ovs-appctl revalidator/wait");
    }
}

#[test]
fn a_client_keeps_its_backend_when_the_controller_starts_anew_and_loses_it_when_it_goes() {
    let testbed = up("t34-affinity", 2);
    let (pods, _servers) = backends(&testbed);
    let client = add(&testbed, "client", 1);
    let create = |name, vip, time| {
        format!("service create {name} --vip {vip} --port 80:8080/tcp --selector app=web --affinity {time}")
    };
    sdnctl(&testbed, &create("web", VIP, "3h"));
    sdnctl(&testbed, &create("week", "10.96.0.11", "7d"));
    sdnctl(&testbed, "service publish web 30080");
    sdnctl(&testbed, "service publish week 30081");
    let node = host(2).ip().to_string();
    let clients = [
        (pod_at(&client), VIP, 80),
        (at(1), VIP, 80),
        (pod_at(&pods[0]), VIP, 80),
        (pod_at(&client), "10.96.0.11", 80),
        (Place::External, node.as_str(), 30_080),
        (Place::External, node.as_str(), 30_081),
    ];
    let published = |port| ask(&testbed, &Place::External, host(2).ip().into(), port).is_ok();
    eventually("published", 5, || published(30_080) && published(30_081));
    let bound: Vec<String> = clients.iter().map(|(from, ip, port)| one(who(&testbed, from, ip, *port, 25))).collect();
    let seen = learned(&testbed, "h1");
    assert!(
        seen.len() >= 3 && seen.iter().all(|flow| flow.owner.as_deref().is_some_and(|o| o.starts_with("service/w"))),
        "{seen:#?}"
    );

    testbed.kill(Target::Controller).unwrap();
    testbed.start(Target::Controller).unwrap();
    settle(&testbed);
    // Longer than until groups are looked at again.
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(flow_mods(&testbed).unwrap(), 0, "what was learned is no drift");
    assert!(flows(&testbed, "h1 --diff").is_empty());
    let events: Vec<Event> = sdnctl_json(&testbed, "events").unwrap();
    assert!(events.iter().all(|event| event.kind != "drift"), "{events:#?}");
    for ((from, ip, port), bound) in clients.iter().zip(&bound) {
        assert_eq!(one(who(&testbed, from, ip, *port, 5)), *bound, "{from}");
    }

    let to = |cookie: u64| learned(&testbed, "h1").iter().filter(|flow| flow.cookie == cookie).count();
    let client_ip = format!("nw_src={}", client.ip);
    let mine = learned(&testbed, "h1")
        .into_iter()
        .find(|flow| flow.matching.contains(&client_ip) && flow.matching.contains(VIP));
    let cookie = mine.expect("the client is bound").cookie;
    assert!(to(cookie) > 0);
    testbed.pod_rm(&bound[0]).unwrap();
    assert_eq!(to(cookie), 0, "what binds to it goes with it");
    let second = one(who(&testbed, &clients[0].0, VIP, 80, 20));
    assert_ne!(second, bound[0]);
}

#[test]
fn affinity_ends_with_its_timeout() {
    let testbed = up("t34-timeout", 2);
    let (_pods, _servers) = backends(&testbed);
    let client = pod_at(&add(&testbed, "client", 1));
    sdnctl(&testbed, &format!("service create web --vip {VIP} --port 80:8080/tcp --selector app=web --affinity 3s"));
    for _ in 0..3 {
        one(who(&testbed, &client, VIP, 80, 5));
        std::thread::sleep(Duration::from_secs(1));
        assert_eq!(learned(&testbed, "h1").len(), 1, "each connection prolongs it");
    }
    is_free(&testbed);
    let many: BTreeSet<String> = (0..5)
        .map(|_| {
            let server = one(who(&testbed, &client, VIP, 80, 3));
            is_free(&testbed);
            server
        })
        .collect();
    assert!(many.len() > 1, "another backend now and then: {many:?}");
}
