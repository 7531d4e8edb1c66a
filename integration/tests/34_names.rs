//! Names: every host answers its own endpoints, of what is in their network, and nothing else.

mod common;
#[path = "common/dns.rs"]
mod dns;

use std::net::UdpSocket;
use std::process::Command;
use std::time::{Duration, Instant};

use common::{add, at, eventually, host, ip_of, pod_at, sdnctl, sh, up};
use dns::{NameServer, RESOLVER, exchange, look_up};
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType::{A, AAAA, PTR, SRV};
use integration::{Place, Pod, PodSpec, Target, Testbed, control, netns};

const VIP: &str = "10.96.0.10";

fn labelled(testbed: &Testbed, name: &str, n: u16) -> Pod {
    testbed.pod_add(&PodSpec { labels: vec!["app=web".to_owned()], ..PodSpec::new(name, host(n)) }).unwrap()
}

fn in_network(testbed: &Testbed, name: &str, n: u16, network: &str) -> Pod {
    let network = Some(network.to_owned());
    testbed.pod_add(&PodSpec { network, ..PodSpec::new(name, host(n)) }).unwrap()
}

fn reverse(ip: &str) -> String {
    let mut parts: Vec<&str> = ip.split('.').collect();
    parts.reverse();
    format!("{}.in-addr.arpa", parts.join("."))
}

/// Waits until the answer is the one expected, and says how long that took.
fn follows(testbed: &Testbed, from: &Place, name: &str, expected: &[&str]) -> Duration {
    let since = Instant::now();
    let mut found = Vec::new();
    while since.elapsed() < Duration::from_secs(3) {
        found = look_up(testbed, from, name, A);
        if found == expected {
            return since.elapsed();
        }
    }
    panic!("{name}: {found:?}, not {expected:?}");
}

