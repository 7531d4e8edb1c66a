//! Hosts of one underlay subnet that send plain packets of endpoints without a tunnel.

mod common;

use std::net::IpAddr;

use api::Way;
use common::mesh::{events, link, mesh};
use common::{
    add, at, eventually, flows, from_strangers, host, ip_of, packets, pings_all, pod_at, sdnctl, sh, source_seen,
    try_sh,
};
use integration::client::sdnctl_json;
use integration::plan::{EXTERNAL_IP, UNDERLAY_PREFIX, UPLINK};
use integration::traffic::{Server, ask};
use integration::{Config, Mesh, Place, Pod, PodSpec, Scoped, Testbed};

const VIP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 96, 0, 10));

/// A testbed in which plain packets need no tunnel, and a pod on each host.
fn up(name: &str) -> (Scoped, Vec<Pod>) {
    let testbed = common::up_with(&Config { mesh: Mesh::Direct, ..Config::new(name) });
    let pods = (1..=3).map(|n| add(&testbed, &format!("p{n}"), n)).collect();
    eventually("all pairs to go direct", 10, || mesh(&testbed).links.iter().all(|link| link.direct == Some(true)));
    assert!(mesh(&testbed).links.iter().all(|link| link.way == Way::Direct));
    (testbed, pods)
}

/// Counts on the wire to a host what comes as it is from `pod`, and what comes in tunnels.
fn count_at(testbed: &Testbed, n: u16, pod: &Pod) {
    for rule in [
        "add table netdev seen".to_owned(),
        format!("add chain netdev seen wire {{ type filter hook ingress device {UPLINK} priority 0 ; }}"),
        format!("add rule netdev seen wire ip saddr {} counter comment plain", pod.ip),
        "add rule netdev seen wire udp dport 4789 counter comment tunnel".to_owned(),
    ] {
        sh(testbed, &at(n), &format!("nft {rule}"));
    }
}

/// How many plain packets came, and how many in tunnels.
fn counted(testbed: &Testbed, n: u16) -> (u64, u64) {
    let list = sh(testbed, &at(n), "nft list table netdev seen");
    let of = |comment: &str| {
        let rule = list.lines().find(|line| line.contains(comment)).expect("a rule");
        let count = rule.split("packets ").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok());
        count.unwrap_or_else(|| panic!("no counter: {rule}"))
    };
    (of("plain"), of("tunnel"))
}

fn all_ping(testbed: &Testbed, pods: &[Pod]) {
    for (from, to) in pods.iter().flat_map(|from| pods.iter().map(move |to| (from, to))) {
        assert!(pings_all(testbed, &pod_at(from), &to.ip), "{} to {}", from.name, to.name);
    }
}

#[test]
fn plain_packets_need_no_tunnel_and_everything_is_reached_as_ever() {
    let (testbed, pods) = up("t93-reach");
    count_at(&testbed, 2, &pods[0]);
    all_ping(&testbed, &pods);
    let before = counted(&testbed, 2);
    sh(&testbed, &pod_at(&pods[0]), &format!("ping -c 200 -i 0.005 -W 1 {}", pods[1].ip));
    let after = counted(&testbed, 2);
    assert_eq!(after.0 - before.0, 200, "{before:?} {after:?}");
    assert!(after.1 - before.1 < 100, "the probes of two hosts at most: {before:?} {after:?}");
    let sizes = format!("ping -c 3 -i 0.2 -M do -s {} {}", 1450 - 28, pods[1].ip);
    sh(&testbed, &pod_at(&pods[0]), &sizes);

    for to in &pods[1..] {
        assert_eq!(source_seen(&testbed, &pod_at(&pods[0]), &pod_at(to), ip_of(to)), ip_of(&pods[0]));
    }
    for (n, pod) in (1..=3).flat_map(|n| pods.iter().map(move |pod| (n, pod))) {
        assert!(pings_all(&testbed, &at(n), &pod.ip), "h{n} to {}", pod.name);
        assert!(pings_all(&testbed, &pod_at(pod), host(n).ip()), "{} to h{n}", pod.name);
    }
    assert!(pings_all(&testbed, &pod_at(&pods[0]), EXTERNAL_IP));

    sdnctl(&testbed, "network create blue --subnet 10.60.0.0/16");
    sdnctl(&testbed, "network create green --subnet 10.61.0.0/24 --flat");
    for network in ["blue", "green"] {
        let join = |n: u16| {
            let spec = PodSpec { network: Some(network.into()), ..PodSpec::new(&format!("{network}{n}"), host(n)) };
            testbed.pod_add(&spec).expect("it joins")
        };
        let joined: Vec<Pod> = (1..=3).map(join).collect();
        all_ping(&testbed, &joined);
    }
    for n in 1..=3 {
        assert!(flows(&testbed, &format!("h{n} --diff")).is_empty());
    }
}

