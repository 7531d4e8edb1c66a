//! IPv6 from outside and to the resolver: published services at the nodes' IPv6 addresses, names asked by IPv6.

mod common;

#[path = "common/dns.rs"]
mod dns;

use std::collections::BTreeSet;
use std::net::IpAddr;

use common::{add, at, eventually, host, pod_at, sdnctl, sh, up_with};
use dns::{NameServer, look_up, look_up6};
use hickory_proto::rr::RecordType::{A, AAAA, PTR};
use integration::plan::EXTERNAL_IP6;
use integration::traffic::{Connection, Echo, Server, ask, refused};
use integration::{Config, Place, Pod, PodSpec, Scoped, Testbed};

const VIP: &str = "fd00:10:96::10";

fn dual(name: &str, hosts: u16) -> Scoped {
    up_with(&Config { hosts, ipv6: true, ..Config::new(name) })
}

fn ip6(pod: &Pod) -> &str {
    pod.ip6.as_deref().expect("an IPv6 address")
}

fn node(n: u16) -> IpAddr {
    IpAddr::V6(host(n).ip6())
}

/// Who answers `from` at `ip:port`, and whom they see.
fn who(testbed: &Testbed, from: &Place, ip: IpAddr, port: u16) -> (BTreeSet<String>, BTreeSet<IpAddr>) {
    let asked = (0..12).map(|_| ask(testbed, from, ip, port).unwrap_or_else(|error| panic!("{from}: {error:#}")));
    asked.unzip()
}

#[test]
fn every_node_answers_by_ipv6_for_a_published_service_and_backends_see_the_client() {
    let testbed = dual("mb-published6", 3);
    let pods = [("web1", 1), ("web2", 2)].map(|(name, n)| add(&testbed, name, n));
    let _servers = pods.each_ref().map(|pod| Server::start6(&testbed, &pod_at(pod), 8080).unwrap());
    let (outside, client) = (Place::External, IpAddr::V6(EXTERNAL_IP6));
    let backends = pods.each_ref().map(|pod| format!("--backend {}", ip6(pod))).join(" ");
    sdnctl(
        &testbed,
        &format!("service create web --vip {VIP} --port 80:8080/tcp {backends} --external-ip 2001:db8::80"),
    );
    sdnctl(&testbed, "service publish web 30080:80");
    eventually("all nodes answer", 5, || (1..=3).all(|n| ask(&testbed, &outside, node(n), 30_080).is_ok()));
    let both: BTreeSet<String> = pods.iter().map(|pod| pod.name.clone()).collect();
    for n in 1..=3 {
        let (servers, seen) = who(&testbed, &outside, node(n), 30_080);
        assert_eq!((servers, seen), (both.clone(), BTreeSet::from([client])), "by h{n}");
    }
    let mut held: Vec<Connection> =
        (0..6).map(|n| Connection::open(&testbed, &outside, node(n % 3 + 1), 30_080).unwrap()).collect();
    sh(&testbed, &outside, &format!("ip route add 2001:db8::80 via {}", node(3)));
    assert_eq!(who(&testbed, &outside, "2001:db8::80".parse().unwrap(), 80).0, both, "at its external address");

    let inside = add(&testbed, "inside", 3);
    for (from, n) in [(at(2), 2), (at(2), 3), (pod_at(&inside), 3), (pod_at(&inside), 1)] {
        assert_eq!(who(&testbed, &from, node(n), 30_080).0, both, "{from} by h{n}");
    }

    sdnctl(&testbed, "service publish web 30080:80 --masquerade");
    eventually("clients are hidden", 5, || ask(&testbed, &outside, node(3), 30_080).is_ok_and(|(_, s)| s != client));
    assert!(held.iter_mut().all(|connection| connection.echo() == Echo::Answered), "who was connected still is");
    let gone = pods.each_ref().map(|pod| format!("--rm {}", ip6(pod))).join(" ");
    sdnctl(&testbed, &format!("service backends web {gone}"));
    eventually("nobody is there, and says so", 5, || refused(&testbed, &outside, node(3), 30_080));
    sdnctl(&testbed, "service unpublish web");
    eventually("nobody answers", 5, || refused(&testbed, &outside, node(1), 30_080));
}

