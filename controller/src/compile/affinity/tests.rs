//! Clients of a service with affinity, in the model of a switch.

use std::net::Ipv4Addr;

use openflow::{Field, model::Trace, msg::flow::FlowRequest};

use super::super::{
    lab::{Lab, TCP, UDP},
    tests::{built, commit, endpoint, json, name, node},
};
use crate::{
    dump::{self, Owners},
    intent::Change,
    pipeline::{Table, group},
    reconcile::{CtFlush, Switch},
    southbound,
};

const VIP: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 1);
const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 244, 1, 2);
const OUTSIDE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 9);

fn backend(n: u32) -> Ipv4Addr {
    Ipv4Addr::new(10, 244, 1, n as u8 + 1)
}

/// A service in front of the endpoints with these numbers, e1 being the client.
fn service(backends: &[u32], timeout: u32) -> Change {
    let ips: Vec<Ipv4Addr> = backends.iter().map(|n| backend(*n)).collect();
    let port = |port, protocol| serde_json::json!({"port": port, "target_port": 8080, "protocol": protocol});
    let spec = serde_json::json!({
        "vip": VIP, "ports": [port(80, "tcp"), port(53, "udp"), port(81, "tcp")], "backends": ips,
        "affinity": {"timeout": timeout},
    });
    Change::PutService(name("web"), json(spec))
}

fn places(timeout: u32) -> Vec<Change> {
    let mut changes = vec![node(1, 1500)];
    changes.extend((1..=5).map(|n| endpoint(1, n, false)));
    changes.push(service(&[2, 3, 4], timeout));
    changes
}

/// Where a new connection of a client goes, whatever the group would choose.
fn to(lab: &mut Lab, from: Ipv4Addr, nth: u16, protocol: u8, port: u16) -> Option<Ipv4Addr> {
    lab.hash = u32::from(nth).wrapping_mul(0x9e37_79b1);
    let trace: Trace = lab.send(from, VIP, protocol, (40_000 + nth, port), 2);
    let sent = trace.outputs().first().map(|(_, packet)| packet.get(Field::OXM_OF_IPV4_DST) as u32);
    sent.map(Ipv4Addr::from)
}

fn learned(lab: &Lab) -> usize {
    lab.switch.flows(&FlowRequest::default()).iter().filter(|stats| southbound::is_learned(stats)).count()
}

#[test]
fn a_client_keeps_its_backend_and_others_have_theirs() {
    let mut lab = Lab::new(&places(10_800));
    for client in [CLIENT, OUTSIDE] {
        for (protocol, port) in [(TCP, 80), (UDP, 53), (TCP, 81)] {
            let first = to(&mut lab, client, 1, protocol, port).unwrap();
            let again: Vec<_> = (2..40).map(|nth| to(&mut lab, client, nth, protocol, port).unwrap()).collect();
            assert!(again.iter().all(|other| *other == first), "{client}:{port} {first} {again:?}");
        }
    }
    assert_eq!(learned(&lab), 6);
    let strangers = (1..60).map(|n| to(&mut lab, Ipv4Addr::new(198, 51, 100, n), n.into(), TCP, 80).unwrap());
    assert_eq!(strangers.collect::<std::collections::BTreeSet<_>>().len(), 3);
}

#[test]
fn after_the_timeout_the_group_chooses_again() {
    let mut lab = Lab::new(&places(60));
    to(&mut lab, CLIENT, 1, TCP, 80).unwrap();
    lab.switch.advance(std::time::Duration::from_secs(59));
    assert_eq!(learned(&lab), 1);
    lab.switch.advance(std::time::Duration::from_secs(61));
    assert_eq!(learned(&lab), 0);
}

#[test]
fn a_timeout_that_openflow_cannot_say_is_none() {
    let mut lab = Lab::new(&places(604_800));
    to(&mut lab, CLIENT, 1, TCP, 80).unwrap();
    lab.switch.advance(std::time::Duration::from_secs(600_000));
    assert_eq!(learned(&lab), 1);
}

