//! Files of objects: planned, applied together or not at all, followed, blamed, and brought back from a backup.

mod common;

use std::{fs, path::PathBuf};

use api::{
    Applied, Effect, Planned,
    status::{Blame, FlowDump, Status},
};
use common::{add, at, flows, sdnctl, sh, up};
use integration::Place;
use integration::client::{self, sdnctl_json};
use integration::traffic::{Connection, Server};

const FILE: &str = "
kind: network
name: blue
spec: {subnets: [10.50.0.0/16], mode: flat, internal: true}
---
kind: service
name: web
spec:
  vip: 10.96.0.10
  ports: [{port: 80, target_port: 8080}]
  backends: [BACKEND]
";

struct File(tempfile::TempDir);

impl File {
    fn new(text: &str) -> Self {
        let file = Self(tempfile::tempdir().expect("a temporary directory"));
        fs::write(file.path(), text).expect("a temporary file");
        file
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("objects.yaml")
    }
}

#[test]
fn a_file_is_planned_applied_once_and_comes_out_as_it_went_in() {
    let testbed = up("t71-apply", 2);
    let pod = add(&testbed, "web-1", 1);
    let file = File::new(&FILE.replace("BACKEND", &pod.ip));
    let file = file.path().display().to_string();
    let counts = || ["h1", "h2"].map(|node| flows(&testbed, node).len());
    let before = counts();
    let plan: Planned = sdnctl_json(&testbed, &format!("plan -f {file}")).unwrap();
    assert_eq!(counts(), before, "planning touches nothing");
    let applied: Applied = sdnctl_json(&testbed, &format!("apply -f {file}")).unwrap();
    assert!(applied.objects.iter().all(|object| object.effect == Effect::Created), "{applied:?}");
    assert_eq!(applied.revision, plan.revision + 1);
    let after = counts();
    for (n, node) in plan.nodes.iter().enumerate() {
        assert!(node.flows.iter().all(|flow| flow.diff.as_deref() == Some("added")), "{node:?}");
        assert_eq!(after[n], before[n] + node.flows.len(), "{} has what was planned", node.node);
    }
    assert!(sdnctl(&testbed, &format!("apply -f {file}")).contains("nothing changed"));
    assert!(sdnctl(&testbed, &format!("plan -f {file}")).contains("no switch would change"));
    let again = File::new(&sdnctl(&testbed, "get network service"));
    assert!(sdnctl(&testbed, &format!("apply -f {}", again.path().display())).contains("nothing changed"));
}

#[test]
fn a_file_with_one_mistake_changes_nothing() {
    let testbed = up("t71-refused", 1);
    let pod = add(&testbed, "web-1", 1);
    let good = FILE.replace("BACKEND", &pod.ip);
    let long = format!(
        "kind: service\nname: {}\nspec: {{vip: 10.96.0.11, ports: [{{port: 80, target_port: 80}}]}}\n",
        "x".repeat(300)
    );
    let backends = (0..6000).map(|n| format!("10.244.{}.{}", n / 250, n % 250)).collect::<Vec<_>>().join(", ");
    for (text, expected) in [
        (FILE.replace("BACKEND", "1.2.3.4"), "service/web: backends: 1.2.3.4 lies outside network default"),
        (
            good.replace("10.50.0.0/16", "10.244.0.0/20"),
            "network/blue: subnets: 10.244.0.0/20 overlaps network default",
        ),
        (good.replace("10.96.0.10", "10.244.1.200"), "service/web: vip: 10.244.1.200 lies outside the services' range"),
        (format!("{good}---\n{good}"), "stands there twice"),
        (format!("{good}---\n{long}"), "has 300 bytes"),
        (FILE.replace("BACKEND", &backends), "service/web: backends: 6000 backends"),
        (
            format!("{good}---\nkind: node\nname: h9\nspec: {{address: 172.30.0.1, mtu: 1500}}\n"),
            "172.30.0.1 is the address of node h1",
        ),
        ("a: &a [*a]".into(), "objects.yaml"),
    ] {
        let file = File::new(&text);
        let error = client::sdnctl(&testbed, &format!("apply -f {}", file.path().display())).unwrap_err().to_string();
        assert!(error.contains(expected), "{error:?} lacks {expected:?}");
        assert_eq!(error.trim().lines().count(), 1, "{error}");
    }
    assert!(!sdnctl(&testbed, "network ls").contains("blue"));
}

