//! A switch refuses something of one object: that object says so and waits, the others go on.

mod common;

use common::{add, at, eventually, pings_all, pod_at, sdnctl, settle, sh, up};
use integration::client;

#[test]
fn a_full_table_holds_up_one_endpoint_and_nobody_else() {
    let testbed = up("t42-full", 1);
    let [one, two] = ["one", "two"].map(|name| add(&testbed, name, 1));
    let host = |command: &str| sh(&testbed, &at(1), command);
    let count = || host("ovs-ofctl -O OpenFlow13 dump-flows kbr0 table=50").matches("table=50").count();
    let limit = count();
    let full = format!("--id=@full create Flow_Table flow_limit={limit} overflow_policy=refuse");
    host(&format!("ovs-vsctl -- {full} -- set Bridge kbr0 flow_tables:50=@full"));

    let late = r#"{"name":"late","spec":{"node":"h1","device":"nowhere"}}"#;
    let created = client::http(&testbed, "POST", "/v1/endpoints?wait=false", late.as_bytes()).unwrap();
    assert_eq!(created.status, 202, "{}", created.body);
    eventually("it says whose flow was refused, and why", 5, || {
        let status = sdnctl(&testbed, "status");
        status.contains("endpoint/late: flow in table route") && status.contains("OFPFMFC_TABLE_FULL")
    });
    let missing = sdnctl(&testbed, "flows dump h1 --diff");
    assert!(missing.contains("endpoint/late") && missing.contains("missing: "), "{missing}");
    sdnctl(&testbed, &format!("service create web --vip 10.96.0.10 --port 80 --backend {}", one.ip));
    assert!(pings_all(&testbed, &pod_at(&one), &two.ip));
    assert_eq!(count(), limit);

    host("ovs-vsctl clear Bridge kbr0 flow_tables");
    eventually("it is tried again by itself", 40, || count() > limit);
    let status = sdnctl(&testbed, "status");
    assert!(status.contains("port nowhere: "), "only its device is missing now: {status}");
    assert!(sdnctl(&testbed, "flows dump h1 --diff").contains("0 flows that are not"));
    sdnctl(&testbed, "endpoint rm late");
    settle(&testbed);
}
