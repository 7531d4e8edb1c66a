//! What the agent makes of a host on which something went wrong meanwhile.

use std::{
    io::{Read, Write},
    os::unix::{fs::PermissionsExt, net::UnixStream},
};

use crate::lab::{Lab, is_root, sh, until};
use agent::endpoint::device_name;
use api::Name;

fn device(name: &str) -> String {
    device_name(&Name::new(name).unwrap())
}

fn has_device(lab: &Lab, name: &str) -> bool {
    lab.ip("link").contains(&device(name))
}

fn make_veth(lab: &Lab, name: &str) {
    let device = device(name);
    lab.ip(&format!("link add {device} type veth peer name x{device}"));
    lab.ip(&format!("link set {device} alias sdn:{name}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_is_gone_is_detached() {
    if !is_root() {
        return;
    }
    let mut lab = Lab::up().await;
    let netns = lab.pod("p1");
    lab.configured().await;
    lab.agent(&format!("attach web --netns {}", netns.display())).await.unwrap();
    sh(&format!("ip netns del {}-p1", lab.host));
    until("the controller knows", || lab.fake.lock().endpoints.is_empty()).await;
    assert_eq!(lab.fake.lock().writes, ["POST web", "DELETE web"]);
    let again = lab.pod("p1");
    lab.agent(&format!("attach web --netns {}", again.display())).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_made_anew_at_the_same_path_is_another_pod() {
    if !is_root() {
        return;
    }
    let mut lab = Lab::up().await;
    let netns = lab.pod("p1");
    lab.configured().await;
    let attach = format!("attach web --netns {}", netns.display());
    let first = lab.agent(&attach).await.unwrap();
    sh(&format!("ip netns del {0}-p1 && ip netns add {0}-p1", lab.host));
    let second = lab.agent(&attach).await.unwrap();
    assert_ne!(first, second);
    assert!(sh(&format!("ip -n {}-p1 link", lab.host)).contains("eth0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_deleted_at_the_controller_goes() {
    if !is_root() {
        return;
    }
    let mut lab = Lab::up().await;
    let netns = lab.pod("p1");
    lab.configured().await;
    lab.agent(&format!("attach web --netns {}", netns.display())).await.unwrap();
    lab.fake.change(|c| c.endpoints.clear());
    until("the device goes", || !has_device(&lab, "web")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stale_devices_go_when_the_controller_has_spoken_and_not_before() {
    if !is_root() {
        return;
    }
    let mut lab = Lab::up().await;
    lab.configured().await;
    until("the configuration is kept", || lab.state().join("config.json").exists()).await;
    lab.kill();
    make_veth(&lab, "ghost");
    lab.ip("link add other type veth peer name xother");
    lab.ip("link set other alias sdn:other");
    lab.ip("link set lo down");
    lab.ip("addr flush dev kbr0");
    lab.start().await;
    // With the controller away the last configuration is in force.
    until("the gateway is back", || lab.ip("-4 addr show kbr0").contains("10.244.1.1/24")).await;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert!(has_device(&lab, "ghost"));
    lab.ip("link set lo up");
    until("the stale device goes", || !has_device(&lab, "ghost")).await;
    assert!(lab.ip("link").contains("other"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_detach_while_the_controller_is_away_is_told_later() {
    if !is_root() {
        return;
    }
    let mut lab = Lab::up().await;
    let netns = lab.pod("p1");
    lab.configured().await;
    let attach = format!("attach web --netns {}", netns.display());
    lab.agent(&attach).await.unwrap();
    lab.ip("link set lo down");
    lab.agent("detach web").await.unwrap();
    assert!(!has_device(&lab, "web"));
    let said = lab.agent(&attach).await.unwrap_err();
    assert!(said.contains("controller") && said.lines().count() == 1, "{said}");
    assert!(!has_device(&lab, "web"));
    lab.kill();
    lab.ip("link set lo up");
    assert_eq!(lab.fake.lock().endpoints.len(), 1);
    lab.start().await;
    until("the controller knows", || lab.fake.lock().endpoints.is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attach_cut_short_by_a_crash_is_undone() {
    if !is_root() {
        return;
    }
    let mut lab = Lab::up().await;
    let netns = lab.pod("p1");
    lab.configured().await;
    lab.agent(&format!("attach web --netns {}", netns.display())).await.unwrap();
    lab.kill();
    std::fs::write(lab.state().join("endpoints/web.json"), "\"attaching\"").unwrap();
    std::fs::write(lab.state().join("endpoints/bad.json"), "{nonsense").unwrap();
    lab.start().await;
    until("the controller knows", || lab.fake.lock().endpoints.is_empty()).await;
    until("the device goes", || !has_device(&lab, "web")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_get_an_answer_that_says_what_is_wrong() {
    if !is_root() {
        return;
    }
    let lab = Lab::up().await;
    lab.configured().await;
    let mode = std::fs::metadata(lab.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let ask = |head: &str, body: &[u8]| {
        let mut socket = UnixStream::connect(lab.socket()).unwrap();
        let head = format!("{head} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
        socket.write_all(head.as_bytes()).unwrap();
        // A body that is too large is not read to its end.
        let _ = socket.write_all(body);
        let mut answer = Vec::new();
        let _ = socket.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    };
    let web = br#"{"name":"web","netns":"/x","colour":"red"}"#;
    for (head, body, expected) in [
        ("POST /v1/endpoints", &b"{"[..], "400 "),
        ("POST /v1/endpoints", &web[..], "unknown field `colour`"),
        ("POST /v1/endpoints", br#"{"name":"-","netns":"/x"}"#, "does not begin with a letter"),
        ("POST /v1/endpoints", br#"{"name":"web","netns":"x"}"#, r#""field":"netns""#),
        (
            "POST /v1/endpoints",
            format!(r#"{{"name":"web","netns":"/run/netns/{}"}}"#, lab.host).as_bytes(),
            "host's own",
        ),
        ("POST /v1/endpoints", &vec![b' '; 2 << 20], "413 "),
        ("DELETE /v1/endpoints/a%2Fb", b"", "400 "),
        ("GET /v1/endpoints", b"", "405 "),
        ("GET /x", b"", "404 "),
    ] {
        let answer = ask(head, body);
        assert!(answer.contains(expected) && answer.contains("\"error\""), "{head}: {answer}");
    }
    assert!(lab.fake.lock().writes.is_empty());
    let second = std::process::Command::new("ip")
        .args(["netns", "exec", &lab.host, env!("CARGO_BIN_EXE_sdn-agent"), "run", "--node", "h1"])
        .args(["--controller", "http://127.0.0.1:6680", "--underlay-ip", "192.0.2.11", "--state-dir"])
        .arg(lab.dir.path().join("second"))
        .arg("--socket")
        .arg(lab.socket())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(!second.status.success() && said.contains("another agent listens there"), "{said}");
}
