//! IPv6 beside IPv4: who reaches whom, as whom, and at what cost; neighbour discovery answered in the switch.

mod common;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr, SocketAddrV6};
use std::os::fd::AsRawFd;

use common::{add, at, eventually, host, iperf, packets, pings, pings_all, pod_at, sdnctl, sh, try_sh, up_with};
use integration::client::sdnctl_json;
use integration::plan::{EXTERNAL_IP, EXTERNAL_IP6};
use integration::traffic::{Connection, Echo, Server, ask};
use integration::{Config, Place, Pod, PodSpec, Scoped, Testbed, netns};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn6, sendto, setsockopt, socket, sockopt,
};

fn dual(name: &str, hosts: u16) -> Scoped {
    up_with(&Config { hosts, ipv6: true, ..Config::new(name) })
}

fn ip6(pod: &Pod) -> &str {
    pod.ip6.as_deref().expect("an IPv6 address")
}

/// The gateway of the node that `pod` is on.
fn gateway6(pod: &Pod) -> String {
    let (subnet, _) = ip6(pod).rsplit_once("::").expect("a /64");
    format!("{subnet}::1")
}

/// The address from which `server` sees a connection of `client` to `ip` come.
fn seen6(testbed: &Testbed, client: &Place, server: &Place, ip: &str) -> IpAddr {
    let _server = Server::start6(testbed, server, 9000).expect("port 9000 is free");
    let connection = Connection::open(testbed, client, ip.parse().expect("an address"), 9000);
    connection.unwrap_or_else(|error| panic!("{error:#}")).seen_as
}

/// Packets of `node` that were dropped for this reason.
fn dropped(testbed: &Testbed, node: &str, reason: &str) -> u64 {
    packets(testbed, node, |flow| flow.reason.as_deref() == Some(reason))
}

#[test]
fn both_families_reach_everything_side_by_side() {
    let testbed = dual("t24-reach", 2);
    let pods = [("a1", 1), ("b1", 1), ("a2", 2)].map(|(name, n)| add(&testbed, name, n));
    let [a1, b1, a2] = &pods;
    for from in &pods {
        for to in &pods {
            assert!(pings_all(&testbed, &pod_at(from), ip6(to)), "{} to {}", from.name, to.name);
            assert!(pings_all(&testbed, &pod_at(from), &to.ip), "{} to {} by IPv4", from.name, to.name);
        }
        assert!(pings_all(&testbed, &pod_at(from), gateway6(from)), "{} to its gateway", from.name);
    }
    for n in [1, 2] {
        for pod in &pods {
            assert!(pings_all(&testbed, &at(n), ip6(pod)), "h{n} to {}", pod.name);
        }
    }
    for to in [b1, a2] {
        assert_eq!(seen6(&testbed, &pod_at(a1), &pod_at(to), ip6(to)).to_string(), ip6(a1));
    }
    assert_eq!(seen6(&testbed, &at(1), &pod_at(a2), ip6(a2)).to_string(), gateway6(a1));

    let outside = Place::External;
    assert!(pings_all(&testbed, &pod_at(a1), EXTERNAL_IP6) && pings_all(&testbed, &pod_at(a1), EXTERNAL_IP));
    let seen = seen6(&testbed, &pod_at(a1), &outside, &EXTERNAL_IP6.to_string());
    assert_eq!(seen, IpAddr::from(host(1).ip6()), "masqueraded");

    sh(&testbed, &pod_at(a1), &format!("ping -c 3 -i 0.01 -W 1 -M do -s {} {}", 1450 - 48, ip6(a2)));
    let too_big = try_sh(&testbed, &pod_at(a1), &format!("ping -c 1 -W 1 -M do -s {} {}", 1451 - 48, ip6(a2)));
    assert!(too_big.is_err(), "larger than the MTU");
    for to in [b1, a2] {
        let received = iperf(&testbed, &pod_at(a1), &pod_at(to), ip6(to), "-n 20M");
        assert!(received > 10 << 20, "only {received} bytes arrived");
    }
}

