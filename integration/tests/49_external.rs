//! External addresses of services: one node answers for each on the underlay, and another one when that is gone.

mod common;

use std::net::IpAddr;

use api::balance::Balance;
use common::{add, at, eventually, host, packets, pod_at, sdnctl, settle, sh, try_sh, up_with};
use integration::client::sdnctl_json;
use integration::traffic::{Server, ask, refused, unreachable};
use integration::{Config, HostId, Place, Target, Testbed};

/// Of the underlay's own subnets, where nobody has them.
const IP: &str = "172.30.9.80";
const IP6: &str = "fd30::9:80";

fn announcer(testbed: &Testbed, service: &str) -> HostId {
    let balance: Balance = sdnctl_json(testbed, &format!("service inspect {service}")).unwrap();
    let (_, node) = balance.announcers.first_key_value().expect("somebody answers");
    node.as_str().parse().expect("a host")
}

/// Whom a machine outside believes to have an address.
fn known_as(testbed: &Testbed, ip: IpAddr) -> String {
    let shown = sh(testbed, &Place::External, &format!("ip neigh show {ip}"));
    shown.split("lladdr ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap_or_default().to_owned()
}

fn mac(testbed: &Testbed, host: HostId) -> String {
    let shown = sh(testbed, &Place::from(host), "ip -o link show br-phy");
    shown.split("link/ether ").nth(1).and_then(|rest| rest.split(' ').next()).expect("an address").to_owned()
}

#[test]
fn one_node_answers_for_an_external_address_and_another_when_it_is_gone() {
    let testbed = up_with(&Config { ipv6: true, ..Config::new("t49-external") });
    let pods = [("web1", 1), ("web2", 2), ("web3", 3)].map(|(name, n)| add(&testbed, name, n));
    let _servers = pods.each_ref().map(|pod| Server::start6(&testbed, &pod_at(pod), 8080).unwrap());
    let of = |ip: fn(&integration::Pod) -> String| pods.iter().map(|pod| format!("--backend {} ", ip(pod))).collect();
    let (four, six): (String, String) = (of(|pod| pod.ip.clone()), of(|pod| pod.ip6.clone().unwrap()));
    sdnctl(&testbed, &format!("service create web --vip 10.96.0.10 --port 80:8080 --external-ip {IP} {four}"));
    sdnctl(&testbed, &format!("service create web6 --vip fd00:10:96::10 --port 80:8080 --external-ip {IP6} {six}"));
    let outside = Place::External;
    for (service, ip) in [("web", IP), ("web6", IP6)] {
        let ip: IpAddr = ip.parse().unwrap();
        eventually("it answers", 5, || ask(&testbed, &outside, ip, 80).is_ok());
        let first = announcer(&testbed, service);
        assert_eq!(known_as(&testbed, ip), mac(&testbed, first), "{ip} by {first}");
        assert!(sdnctl(&testbed, &format!("service inspect {service}")).contains(&format!("{first}")));
        let proxies = |n| sh(&testbed, &at(n), "ip neigh show proxy") + &sh(&testbed, &at(n), "ip -6 neigh show proxy");
        let answering: Vec<u16> = (1..=3).filter(|n| proxies(*n).contains(&ip.to_string())).collect();
        assert_eq!(answering.iter().map(|n| host(*n)).collect::<Vec<_>>(), [first], "one, and who is said to");
        let (_, seen) = ask(&testbed, &outside, ip, 80).unwrap();
        let own = if ip.is_ipv4() { "172.30.255.253" } else { "::" };
        assert!(seen.to_string().contains(own), "backends see the client: {seen}");
        assert!(refused(&testbed, &outside, ip, 22), "only the service is there, and no process of the host");
        for from in [pod_at(&pods[0]), at(1), at(2), at(3)] {
            assert!(ask(&testbed, &from, ip, 80).is_ok(), "{from} to {ip}");
        }
    }
    assert!(unreachable(&testbed, &outside, IP.parse().unwrap(), 53));

    for (service, ip) in [("web", IP), ("web6", IP6)] {
        let (first, ip) = (announcer(&testbed, service), ip.parse().unwrap());
        testbed.kill(Target::Vswitchd(first)).unwrap();
        testbed.start(Target::Vswitchd(first)).unwrap();
        sh(&testbed, &outside, &format!("ip neigh flush to {ip}"));
        eventually("it answers again", 10, || ask(&testbed, &outside, ip, 80).is_ok());
        assert_eq!(known_as(&testbed, ip), mac(&testbed, announcer(&testbed, service)), "{ip}");
    }
    settle(&testbed);

    let ip: IpAddr = IP.parse().unwrap();
    let first = announcer(&testbed, "web");
    sdnctl(&testbed, &format!("node drain {first}"));
    let second = announcer(&testbed, "web");
    assert_ne!(first, second, "a drained node is left");
    eventually("neighbours are told", 3, || known_as(&testbed, ip) == mac(&testbed, second));
    eventually("it answers", 3, || ask(&testbed, &outside, ip, 80).is_ok());
    sdnctl(&testbed, &format!("node drain {first} --undo"));
    assert_eq!(announcer(&testbed, "web"), first, "the same node as ever");
    eventually("neighbours are told", 3, || known_as(&testbed, ip) == mac(&testbed, first));

    testbed.kill(Target::Agent(first)).unwrap();
    testbed.kill(Target::Ovs(first)).unwrap();
    eventually("another one answers", 12, || ask(&testbed, &outside, ip, 80).is_ok());
    assert_ne!(announcer(&testbed, "web"), first);
    assert_eq!(known_as(&testbed, ip), mac(&testbed, announcer(&testbed, "web")));
    sdnctl(&testbed, "service rm web");
    eventually("nobody answers", 5, || {
        let _ = try_sh(&testbed, &outside, "ip neigh flush all");
        ask(&testbed, &outside, ip, 80).is_err() && known_as(&testbed, ip).is_empty()
    });
}

#[test]
fn local_traffic_comes_in_where_backends_are() {
    let testbed = up_with(&Config { hosts: 3, ..Config::new("t49-local") });
    let pods = [("web2", 2), ("web3", 3)].map(|(name, n)| add(&testbed, name, n));
    let _servers = pods.each_ref().map(|pod| Server::start(&testbed, &pod_at(pod), 8080).unwrap());
    let ip: IpAddr = IP.parse().unwrap();
    for (pod, n) in [(&pods[0], 2), (&pods[1], 3)] {
        let options = format!("--external local --external-ip {IP} --backend {}", pod.ip);
        sdnctl(&testbed, &format!("service create web --vip 10.96.0.10 --port 80:8080 {options}"));
        assert_eq!(announcer(&testbed, "web"), host(n));
        eventually("it answers", 5, || ask(&testbed, &Place::External, ip, 80).is_ok_and(|(name, _)| name == pod.name));
        sdnctl(&testbed, "service rm web");
    }
    let dropped = |n: u16| {
        packets(&testbed, &format!("h{n}"), |flow| {
            flow.reason.as_deref() == Some("service without backends on this node")
        })
    };
    assert_eq!((1..=3).map(dropped).sum::<u64>(), 0);
}