#[test]
fn what_fits_no_family_is_refused() {
    let testbed = dual("mb-families", 1);
    let wrong = |command: &str| integration::client::sdnctl(&testbed, command).unwrap_err().to_string();
    for (command, reason) in [
        ("service create web --vip 10.96.0.10 --port 80 --external-ip 2001:db8::80", "of another family"),
        ("service create web --vip fd00:10:96::11 --port 80 --external-ip 192.0.2.80", "of another family"),
        ("service create web --vip fd00:10:96::10 --port 80 --external-ip fd30::1", "address of node h1"),
        ("service create web --vip fd00:10:96::10 --port 80 --external-ip fe80::80", "others can send to"),
    ] {
        let said = wrong(command);
        assert!(said.contains(reason), "{command}: {said}");
    }
}

#[test]
fn names_are_answered_by_ipv6_and_in_networks_that_have_nothing_else() {
    let testbed = dual("mb-names6", 2);
    let _outside = NameServer::start(&testbed, &Place::External);
    sdnctl(&testbed, "network create six --subnet fd00:6::/64 --flat");
    sdnctl(&testbed, "network create sealed --subnet fd00:7::/64 --flat --internal");
    let client = add(&testbed, "client", 1);
    let join = |network: &str, name: &str, n: u16| {
        let spec = PodSpec { network: Some(network.into()), ..PodSpec::new(name, host(n)) };
        testbed.pod_add(&spec).unwrap_or_else(|error| panic!("{error:#}"))
    };
    let (near, far, sealed) = (join("six", "near", 1), join("six", "far", 2), join("sealed", "vault", 1));
    sdnctl(&testbed, &format!("service create web --vip {VIP} --port 80:8080/tcp --backend {}", ip6(&client)));
    let ask = |from: &Pod, name: &str, of| look_up6(&testbed, &pod_at(from), name, of);
    eventually("the service is known", 3, || ask(&client, "web", AAAA) == [VIP]);
    assert_eq!(ask(&client, "client", A), [client.ip.as_str()]);
    assert_eq!(ask(&client, "client", AAAA), [ip6(&client)]);
    assert_eq!(look_up(&testbed, &pod_at(&client), "web", AAAA), [VIP], "by IPv4 as ever");
    assert_eq!(ask(&client, "ns.sdn.internal", AAAA), ["fda9:fe4d:35::53"]);

    assert_eq!(ask(&near, "far", AAAA), [far.ip.as_str()]);
    assert_eq!(ask(&near, &reverse(&far.ip), PTR), ["far.six.sdn.internal."]);
    assert_eq!(ask(&near, "client.default.sdn.internal", AAAA), ["NXDomain"], "of another network");
    assert_eq!(ask(&near, "example.test", A), ["192.0.2.80"], "the host's resolvers are asked by IPv4");
    assert_eq!(ask(&sealed, "vault", AAAA), [sealed.ip.as_str()]);
    assert_eq!(ask(&sealed, "example.test", A), ["Refused"]);
    assert!(common::try_sh(&testbed, &pod_at(&sealed), "ping -c 1 -W 1 fda9:fe4d:35::53").is_err());

    let file =
        |pod: &Pod| std::fs::read_to_string(format!("/etc/netns/mb-names6-pod-{}/resolv.conf", pod.name)).unwrap();
    assert!(file(&near).ends_with("nameserver fda9:fe4d:35::53\nsearch six.sdn.internal\n"), "{}", file(&near));
    assert!(!file(&near).contains("169.254"), "which it could not reach: {}", file(&near));
    let both = "nameserver 169.254.77.53\nnameserver fda9:fe4d:35::53\nsearch default.sdn.internal\n";
    assert!(file(&client).ends_with(both), "{}", file(&client));
    let getent = sh(&testbed, &at(1), "ip netns exec mb-names6-pod-near getent hosts far");
    assert!(getent.starts_with(&far.ip), "what the C library makes of it: {getent}");
}

/// The name at which an address's owner is looked up (RFC 3596 section 2.5).
fn reverse(ip: &str) -> String {
    let ip: std::net::Ipv6Addr = ip.parse().unwrap();
    let digits = ip.octets().into_iter().rev().flat_map(|byte| [byte & 15, byte >> 4]);
    digits.map(|digit| format!("{digit:x}.")).collect::<String>() + "ip6.arpa"
}
