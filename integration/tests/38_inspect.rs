//! `sdnctl service inspect`: from the virtual address to the backends, and who sends them how many connections.

mod common;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use api::balance::Balance;
use common::{add, at, host, pod_at, sdnctl, up};
use integration::client::sdnctl_json;
use integration::tool;
use integration::traffic::{Server, ask};
use integration::{Pod, PodSpec, Testbed};

const TIMES: u64 = 30;

fn inspect(testbed: &Testbed, service: &str) -> Balance {
    sdnctl_json(testbed, &format!("service inspect {service}")).unwrap()
}

fn connections(balance: &Balance) -> BTreeMap<String, u64> {
    balance.members.iter().map(|member| (member.endpoint.to_string(), member.connections)).collect()
}

#[test]
fn it_shows_who_balances_what_and_how_often() {
    let testbed = up("t38-inspect", 2);
    let labels = vec!["app=web".to_owned()];
    let pod = |n| testbed.pod_add(&PodSpec { labels: labels.clone(), ..PodSpec::new(&format!("web{n}"), host(n)) });
    let pods: Vec<Pod> = (1..=2).map(|n| pod(n).unwrap()).collect();
    let _servers: Vec<Server> = pods.iter().map(|pod| Server::start(&testbed, &pod_at(pod), 8080).unwrap()).collect();
    let client = pod_at(&add(&testbed, "client", 1));
    let create = |name, vip, options: &str| {
        sdnctl(&testbed, &format!("service create {name} --vip {vip} --port 80:8080/tcp --selector app=web {options}"));
    };
    create("web", "10.96.0.10", "");
    create("bound", "10.96.0.11", "--affinity 1h");
    create("near", "10.96.0.12", "--prefer node");
    for vip in ["10.96.0.10", "10.96.0.11", "10.96.0.12"] {
        let ip: IpAddr = vip.parse().unwrap();
        let mut counts: BTreeMap<String, u64> = [("web1".to_owned(), 0), ("web2".to_owned(), 0)].into();
        for place in [&client, &at(2)] {
            for _ in 0..TIMES {
                let (server, _) = ask(&testbed, place, ip, 80).unwrap();
                *counts.get_mut(&server).unwrap() += 1;
            }
        }
        let name = match vip {
            "10.96.0.10" => "web",
            "10.96.0.11" => "bound",
            _ => "near",
        };
        // Open vSwitch counts with a delay.
        let mut seen = BTreeMap::new();
        let counted = tool::wait_until("counted", Duration::from_secs(10), || {
            seen = connections(&inspect(&testbed, name));
            seen == counts
        });
        assert!(counted.is_ok(), "{name} is counted as {seen:?}, not as {counts:?}");
    }
    let web = inspect(&testbed, "web");
    assert_eq!((web.service.name.as_str(), web.nodes.len(), web.unread.len()), ("web", 2, 0));
    let group = &web.nodes[0].groups[0];
    assert_eq!((group.port.port, group.targets.len()), (80, 2));
    let near = inspect(&testbed, "near");
    for node in &near.nodes {
        for target in &node.groups[0].targets {
            let is_own =
                target.endpoint.as_ref().map(api::Name::as_str) == Some(&node.node.as_str().replace('h', "web"));
            assert_eq!(target.weight > 0, is_own, "{node:#?}");
        }
    }
    let table = sdnctl(&testbed, "service inspect web");
    for word in ["10.96.0.10", "80:8080/tcp", "web1", "web2", "h1", "h2", "open", "CONNECTIONS"] {
        assert!(table.contains(word), "{word} in\n{table}");
    }
    println!("{table}");
}
