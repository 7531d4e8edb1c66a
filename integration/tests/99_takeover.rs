//! Plain `docker run` on a host of the mesh, with a real Docker.

mod common;

use std::fs;
use std::net::IpAddr;

use common::{add, at, eventually, host, ip_of, pings, pod_at, sdnctl, up};
use integration::docker::Docker;
use integration::traffic::{Server, ask};
use integration::{Testbed, client, control, netns, tool};
use ipnet::IpNet;

const RANGE: &str = "10.244.1.128/25";
const VIP: &str = "10.96.0.10";

fn takeover(testbed: &Testbed, docker: &Docker, options: &[&str]) -> String {
    let mut command = std::process::Command::new(control::program("sdn-agent").unwrap());
    command.arg("takeover").args(options).env("DOCKER_HOST", docker.host());
    command.arg("--daemon-json").arg(docker.daemon_json()).arg("--restart").arg(docker.restart());
    command.arg("--socket").arg(control::agent_socket(testbed.state(), host(1)));
    command.arg("--state-dir").arg(testbed.state().host(host(1)).join("agent"));
    let netns = testbed.config().netns(&at(1));
    netns::within(&netns, || tool::run(&mut command)).unwrap_or_else(|error| panic!("{options:?}: {error:#}"))
}

fn container(docker: &Docker, name: &str) -> IpAddr {
    docker.run(&["run", "-d", "--name", name, "busybox", "sleep", "1000"]).unwrap();
    let format = "{{.NetworkSettings.IPAddress}}";
    docker.run(&["inspect", "--format", format, name]).unwrap().parse().unwrap()
}

#[test]
fn containers_of_plain_docker_run_are_part_of_the_mesh_and_can_be_given_back() {
    let testbed = up("t99-docker", 2);
    let [near, far] = [("near", 1), ("far", 2)].map(|(name, n)| add(&testbed, name, n));
    let docker = Docker::start(&testbed, host(1)).unwrap();
    fs::write(docker.daemon_json(), "{ \"debug\": false }").unwrap();
    let range: IpNet = RANGE.parse().unwrap();
    let before = container(&docker, "before");
    assert!(!range.contains(&before), "{before}");

    let plan = takeover(&testbed, &docker, &[]);
    for part in [RANGE, "bip", "10.244.1.129/25", "restart Docker, which ends before", "nothing was changed"] {
        assert!(plan.contains(part), "{part}: {plan}");
    }
    assert_eq!(fs::read_to_string(docker.daemon_json()).unwrap(), "{ \"debug\": false }");
    assert_eq!(docker.run(&["ps", "--format", "{{.Names}}"]).unwrap(), "before");

    takeover(&testbed, &docker, &["--yes"]);
    let one = container(&docker, "one");
    assert!(range.contains(&one), "{one}");
    let run = |words: &[&str]| docker.run(&[&["exec", "one"], words].concat());
    for (who, ip) in [("near", near.ip.as_str()), ("far", &far.ip), ("the other host", "10.244.2.1")] {
        assert!(run(&["ping", "-c", "3", "-W", "1", ip]).is_ok(), "to {who}, {ip}");
    }
    for from in [pod_at(&near), pod_at(&far), at(1), at(2)] {
        assert!(pings(&testbed, &from, one), "from {from}");
    }
    // By a service, and as who it is.
    sdnctl(&testbed, &format!("service create web --vip {VIP} --port 80:8080 --backend {}", far.ip));
    let _server = Server::start(&testbed, &pod_at(&far), 8080).unwrap();
    assert!(ask(&testbed, &pod_at(&near), VIP.parse().unwrap(), 80).is_ok());
    for at in [(VIP, "80"), (far.ip.as_str(), "8080")] {
        let said = run(&["sh", "-c", &format!("sleep 1 | nc {} {}", at.0, at.1)]).unwrap();
        assert_eq!(said.trim(), format!("far {one}"), "by {}", at.0);
    }
    let names = run(&["nslookup", "web.default.sdn.internal"]).unwrap();
    assert!(names.contains(VIP), "{names}");

    // Nothing is given twice.
    let inspected = client::sdnctl(&testbed, "node inspect h1 -o json").unwrap();
    assert!(inspected.contains(RANGE), "{inspected}");
    let taken = testbed
        .pod_add(&integration::PodSpec { ip: Some(one.to_string()), ..integration::PodSpec::new("thief", host(1)) });
    assert!(format!("{:#}", taken.unwrap_err()).contains("gives to containers itself"));
    assert!(!range.contains(&ip_of(&add(&testbed, "another", 1))));

    assert!(takeover(&testbed, &docker, &["--yes"]).contains("already"));
    takeover(&testbed, &docker, &["--undo"]);
    assert_eq!(fs::read_to_string(docker.daemon_json()).unwrap(), "{ \"debug\": false }");
    let after = container(&docker, "after");
    assert!(!range.contains(&after), "{after}");
    eventually("the range is free", 3, || {
        !client::sdnctl(&testbed, "node inspect h1 -o json").unwrap().contains(RANGE)
    });
}