#[test]
fn who_is_bound_to_a_backend_that_is_gone_finds_another_with_the_next_packet() {
    let mut lab = Lab::new(&places(10_800));
    let first = to(&mut lab, CLIENT, 1, TCP, 80).unwrap();
    let left: Vec<u32> = [2, 3, 4].into_iter().filter(|n| backend(*n) != first).collect();
    // The model keeps what was learned when the flow that learns goes; Open vSwitch does not.
    lab.change(&service(&left, 10_800));
    assert_eq!(to(&mut lab, CLIENT, 2, TCP, 80), None);
    let second = to(&mut lab, CLIENT, 3, TCP, 80).unwrap();
    assert_ne!(second, first);
    assert!((4..20).all(|nth| to(&mut lab, CLIENT, nth, TCP, 80) == Some(second)));
}

#[test]
fn learned_flows_are_their_services_and_no_drift() {
    let mut lab = Lab::new(&places(10_800));
    to(&mut lab, CLIENT, 1, TCP, 80).unwrap();
    let read = lab.switch.flows(&FlowRequest::default());
    let owners = Owners::new(&[lab.compiler.intent()]);
    let wanted = lab.compiler.state(&name("h1")).flows;
    assert_eq!(southbound::installed(read.clone(), Vec::new()).flows, wanted);
    assert!(dump::difference(&name("h1"), &read, wanted, &owners).flows.is_empty());
    let shown = dump::flows(&name("h1"), &read, &owners).flows;
    let shown: Vec<_> = shown.iter().filter(|flow| flow.table == Table::Affinity.name() && flow.priority > 0).collect();
    assert_eq!(shown.len(), 1);
    assert_eq!((shown[0].owner.as_deref(), shown[0].revision), (Some("service/web"), None));
}

#[test]
fn connections_of_a_backend_end_when_it_leaves_and_only_then() {
    let compiler = built(&places(60));
    let (mut intent, h1) = (compiler.intent().clone(), name("h1"));
    let mut compiler = compiler;
    let mut switch = Switch::default();
    switch.observed(&compiler.state(&h1), &compiler.state(&h1));
    let mut flushed = |change: &Change| -> Vec<CtFlush> {
        let txn = commit(&mut intent, change).unwrap();
        let delta = compiler.apply(&txn).remove(&h1).unwrap();
        switch.changed(&delta, txn.revision);
        let batch = switch.next_batch().unwrap();
        switch.done(batch.id, Ok(()), std::time::Instant::now());
        batch.flushes
    };
    assert_eq!(flushed(&Change::SetNodeDrained(name("h1"), true)), []);
    assert_eq!(flushed(&Change::SetNodeDrained(name("h1"), false)), []);
    assert_eq!(flushed(&service(&[2, 3, 4], 3600)), [], "another timeout");
    let left = flushed(&service(&[2, 3], 3600));
    assert_eq!(left.iter().map(|flush| flush.to.ip).collect::<Vec<_>>(), [backend(4); 3], "of each port");
    let plain = match service(&[2, 3], 60) {
        Change::PutService(name, spec) => Change::PutService(name, api::ServiceSpec { affinity: None, ..spec }),
        other => other,
    };
    assert_eq!(flushed(&plain), [], "no affinity any more");
}

#[test]
fn a_client_is_bound_by_two_flows_for_each_port_and_one_for_each_backend() {
    let lab = Lab::new(&places(60));
    let state = lab.compiler.state(&name("h1"));
    let binds = state.flows.keys().filter(|key| key.table == Table::Bind.id() && key.binds().is_some());
    assert_eq!(binds.count(), 9);
    let of_service = state.groups.keys().filter(|id| group::port(**id) >> 8 != 0);
    assert_eq!(of_service.count(), 3);
}
