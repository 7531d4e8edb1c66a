//! Services reached from outside by any node, the client's address kept; and those that have nobody to answer.

mod common;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use common::{add, at, eventually, host, ip_of, packets, pod_at, sdnctl, sh, up};
use integration::traffic::{Connection, Echo, Server, ask, refused};
use integration::{Place, Pod, PodSpec, Testbed};

const VIP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 96, 0, 10));

fn node_ip(n: u16) -> IpAddr {
    IpAddr::V4(host(n).ip())
}

/// Backends on the first two hosts.
fn backends(testbed: &Testbed) -> (Vec<Pod>, Vec<Server>) {
    let labels = vec!["app=web".to_owned()];
    let pod = |n| testbed.pod_add(&PodSpec { labels: labels.clone(), ..PodSpec::new(&format!("web{n}"), host(n)) });
    let pods: Vec<Pod> = (1..=2).map(|n| pod(n).unwrap()).collect();
    let servers = pods.iter().map(|pod| Server::start(testbed, &pod_at(pod), 8080).unwrap()).collect();
    (pods, servers)
}

fn address(testbed: &Testbed, place: &Place) -> IpAddr {
    let shown = sh(testbed, place, "ip -4 -o addr show scope global");
    let address = shown.split("inet ").nth(1).and_then(|rest| rest.split('/').next());
    address.and_then(|address| address.parse().ok()).unwrap_or_else(|| panic!("{shown}"))
}

/// Who answers `from` at `ip:port`, and whom they see.
fn who(testbed: &Testbed, from: &Place, ip: IpAddr, port: u16) -> (BTreeSet<String>, BTreeSet<IpAddr>) {
    let asked = (0..12).map(|_| ask(testbed, from, ip, port).unwrap_or_else(|error| panic!("{error:#}")));
    asked.unzip()
}

#[test]
fn every_node_answers_for_a_published_service_and_backends_see_the_client() {
    let testbed = up("t32-published", 3);
    let (pods, _servers) = backends(&testbed);
    sdnctl(
        &testbed,
        &format!("service create web --vip {VIP} --port 80:8080/tcp --selector app=web --external-ip 192.0.2.80"),
    );
    assert!(sdnctl(&testbed, "service publish web 30080").contains("30080"));
    let (outside, client) = (Place::External, address(&testbed, &Place::External));
    eventually("all nodes answer", 5, || (1..=3).all(|n| ask(&testbed, &outside, node_ip(n), 30_080).is_ok()));
    let both: BTreeSet<String> = pods.iter().map(|pod| pod.name.clone()).collect();
    for n in 1..=3 {
        let (servers, seen) = who(&testbed, &outside, node_ip(n), 30_080);
        assert_eq!((servers, seen), (both.clone(), BTreeSet::from([client])), "by h{n}");
    }
    let mut held: Vec<Connection> =
        (0..6).map(|n| Connection::open(&testbed, &outside, node_ip(n % 3 + 1), 30_080).unwrap()).collect();
    assert!(held.iter_mut().all(|connection| connection.echo() == Echo::Answered));

    sh(&testbed, &outside, &format!("ip route add 192.0.2.80 via {}", node_ip(3)));
    assert_eq!(who(&testbed, &outside, "192.0.2.80".parse().unwrap(), 80).0, both, "at its external address");

    let inside = add(&testbed, "inside", 3);
    for (from, n) in [(at(2), 2), (at(2), 3), (pod_at(&inside), 3), (pod_at(&inside), 1)] {
        assert_eq!(who(&testbed, &from, node_ip(n), 30_080).0, both, "{from} by h{n}");
    }
    assert_eq!(who(&testbed, &pod_at(&inside), VIP, 80).1, BTreeSet::from([ip_of(&inside)]));

    sdnctl(&testbed, "service publish web 30080:80 --masquerade");
    eventually("clients are hidden", 5, || ask(&testbed, &outside, node_ip(3), 30_080).is_ok_and(|(_, s)| s != client));
    assert!(held.iter_mut().all(|connection| connection.echo() == Echo::Answered), "who was connected still is");
    sdnctl(&testbed, "service unpublish web");
    eventually("nobody answers", 5, || refused(&testbed, &outside, node_ip(3), 30_080));
}

