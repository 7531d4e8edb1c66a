//! A flood of connections to one service: the others do not notice.

mod common;

use std::net::IpAddr;
use std::thread;
use std::time::{Duration, Instant};

use common::{add, at, pod_at, sdnctl, sh, up};
use integration::traffic::{Server, ask, knock};

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
