//! A host that is to be left: what is established goes on, and nothing new comes.

mod common;

use std::net::IpAddr;

use common::{at, eventually, host, pod_at, sdnctl, up};
use integration::traffic::{Connection, Echo, Server, ask};
use integration::{Pod, PodSpec, Testbed};

const VIP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 96, 0, 10));

fn backend(testbed: &Testbed, name: &str, n: u16) -> (Pod, Server) {
    let labels = vec!["app=web".to_owned()];
    let pod = testbed.pod_add(&PodSpec { labels, ..PodSpec::new(name, host(n)) }).unwrap();
    let server = Server::start(testbed, &pod_at(&pod), 8080).unwrap();
    (pod, server)
}

#[test]
fn what_is_established_goes_on_and_nothing_new_comes() {
    let testbed = up("t92-drain", 2);
    let _backends = [backend(&testbed, "web1", 1), backend(&testbed, "web2", 2)];
    sdnctl(&testbed, &format!("service create web --vip {VIP} --port 80:8080/tcp --selector app=web"));
    let open = || Connection::open(&testbed, &at(1), VIP, 80).unwrap();
    let mut connections: Vec<Connection> = (0..30).map(|_| open()).collect();
    assert!(connections.iter().any(|connection| connection.server == "web2"));

    sdnctl(&testbed, "node drain h2");
    assert!(sdnctl(&testbed, "node ls").contains("alive, drained"));
    for connection in &mut connections {
        assert_eq!(connection.echo(), Echo::Answered, "of {}", connection.server);
    }
    for from in [at(1), at(2)] {
        for _ in 0..30 {
            assert_eq!(ask(&testbed, &from, VIP, 80).unwrap().0, "web1");
        }
    }
    let refused = testbed.pod_add(&PodSpec::new("late", host(2))).expect_err("h2 takes nothing");
    assert!(format!("{refused:#}").contains("drained"), "{refused:#}");

    sdnctl(&testbed, "node drain h2 --undo");
    eventually("h2 to take connections again", 5, || {
        (0..20).any(|_| ask(&testbed, &at(1), VIP, 80).is_ok_and(|(server, _)| server == "web2"))
    });
    sdnctl(&testbed, "node drain h1");
    sdnctl(&testbed, "node drain h2");
    assert!(ask(&testbed, &at(1), VIP, 80).is_err(), "there is nobody left");
    assert!(connections.iter_mut().all(|connection| connection.echo() == Echo::Answered));
}
