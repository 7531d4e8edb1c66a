//! What `sdnctl` shows is what the switches have.

mod common;

use std::collections::BTreeSet;

use api::status::{Mesh, PipelineTable, Status};
use common::{add, at, flows, sdnctl, sh, up};
use integration::client::sdnctl_json;
use serde_json::Value;

#[test]
fn flows_print_as_ovs_ofctl_prints_them() {
    let testbed = up("t70-ofctl", 2);
    let pod = add(&testbed, "web", 1);
    sdnctl(&testbed, &format!("service create web --vip 10.96.0.10 --port 80:8080/tcp --backend {}", pod.ip));
    for n in [1, 2] {
        let theirs = sh(&testbed, &at(n), "ovs-ofctl -O OpenFlow13 --no-names dump-flows kbr0");
        let ours = sdnctl(&testbed, &format!("flows dump h{n} -o ofctl"));
        assert_eq!(timeless(&ours), timeless(&theirs));
        assert!(timeless(&ours).len() > 10, "{ours}");
        let theirs = sh(&testbed, &at(n), "ovs-ofctl -O OpenFlow13 --no-names dump-groups kbr0");
        let ours = sdnctl(&testbed, &format!("groups dump h{n} -o ofctl"));
        assert_eq!(timeless(&ours), timeless(&theirs));
    }
}

/// The lines without what counts and ages.
fn timeless(dump: &str) -> BTreeSet<String> {
    let steady = |part: &&str| !["duration=", "n_packets=", "n_bytes="].iter().any(|key| part.starts_with(key));
    dump.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("OFPST"))
        .map(|line| line.split(", ").filter(steady).collect::<Vec<_>>().join(", "))
        .collect()
}

#[test]
fn flows_are_read_from_the_switch_and_each_has_its_owner() {
    let testbed = up("t70-owner", 2);
    let pod = add(&testbed, "web", 1);
    sdnctl(&testbed, &format!("service create shop --vip 10.96.0.10 --port 80:8080/tcp --backend {}", pod.ip));
    let all = flows(&testbed, "h1");
    for flow in &all {
        assert!(flow.owner.is_some(), "nobody owns {flow:?}");
        assert!(!flow.actions.contains("drop") || flow.reason.is_some(), "no reason: {flow:?}");
    }
    for owner in ["endpoint/web", "service/shop", "node/h2"] {
        let owned = flows(&testbed, &format!("h1 --owner {owner}"));
        assert!(!owned.is_empty(), "{owner} owns nothing");
        assert!(owned.iter().all(|flow| flow.owner.as_deref() == Some(owner)), "{owned:?}");
    }
    let route = flows(&testbed, "h1 --table route");
    assert!(!route.is_empty() && route.iter().all(|flow| flow.table == "route"), "{route:?}");
    assert_eq!(all.len(), sh(&testbed, &at(1), "ovs-ofctl -O OpenFlow13 dump-flows kbr0").lines().count() - 1);
    let table = sdnctl(&testbed, "flows dump h1");
    assert!(table.contains("endpoint/web") && table.contains("service/shop"), "{table}");
}

#[test]
fn every_read_has_a_table_for_people_and_json_for_programs() {
    let testbed = up("t70-reads", 3);
    let pod = add(&testbed, "web", 2);
    sdnctl(&testbed, "service create shop --vip 10.96.0.10 --port 80:8080/tcp");
    for (read, shows) in [
        ("status", "h3"),
        ("node ls", "h2"),
        ("node inspect h1", "172.30.0.1"),
        ("network ls", "10.244.0.0/16"),
        ("network inspect default", "10.244.0.0/16"),
        ("endpoint ls", pod.ip.as_str()),
        ("endpoint inspect web", pod.ip.as_str()),
        ("service ls", "10.96.0.10"),
        ("service inspect shop", "10.96.0.10"),
        ("mesh", "h3"),
        ("flows dump h1", "route"),
        ("groups dump h1", "h1"),
        ("pipeline", "ingress_policy"),
    ] {
        let table = sdnctl(&testbed, read);
        let json: Value = sdnctl_json(&testbed, read).unwrap();
        assert!(json.to_string().contains(shows), "{read}: {json}");
        if read != "groups dump h1" {
            assert!(table.contains(shows), "{read}: {table}");
        }
    }
    let status: Status = sdnctl_json(&testbed, "status").unwrap();
    assert!(status.converged && status.mesh_ready && status.switches.len() == 3, "{status:?}");
    let mesh: Mesh = sdnctl_json(&testbed, "mesh").unwrap();
    assert_eq!(mesh.links.len(), 6);
    assert!(mesh.links.iter().all(|link| link.up && link.rtt_seconds.is_some_and(|rtt| rtt > 0.0)), "{mesh:?}");
    let tables: Vec<PipelineTable> = sdnctl_json(&testbed, "pipeline").unwrap();
    let names: Vec<_> = tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names.first(), Some(&"classify"));
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
}
