//! ARP is answered in the switch, and dropped with a count when nobody has the address.

mod common;

use common::{add, eventually, neighbour, packets, pod_at, sh, try_sh, up};
use integration::{Pod, Testbed};

/// How a pod asks for `ip` on its wire, whatever its routes say.
fn resolves(testbed: &Testbed, pod: &Pod, ip: &str) -> bool {
    sh(testbed, &pod_at(pod), &format!("ip route replace {ip}/32 dev eth0"));
    let _ = try_sh(testbed, &pod_at(pod), &format!("ping -c 1 -W 1 {ip}"));
    let found = sh(testbed, &pod_at(pod), &format!("ip neigh show {ip} dev eth0"));
    found.contains("lladdr")
}

#[test]
fn arp_is_answered_from_intent_and_otherwise_counted() {
    let testbed = up("t21-arp", 2);
    let [here, near] = ["here", "near"].map(|name| add(&testbed, name, 1));
    let far = add(&testbed, "far", 2);
    let unknown = || packets(&testbed, "h1 --table resolve", |flow| flow.reason.is_some());
    let before = unknown();
    assert!(resolves(&testbed, &here, &near.ip));
    assert!(resolves(&testbed, &here, &neighbour(&here, 1)), "the gateway");
    assert_eq!(unknown(), before, "nothing that exists is dropped");

    assert!(!resolves(&testbed, &here, &neighbour(&here, 250)));
    eventually("the request counted", 3, || unknown() > before);
    let seen = packets(&testbed, "h2 --table resolve", |_| true);
    assert!(!resolves(&testbed, &here, &neighbour(&far, 250)));
    assert_eq!(packets(&testbed, "h2 --table resolve", |_| true), seen, "no ARP leaves its host");
}

#[test]
fn a_pod_cannot_pretend_to_be_another() {
    let testbed = up("t21-spoof", 2);
    let [liar, victim, far] = [("liar", 1), ("victim", 1), ("far", 2)].map(|(name, n)| add(&testbed, name, n));
    let dropped = || packets(&testbed, "h1 --table classify", |flow| flow.reason.is_some());
    assert!(common::pings_all(&testbed, &pod_at(&liar), &far.ip), "it knows its gateway");
    let before = dropped();
    sh(&testbed, &pod_at(&liar), &format!("ip addr add {}/32 dev eth0", victim.ip));
    let forged = format!("ping -c 3 -i 0.01 -W 1 -I {} {}", victim.ip, far.ip);
    assert!(try_sh(&testbed, &pod_at(&liar), &forged).is_err());
    eventually("three forged packets counted", 5, || dropped() >= before + 3);
    // The agent may have tidied it away.
    let _ = try_sh(&testbed, &pod_at(&liar), &format!("ip addr del {}/32 dev eth0", victim.ip));
    assert!(common::pings_all(&testbed, &pod_at(&liar), &far.ip), "its own address works");
}
