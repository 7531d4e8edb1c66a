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
    host(&format!(
        "ovs-vsctl -- --id=@full create Flow_Table flow_limit={limit} overflow_policy=refuse -- set Bridge kbr0 flow_tables:50=@full"
    ));
    let refused = testbed.pod_add(&PodSpec::new("late", common::host(1))).expect_err("the table is full");
    println!("{refused:#}");
    let status = sdnctl(&testbed, "status");
    assert!(
        status.contains("endpoint/late") || status.contains("OFPFMFC_TABLE_FULL") || status.contains("ready"),
        "{status}"
    );
    sdnctl(&testbed, &format!("service create web --vip 10.96.0.10 --port 80 --backend {}", one.ip));
    assert!(pings_all(&testbed, &pod_at(&one), &two.ip));
    assert_eq!(count(), limit);

    host("ovs-vsctl clear Bridge kbr0 flow_tables");
    std::thread::sleep(Duration::from_millis(100));
    eventually("all is well again", 40, || {
        client::sdnctl(&testbed, "status").is_ok_and(|text| text.contains(" ready"))
    });
    settle(&testbed);
}
