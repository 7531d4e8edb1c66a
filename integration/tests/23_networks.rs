//! Networks beside the default one: flat, internal, routed; apart from each other.

mod common;

use common::{add, flows, host, pings, pings_all, pod_at, sdnctl, up};
use integration::PodSpec;

#[test]
fn a_flat_network_joins_its_endpoints_on_all_hosts_and_nobody_else() {
    let testbed = up("t23-flat", 3);
    let outsider = add(&testbed, "outsider", 1);
    let before: Vec<usize> = ["h1", "h2", "h3"].map(|node| flows(&testbed, node).len()).into();
    sdnctl(&testbed, "network create blue --subnet 10.50.0.0/24 --flat --internal");
    let blue = |name: &str, n: u16| {
        let spec = PodSpec { network: Some("blue".into()), ..PodSpec::new(name, host(n)) };
        testbed.pod_add(&spec).unwrap_or_else(|error| panic!("{error:#}"))
    };
    let (a, b) = (blue("a", 1), blue("b", 2));
    assert!(a.ip.starts_with("10.50.0.") && b.ip.starts_with("10.50.0."), "{a:?} {b:?}");
    assert!(pings_all(&testbed, &pod_at(&a), &b.ip));
    assert!(pings_all(&testbed, &pod_at(&b), &a.ip));
    assert!(!pings(&testbed, &pod_at(&outsider), &b.ip), "from another network");
    assert!(!pings(&testbed, &pod_at(&b), &outsider.ip), "to another network");
    assert_eq!(flows(&testbed, "h3").len(), before[2], "a host without endpoints in it has nothing of it");
    let c = blue("c", 2);
    assert!(pings_all(&testbed, &pod_at(&b), &c.ip), "on one host");
}
