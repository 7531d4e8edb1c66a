//! Whole testbeds of other sizes and shapes, and side by side.

mod common;

use std::time::Instant;

use common::{add, at, pings, pings_all, pod_at, sdnctl, up, up_with};
use integration::{Config, Mesh, Target, Testbed};

#[test]
fn one_host_alone() {
    let testbed = up("t60-one", 1);
    let [one, two] = ["one", "two"].map(|name| add(&testbed, name, 1));
    assert!(pings_all(&testbed, &pod_at(&one), &two.ip));
    assert!(pings_all(&testbed, &pod_at(&one), integration::plan::EXTERNAL_IP));
}

#[test]
fn twenty_hosts() {
    let since = Instant::now();
    let testbed = up("t60-twenty", 20);
    println!("20 hosts ready in {:.1} s", since.elapsed().as_secs_f64());
    let pods: Vec<_> = (1..=20).map(|n| add(&testbed, &format!("p{n}"), n)).collect();
    for to in &pods {
        assert!(pings(&testbed, &pod_at(&pods[0]), &to.ip), "p1 to {}", to.name);
        assert!(pings(&testbed, &pod_at(to), &pods[19].ip), "{} to p20", to.name);
    }
    let mesh: api::status::Mesh = integration::client::sdnctl_json(&testbed, "mesh").unwrap();
    assert_eq!(mesh.links.len(), 20 * 19);
    assert!(mesh.links.iter().all(|link| link.up), "{mesh:?}");
}

#[test]
fn a_static_mesh_has_a_port_for_each_peer() {
    let testbed = up_with(&Config { mesh: Mesh::Static, ..Config::new("t60-static") });
    let pods: Vec<_> = (1..=3).map(|n| add(&testbed, &format!("p{n}"), n)).collect();
    for from in &pods {
        for to in &pods {
            assert!(pings_all(&testbed, &pod_at(from), &to.ip), "{} to {}", from.name, to.name);
        }
    }
    let remotes = common::sh(&testbed, &at(1), "ovs-vsctl --bare --columns=options find Interface type=vxlan");
    for peer in ["172.30.0.2", "172.30.0.3"] {
        assert!(remotes.contains(&format!("remote_ip={peer}")), "{remotes}");
    }
}

#[test]
fn two_meshes_side_by_side_know_nothing_of_each_other() {
    let (one, two) = (up("t60-a", 2), up("t60-b", 2));
    let [here, there] = [1, 2].map(|n| add(&one, &format!("p{n}"), n));
    let same = [1, 2].map(|n| add(&two, &format!("p{n}"), n));
    assert!(same.iter().any(|pod| pod.ip == here.ip), "the same addresses in both: {here:?}, {same:?}");
    assert!(pings_all(&one, &pod_at(&here), &there.ip));
    two.pod_rm("p2").unwrap();
    assert!(pings_all(&one, &pod_at(&here), &there.ip));
    two.kill(Target::Controller).unwrap();
    assert!(sdnctl(&one, "endpoint ls").contains("p2"));
    drop(two);
    assert!(pings_all(&one, &pod_at(&here), &there.ip));
    assert!(Testbed::open("t60-b").is_err());
}