#[test]
fn neighbours_are_found_in_the_switch_and_liars_are_not_heard() {
    let testbed = dual("t24-nd", 2);
    let [liar, victim, far] = [("liar", 1), ("victim", 1), ("far", 2)].map(|(name, n)| add(&testbed, name, n));
    let at_liar = pod_at(&liar);
    assert!(pings_all(&testbed, &at_liar, ip6(&victim)));
    let found = sh(&testbed, &at_liar, "ip -6 neigh show dev eth0");
    assert!(found.contains(&format!("{} lladdr {}", ip6(&victim), victim.mac)), "{found}");

    let elsewhere = || packets(&testbed, "h2 --table resolve", |_| true);
    let (seen, unknown) = (elsewhere(), "neighbour solicitation for an address nobody has");
    let nobody = format!("{}:99", ip6(&victim).rsplit_once(':').expect("IPv6").0);
    assert!(!pings(&testbed, &at_liar, &nobody));
    eventually("the question counted", 3, || dropped(&testbed, "h1", unknown) > 0);
    assert_eq!(elsewhere(), seen, "no question leaves its host");

    let false_word = "neighbour advertisement that nobody asked for";
    advertise(&testbed, &at_liar, ip6(&victim), &gateway6(&victim));
    eventually("the false advertisement counted", 3, || dropped(&testbed, "h1", false_word) == 1);

    let lie = |what: &str, reason: &str, command: &str| {
        let before = dropped(&testbed, "h1", reason);
        let _ = try_sh(&testbed, &at_liar, command);
        eventually(what, 5, || dropped(&testbed, "h1", reason) > before);
    };
    // The gateway's Ethernet address is known from then on: what follows asks for no neighbour.
    assert!(pings_all(&testbed, &at_liar, ip6(&far)));
    sh(&testbed, &at_liar, &format!("ip addr add {}/128 dev eth0 nodad", ip6(&victim)));
    let forged = format!("ping -c 3 -i 0.2 -W 1 -I {} {}", ip6(&victim), ip6(&far));
    lie("forged packets", "spoofed source", &forged);
    assert!(try_sh(&testbed, &at_liar, &forged).is_err());
    // The agent may have tidied it away.
    let _ = try_sh(&testbed, &at_liar, &format!("ip addr del {}/128 dev eth0", ip6(&victim)));
    let own = "ip addr add fd00:10:244:1::77/64 dev eth0";
    lie("the search for duplicates", "duplicate address detection", own);
    let _ = try_sh(&testbed, &at_liar, "ip addr del fd00:10:244:1::77/64 dev eth0");
    assert!(pings_all(&testbed, &at_liar, ip6(&far)), "its own address works");
    assert!(pings_all(&testbed, &pod_at(&victim), ip6(&far)));
}

/// Has `place` tell `to` that `target` is there, as an answer would (RFC 4861 section 4.4).
fn advertise(testbed: &Testbed, place: &Place, to: &str, target: &str) {
    let [to, target]: [Ipv6Addr; 2] = [to, target].map(|ip| ip.parse().expect("an address"));
    let mut message = vec![136, 0, 0, 0, 0x60, 0, 0, 0];
    message.extend(target.octets());
    message.extend([2, 1, 2, 0, 0, 0, 0, 1]);
    let send = || {
        let socket = socket(AddressFamily::Inet6, SockType::Raw, SockFlag::empty(), SockProtocol::IcmpV6)?;
        setsockopt(&socket, sockopt::Ipv6Ttl, &255)?;
        let to = SockaddrIn6::from(SocketAddrV6::new(to, 0, 0, 0));
        Ok(sendto(socket.as_raw_fd(), &message, &to, MsgFlags::empty())?)
    };
    netns::within(&testbed.config().netns(place), send).expect("a raw socket");
}

/// Datapath flows that carried `at_least` packets; whether there is conntrack or a second pass among them.
fn busy(testbed: &Testbed, n: u16, at_least: u64) -> (usize, bool) {
    let dump = sh(testbed, &at(n), "ovs-appctl dpctl/dump-flows");
    let count = |line: &str| line.split("packets:").nth(1)?.split(',').next()?.parse::<u64>().ok();
    let busy: Vec<&str> = dump
        .lines()
        .filter(|line| line.contains("eth_type(0x86dd)") && count(line).is_some_and(|count| count >= at_least))
        .collect();
    let more = |line: &&&str| line.contains("recirc_id(0x") || line.contains("ct(");
    (busy.len(), busy.iter().any(|line| more(&line)))
}

#[test]
fn a_packet_of_ipv6_costs_one_datapath_flow_on_each_host() {
    let testbed = dual("t24-passes", 2);
    let (client, server) = (add(&testbed, "client", 1), add(&testbed, "server", 2));
    let _server = Server::start6(&testbed, &pod_at(&server), 8080).expect("port 8080 is free");
    let to = ip6(&server).parse().expect("an address");
    let mut connection = Connection::open(&testbed, &pod_at(&client), to, 8080).expect("an answer");
    (0..60).for_each(|_| assert_eq!(connection.echo(), Echo::Answered));
    for n in [1, 2] {
        eventually("one flow for each direction", 5, || busy(&testbed, n, 48) == (2, false));
    }
}

#[test]
fn a_service_of_ipv6_balances_refuses_and_reaches_itself() {
    const VIP: &str = "fd00:10:96::10";
    let testbed = dual("t24-service", 2);
    let [client, near, far] = [("client", 1), ("near", 1), ("far", 2)].map(|(name, n)| add(&testbed, name, n));
    let _servers = [&near, &far].map(|pod| Server::start6(&testbed, &pod_at(pod), 8080).expect("port 8080 is free"));
    let vip = VIP.parse().expect("an address");
    let create =
        format!("service create web --vip {VIP} --port 80:8080/tcp --backend {} --backend {}", ip6(&near), ip6(&far));
    sdnctl(&testbed, &create);
    for from in [pod_at(&client), pod_at(&near), at(1)] {
        let mut answered = BTreeSet::new();
        for _ in 0..40 {
            let (server, _) = ask(&testbed, &from, vip, 80).unwrap_or_else(|error| panic!("{from}: {error:#}"));
            answered.insert(server);
        }
        assert_eq!(answered.len(), 2, "{from} meets {answered:?}");
    }
    let (_, seen_as) = ask(&testbed, &pod_at(&client), vip, 80).expect("an answer");
    assert_eq!(seen_as.to_string(), ip6(&client), "backends see the client");
    sdnctl(&testbed, &format!("service backends web --rm {} --rm {}", ip6(&near), ip6(&far)));
    for from in [pod_at(&client), at(1)] {
        let met = ask(&testbed, &from, vip, 80).map(|(server, _)| server).map_err(|error| format!("{error:#}"));
        assert!(matches!(&met, Err(said) if said.contains("refused")), "{from}: refused, not {met:?}");
    }
}