#[test]
fn services_and_endpoints_are_found_and_followed_and_stay_without_a_controller() {
    let testbed = up("t34-names", 2);
    let [one, two] = [1, 2].map(|n| labelled(&testbed, &format!("web{n}"), n));
    let client = pod_at(&add(&testbed, "client", 2));
    let ask = |name: &str, of| look_up(&testbed, &client, name, of);
    assert_eq!(ask("web.default.sdn.internal", A), ["NXDomain"]);
    sdnctl(&testbed, &format!("service create web --vip {VIP} --port 80:8080/tcp --selector app=web"));
    for suffix in [".default.sdn.internal", ""] {
        let within = |name: &str| format!("{name}{suffix}");
        let took = follows(&testbed, &client, &within("web"), &[VIP]);
        assert!(took < Duration::from_secs(1), "{took:?}");
        assert_eq!(ask(&within("tasks.web"), A), [one.ip.as_str(), &two.ip]);
        assert_eq!(ask(&within("web1"), A), [one.ip.as_str()]);
        assert_eq!(ask(&within("web"), AAAA), ["NoError"]);
        assert_eq!(ask(&within("_80._tcp.web"), SRV), ["0 1 80 web.default.sdn.internal."]);
    }
    assert_eq!(ask(&reverse(VIP), PTR), ["web.default.sdn.internal."]);
    assert_eq!(ask(&reverse(&one.ip), PTR), ["web1.default.sdn.internal."]);
    assert_eq!(ask(&reverse("10.244.200.200"), PTR), ["NXDomain"]);

    // Whoever made a change finds it, and the host of another name's client, too.
    let three = labelled(&testbed, "web3", 1);
    let took = follows(&testbed, &client, "tasks.web", &[&one.ip, &three.ip, &two.ip]);
    assert!(took < Duration::from_secs(1), "{took:?}");
    testbed.pod_rm("web3").unwrap();
    let took = follows(&testbed, &client, "tasks.web", &[&one.ip, &two.ip]);
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!(ask(&reverse(&three.ip), PTR), ["NXDomain"]);
    sdnctl(&testbed, "service create bare --vip none --port 80:8080 --selector app=web");
    assert_eq!(ask("bare", A), [one.ip.as_str(), &two.ip]);
    assert_eq!(ask("_80._tcp.bare", SRV).len(), 2);
    let dump = sdnctl(&testbed, "flows dump h1 --owner service/bare -o ofctl");
    assert_eq!(dump.trim(), "", "names only");

    // What the C library makes of it.
    let getent = |name: &str| {
        let program = control::program("sdn-testbed").unwrap();
        let mut command = Command::new(program);
        command.args(["exec", "--name", "t34-names", "client", "--", "getent", "hosts", name]);
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    assert!(getent("web").starts_with(VIP), "{}", getent("web"));
    assert!(getent(&one.ip).contains("web1.default.sdn.internal"), "{}", getent(&one.ip));

    sdnctl(&testbed, "service create late --vip 10.96.0.11 --port 80 --selector app=web");
    eventually("the last change", 2, || ask("late", A) == ["10.96.0.11"]);
    std::thread::sleep(Duration::from_millis(2_500));
    testbed.kill(Target::Controller).unwrap();
    let known = |when: &str| {
        assert_eq!(ask("web", A), [VIP], "{when}");
        assert_eq!(ask("tasks.web", A), [one.ip.as_str(), &two.ip], "{when}");
        assert_eq!(ask("late", A), ["10.96.0.11"], "{when}");
        assert_eq!(ask("new.default.sdn.internal", A), ["ServFail"], "{when}: ask again");
    };
    known("without a controller");
    testbed.kill(Target::Agent(host(2))).unwrap();
    testbed.start(Target::Agent(host(2))).unwrap();
    eventually("the agent answers again", 5, || ask("web", A) == [VIP]);
    known("without a controller, after a restart");
    testbed.start(Target::Controller).unwrap();
    common::settle(&testbed);
    sdnctl(&testbed, "service rm web");
    eventually("the removed service is gone", 3, || ask("web.default.sdn.internal", A) == ["NXDomain"]);
}

#[test]
fn networks_with_the_same_names_do_not_see_each_others() {
    let testbed = up("t34-apart", 2);
    sdnctl(&testbed, "network create blue --subnet 10.50.0.0/16 --flat");
    sdnctl(&testbed, "network create red --subnet 10.60.0.0/16 --flat --internal");
    let blue = in_network(&testbed, "web", 1, "blue");
    let _elsewhere = in_network(&testbed, "far", 2, "blue");
    let red = in_network(&testbed, "vault", 1, "red");
    let client = add(&testbed, "client", 1);
    sdnctl(&testbed, &format!("service create web --vip {VIP} --port 80 --backend {}", client.ip));
    let ask = |from: &Pod, name: &str| look_up(&testbed, &pod_at(from), name, A);
    assert_eq!(ask(&client, "web"), [VIP]);
    assert_eq!(ask(&blue, "web"), [blue.ip.as_str()]);
    assert_eq!(ask(&blue, "web.blue.sdn.internal"), [blue.ip.as_str()]);
    assert_eq!(ask(&client, "web.blue.sdn.internal"), ["NXDomain"]);
    assert_eq!(ask(&blue, "web.default.sdn.internal"), ["NXDomain"]);
    assert_eq!(ask(&blue, "far"), [_elsewhere.ip.as_str()]);
    assert_eq!(ask(&client, "far.default.sdn.internal"), ["NXDomain"]);
    assert_eq!(look_up(&testbed, &pod_at(&client), &reverse(&blue.ip), PTR), ["NXDomain"]);
    // From an internal network only the resolver is reached, and it asks nobody outside.
    assert_eq!(ask(&red, "vault"), [red.ip.as_str()]);
    assert_eq!(ask(&red, "web.red.sdn.internal"), ["NXDomain"]);
    assert_eq!(ask(&red, "example.test"), ["Refused"]);
    assert!(common::try_sh(&testbed, &pod_at(&red), "ping -c 1 -W 1 169.254.77.53").is_err());
}

#[test]
fn other_names_are_asked_outside_and_garbage_hurts_nobody() {
    let testbed = up("t34-outside", 1);
    let client = pod_at(&add(&testbed, "client", 1));
    let ask = |name: &str| look_up(&testbed, &client, name, A);
    // Nobody is there to ask yet: the client is told so rather than kept waiting.
    let since = Instant::now();
    assert_eq!(ask("example.test"), ["ServFail"]);
    assert!(since.elapsed() < Duration::from_millis(5_500), "{:?}", since.elapsed());
    let outside = NameServer::start(&testbed, &Place::External);
    assert_eq!(ask("example.test"), ["192.0.2.80"]);
    assert_eq!(ask("gone.test"), ["NXDomain"]);
    assert!(exchange(&testbed, &client, "big.test", A, false).unwrap().metadata.truncation);
    assert_eq!(exchange(&testbed, &client, "big.test", A, true).unwrap().answers.len(), 100);
    let asked = outside.asked();
    assert_eq!(ask("nobody.default.sdn.internal"), ["NXDomain"]);
    assert_eq!(ask("web.sdn.internal"), ["NXDomain"]);
    assert_eq!(outside.asked(), asked, "what is ours is never asked outside");

    // A file that names ourselves: nobody is asked.
    let file = testbed.state().host(host(1)).join("resolv.conf");
    std::fs::write(&file, format!("nameserver {RESOLVER}\n")).unwrap();
    eventually("no loop", 4, || ask("loop.test") == ["ServFail"]);
    std::fs::write(&file, format!("nameserver {RESOLVER}\nnameserver 172.30.255.253\n")).unwrap();
    eventually("the other server", 4, || ask("again.test") == ["192.0.2.80"]);
    assert_eq!(look_up(&testbed, &at(1), "example.test", A), ["Refused"], "the host has resolvers of its own");
    assert_eq!(look_up(&testbed, &at(1), "client", A), [sh_ip(&testbed)]);

    netns::within(&testbed.config().netns(&client), || {
        let socket = UdpSocket::bind("0.0.0.0:0")?;
        socket.connect((RESOLVER, 53))?;
        let mut state = 1_u32;
        for length in 0..2_000_usize {
            let mut next = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            };
            let packet: Vec<u8> = (0..length % 700).map(|_| next()).collect();
            let _ = socket.send(&packet);
        }
        Ok(())
    })
    .unwrap();
    let after = exchange(&testbed, &client, "client", A, false).unwrap();
    assert_eq!(after.metadata.response_code, ResponseCode::NoError);
}

fn sh_ip(testbed: &Testbed) -> String {
    let pod = integration::pod::find(testbed.config(), testbed.state(), "client").unwrap();
    ip_of(&pod).to_string()
}

#[test]
fn resolv_conf_comes_and_goes_with_the_pod() {
    let testbed = up("t34-files", 1);
    add(&testbed, "web", 1);
    let file = "/etc/netns/t34-files-pod-web/resolv.conf";
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.contains("nameserver 169.254.77.53\nsearch default.sdn.internal\n"), "{text}");
    let shown = sh(&testbed, &at(1), "ip netns exec t34-files-pod-web cat /etc/resolv.conf");
    assert_eq!(shown.trim(), text.trim());
    testbed.pod_rm("web").unwrap();
    assert!(!std::path::Path::new(file).exists());
}
