//! A host that joins is known to all before its first packet.

mod common;

use std::time::Instant;

use common::{eventually, host, pod_at, quiet, settle, try_sh};
use integration::{Config, Place, Pod, PodSpec, Scoped, Target, Testbed, Tunnel, control};

/// One packet, and whether it was answered.
fn first(testbed: &Testbed, from: &Place, to: &str) -> bool {
    try_sh(testbed, from, &format!("ping -c 1 -W 2 {to}")).is_ok()
}

/// Has a host of which nobody knows join, and gives it a pod as soon as that is possible.
fn join(testbed: &Testbed, n: u16) -> Pod {
    testbed.start(Target::Agent(host(n))).unwrap();
    let mut pod = None;
    eventually("a pod on the new host", 10, || {
        pod = testbed.pod_add(&PodSpec::new(&format!("on-h{n}"), host(n))).ok();
        pod.is_some()
    });
    pod.expect("it is there")
}

fn no_first_packet_is_lost(name: &str, tunnel: Tunnel, underlay6: bool) {
    let config = Config { tunnel, underlay6, hosts: 5, ..Config::new(name) };
    let testbed = Scoped::up_hosts(&config, &mut quiet).unwrap();
    control::start_controllers(&config, testbed.state()).unwrap();
    let mut there = vec![join(&testbed, 1)];
    for n in 2..=config.hosts {
        let begun = Instant::now();
        let new = join(&testbed, n);
        let (from, ready) = (pod_at(&new), begun.elapsed());
        // Some ask the new host, some are asked by it.
        let answered = |(k, old): (usize, &Pod)| match k % 2 {
            0 => first(&testbed, &pod_at(old), &new.ip),
            _ => first(&testbed, &from, &old.ip),
        };
        let answered: Vec<bool> = there.iter().enumerate().map(answered).collect();
        println!("h{n}: joined and with a pod after {ready:.2?}, first packets answered: {answered:?}");
        assert!(answered.iter().all(|answered| *answered), "h{n}: {answered:?}");
        there.push(new);
    }
    settle(&testbed);
}

#[test]
fn vxlan_loses_no_first_packet() {
    no_first_packet_is_lost("n94-vxlan", Tunnel::Vxlan, false);
}

#[test]
fn gre_loses_no_first_packet() {
    no_first_packet_is_lost("n94-gre", Tunnel::Gre, false);
}

#[test]
fn geneve_loses_no_first_packet() {
    no_first_packet_is_lost("n94-geneve", Tunnel::Geneve, false);
}

#[test]
fn no_first_packet_is_lost_over_ipv6() {
    no_first_packet_is_lost("n94-ipv6", Tunnel::Vxlan, true);
}