#[test]
fn a_client_of_ipv6_keeps_its_backend_at_an_address_that_was_chosen() {
    let testbed = dual("t24-affinity", 2);
    let [client, near, far] = [("client", 1), ("near", 1), ("far", 2)].map(|(name, n)| add(&testbed, name, n));
    let _servers = [&near, &far].map(|pod| Server::start6(&testbed, &pod_at(pod), 8080).expect("port 8080 is free"));
    let backends = format!("--backend {} --backend {}", ip6(&near), ip6(&far));
    sdnctl(&testbed, &format!("service create web --port 80:8080/tcp {backends} --affinity 3h"));
    let service: api::Service = sdnctl_json(&testbed, "service inspect web").expect("the service");
    let vip = service.vip.expect("an address of its own");
    assert!(vip.is_ipv6(), "as its backends are: {vip}");
    let mut bound = BTreeSet::new();
    for from in [pod_at(&client), pod_at(&far), at(1), at(2)] {
        let answered = || ask(&testbed, &from, vip, 80).unwrap_or_else(|error| panic!("{from}: {error:#}")).0;
        let met: BTreeSet<String> = (0..20).map(|_| answered()).collect();
        assert_eq!(met.len(), 1, "{from} meets {met:?}");
        bound.extend(met);
    }
    assert!(bound.len() <= 2);
    let gone = ask(&testbed, &pod_at(&client), vip, 80).expect("an answer").0;
    testbed.pod_rm(&gone).expect("it goes");
    assert_ne!(ask(&testbed, &pod_at(&client), vip, 80).expect("another answers").0, gone);
}

#[test]
fn flat_networks_are_of_either_family_or_both() {
    let testbed = dual("t24-flat", 2);
    let outsider = add(&testbed, "outsider", 1);
    sdnctl(&testbed, "network create six --subnet fd00:6::/64 --flat --internal");
    sdnctl(&testbed, "network create both --subnet 10.50.0.0/24 --subnet fd00:50::/64 --flat --internal");
    let join = |network: &str, name: &str, n: u16| {
        let spec = PodSpec { network: Some(network.into()), ..PodSpec::new(name, host(n)) };
        testbed.pod_add(&spec).unwrap_or_else(|error| panic!("{error:#}"))
    };
    let (a, b, c) = (join("six", "a", 1), join("six", "b", 2), join("six", "c", 2));
    assert!(a.ip.starts_with("fd00:6::") && a.ip6.is_none(), "{a:?}");
    for (from, to) in [(&a, &b), (&b, &a), (&b, &c)] {
        assert!(pings_all(&testbed, &pod_at(from), &to.ip), "{} to {}", from.name, to.name);
    }
    assert!(!pings(&testbed, &pod_at(&outsider), &b.ip), "from another network");
    assert!(!pings(&testbed, &pod_at(&b), ip6(&outsider)), "to another network");
    let (d, e) = (join("both", "d", 1), join("both", "e", 2));
    assert!(pings_all(&testbed, &pod_at(&d), &e.ip) && pings_all(&testbed, &pod_at(&d), ip6(&e)));
}

#[test]
fn a_restart_of_the_agent_or_of_the_switch_leaves_ipv6_as_it_is() {
    let testbed = dual("t24-restart", 2);
    let (near, far) = (add(&testbed, "near", 1), add(&testbed, "far", 2));
    let kernel = || {
        let commands = ["ip -o -6 addr", "ip -6 route", "nft list ruleset"];
        commands.map(|command| sh(&testbed, &at(1), command))
    };
    let before = kernel();
    let agent = integration::Target::Agent(host(1));
    testbed.kill(agent).unwrap();
    testbed.start(agent).unwrap();
    common::settle(&testbed);
    assert_eq!(kernel(), before);
    let ovs = integration::Target::Ovs(host(1));
    testbed.kill(ovs).unwrap();
    testbed.start(ovs).unwrap();
    common::settle(&testbed);
    for to in [ip6(&far).to_owned(), gateway6(&near), EXTERNAL_IP6.to_string()] {
        eventually("everything is reached again", 10, || pings_all(&testbed, &pod_at(&near), &to));
    }
    assert_eq!(kernel()[1..], before[1..], "devices have new numbers, and all else is as it was");
}
