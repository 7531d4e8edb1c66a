//! Traffic policies: which backends are reached from where, and what load balancers outside are told.

mod common;

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use common::{add, at, eventually, host, packets, pod_at, sdnctl, try_sh, up, up_with};
use integration::client::http;
use integration::traffic::{Connection, Echo, Server, ask};
use integration::{Config, Place, Pod, PodSpec, Testbed};

const VIP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 96, 0, 10));

/// Backends on the first two hosts.
fn backends(testbed: &Testbed) -> (Vec<Pod>, Vec<Server>) {
    let labels = vec!["app=web".to_owned()];
    let pod = |n| testbed.pod_add(&PodSpec { labels: labels.clone(), ..PodSpec::new(&format!("web{n}"), host(n)) });
    let pods: Vec<Pod> = (1..=2).map(|n| pod(n).unwrap()).collect();
    let servers = pods.iter().map(|pod| Server::start(testbed, &pod_at(pod), 8080).unwrap()).collect();
    (pods, servers)
}

/// Who answers; nobody if nobody does.
fn who(testbed: &Testbed, from: &Place, ip: IpAddr, port: u16) -> BTreeSet<String> {
    let first = ask(testbed, from, ip, port);
    if first.is_err() {
        return BTreeSet::new();
    }
    (0..14).map(|_| ask(testbed, from, ip, port).unwrap_or_else(|error| panic!("{from}: {error:#}")).0).collect()
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// What a host says at both its addresses, or what it says at each if they differ.
fn health(testbed: &Testbed, n: u16, port: u16) -> String {
    let said = [IpAddr::from(host(n).ip()), IpAddr::from(host(n).ip6())].map(|ip| {
        let at = SocketAddr::new(ip, port);
        let curl = format!("curl -g -s -m 3 -o /dev/null -w %{{http_code}} http://{at}/");
        try_sh(testbed, &Place::External, &curl).unwrap_or_default()
    });
    if said[0] == said[1] { said[0].clone() } else { said.join(" ") }
}

#[test]
fn external_local_keeps_to_the_node_and_tells_load_balancers() {
    let testbed = up_with(&Config { ipv6: true, ..Config::new("t36-external") });
    let (pods, _servers) = backends(&testbed);
    let client = pod_at(&add(&testbed, "client", 3));
    let options = "--port 80:8080/tcp --selector app=web --external local --health-port 30100";
    sdnctl(&testbed, &format!("service create web --vip {VIP} {options}"));
    sdnctl(&testbed, "service publish web 30080");
    let outside = Place::External;
    eventually("published", 5, || ask(&testbed, &outside, host(1).ip().into(), 30_080).is_ok());
    for (n, expected) in [(1, &["web1"][..]), (2, &["web2"]), (3, &[])] {
        assert_eq!(who(&testbed, &outside, host(n).ip().into(), 30_080), names(expected), "by h{n}");
    }
    assert!(
        packets(&testbed, "h3", |flow| flow.reason.as_deref() == Some("service without backends on this node")) > 0
    );
    assert_eq!(who(&testbed, &client, VIP, 80), names(&["web1", "web2"]), "inside, all of them");
    eventually("agents answer", 5, || [1, 2, 3].map(|n| health(&testbed, n, 30_100)) == ["200", "200", "503"]);

    let open = || Connection::open(&testbed, &client, VIP, 80).unwrap();
    let mut held: Vec<Connection> = (0..12).map(|_| open()).collect();
    assert_eq!(held.iter().map(|held| held.server.clone()).collect::<BTreeSet<_>>(), names(&["web1", "web2"]));
    sdnctl(&testbed, &format!("endpoint terminate {}", pods[0].name));
    assert_eq!(who(&testbed, &client, VIP, 80), names(&["web2"]), "no new connections");
    assert!(held.iter_mut().all(|held| held.echo() == Echo::Answered), "those that there were go on");
    eventually("agents follow", 5, || health(&testbed, 1, 30_100) == "503");
    sdnctl(&testbed, &format!("endpoint terminate --undo {}", pods[0].name));
    assert_eq!(who(&testbed, &client, VIP, 80), names(&["web1", "web2"]));
}

#[test]
fn clients_inside_stay_on_their_node_or_in_their_zone() {
    let testbed = up("t36-internal", 3);
    let (pods, _servers) = backends(&testbed);
    let clients: Vec<Place> = (1..=3).map(|n| pod_at(&add(&testbed, &format!("client{n}"), n))).collect();
    let create = |name, vip, options: &str| {
        sdnctl(&testbed, &format!("service create {name} --vip {vip} --port 80:8080/tcp --selector app=web {options}"));
    };
    create("local", "10.96.0.11", "--internal local");
    create("near", "10.96.0.12", "--prefer node");
    create("zonal", "10.96.0.13", "--prefer zone");
    let from = |n: usize, vip: &str| who(&testbed, &clients[n - 1], vip.parse().unwrap(), 80);
    for (vip, expected) in [
        ("10.96.0.11", [&["web1"][..], &["web2"], &[]]),
        ("10.96.0.12", [&["web1"], &["web2"], &["web1", "web2"]]),
        ("10.96.0.13", [&["web1", "web2"], &["web1", "web2"], &["web1", "web2"]]),
    ] {
        for (n, expected) in (1..).zip(expected) {
            assert_eq!(from(n, vip), names(expected), "{vip} from h{n}");
        }
    }
    assert_eq!(who(&testbed, &at(1), "10.96.0.11".parse().unwrap(), 80), names(&["web1"]), "the host itself");

    for (n, zone) in [(1, "a"), (2, "b"), (3, "b")] {
        let spec = serde_json::json!({"address": host(n).ip(), "mtu": 1500, "datapath": "netdev", "zone": zone});
        let answer = http(&testbed, "PUT", &format!("/v1/nodes/h{n}?wait=true"), spec.to_string().as_bytes()).unwrap();
        assert!([200, 202].contains(&answer.status), "{}", answer.body);
    }
    for (n, expected) in [(1, "web1"), (2, "web2"), (3, "web2")] {
        eventually(&format!("h{n} stays in its zone"), 5, || from(n, "10.96.0.13") == names(&[expected]));
    }
    let mut held = Connection::open(&testbed, &clients[2], "10.96.0.13".parse().unwrap(), 80).unwrap();
    testbed.pod_rm(&pods[0].name).unwrap();
    assert_eq!(from(1, "10.96.0.13"), names(&["web2"]), "another zone's, where there is none");
    assert_eq!(from(1, "10.96.0.12"), names(&["web2"]));
    assert_eq!(held.echo(), Echo::Answered);
}

#[test]
fn agents_say_in_which_zone_they_are() {
    let zones = ["a", "b", "b"].map(str::to_owned).to_vec();
    let testbed = common::up_with(&integration::Config { zones, ..integration::Config::new("t36-zones") });
    let (_pods, _servers) = backends(&testbed);
    let vip = "10.96.0.13";
    sdnctl(&testbed, &format!("service create zonal --vip {vip} --port 80:8080/tcp --selector app=web --prefer zone"));
    for (n, expected) in [(1, "web1"), (2, "web2"), (3, "web2")] {
        assert_eq!(who(&testbed, &at(n), vip.parse().unwrap(), 80), names(&[expected]), "from h{n}");
    }
}