#[test]
fn a_service_without_backends_refuses_at_once_and_is_counted() {
    let testbed = up("t32-refused", 2);
    let client = pod_at(&add(&testbed, "client", 1));
    sdnctl(&testbed, &format!("service create web --vip {VIP} --port 80:8080/tcp --port 53/udp --selector app=web"));
    sdnctl(&testbed, "service publish web 30080:80");
    let counted = || packets(&testbed, "h1", |flow| flow.reason.as_deref() == Some("service without backends"));
    eventually("published", 5, || refused(&testbed, &Place::External, node_ip(1), 30_080));
    let places = [(client.clone(), VIP, 80), (at(1), VIP, 80), (Place::External, node_ip(1), 30_080)];
    for (from, ip, port) in &places {
        let since = Instant::now();
        assert!(refused(&testbed, from, *ip, *port), "{from}");
        assert!(since.elapsed() < Duration::from_millis(900), "{from}: {:?}", since.elapsed());
    }
    for from in [&client, &at(1)] {
        assert!(integration::traffic::unreachable(&testbed, from, VIP, 53), "UDP from {from}");
    }
    // Four of these at least; more only if those from outside come by the switch, too.
    eventually("they are counted", 8, || refused(&testbed, &Place::External, node_ip(1), 30_080) && counted() >= 7);
    let (pods, _servers) = backends(&testbed);
    eventually("backends answer", 5, || ask(&testbed, &client, VIP, 80).is_ok());
    pods.iter().for_each(|pod| testbed.pod_rm(&pod.name).unwrap());
    assert!(refused(&testbed, &client, VIP, 80), "all are gone again");
}

#[test]
fn what_cannot_be_published_is_refused_with_the_reason() {
    let testbed = up("t32-bad", 1);
    sdnctl(&testbed, &format!("service create web --vip {VIP} --port 80:8080/tcp"));
    sdnctl(&testbed, "service publish web 30080");
    let wrong = |command: &str| integration::client::sdnctl(&testbed, command).unwrap_err().to_string();
    let create = "service create other --vip 10.96.0.11 --port 80:8080/tcp";
    sdnctl(&testbed, create);
    for (command, reason) in [
        ("service publish other 30080", "already published by service web"),
        ("service publish other 29999:80", "not within 30000 to 32767"),
        ("service create third --vip 10.244.1.7 --port 80", "outside the services' range"),
        ("service create third --vip 10.96.0.12 --port 80 --external-ip 172.30.0.1", "address of node h1"),
        ("service create third --vip 10.96.0.12 --port 80 --external-ip 10.244.1.9", "of the inside"),
        ("service create third --vip 10.96.0.12 --port 80 --backend 192.0.2.1", "outside network"),
        ("service create third --vip 10.96.0.10 --port 80", "already service web"),
        ("service create third --port 80:0", "not PORT"),
        ("service create third --port 80 --affinity 0s", "not within 1 to"),
        ("service create third --port 80 --health-port 30100", "needs external traffic to be local"),
        ("service create third --port 80 --external local --health-port 30080", "already published by service web"),
    ] {
        let said = wrong(command);
        assert!(said.contains(reason), "{command}: {said}");
    }
    assert!(sdnctl(&testbed, "service publish other 80").contains("30000"), "the lowest that is free");
    sdnctl(&testbed, "service create any --port 80");
    assert!(sdnctl(&testbed, "service ls").contains("10.96.1."), "an address that is free");

    let held = Server::start(&testbed, &at(1), 30_090).unwrap();
    let publish = || integration::client::sdnctl(&testbed, "service publish any 30090:80");
    let said = || publish().err().map(|error| error.to_string()).unwrap_or_default();
    // Agents look every three seconds, and report every second.
    std::thread::sleep(Duration::from_secs(6));
    assert!(said().contains("30090/tcp is held by a process of node h1"), "{}", said());
    let others: Vec<Server> = (30_000..30_006).filter_map(|port| Server::start(&testbed, &at(1), port).ok()).collect();
    std::thread::sleep(Duration::from_secs(6));
    sdnctl(&testbed, "service create free --port 80");
    assert!(sdnctl(&testbed, "service publish free 80").contains("at port 30006 "), "none that a process holds");
    let file = tempfile::NamedTempFile::new().unwrap();
    let with = |number: u16| {
        let text = format!(
            "kind: service\nname: filed\nspec: {{ports: [{{port: 80, target_port: 80, node_port: {number}}}]}}"
        );
        std::fs::write(file.path(), text).unwrap();
        ["plan", "apply"]
            .map(|what| integration::client::sdnctl(&testbed, &format!("{what} -f {}", file.path().display())))
    };
    for said in with(30_090) {
        let said = said.unwrap_err().to_string();
        assert!(said.contains("service/filed: ports: 30090/tcp is held by a process of node h1"), "{said}");
    }
    for said in with(0) {
        let said = said.unwrap();
        assert!(said.starts_with("service/filed created, at 80:80/tcp@30007\n"), "{said}");
    }
    let inspected = sdnctl(&testbed, "service inspect other");
    assert!(inspected.contains("30000/tcp is held by a process of node h1, too"), "{inspected}");
    drop(others);
    drop(held);
    eventually("the port is free", 8, || publish().is_ok());
}