#[test]
fn changes_are_followed_and_flows_lead_to_who_asked_for_them_and_when() {
    let testbed = up("t71-follow", 1);
    let start = jiff::Timestamp::now();
    let before: Status = sdnctl_json(&testbed, "status").unwrap();
    let pod = add(&testbed, "web-1", 1);
    let file = File::new(&FILE.replace("BACKEND", &pod.ip));
    sdnctl(&testbed, &format!("apply -f {}", file.path().display()));
    sdnctl(&testbed, "service rm web");
    let watch = format!("timeout 1 sdnctl watch --after {} || true", before.revision);
    let watched = testbed.run(&Place::Controller, &["sh", "-c", &watch]).unwrap();
    let told: Vec<&str> = watched.lines().filter_map(|line| Some(line.split_once(' ')?.1)).collect();
    assert_eq!(told, ["put endpoint/web-1", "put network/blue", "put service/web", "delete service/web"]);
    let later = testbed.run(&Place::Controller, &["sh", "-c", "sdnctl watch --after 99999 --kind teapot"]);
    assert!(later.unwrap_err().to_string().contains("teapot"));

    let then: FlowDump = sdnctl_json(&testbed, &format!("flows dump h1 --at {start}")).unwrap();
    let now = flows(&testbed, "h1");
    assert!(now.len() > then.flows.len(), "{} against {}", now.len(), then.flows.len());
    let mine = now.iter().find(|flow| flow.owner.as_deref() == Some("endpoint/web-1")).expect("the pod has flows");
    let printed = sh(&testbed, &at(1), "ovs-ofctl -O OpenFlow13 --no-names dump-flows kbr0");
    let cookie = format!("cookie={:#x},", mine.cookie);
    let line = printed.lines().find(|line| line.contains(&cookie)).expect("the switch has it");
    let blame = testbed.run(&Place::Controller, &["sdnctl", "blame", "h1", line, "-o", "json"]).unwrap();
    let blame: Blame = serde_json::from_str(&blame).unwrap();
    assert!(blame.wanted && blame.at.is_some(), "{blame:?}");
    assert_eq!(blame.object.unwrap()["name"], "web-1");
}

#[test]
fn a_backup_brings_everything_back_to_an_empty_controller() {
    let testbed = up("t71-backup", 2);
    let pod = add(&testbed, "web-1", 1);
    let client = add(&testbed, "client", 2);
    let file = File::new(&FILE.replace("BACKEND", &pod.ip));
    sdnctl(&testbed, &format!("apply -f {}", file.path().display()));
    let saved = file.path().with_file_name("backup.json").display().to_string();
    sdnctl(&testbed, &format!("backup {saved}"));
    let all = sdnctl(&testbed, "get");
    let refused = client::sdnctl(&testbed, &format!("restore {saved}")).unwrap_err().to_string();
    assert!(refused.contains("--force"), "{refused}");
    sdnctl(&testbed, "service rm web");
    sdnctl(&testbed, &format!("restore {saved} --force"));
    assert_eq!(sdnctl(&testbed, "get"), all);
    common::settle(&testbed);
    let _server = Server::start(&testbed, &common::pod_at(&pod), 8080).unwrap();
    let answered = Connection::open(&testbed, &common::pod_at(&client), "10.96.0.10".parse().unwrap(), 80).unwrap();
    assert_eq!(answered.server, common::pod_at(&pod).to_string());
}
