//! A flood of connections to one service: the others do not notice.

mod common;

use std::net::IpAddr;
use std::thread;
use std::time::{Duration, Instant};

use api::NetworkConnections;
use common::{add, at, eventually, host, packets, pod_at, sdnctl, settle, sh, up, up_with};
use integration::client::{http, metric, sdnctl_json};
use integration::traffic::{Server, ask, knock};
use integration::{Config, Target, Testbed};

/// As many connections as one address has ports for, and again.
const ROUNDS: usize = 4;
const CONNECTIONS: usize = 25_000;

#[test]
fn others_are_served_while_one_service_is_flooded() {
    let testbed = up("t39-flood", 2);
    let (web, victim) = (add(&testbed, "web", 2), add(&testbed, "victim", 2));
    let _server = Server::start(&testbed, &pod_at(&web), 8080).unwrap();
    let (client, attacker) = (pod_at(&add(&testbed, "client", 1)), pod_at(&add(&testbed, "attacker", 1)));
    let [vip, flooded]: [IpAddr; 2] = ["10.96.0.10", "10.96.0.11"].map(|ip| ip.parse().unwrap());
    sdnctl(&testbed, &format!("service create web --vip {vip} --port 80:8080/tcp --backend {}", web.ip));
    sdnctl(&testbed, &format!("service create victim --vip {flooded} --port 80:8080/tcp --backend {}", victim.ip));
    let connections = || sh(&testbed, &at(1), "ovs-appctl dpctl/ct-get-nconns").trim().parse::<u64>().unwrap();
    let before = connections();
    let (mut slowest, mut asked) = (Duration::ZERO, 0);
    thread::scope(|scope| {
        let flood = scope.spawn(|| {
            for _ in 0..ROUNDS {
                knock(&testbed, &attacker, flooded, 80, CONNECTIONS).unwrap();
            }
        });
        while !flood.is_finished() {
            let since = Instant::now();
            ask(&testbed, &client, vip, 80).unwrap_or_else(|error| panic!("after {asked}: {error:#}"));
            (slowest, asked) = (slowest.max(since.elapsed()), asked + 1);
        }
    });
    println!("{asked} connections beside the flood, the slowest {slowest:?}; {} tracked", connections());
    assert!(asked > 50, "{asked}");
    assert!(connections() - before > 10_000, "the flood came by");
}

/// How many connections of a network the first host remembers, as `sdnctl network inspect` has it.
fn tracked(testbed: &Testbed, network: &str) -> NetworkConnections {
    let mut inspected: serde_json::Value = sdnctl_json(testbed, &format!("network inspect {network}")).unwrap();
    serde_json::from_value(inspected["connections"].take()).unwrap()
}

#[test]
fn what_a_network_makes_a_switch_remember_is_bounded_and_shown() {
    const LIMIT: u32 = 1_000;
    let testbed = up_with(&Config { hosts: 1, conntrack_limit: Some(LIMIT), ..Config::new("t39-bound") });
    sdnctl(&testbed, "network create blue --subnet 10.50.0.0/24 --flat");
    let pod = |name: &str, network: &str| {
        let spec = integration::PodSpec { network: Some(network.into()), ..integration::PodSpec::new(name, host(1)) };
        testbed.pod_add(&spec).unwrap()
    };
    let (victim, attacker) = (pod("victim", "default"), pod_at(&pod("attacker", "default")));
    let (web, asking) = (pod("web", "blue"), pod_at(&pod("client", "blue")));
    let _server = Server::start(&testbed, &pod_at(&web), 8080).unwrap();
    let [vip, flooded]: [IpAddr; 2] = ["10.96.0.10", "10.96.0.11"].map(|ip| ip.parse().unwrap());
    sdnctl(&testbed, &format!("service create web --network blue --vip {vip} --port 80:8080/tcp --backend {}", web.ip));
    sdnctl(&testbed, &format!("service create victim --vip {flooded} --port 80:8080/tcp --backend {}", victim.ip));
    let bounded = || {
        let zones = sh(&testbed, &at(1), "ovs-appctl dpctl/ct-get-limits");
        zones.lines().filter(|line| line.contains(&format!("limit={LIMIT},"))).count()
    };
    let two_networks_and_four_pods = 8;
    eventually("the bounds are set at once", 1, || bounded() == two_networks_and_four_pods);
    sdnctl(&testbed, "network create green --subnet 10.51.0.0/24 --flat");
    eventually("those of another network, too", 1, || bounded() == two_networks_and_four_pods + 2);
    knock(&testbed, &attacker, flooded, 80, 5_000).unwrap();
    let beyond =
        || packets(&testbed, "h1", |flow| flow.reason.as_deref() == Some("too many connections of this network"));
    eventually("what is beyond is dropped and counted", 10, || beyond() >= 3_000);
    let connections = sh(&testbed, &at(1), "ovs-appctl dpctl/ct-get-nconns").trim().parse::<u32>().unwrap();
    assert!((LIMIT..LIMIT + 200).contains(&connections), "{connections}");
    ask(&testbed, &asking, vip, 80).expect("another network is not concerned");
    eventually("it is shown", 15, || {
        let (default, blue) = (tracked(&testbed, "default"), tracked(&testbed, "blue"));
        let of = |network: &NetworkConnections| network.nodes.values().copied().next().unwrap_or(0);
        default.limit == LIMIT && of(&default) >= 900 && (1..50).contains(&of(&blue))
    });
    assert!(metric(&testbed, "sdn_connections").unwrap() >= 900.0);
    let page = || http(&testbed, "GET", "/metrics", b"").unwrap().body;
    let of_blue = "sdn_connections{node=\"h1\",network=\"blue\"}";
    assert!(page().contains(of_blue), "{}", page());
    sdnctl(&testbed, "service rm web");
    for pod in ["web", "client"] {
        testbed.pod_rm(pod).unwrap();
    }
    sdnctl(&testbed, "network rm blue");
    assert!(!page().contains(of_blue) && page().contains("network=\"default\""), "{}", page());
    testbed.kill(Target::Ovs(host(1))).unwrap();
    testbed.start(Target::Ovs(host(1))).unwrap();
    settle(&testbed);
    eventually("all of a switch that begins anew", 2, || bounded() == two_networks_and_four_pods - 2);
}
