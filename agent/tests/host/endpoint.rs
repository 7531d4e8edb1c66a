//! Making and removing endpoints.

use std::time::Instant;

use crate::lab::{Lab, is_root, sh, until};
use agent::endpoint::device_name;
use api::{Endpoint, Name};

fn device(name: &str) -> String {
    device_name(&Name::new(name).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn attach_makes_a_whole_endpoint_and_detach_none() {
    if !is_root() {
        return;
    }
    let mut lab = Lab::up().await;
    let netns = lab.pod("p1");
    lab.configured().await;
    let words = format!("attach web --netns {} --label app=web", netns.display());
    let start = Instant::now();
    let printed = lab.agent(&words).await.unwrap();
    eprintln!("attach took {:?}", start.elapsed());
    let endpoint: Endpoint = serde_json::from_str(&printed).unwrap();
    assert_eq!(printed.lines().count(), 1);
    assert_eq!(endpoint.labels["app"], "web");

    let host = lab.ip(&format!("-d link show {}", device("web")));
    assert!(host.contains("mtu 1450") && host.contains("alias sdn:web") && host.contains("UP"), "{host}");
    let inside = |command: &str| sh(&format!("ip netns exec {}-p1 {command}", lab.host));
    let link = inside("ip addr show eth0");
    let address = format!("inet {}/24", endpoint.ips[0]);
    for part in ["mtu 1450", &endpoint.mac.to_string(), &address, "LOWER_UP"] {
        assert!(link.contains(part), "{part} in {link}");
    }
    assert!(!link.contains("inet6"), "{link}");
    assert!(inside("ip route").contains("default via 10.244.1.1 dev eth0"));
    assert!(inside("ip addr show lo").contains("127.0.0.1"));
    assert!(inside("ethtool -k eth0").contains("tx-checksumming: off"));
    let setting = |key: &str| sh(&format!("ip netns exec {} cat /proc/sys/net/{key}", lab.host)).trim().to_owned();
    assert_eq!(setting(&format!("ipv4/conf/{}/arp_ignore", device("web"))), "8");
    assert_eq!(setting(&format!("ipv6/conf/{}/disable_ipv6", device("web"))), "1");

    assert_eq!(lab.agent(&words).await.unwrap(), printed);
    let elsewhere = lab.pod("p2");
    let refused = lab.agent(&format!("attach web --netns {}", elsewhere.display())).await.unwrap_err();
    assert!(refused.contains("attached already") && refused.lines().count() == 1, "{refused}");
    let inside = |command: &str| sh(&format!("ip netns exec {}-p1 {command}", lab.host));
    inside("ip addr flush dev eth0");
    assert_eq!(lab.agent(&words).await.unwrap(), printed);
    assert!(inside("ip addr show eth0").contains(&address));
    assert!(inside("ip route").contains("default via 10.244.1.1"));
    lab.ip(&format!("link del {}", device("web")));
    assert_eq!(lab.agent(&words).await.unwrap(), printed);
    assert!(inside("ip addr show eth0").contains(&endpoint.mac.to_string()));
    assert_eq!(lab.fake.lock().writes, ["POST web"]);

    lab.agent("detach web").await.unwrap();
    assert!(!lab.ip("link").contains(&device("web")));
    lab.agent("detach web").await.unwrap();
    assert_eq!(lab.fake.lock().writes, ["POST web", "DELETE web"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_undone_whole() {
    if !is_root() {
        return;
    }
    let mut lab = Lab::up().await;
    let netns = lab.pod("p1");
    lab.configured().await;
    let attach = format!("attach web --netns {}", netns.display());
    let nothing_left = |lab: &Lab| {
        assert!(!lab.ip("link").contains(&device("web")));
        assert!(!sh(&format!("ip -n {}-p1 link", lab.host)).contains("eth0"));
        assert!(lab.fake.lock().endpoints.is_empty());
        assert_eq!(std::fs::read_dir(lab.state().join("endpoints")).unwrap().count(), 0);
    };
    lab.fake.lock().refuse = true;
    let said = lab.agent(&attach).await.unwrap_err();
    assert!(said.contains("the subnet is full") && said.lines().count() == 1, "{said}");
    nothing_left(&lab);

    lab.fake.lock().refuse = false;
    lab.fake.lock().pending = vec!["h2".into()];
    let said = lab.agent(&attach).await.unwrap_err();
    assert!(said.contains("h2"), "{said}");
    nothing_left(&lab);

    lab.fake.lock().pending.clear();
    for (words, part) in [
        ("attach web --netns /nonexistent", "/nonexistent"),
        ("attach web --netns /etc/passwd", "not a network namespace"),
        (&format!("{attach} --device lo"), "lo"),
        (&format!("{attach} --device a/b"), "device"),
    ] {
        let said = lab.agent(words).await.unwrap_err();
        assert!(said.contains(part) && said.lines().count() == 1, "{said}");
        nothing_left(&lab);
    }
    sh(&format!("ip -n {0}-p1 link add eth0 type veth peer name other", lab.host));
    let said = lab.agent(&attach).await.unwrap_err();
    assert!(said.contains("exists already"), "{said}");
    assert!(!lab.ip("link").contains(&device("web")));
    sh(&format!("ip -n {0}-p1 link del eth0", lab.host));
    lab.agent(&attach).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_changes_nothing() {
    if !is_root() {
        return;
    }
    let mut lab = Lab::up().await;
    let netns = lab.pod("p1");
    lab.configured().await;
    let attach = format!("attach web --netns {}", netns.display());
    let printed = lab.agent(&attach).await.unwrap();
    until("the gateway", || lab.ip("route show proto 93").lines().count() == 3).await;
    lab.kill();
    let monitor = |namespace: &str| {
        let command = format!("exec ip -n {namespace} monitor link address route");
        let log = std::fs::File::create(lab.dir.path().join(namespace)).unwrap();
        std::process::Command::new("sh").args(["-c", &command]).stdout(log).spawn().unwrap()
    };
    let (host, pod) = (lab.host.clone(), format!("{}-p1", lab.host));
    let mut monitors = [monitor(&host), monitor(&pod)];
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    let reports = lab.fake.lock().reports.len();
    lab.start().await;
    until("reports again", || lab.fake.lock().reports.len() > reports + 2).await;
    assert_eq!(lab.agent(&attach).await.unwrap(), printed);
    for monitor in &mut monitors {
        monitor.kill().unwrap();
        monitor.wait().unwrap();
    }
    for namespace in [&host, &pod] {
        assert_eq!(std::fs::read_to_string(lab.dir.path().join(namespace)).unwrap(), "", "events in {namespace}");
    }
    assert_eq!(lab.fake.lock().writes, ["POST web"]);
}