#[test]
fn services_and_policies_hold_and_a_firewall_that_forwards_nothing_else_does_not_matter() {
    let (testbed, pods) = up("t93-service");
    for n in 1..=3 {
        sh(&testbed, &at(n), "iptables -P FORWARD DROP");
        sh(&testbed, &at(n), "iptables -A FORWARD -m conntrack --ctstate INVALID -j DROP");
        sh(&testbed, &at(n), "sysctl -w net.ipv4.conf.all.rp_filter=1");
        let loose = || sh(&testbed, &at(n), "sysctl -n net.ipv4.conf.br-phy.rp_filter").trim() == "2";
        eventually("sources of peers to be taken", 5, loose);
    }
    all_ping(&testbed, &pods);
    let _servers: Vec<Server> = pods.iter().map(|pod| Server::start(&testbed, &pod_at(pod), 8080).unwrap()).collect();
    sdnctl(&testbed, &format!("service create web --vip {VIP} --port 80:8080/tcp --backend {}", pods[1].ip));
    for client in [pod_at(&pods[0]), pod_at(&pods[2]), pod_at(&pods[1]), at(1), at(2), at(3)] {
        for _ in 0..5 {
            let (server, _) = ask(&testbed, &client, VIP, 80).unwrap_or_else(|error| panic!("{client}: {error:#}"));
            assert_eq!(server, pods[1].name);
        }
    }
    assert_eq!(ask(&testbed, &pod_at(&pods[0]), VIP, 80).unwrap().1, ip_of(&pods[0]), "backends see the client");
    assert!(ask(&testbed, &pod_at(&pods[0]), ip_of(&pods[1]), 8080).is_ok(), "a backend, asked for itself");

    let shut = r#"{"kind":"policy","name":"shut","spec":{"selector":{"app":"shut"},"ingress":[]}}"#;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), shut).unwrap();
    sdnctl(&testbed, &format!("apply -f {}", file.path().display()));
    let labels = vec!["app=shut".to_owned()];
    let pod = testbed.pod_add(&PodSpec { labels, ..PodSpec::new("shut", host(2)) }).unwrap();
    let denied = || packets(&testbed, "h2", |flow| flow.reason.as_deref() == Some("no policy allows it"));
    assert!(try_sh(&testbed, &pod_at(&pods[0]), &format!("ping -c 5 -i 0.05 -W 1 {}", pod.ip)).is_err());
    eventually("all of them to be counted", 5, || denied() >= 5);
    assert!(pings_all(&testbed, &pod_at(&pod), &pods[0].ip), "what it begins itself is answered");
}

#[test]
fn a_stranger_under_an_endpoints_address_is_dropped_and_counted() {
    let (testbed, pods) = up("t93-strangers");
    let outside = |command: &str| sh(&testbed, &Place::External, command);
    outside(&format!("ip addr add {}/32 dev lo", pods[1].ip));
    outside(&format!("ip route add {}/32 via {}", pods[0].ip, host(1).ip()));
    let dropped = || from_strangers(&testbed, 1);
    let before = dropped();
    all_ping(&testbed, &pods);
    assert_eq!(dropped(), before, "nothing of the cluster's own is taken for a stranger's");
    let spoof = format!("ping -c 10 -i 0.05 -W 1 -I {} {}", pods[1].ip, pods[0].ip);
    assert!(try_sh(&testbed, &Place::External, &spoof).is_err());
    eventually("all of them to be counted", 3, || dropped() == before + 10);
    // A peer may send as its own endpoints only, and only to this host's.
    sh(&testbed, &at(3), &format!("ip addr add {}/32 dev lo", pods[1].ip));
    let (to, via, from) = (&pods[0].ip, host(1).ip(), &pods[1].ip);
    sh(&testbed, &at(3), &format!("ip route add {to}/32 via {via} dev br-phy src {from} table 7"));
    sh(&testbed, &at(3), "ip rule add oif br-phy lookup 7 pref 7");
    let spoof = format!("ping -c 10 -i 0.05 -W 1 -I br-phy {to}");
    assert!(try_sh(&testbed, &at(3), &spoof).is_err());
    eventually("those of a member, too", 3, || dropped() == before + 20);
}

#[test]
fn another_subnet_and_a_way_that_breaks_are_reached_through_the_tunnel() {
    let (testbed, pods) = up("t93-fallback");
    let drop = "PREROUTING -t raw -i br-phy -s 10.244.0.0/16 -j DROP";
    sh(&testbed, &at(2), &format!("iptables -I {drop}"));
    eventually("the tunnel to take its place", 10, || link(&testbed, "h1", "h2").direct == Some(false));
    let shown = sdnctl(&testbed, "mesh");
    assert!(shown.contains("BROKEN: plain packets from h1 do not reach h2") && shown.contains("by tunnel"), "{shown}");
    let told = "plain packets from h1 do not reach h2, and take the tunnel".to_owned();
    assert!(events(&testbed).contains(&told));
    assert!(link(&testbed, "h1", "h2").up && link(&testbed, "h1", "h3").direct == Some(true));
    all_ping(&testbed, &pods);
    sh(&testbed, &at(2), &format!("iptables -D {drop}"));
    eventually("plain packets to go again", 10, || link(&testbed, "h1", "h2").direct == Some(true));

    let node: serde_json::Value = sdnctl_json(&testbed, "node inspect h3").expect("a node");
    let mut spec = node["spec"].clone();
    assert_eq!(spec["prefix"], UNDERLAY_PREFIX);
    spec["prefix"] = (UNDERLAY_PREFIX + 1).into();
    let put = format!("curl -sS --fail -X PUT -d {spec} http://127.0.0.1:6680/v1/nodes/h3");
    eventually("h3 goes to another subnet", 10, || try_sh(&testbed, &Place::Controller, &put).is_ok());
    let ways = || ["h2", "h3"].map(|to| link(&testbed, "h1", to)).map(|link| (link.way, link.direct));
    let expected = [(Way::Direct, Some(true)), (Way::Flow, None)];
    eventually("its way to change", 10, || ways() == expected);
    let tunnelled = || packets(&testbed, "h3 --table classify", |flow| flow.matching.contains("tun_src=172.30.0.1"));
    let before = tunnelled();
    all_ping(&testbed, &pods);
    eventually("what comes by the tunnel to be counted", 5, || tunnelled() >= before + 10);
}
